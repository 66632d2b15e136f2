import type { TabRole } from '../../replica/types.ts'
import type { Carrier, CarrierEvent } from './carrier.ts'
import { type Acquaintance, othersMax, type PeerSignal } from './peer-signal.ts'
import type { Seal } from './seal.ts'

/** Of those who were there before us, so many are greeted: in a large room nobody has to know everybody. */
export const greetMax = 8
/** While somebody who is wanted is not found, so often `greetMax` more are greeted. */
const seekIntervalMs = 1_000
/** As many as a room of the server has, on each of two carriers. */
const peersMax = 2_048
/** Addresses that others named to us, of those we do not know. */
const hearsayMax = 256

/** How a tab can be linked with others. */
export interface Ways {
  readonly direct: boolean
  readonly relay: boolean
}

export interface RoomEvents {
  /** A peer can be reached, and has said how it can be linked. A name has one role: the seal sees to that. */
  onMet(peer: string, role: TabRole, ways: Ways): void
  /** It can be reached elsewhere than until now: what was on its way to it is lost. */
  onMoved(peer: string): void
  /** It cannot be reached any more. Says nothing about a living link. */
  onGone(peer: string): void
  onSignal(peer: string, signal: Exclude<PeerSignal, { kind: 'greet' }>): void
}

export interface RoomOptions {
  /** Our own name is not to be greeted. */
  readonly peer: string
  readonly ways: Ways
  readonly seal: Pick<Seal, 'seal' | 'open'>
  /** Of the whole room: nothing is said or heard afterwards. */
  readonly signal: AbortSignal
  readonly events: RoomEvents
}

/** One carrier, and who is known to be where on it. */
interface Hall {
  readonly carrier: Carrier
  readonly names: Map<string, string>
  /** There, and not greeted. */
  readonly strangers: Set<string>
  /** Where somebody is said to be, by name. */
  readonly hearsay: Map<string, string>
  greeted: number
  /** So many more are to be greeted, as others turned us away. */
  owed: number
}

interface Known {
  readonly addresses: Map<Hall, string>
  /** By which it is spoken to: the same for all of an attempt, or one carrier's words would overtake the other's. */
  by: Hall
}

/**
 * Who can be spoken to, by name, over whichever carrier reaches them; all that is said is sealed. Whoever comes greets some of those who
 * are there. That greeting is addressed to nobody by name and may be an old one, so it is answered and not believed: a
 * peer is known by what it addressed to us.
 */
export class Room {
  readonly #options: RoomOptions
  readonly #halls: Hall[] = []
  readonly #peers = new Map<string, Known>()
  #sought: ReadonlySet<string> = new Set()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: RoomOptions) {
    this.#options = options
    options.signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true })
  }

  /** `make` is given where to report to. The first of two carriers is preferred. */
  add<C extends Carrier>(make: (onEvent: (event: CarrierEvent) => void) => C): C {
    const early: CarrierEvent[] = []
    let hall: Hall | null = null
    const carrier = make(event => {
      if (hall === null) early.push(event)
      else this.#heard(hall, event)
    })
    hall = { carrier, names: new Map(), strangers: new Set(), hearsay: new Map(), greeted: 0, owed: 0 }
    this.#halls.push(hall)
    for (const event of early) this.#heard(hall, event)
    return carrier
  }

  reaches(peer: string): boolean {
    return this.#peers.has(peer)
  }

  /** Nothing, if the peer cannot be reached. */
  say(peer: string, signal: Exclude<PeerSignal, { kind: 'greet' | 'full' }>): void {
    const known = this.#peers.get(peer)
    if (known !== undefined) this.#post(known.by, this.#addressOf(known), peer, signal)
  }

  /** That we have as many links as we are to have; with others to try. */
  turnAway(peer: string): void {
    const known = this.#peers.get(peer)
    if (known === undefined) return
    this.#post(known.by, this.#addressOf(known), peer, { kind: 'full', others: this.#others(known.by, peer) })
  }

  /** Greets more and more of the room until all of these are known. */
  seek(peers: ReadonlySet<string>): void {
    this.#sought = peers
    this.#lookOn(0)
  }

  #heard(hall: Hall, event: CarrierEvent): void {
    if (this.#options.signal.aborted) return
    switch (event.kind) {
      case 'present':
        for (const address of shuffled(event.addresses)) {
          if (hall.names.has(address) || hall.strangers.size >= peersMax) continue
          hall.strangers.add(address)
          if (hall.greeted < greetMax) this.#greetStranger(hall, address)
        }
        this.#lookOn(seekIntervalMs)
        break
      case 'gone':
        this.#gone(hall, event.address)
        break
      case 'cut':
        for (const address of [...hall.names.keys()]) this.#gone(hall, address)
        hall.strangers.clear()
        hall.hearsay.clear()
        hall.greeted = 0
        break
      case 'message':
        this.#options.seal.open(event.payload, event.from).then(opened => {
          if (opened === null || this.#options.signal.aborted) return
          const { from, to, role, signal } = opened
          if (to === null) this.#greet(hall, event.from, from, true)
          else if (this.#knows(hall, event.from, from, role, signal)) this.#addressed(hall, event.from, from, signal)
        })
        break
    }
  }

  #addressed(hall: Hall, address: string, peer: string, signal: PeerSignal): void {
    switch (signal.kind) {
      case 'greet':
        this.#remember(hall, signal.others)
        if (signal.answer) this.#greet(hall, address, peer, false)
        break
      case 'full':
        this.#remember(hall, signal.others)
        // Whom we ask instead need not be wanted: who is new knows of nobody to want.
        for (const { address } of signal.others) if (!hall.names.has(address)) hall.strangers.add(address)
        hall.owed = greetMax
        this.#lookOn(0)
        this.#options.events.onSignal(peer, signal)
        break
      default:
        this.#options.events.onSignal(peer, signal)
    }
  }

  /** Takes note of who spoke from where. False if there is no more room for it, or it has another name there. */
  #knows(hall: Hall, address: string, peer: string, role: TabRole, signal: PeerSignal): boolean {
    const { events } = this.#options
    const named = hall.names.get(address) ?? peer
    // Or one viewer could be a whole room of made up peers.
    if (named !== peer) return false
    hall.strangers.delete(address)
    hall.hearsay.delete(peer)
    const known = this.#peers.get(peer)
    if (known === undefined) {
      if (this.#peers.size >= peersMax) return false
      this.#peers.set(peer, { addresses: new Map([[hall, address]]), by: hall })
      hall.names.set(address, peer)
      // Who does not begin with a greeting knows us from before we forgot it.
      if (signal.kind !== 'greet') this.#greet(hall, address, peer, true)
      events.onMet(peer, role, waysOf(signal))
      this.#lookOn(seekIntervalMs)
      return true
    }
    const before = known.addresses.get(hall)
    if (before !== address) {
      if (before !== undefined) hall.names.delete(before)
      known.addresses.set(hall, address)
      hall.names.set(address, peer)
      if (before !== undefined && known.by === hall) events.onMoved(peer)
    }
    if (signal.kind === 'greet') events.onMet(peer, role, waysOf(signal))
    return true
  }

  #gone(hall: Hall, address: string): void {
    hall.strangers.delete(address)
    const peer = hall.names.get(address)
    hall.names.delete(address)
    const known = peer === undefined ? undefined : this.#peers.get(peer)
    if (peer === undefined || known === undefined || known.addresses.get(hall) !== address) return
    known.addresses.delete(hall)
    const [other] = known.addresses.keys()
    if (other === undefined) {
      this.#peers.delete(peer)
      this.#options.events.onGone(peer)
    } else if (known.by === hall) {
      known.by = other
      this.#options.events.onMoved(peer)
    }
  }

  #greet(hall: Hall, address: string, peer: string | null, answer: boolean): void {
    // Who knows few has nobody to name that the other would not greet by itself.
    const others = peer === null || hall.names.size <= greetMax ? [] : this.#others(hall, peer)
    this.#post(hall, address, peer, { kind: 'greet', answer, ...this.#options.ways, others })
  }

  #greetStranger(hall: Hall, address: string, peer: string | null = null): void {
    hall.strangers.delete(address)
    if (hall.names.has(address)) return
    hall.greeted++
    this.#greet(hall, address, peer, true)
  }

  #post(hall: Hall, address: string, peer: string | null, signal: PeerSignal): void {
    const { seal, signal: over } = this.#options
    const { address: own } = hall.carrier
    if (own === null) return
    seal.seal(peer, signal, own).then(payload => {
      if (!over.aborted) hall.carrier.send(address, payload)
    })
  }

  #addressOf(known: Known): string {
    const address = known.addresses.get(known.by)
    if (address === undefined) throw new Error('spoken to by a carrier that does not reach it')
    return address
  }

  #others(hall: Hall, asker: string): Acquaintance[] {
    const all = [...hall.names].filter(([, peer]) => peer !== asker)
    return shuffled(all)
      .slice(0, othersMax)
      .map(([address, peer]) => ({ peer, address }))
  }

  #remember(hall: Hall, others: readonly Acquaintance[]): void {
    for (const { peer, address } of others) {
      if (peer === this.#options.peer || this.#peers.has(peer) || hall.hearsay.size >= hearsayMax) continue
      hall.hearsay.set(peer, address)
    }
    for (const peer of this.#sought) if (!this.#peers.has(peer)) this.#lookOn(0)
  }

  /** Goes on greeting while somebody sought is missing, or too few have answered. */
  #lookOn(afterMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      let greetings = greetMax
      const missing = [...this.#sought].filter(peer => !this.#peers.has(peer))
      for (const hall of this.#halls) {
        for (const peer of missing) {
          const address = hall.hearsay.get(peer)
          if (address === undefined || greetings === 0) continue
          hall.hearsay.delete(peer)
          greetings--
          this.#greetStranger(hall, address, peer)
        }
        for (const address of hall.strangers) {
          const enough = missing.length === 0 && hall.names.size >= greetMax && hall.owed === 0
          if (greetings === 0 || enough) break
          greetings--
          hall.owed = Math.max(0, hall.owed - 1)
          this.#greetStranger(hall, address)
        }
      }
      if (greetings < greetMax) this.#lookOn(seekIntervalMs)
    }, afterMs)
  }
}

/** In doubt all: what does not work is found out. */
function waysOf(signal: PeerSignal): Ways {
  return signal.kind === 'greet' ? { direct: signal.direct, relay: signal.relay } : { direct: true, relay: true }
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map(value => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}
