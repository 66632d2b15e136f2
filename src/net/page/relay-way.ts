import type { TabRole } from '../../replica/types.ts'
import type { LinkId, ToLinks } from '../links-protocol.ts'
import { nextLink } from './link-ids.ts'
import type { PeerSignal } from './peer-signal.ts'
import type { RelaySeat, Seated } from './relay-seat.ts'
import type { Seal } from './seal.ts'

/** From our word to a peer until the worker has heard hello from it over the relay. */
export const relayTimeoutMs = 10_000

type RelaySignal = Extract<PeerSignal, { kind: 'relay' }>

type Timer = ReturnType<typeof setTimeout>

type State =
  | { readonly phase: 'idle' }
  /** No address of our own yet. `offer`: the peer's, to be answered; null if the first word is on us. */
  | { readonly phase: 'seating'; readonly offer: RelaySignal | null; readonly timer: Timer }
  | { readonly phase: 'offered'; readonly attempt: number; readonly salt: string; readonly timer: Timer }
  /** The keys are being made. */
  | { readonly phase: 'agreeing'; readonly timer: Timer }
  | { readonly phase: 'opening'; readonly link: LinkId; readonly timer: Timer }
  | { readonly phase: 'up'; readonly link: LinkId }

export interface RelayWayOptions {
  readonly peer: string
  readonly role: TabRole
  /** Of the two, the first word is on us. */
  readonly dials: boolean
  readonly seat: Pick<RelaySeat, 'need' | 'release'>
  readonly seal: Pick<Seal, 'relaySalt' | 'relayKeys'>
  readonly say: (signal: RelaySignal) => void
  readonly post: (message: Extract<ToLinks, { type: 'channels' | 'closed' }>) => void
  /** The attempt failed, or the link is over. Not after `end`. */
  readonly onLost: () => void
}

/** The way to a peer over the signaling server's relay: agrees with it on addresses and keys, and gives both to the worker. */
export class RelayWay implements Seated {
  readonly #options: RelayWayOptions
  #state: State = { phase: 'idle' }
  #lastHeard = 0

  constructor(options: RelayWayOptions) {
    this.#options = options
  }

  get phase(): 'idle' | 'trying' | 'up' {
    const { phase } = this.#state
    return phase === 'idle' || phase === 'up' ? phase : 'trying'
  }

  get link(): LinkId | null {
    return this.#state.phase === 'opening' || this.#state.phase === 'up' ? this.#state.link : null
  }

  begin(): void {
    this.#sit(null)
  }

  heard(signal: RelaySignal): void {
    const { dials } = this.#options
    const state = this.#state
    if (dials) {
      if (state.phase === 'offered' && state.attempt === signal.attempt) this.#agree(signal, state.salt)
    } else if (signal.attempt > this.#lastHeard) {
      this.#lastHeard = signal.attempt
      this.end()
      this.#sit(signal)
    }
  }

  onSeat(address: string): void {
    if (this.#state.phase !== 'seating') return
    const { offer } = this.#state
    const agreeing = this.#agreeing()
    this.#options.seal.relaySalt().then(salt => {
      if (this.#state !== agreeing) return
      if (offer !== null) {
        this.#agree(offer, salt, address)
        return
      }
      const attempt = nextLink()
      this.#state = { phase: 'offered', attempt, salt, timer: agreeing.timer }
      this.#options.say({ kind: 'relay', attempt, address, salt })
    })
  }

  /** Of links that were open the worker says itself that they are over. */
  onSeatLost(): void {
    if (this.#state.phase === 'offered' || this.#state.phase === 'agreeing') this.#lost()
  }

  up(): void {
    if (this.#state.phase !== 'opening') return
    clearTimeout(this.#state.timer)
    this.#state = { phase: 'up', link: this.#state.link }
  }

  end(): void {
    const { link } = this
    if (this.#state.phase !== 'idle' && this.#state.phase !== 'up') clearTimeout(this.#state.timer)
    this.#state = { phase: 'idle' }
    this.#options.seat.release(this)
    if (link !== null) this.#options.post({ type: 'closed', link })
  }

  #sit(offer: RelaySignal | null): void {
    this.#state = { phase: 'seating', offer, timer: setTimeout(() => this.#lost(), relayTimeoutMs) }
    this.#options.seat.need(this)
  }

  #agreeing(): Extract<State, { phase: 'agreeing' }> {
    const { phase } = this.#state
    if (phase !== 'seating' && phase !== 'offered' && phase !== 'agreeing') throw new Error(`cannot agree: ${phase}`)
    const state = { phase: 'agreeing', timer: this.#state.timer } as const
    this.#state = state
    return state
  }

  /** Both salts are known. `own`: our address, if it is on us to say the second word. */
  #agree(signal: RelaySignal, salt: string, own?: string): void {
    const { peer, role, seal, say, post } = this.#options
    const agreeing = this.#agreeing()
    seal.relayKeys(salt, { peer, salt: signal.salt, role }).then(keys => {
      if (this.#state !== agreeing) return
      if (keys === null) {
        this.#lost()
        return
      }
      const link = nextLink()
      this.#state = { phase: 'opening', link, timer: agreeing.timer }
      post({ type: 'channels', link, peer, kind: 'relay', role, to: signal.address, ...keys })
      if (own !== undefined) say({ kind: 'relay', attempt: signal.attempt, address: own, salt })
    })
  }

  #lost(): void {
    this.end()
    this.#options.onLost()
  }
}
