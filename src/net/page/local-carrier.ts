import type { Carrier, CarrierEvent } from './carrier.ts'

/** Bounds what a page that floods the channel can make us remember. No browser runs so many tabs of one site. */
const tabsMax = 1_024

export interface LocalCarrierOptions {
  readonly room: string
  /** Ends the carrier: to the other tabs, this one is gone. */
  readonly signal: AbortSignal
  /** `navigator.locks`, but for tests. */
  readonly locks?: Pick<LockManager, 'request'>
  onEvent(event: CarrierEvent): void
}

/** On the channel, which all tabs of the room hear. */
type Word =
  /** `to` null: I have just come; say so, too. */
  | { readonly kind: 'here'; readonly from: string; readonly to: string | null }
  | { readonly kind: 'message'; readonly from: string; readonly to: string; readonly payload: string }

/**
 * Carries between the tabs of one browser, with no server: a BroadcastChannel, and a Web Lock for each tab. The lock is taken before
 * a tab says that it is here, and the others queue for it: so they learn at once that it is gone, be it closed, crashed
 * or killed, and no tab has to say so.
 */
export class LocalCarrier implements Carrier {
  readonly #options: LocalCarrierOptions
  readonly #locks: Pick<LockManager, 'request'>
  readonly address = crypto.randomUUID()
  /** Null until our lock is held. */
  #channel: BroadcastChannel | null = null
  readonly #tabs = new Set<string>()

  constructor(options: LocalCarrierOptions) {
    this.#options = options
    this.#locks = options.locks ?? navigator.locks
    const { signal } = options
    const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    const held = async () => {
      this.#open()
      await aborted
      this.#channel?.close()
      this.#channel = null
    }
    // Refused only if it is aborted before, or where the browser keeps no locks for this page: then there is the server.
    this.#locks.request(lockName(this.address), { signal }, held).catch(() => {})
  }

  send(to: string, payload: string): void {
    this.#say({ kind: 'message', from: this.address, to, payload })
  }

  #open(): void {
    if (this.#options.signal.aborted) return
    this.#channel = new BroadcastChannel(`flotilla/room/${this.#options.room}`)
    this.#channel.onmessage = ({ data }) => this.#heard(data)
    this.#say({ kind: 'here', from: this.address, to: null })
  }

  #heard(data: unknown): void {
    const word = readWord(data)
    if (word === null || (word.to !== null && word.to !== this.address) || !this.#knows(word.from)) return
    if (word.kind === 'message') {
      this.#options.onEvent({ kind: 'message', from: word.from, payload: word.payload })
    } else if (word.to === null) {
      // It greets those who answer.
      this.#say({ kind: 'here', from: this.address, to: word.from })
    } else {
      this.#options.onEvent({ kind: 'present', addresses: [word.from] })
    }
  }

  /** Whoever speaks is there; when it no longer is, its lock says so. */
  #knows(address: string): boolean {
    if (this.#tabs.has(address)) return true
    if (this.#tabs.size >= tabsMax) return false
    this.#tabs.add(address)
    const gone = () => {
      this.#tabs.delete(address)
      if (!this.#options.signal.aborted) this.#options.onEvent({ kind: 'gone', address })
    }
    this.#locks.request(lockName(address), { mode: 'shared', signal: this.#options.signal }, gone).catch(() => {})
    return true
  }

  #say(word: Word): void {
    this.#channel?.postMessage(word)
  }
}

function lockName(address: string): string {
  return `flotilla/tab/${address}`
}

/** Null for what is none: any script of this origin may speak here. */
function readWord(data: unknown): Word | null {
  if (typeof data !== 'object' || data === null) return null
  const { kind, from, to, payload } = data as Record<string, unknown>
  if (typeof from !== 'string') return null
  if (kind === 'here' && (to === null || typeof to === 'string')) return { kind, from, to }
  if (kind === 'message' && typeof to === 'string' && typeof payload === 'string') return { kind, from, to, payload }
  return null
}
