import {
  decodeFromServer,
  type FromServer,
  SIGNALING_VERSION,
  type SignalingErrorCode,
  type ToServer,
  type TurnServer,
} from '../signaling-protocol.ts'
import { Backoff } from './backoff.ts'
import type { Carrier, CarrierEvent } from './carrier.ts'

const retryFirstMs = 250
const retryMaxMs = 15_000
/** A connection that lasted this long was a good one: the next failure is a first failure again. */
const stableMs = 5_000
/** From asking for a ticket until the server's welcome. */
const connectTimeoutMs = 10_000
/** Nothing heard between two of these: the connection is dead, whatever the socket believes. */
const pingIntervalMs = 20_000
/** The same where there is reason to doubt: the network changed, or the page was away. */
const probeTimeoutMs = 5_000

export type SignalingState =
  | { readonly phase: 'connecting' }
  /** In the room, under this id. */
  | { readonly phase: 'open'; readonly id: string }
  /** Will try again by itself; `refusal` is what the server said, null when it was not reached or just went away. */
  | { readonly phase: 'waiting'; readonly refusal: SignalingErrorCode | null }
  | { readonly phase: 'closed' }

/** Where the room is. */
export interface SignalingPlace {
  /** WebSocket addresses of one service, at least one. Tried in turn: whoever is in a room by one of them is in it for all. */
  readonly urls: readonly string[]
  readonly room: string
  /** Asked before each connection, where the server admits by ticket; null where it does not. */
  readonly ticket: ((room: string) => Promise<string>) | null
}

export interface SignalingClientOptions extends SignalingPlace {
  /** Ends the client for good. */
  readonly signal: AbortSignal
  onEvent(event: CarrierEvent): void
  onState(state: SignalingState): void
}

/**
 * Stays in a room of the signaling server for as long as it is not aborted: connects again when the connection breaks, to the next
 * address if there are several, and at once when the browser comes online or the page to the front. Each connection has a new id.
 */
export class SignalingClient implements Carrier {
  readonly #options: SignalingClientOptions
  readonly #backoff = new Backoff(retryFirstMs, retryMaxMs)
  #state: SignalingState = { phase: 'connecting' }
  /** Of `urls`, the one in use. */
  #at = 0
  /** Addresses that failed one after the other, since one did not. */
  #failed = 0
  /** Counts connections: what belongs to another than this one is late and not heard. */
  #current = 0
  #socket: WebSocket | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #openedAt = 0
  #heard = false
  #refusal: SignalingErrorCode | null = null
  #turn: { readonly server: TurnServer; readonly since: number } | null = null

  /** Throws SyntaxError when an address is not a WebSocket's. */
  constructor(options: SignalingClientOptions) {
    this.#options = options
    this.#connect()
    const { signal } = options
    signal.addEventListener('abort', () => this.#close(), { once: true })
    addEventListener('online', () => this.#doubt(), { signal })
    addEventListener('visibilitychange', () => this.#doubt(), { signal })
  }

  get state(): SignalingState {
    return this.#state
  }

  /** The address in use. */
  get url(): string {
    const { urls } = this.#options
    return urls[this.#at % urls.length] ?? ''
  }

  /** The server's own TURN server, while its credentials hold. */
  get iceServers(): RTCIceServer[] {
    if (this.#turn === null || this.#turnAgeMs() >= this.#turn.server.ttlSeconds * 1000) return []
    const { urls, username, credential } = this.#turn.server
    return [{ urls: [...urls], username, credential }]
  }

  get address(): string | null {
    return this.#state.phase === 'open' ? this.#state.id : null
  }

  send(to: string, payload: string): void {
    if (this.#state.phase === 'open') this.#write({ type: 'send', to, payload })
  }

  #connect(): void {
    this.#refusal = null
    const current = ++this.#current
    const whileCurrent = (react: () => void) => () => {
      if (this.#current === current) react()
    }
    this.#timer = setTimeout(() => this.#lost(), connectTimeoutMs)
    const { ticket, room } = this.#options
    if (ticket === null) this.#dial(whileCurrent, null)
    else {
      ticket(room).then(
        ticket => whileCurrent(() => this.#dial(whileCurrent, ticket))(),
        whileCurrent(() => this.#lost()),
      )
    }
  }

  #dial(whileCurrent: (react: () => void) => () => void, ticket: string | null): void {
    const socket = new WebSocket(this.url)
    this.#socket = socket
    const { room } = this.#options
    socket.onopen = whileCurrent(() =>
      this.#write({
        type: 'join',
        version: SIGNALING_VERSION,
        room,
        as: 'peer',
        ...(ticket === null ? {} : { ticket }),
      }),
    )
    socket.onclose = whileCurrent(() => this.#lost())
    socket.onmessage = ({ data }) => whileCurrent(() => this.#receive(data))()
  }

  #receive(data: unknown): void {
    this.#heard = true
    const message = decodeFromServer(data)
    // A newer server may say things this page does not know.
    if (message !== null) this.#handle(message)
  }

  #handle(message: FromServer): void {
    const { onEvent } = this.#options
    switch (message.type) {
      case 'pong':
        break
      case 'error':
        this.#refusal = message.code
        break
      case 'welcome':
        this.#openedAt = performance.now()
        this.#failed = 0
        this.#keepTurn(message.turn)
        this.#watch(pingIntervalMs)
        this.#change({ phase: 'open', id: message.id })
        onEvent({ kind: 'present', addresses: message.peers })
        break
      case 'found':
        onEvent({ kind: 'present', addresses: message.peers })
        break
      case 'left':
        onEvent({ kind: 'gone', address: message.id })
        break
      case 'unreachable':
        onEvent({ kind: 'gone', address: message.to })
        break
      case 'message':
        onEvent({ kind: 'message', from: message.from, payload: message.payload })
        break
      case 'turn':
        this.#keepTurn(message.turn)
        break
      case 'closing':
        // Not in step with all the others that were told the same.
        if (this.#options.urls.length > 1) this.#lost()
        else this.#lost(message.retryMs * (1 + Math.random()))
        break
    }
  }

  /** Hears a word from the server every so often, or else the connection is lost. */
  #watch(intervalMs: number): void {
    clearTimeout(this.#timer)
    this.#heard = false
    this.#write({ type: 'ping' })
    // Half of their time is left for whoever connects now.
    if (this.#turn !== null && this.#turnAgeMs() > this.#turn.server.ttlSeconds * 500) this.#write({ type: 'turn' })
    this.#timer = setTimeout(() => {
      if (this.#heard) this.#watch(pingIntervalMs)
      else this.#lost()
    }, intervalMs)
  }

  #keepTurn(server: TurnServer | null): void {
    this.#turn = server === null ? null : { server, since: performance.now() }
  }

  #turnAgeMs(): number {
    return this.#turn === null ? 0 : performance.now() - this.#turn.since
  }

  /** Tries the next address, after a while; with several, the while grows only when all of them have failed. */
  #lost(waitMs?: number): void {
    this.#dropSocket()
    if (this.#state.phase === 'open') {
      if (performance.now() - this.#openedAt >= stableMs) this.#backoff.reset()
      this.#options.onEvent({ kind: 'cut' })
    }
    this.#failed++
    this.#at++
    const next = this.#failed < this.#options.urls.length ? retryFirstMs * Math.random() : this.#backoff.next()
    this.#timer = setTimeout(() => this.#retryNow(), waitMs ?? next)
    this.#change({ phase: 'waiting', refusal: this.#refusal })
  }

  #retryNow(): void {
    if (this.#state.phase !== 'waiting') return
    clearTimeout(this.#timer)
    this.#change({ phase: 'connecting' })
    this.#connect()
  }

  /** A good moment to try, and no moment to believe in what was. */
  #doubt(): void {
    if (this.#state.phase === 'open') this.#watch(probeTimeoutMs)
    else this.#retryNow()
  }

  #close(): void {
    this.#dropSocket()
    this.#change({ phase: 'closed' })
  }

  #dropSocket(): void {
    clearTimeout(this.#timer)
    this.#current++
    this.#socket?.close()
    this.#socket = null
  }

  #write(message: ToServer): void {
    this.#socket?.send(JSON.stringify(message))
  }

  #change(state: SignalingState): void {
    this.#state = state
    this.#options.onState(state)
  }
}
