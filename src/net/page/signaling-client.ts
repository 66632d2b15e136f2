import {
  decodeFromServer,
  type FromServer,
  SIGNALING_VERSION,
  type SignalingErrorCode,
  type ToServer,
} from '../signaling-protocol.ts'
import { Backoff } from './backoff.ts'

const retryFirstMs = 250
const retryMaxMs = 15_000
/** A connection that lasted this long was a good one: the next failure is a first failure again. */
const stableMs = 5_000
const connectTimeoutMs = 10_000
/** Nothing heard between two of these: the connection is dead, whatever the socket believes. */
const pingIntervalMs = 20_000

export type SignalingState =
  | { readonly phase: 'connecting' }
  /** In the room, under this id. */
  | { readonly phase: 'open'; readonly id: string }
  /** Will try again by itself; `refusal` is what the server said, null when it was not reached or just went away. */
  | { readonly phase: 'waiting'; readonly refusal: SignalingErrorCode | null }
  | { readonly phase: 'closed' }

/** What the server says about the room and its peers. */
export type RoomEvent = Exclude<FromServer, { type: 'pong' | 'error' }>

export interface SignalingClientOptions {
  /** The server's WebSocket address. */
  readonly url: string
  readonly room: string
  /** Ends the client for good. */
  readonly signal: AbortSignal
  onEvent(event: RoomEvent): void
  onState(state: SignalingState): void
}

/**
 * Stays in a room of the signaling server for as long as it is not aborted: connects again when the connection breaks, at
 * once when the browser comes online. Each connection has a new id and starts with a `welcome` event.
 */
export class SignalingClient {
  readonly #options: SignalingClientOptions
  readonly #backoff = new Backoff(retryFirstMs, retryMaxMs)
  #state: SignalingState = { phase: 'connecting' }
  /** The connection of this moment; events of any other are late and not heard. */
  #socket: WebSocket | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #openedAt = 0
  #heard = false
  #refusal: SignalingErrorCode | null = null

  /** Throws SyntaxError when `url` is not a WebSocket address. */
  constructor(options: SignalingClientOptions) {
    this.#options = options
    this.#connect()
    options.signal.addEventListener('abort', () => this.#close(), { once: true })
    addEventListener('online', () => this.#retryNow(), { signal: options.signal })
  }

  get state(): SignalingState {
    return this.#state
  }

  /** Lost without a word while not in the room: what peers say to each other here is only about the present. */
  send(to: string, payload: string): void {
    if (this.#state.phase === 'open') this.#write({ type: 'send', to, payload })
  }

  #connect(): void {
    const socket = new WebSocket(this.#options.url)
    this.#socket = socket
    this.#refusal = null
    this.#timer = setTimeout(() => this.#lost(), connectTimeoutMs)
    const whileCurrent = (react: () => void) => () => {
      if (this.#socket === socket) react()
    }
    socket.onopen = whileCurrent(() =>
      this.#write({ type: 'join', version: SIGNALING_VERSION, room: this.#options.room, as: 'peer' }),
    )
    socket.onclose = whileCurrent(() => this.#lost())
    socket.onmessage = event => {
      if (this.#socket === socket) this.#receive(event.data)
    }
  }

  #receive(data: unknown): void {
    this.#heard = true
    const message = decodeFromServer(data)
    // A newer server may say things this page does not know.
    if (message === null) return
    switch (message.type) {
      case 'pong':
        break
      case 'error':
        this.#refusal = message.code
        break
      case 'welcome':
        this.#openedAt = performance.now()
        this.#schedulePing()
        this.#change({ phase: 'open', id: message.id })
        this.#options.onEvent(message)
        break
      default:
        this.#options.onEvent(message)
    }
  }

  #schedulePing(): void {
    clearTimeout(this.#timer)
    this.#heard = false
    this.#write({ type: 'ping' })
    this.#timer = setTimeout(() => {
      if (this.#heard) this.#schedulePing()
      else this.#lost()
    }, pingIntervalMs)
  }

  #lost(): void {
    this.#dropSocket()
    if (this.#state.phase === 'open' && performance.now() - this.#openedAt >= stableMs) this.#backoff.reset()
    this.#timer = setTimeout(() => this.#retryNow(), this.#backoff.next())
    this.#change({ phase: 'waiting', refusal: this.#refusal })
  }

  #retryNow(): void {
    if (this.#state.phase !== 'waiting') return
    clearTimeout(this.#timer)
    this.#change({ phase: 'connecting' })
    this.#connect()
  }

  #close(): void {
    this.#dropSocket()
    this.#change({ phase: 'closed' })
  }

  #dropSocket(): void {
    clearTimeout(this.#timer)
    const socket = this.#socket
    this.#socket = null
    socket?.close()
  }

  #write(message: ToServer): void {
    this.#socket?.send(JSON.stringify(message))
  }

  #change(state: SignalingState): void {
    this.#state = state
    this.#options.onState(state)
  }
}
