import { vi } from 'vitest'
import type { Carrier, CarrierEvent } from '../../../src/net/page/carrier.ts'
import type { PeerSignal } from '../../../src/net/page/peer-signal.ts'
import type { Opened, Seal } from '../../../src/net/page/seal.ts'
import type { FromServer, ToServer } from '../../../src/net/signaling-protocol.ts'
import type { TabRole } from '../../../src/replica/types.ts'

/** Seals nothing, but needs as many promises as if it did. Who it is for and who said it is honoured; what is old is not known. */
export class FakeSeal implements Pick<Seal, 'seal' | 'open'> {
  readonly #peer: string
  readonly #role: TabRole

  constructor(peer: string, role: TabRole) {
    this.#peer = peer
    this.#role = role
  }

  async seal(to: string | null, signal: PeerSignal): Promise<string> {
    return JSON.stringify({ from: this.#peer, role: this.#role, to, signal })
  }

  async open(payload: string): Promise<Opened | null> {
    const opened: Opened = JSON.parse(payload)
    return opened.to === null || opened.to === this.#peer ? opened : null
  }
}

/** Lets everything happen that waits for nothing but promises. */
export async function settle(rounds = 30): Promise<void> {
  for (let round = 0; round < rounds; round++) await new Promise(resolve => setImmediate(resolve))
}

/** What a signaling server is to its peers, at once and without one. */
export class FakeHall {
  readonly #listeners = new Map<string, (event: CarrierEvent) => void>()
  readonly sent: { from: string; to: string; payload: string }[] = []

  /** Welcomed with those who are there. */
  join(address: string, onEvent: (event: CarrierEvent) => void): Carrier {
    const others = [...this.#listeners.keys()]
    this.#listeners.set(address, onEvent)
    queueMicrotask(() => onEvent({ kind: 'present', addresses: others }))
    return { address, send: (to, payload) => this.pass(address, to, payload) }
  }

  pass(from: string, to: string, payload: string): void {
    this.sent.push({ from, to, payload })
    const listener = this.#listeners.get(to)
    if (listener === undefined) this.tell(from, { kind: 'gone', address: to })
    else listener({ kind: 'message', from, payload })
  }

  leave(address: string): void {
    this.#listeners.delete(address)
    for (const listener of this.#listeners.values()) listener({ kind: 'gone', address })
  }

  tell(address: string, event: CarrierEvent): void {
    this.#listeners.get(address)?.(event)
  }
}

/** Events of the page, which Node's global object does not have. */
export function fakePageEvents(): EventTarget {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  return page
}

/** Every WebSocket that was asked for, in order. */
export class FakeWebSocket {
  static readonly made: FakeWebSocket[] = []
  readonly url: string
  readonly said: ToServer[] = []
  closed = false
  onopen: (() => void) | null = null
  onclose: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null

  constructor(url: string) {
    this.url = url
    FakeWebSocket.made.push(this)
  }

  static get last(): FakeWebSocket {
    const last = FakeWebSocket.made.at(-1)
    if (last === undefined) throw new Error('no WebSocket was asked for')
    return last
  }

  send(text: string): void {
    this.said.push(JSON.parse(text))
  }

  close(): void {
    this.closed = true
  }

  hear(message: FromServer): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }

  welcome(id = 'me', peers: string[] = [], turn: Extract<FromServer, { type: 'turn' }>['turn'] = null): void {
    this.onopen?.()
    this.hear({ type: 'welcome', id, peers, turn })
  }

  fail(): void {
    this.onclose?.()
  }
}

/** Web Locks of one browser, as far as tabs use them to know of each other. */
export class FakeLocks {
  readonly #held = new Map<string, { readonly shared: boolean; holders: number }>()
  readonly #waiting = new Map<string, Set<() => void>>()

  request = async (
    name: string,
    optionsOrCallback: LockOptions | LockGrantedCallback<unknown>,
    callback?: LockGrantedCallback<unknown>,
  ): Promise<unknown> => {
    const options = typeof optionsOrCallback === 'function' ? {} : optionsOrCallback
    const granted = typeof optionsOrCallback === 'function' ? optionsOrCallback : callback
    const { mode = 'exclusive', signal } = options
    for (;;) {
      signal?.throwIfAborted()
      const held = this.#held.get(name)
      if (held === undefined || (held.shared && mode === 'shared')) break
      await this.#free(name, signal)
    }
    const lock = this.#held.get(name) ?? { shared: mode === 'shared', holders: 0 }
    this.#held.set(name, lock)
    lock.holders++
    try {
      return await granted?.({ name, mode })
    } finally {
      lock.holders--
      if (lock.holders === 0 && this.#held.get(name) === lock) this.kill(name)
    }
  }

  /** What the browser does with the lock of a tab that is no more. */
  kill(name: string): void {
    this.#held.delete(name)
    const waiting = this.#waiting.get(name) ?? []
    this.#waiting.delete(name)
    for (const wake of waiting) wake()
  }

  #free(name: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(name) ?? new Set()
      this.#waiting.set(name, waiting)
      waiting.add(resolve)
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }
}
