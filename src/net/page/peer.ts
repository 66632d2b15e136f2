import type { SignalData } from 'simple-peer'
import type { TabRole } from '../../replica/types.ts'
import type { FromLinks, LinkId } from '../links-protocol.ts'
import { Backoff } from './backoff.ts'
import { DirectWay, type DirectWayOptions } from './direct-way.ts'
import type { PeerSignal } from './peer-signal.ts'
import { RelayWay, type RelayWayOptions } from './relay-way.ts'
import type { Ways } from './room.ts'

/** Without a direct link for so long, one over the relay is made. */
export const relayAfterMs = 4_000
const redialFirstMs = 100
const redialMaxMs = 10_000
/** The direct way is tried again while the relay serves: each attempt costs both ends, and most networks stay as they are. */
const upgradeFirstMs = 10_000
const upgradeMaxMs = 600_000
/** How long a peer is left in peace that has as many links as it wants. */
const fullFirstMs = 5_000
const fullMaxMs = 120_000
/** A peer that is to dial us is reminded. */
const askFirstMs = 2_000
const askMaxMs = 60_000

/** What a peer is to us, and so what is done about it. */
export type Wish =
  /** A link. */
  | 'link'
  /** A link, and the peer need not know: it is asked to dial if that is on it. */
  | 'ask'
  /** Nothing: it may come. */
  | 'none'

export interface PeerOptions {
  readonly name: string
  readonly role: TabRole
  /** Of the two, it is us who dials. */
  readonly dials: boolean
  readonly direct: Omit<DirectWayOptions, 'peer' | 'role' | 'dials' | 'onLost' | 'say'>
  readonly relay: Omit<RelayWayOptions, 'peer' | 'role' | 'dials' | 'onLost' | 'say'>
  readonly say: (signal: Exclude<PeerSignal, { kind: 'greet' | 'full' }>) => void
  /** Whether it can be spoken to. */
  readonly reachable: () => boolean
  /** A link came, went or was given up: the peer may be of no use any more. */
  readonly onChange: () => void
}

type Timer = ReturnType<typeof setTimeout>

/**
 * One tab that we know: keeps one link to it as long as there is to be one. The direct way is tried first, then the relay, and while that
 * serves, the direct way again and again, more and more rarely. Only the one of the lower name begins anything.
 */
export class Peer {
  readonly name: string
  readonly #options: PeerOptions
  readonly #direct: DirectWay
  readonly #relay: RelayWay
  readonly #redial = new Backoff(redialFirstMs, redialMaxMs)
  readonly #redialRelay = new Backoff(redialFirstMs, redialMaxMs)
  readonly #upgrade = new Backoff(upgradeFirstMs, upgradeMaxMs)
  readonly #full = new Backoff(fullFirstMs, fullMaxMs)
  readonly #ask = new Backoff(askFirstMs, askMaxMs)
  readonly #timers: { direct: Timer | null; relay: Timer | null; ask: Timer | null } = {
    direct: null,
    relay: null,
    ask: null,
  }
  #ways: Ways = { direct: false, relay: false }
  #wish: Wish = 'none'
  /** It asked for the link that we would not have made by ourselves. */
  #invited = false
  #gone = false

  constructor(options: PeerOptions) {
    this.#options = options
    const { name, role, dials, direct, relay, say } = options
    this.name = name
    this.#direct = new DirectWay({
      ...direct,
      peer: name,
      role,
      dials,
      say: (attempt, data) => say({ kind: 'signal', attempt, data }),
      onLost: () => this.#lostDirect(),
    })
    this.#relay = new RelayWay({ ...relay, peer: name, role, dials, say, onLost: () => this.#lostRelay() })
  }

  /** Said bye: nothing more is done about it, until it is forgotten. */
  get gone(): boolean {
    return this.#gone
  }

  get linked(): boolean {
    return this.#direct.phase === 'up' || this.#relay.phase === 'up'
  }

  /** Linked, or about to be. */
  get busy(): boolean {
    return this.#direct.phase !== 'idle' || this.#relay.phase !== 'idle'
  }

  owns(link: LinkId): boolean {
    return this.#direct.link === link || this.#relay.link === link
  }

  /** It is there, and can be linked in these ways, of those that we can. */
  met(ways: Ways): void {
    this.#ways = ways
    this.#pursue()
  }

  /** What was said lately is lost. */
  moved(): void {
    if (!this.#options.dials) return
    if (this.#direct.phase === 'trying') this.#direct.end()
    if (this.#relay.phase === 'trying') this.#relay.end()
    this.tryNow()
  }

  /** A good moment: the network has changed, or the peer has. */
  tryNow(): void {
    for (const backoff of [this.#redial, this.#redialRelay, this.#upgrade]) backoff.reset()
    this.#stopTimers()
    this.#pursue()
  }

  wish(wish: Wish): void {
    this.#wish = wish
    if (wish !== 'none' || this.#invited) this.#pursue()
    else this.#stopTimers()
  }

  /** It wants a link, and it is on us to dial. */
  invite(): void {
    if (this.busy) return
    this.#invited = true
    this.#stop('direct')
    this.#pursue()
  }

  signaled(attempt: number, data: SignalData): void {
    if (!this.#gone) this.#direct.heard(attempt, data)
  }

  relayed(signal: Extract<PeerSignal, { kind: 'relay' }>): void {
    if (!this.#gone) this.#relay.heard(signal)
  }

  /** Whether this would begin a link that there is not. */
  begins(attempt: number, data: SignalData): boolean {
    return !this.busy && this.#direct.begins(attempt, data)
  }

  turnedAway(): void {
    if (this.linked) return
    this.#invited = false
    this.#endWays()
    this.#stopTimers()
    if (this.#wish === 'none') return
    const ms = this.#full.next()
    for (const what of this.#options.dials ? (['direct', 'relay'] as const) : (['ask'] as const)) this.#wait(what, ms)
  }

  heardUp(link: LinkId): void {
    for (const backoff of [this.#redial, this.#redialRelay, this.#full, this.#ask]) backoff.reset()
    if (this.#direct.link === link) {
      this.#direct.up()
      this.#upgrade.reset()
      this.#stopTimers()
      this.#relay.end()
    } else {
      this.#relay.up()
      this.#stopTimers()
      // The direct way that is being tried goes on; if none is, the relay has time.
      if (this.#direct.phase === 'idle') this.#later()
    }
    this.#options.onChange()
  }

  heardDown(link: LinkId, reason: Extract<FromLinks, { type: 'down' }>['reason']): void {
    const direct = this.#direct.link === link
    if (direct) this.#direct.end()
    else this.#relay.end()
    if (reason === 'bye') {
      this.#gone = true
      this.end()
    } else if (reason === 'surplus') {
      this.#invited = false
    } else {
      if (direct) this.#lostDirect()
      else this.#lostRelay()
      return
    }
    this.#options.onChange()
  }

  /** Ends what there is, and begins nothing by itself. */
  end(): void {
    this.rest()
    this.#endWays()
  }

  /** Begins nothing more; what there is stays. */
  rest(): void {
    this.#wish = 'none'
    this.#invited = false
    this.#stopTimers()
  }

  /** Whether we are to do something about a link, and can. */
  get #active(): boolean {
    return (this.#wish !== 'none' || this.#invited) && !this.#gone && this.#options.reachable()
  }

  /** Does what there is to do, if it is not being done. */
  #pursue(): void {
    if (!this.#active) return
    if (!this.#options.dials) {
      if (this.#wish === 'ask' && !this.busy && this.#timers.ask === null) this.#askForDial()
      return
    }
    const linked = this.linked
    if (this.#ways.direct && this.#direct.phase === 'idle' && this.#timers.direct === null) this.#direct.dial()
    if (!this.#ways.relay || linked || this.#relay.phase !== 'idle' || this.#timers.relay !== null) return
    if (this.#ways.direct) this.#wait('relay', relayAfterMs)
    else this.#relay.begin()
  }

  #lostDirect(): void {
    this.#ended()
    if (this.#active && this.#options.dials) {
      this.#wait('direct', this.#relay.phase === 'up' ? this.#upgrade.next() : this.#redial.next())
    }
    this.#pursue()
    this.#options.onChange()
  }

  #lostRelay(): void {
    this.#ended()
    if (this.#active && this.#options.dials && this.#direct.phase !== 'up') {
      this.#wait('relay', this.#redialRelay.next())
      // While the relay served there was no haste.
      if (this.#direct.phase === 'idle') this.#wait('direct', this.#redial.next())
    }
    this.#pursue()
    this.#options.onChange()
  }

  /** A guest that is gone is not called back: it asks again. */
  #ended(): void {
    if (!this.busy) this.#invited = false
  }

  #later(): void {
    if (this.#ways.direct && this.#active && this.#options.dials) this.#wait('direct', this.#upgrade.next())
  }

  #askForDial(): void {
    this.#options.say({ kind: 'ask' })
    this.#wait('ask', this.#ask.next())
  }

  #wait(what: 'direct' | 'relay' | 'ask', ms: number): void {
    this.#stop(what)
    this.#timers[what] = setTimeout(() => {
      this.#timers[what] = null
      if (what === 'relay' && this.#active && !this.linked && this.#relay.phase === 'idle') this.#relay.begin()
      else this.#pursue()
    }, ms)
  }

  #stop(what: 'direct' | 'relay' | 'ask'): void {
    clearTimeout(this.#timers[what] ?? undefined)
    this.#timers[what] = null
  }

  #stopTimers(): void {
    for (const what of ['direct', 'relay', 'ask'] as const) this.#stop(what)
  }

  #endWays(): void {
    this.#direct.end()
    this.#relay.end()
  }
}
