import type { ToLinks } from '../links-protocol.ts'
import { Backoff } from './backoff.ts'

/** From asking the worker for a seat until it has an address, or says that there is none. */
const seatTimeoutMs = 10_000
const retryFirstMs = 500
const retryMaxMs = 30_000
/** A seat that was held this long was a good one: the next failure is a first failure again. */
const stableMs = 5_000
/** A seat that nobody needs is kept for so long: links that fail together need it one after the other. */
const lingerMs = 10_000

/** Somebody who cannot go on without an address on the relay. */
export interface Seated {
  onSeat(address: string): void
  /** What was agreed on under the address before is void. */
  onSeatLost(): void
}

type State =
  | { readonly phase: 'none' }
  | { readonly phase: 'taking'; readonly timer: ReturnType<typeof setTimeout> }
  | { readonly phase: 'taken'; readonly address: string; readonly since: number }
  | { readonly phase: 'waiting'; readonly timer: ReturnType<typeof setTimeout> }

export interface RelaySeatOptions {
  /** Where the relay is now; null while the server is out of reach. */
  readonly place: () => { readonly url: string; readonly room: string } | null
  readonly ticket: ((room: string) => Promise<string>) | null
  readonly post: (message: Extract<ToLinks, { type: 'relay' | 'relayOver' }>) => void
}

/** The worker's connection to the relay, as the page sees it: asked for when the first peer needs it, and again when it is lost. */
export class RelaySeat {
  readonly #options: RelaySeatOptions
  readonly #users = new Set<Seated>()
  readonly #backoff = new Backoff(retryFirstMs, retryMaxMs)
  #state: State = { phase: 'none' }
  #linger: ReturnType<typeof setTimeout> | undefined

  constructor(options: RelaySeatOptions) {
    this.#options = options
  }

  /** `onSeat` follows, at once if there is an address. */
  need(user: Seated): void {
    clearTimeout(this.#linger)
    this.#users.add(user)
    if (this.#state.phase === 'taken') user.onSeat(this.#state.address)
    else if (this.#state.phase === 'none') this.#take()
  }

  release(user: Seated): void {
    if (!this.#users.delete(user) || this.#users.size > 0) return
    clearTimeout(this.#linger)
    this.#linger = setTimeout(() => this.#leave(), lingerMs)
  }

  /** What the worker says of it. */
  heard(address: string | null): void {
    if (this.#state.phase === 'none') return
    const had = this.#state.phase === 'taken'
    if (this.#state.phase === 'taken' && performance.now() - this.#state.since >= stableMs) this.#backoff.reset()
    this.#stopTimer()
    if (address !== null) {
      this.#state = { phase: 'taken', address, since: performance.now() }
      for (const user of [...this.#users]) {
        if (had) user.onSeatLost()
        user.onSeat(address)
      }
      return
    }
    this.#retry()
    if (had) for (const user of [...this.#users]) user.onSeatLost()
  }

  /** The server can be reached again. */
  tryNow(): void {
    if (this.#state.phase !== 'waiting') return
    this.#stopTimer()
    this.#take()
  }

  end(): void {
    clearTimeout(this.#linger)
    this.#users.clear()
    this.#leave()
  }

  #take(): void {
    const { place, ticket, post } = this.#options
    const at = place()
    if (at === null) {
      this.#retry()
      return
    }
    const state: State = { phase: 'taking', timer: setTimeout(() => this.#retry(), seatTimeoutMs) }
    this.#state = state
    const go = (ticket: string | null) => {
      if (this.#state === state) post({ type: 'relay', ...at, ticket })
    }
    if (ticket === null) go(null)
    else {
      ticket(at.room).then(go, () => {
        if (this.#state === state) this.#retry()
      })
    }
  }

  #retry(): void {
    if (this.#users.size === 0) {
      // What was asked for may still come about, and nobody would let go of it.
      this.#leave()
      return
    }
    this.#stopTimer()
    this.#state = { phase: 'waiting', timer: setTimeout(() => this.#take(), this.#backoff.next()) }
  }

  #leave(): void {
    this.#stopTimer()
    if (this.#state.phase !== 'none') this.#options.post({ type: 'relayOver' })
    this.#state = { phase: 'none' }
  }

  #stopTimer(): void {
    if (this.#state.phase === 'taking' || this.#state.phase === 'waiting') clearTimeout(this.#state.timer)
  }
}
