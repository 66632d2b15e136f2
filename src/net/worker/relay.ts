import {
  decodeFromServer,
  decodeRelayFrame,
  encodeRelayFrame,
  SIGNALING_VERSION,
  signalingIdChars,
  type ToServer,
} from '../signaling-protocol.ts'
import { RelayPath } from './relay-path.ts'

/** Nothing heard from the server for this long, though it was asked: the connection is dead, whatever the socket believes. */
const silenceMsMax = 5_000
/**
 * How much the socket is given at a time: whatever comes next waits for what it holds. Bulk frames are given as long as less than this is
 * waiting, urgent ones up to twice of it.
 */
const socketBulkBytesMax = 64 * 1024
const socketBytesMax = 2 * socketBulkBytesMax
/** A socket does not say when it has sent what it had, so it is looked at. */
const socketLookMs = 5

/** What is needed of a WebSocket. */
export type RelaySocket = Pick<
  WebSocket,
  'binaryType' | 'bufferedAmount' | 'send' | 'close' | 'onopen' | 'onmessage' | 'onclose'
>

export interface RelayOptions {
  readonly url: string
  readonly room: string
  readonly ticket: string | null
  /** May throw: then there is no relay. */
  readonly connect: (url: string) => RelaySocket
  /** Calls `callback` every `ms` until the function returned is called. */
  readonly every: (ms: number, callback: () => void) => () => void
  /** Others reach this tab under it, from now on. Null, once: the connection was lost or could not be made. Not after `end`. */
  readonly onAddress: (address: string | null) => void
  /** Something came that belongs to no link. */
  readonly onStray: () => void
}

/**
 * One connection to the signaling server as a relay, and the links that go through it. All of them share one stream, so what goes into
 * it is chosen here: urgent frames of all links before bulk frames of any, the links taking turns.
 */
export class Relay {
  readonly #options: RelayOptions
  readonly #socket: RelaySocket | null
  /** By the other end's address; the one whose turn it is first. */
  readonly #paths = new Map<string, RelayPath>()
  #phase: 'joining' | 'open' | 'ending' | 'over' = 'joining'
  #heard = true
  /** What was given to be sealed, in order. */
  #sending = Promise.resolve()
  #sealingBytes = 0
  readonly #stopLiveness: () => void
  #stopLook: (() => void) | null = null

  constructor(options: RelayOptions) {
    this.#options = options
    this.#stopLiveness = options.every(silenceMsMax, () => this.#checkLiveness())
    this.#socket = this.#connect()
    if (this.#socket === null) queueMicrotask(() => this.#lost())
  }

  /** A link to whoever is at `address`, in place of one that was there before. */
  open(address: string, keys: { readonly sendKey: CryptoKey; readonly receiveKey: CryptoKey }): RelayPath {
    this.#paths.get(address)?.fail()
    const path: RelayPath = new RelayPath({
      ...keys,
      onReady: () => this.#pump(),
      onOver: () => {
        if (this.#paths.get(address) === path) this.#paths.delete(address)
        // After the word that is just being sent, if any.
        queueMicrotask(() => this.#endIfDone())
      },
    })
    if (this.#phase === 'open' && address.length === signalingIdChars) this.#paths.set(address, path)
    else path.fail()
    this.#pump()
    return path
  }

  /** Links that are not closed yet are over; of those that are, what they took is still sent. */
  end(): void {
    if (this.#phase === 'over') return
    this.#phase = 'ending'
    for (const path of [...this.#paths.values()]) if (!path.closing) path.fail()
    this.#endIfDone()
  }

  #connect(): RelaySocket | null {
    let socket: RelaySocket
    try {
      socket = this.#options.connect(this.#options.url)
    } catch {
      return null
    }
    socket.binaryType = 'arraybuffer'
    const { room, ticket } = this.#options
    socket.onopen = () => {
      const join = { type: 'join', version: SIGNALING_VERSION, room, as: 'relay' } as const
      this.#say(ticket === null ? join : { ...join, ticket })
    }
    socket.onmessage = ({ data }) => this.#receive(data)
    socket.onclose = () => this.#lost()
    return socket
  }

  #receive(data: unknown): void {
    this.#heard = true
    if (this.#phase === 'over') return
    if (data instanceof ArrayBuffer) this.#receiveFrame(data)
    else this.#hear(data)
    // Where something comes in, something may have gone out.
    this.#pump()
  }

  #receiveFrame(data: ArrayBuffer): void {
    const frame = decodeRelayFrame(new Uint8Array(data))
    const path = frame === null ? undefined : this.#paths.get(frame.id)
    if (path === undefined) this.#options.onStray()
    else path.receive(new Uint8Array(data, signalingIdChars))
  }

  #hear(data: unknown): void {
    const message = decodeFromServer(data)
    switch (message?.type) {
      case 'welcome':
        if (this.#phase !== 'joining') break
        this.#phase = 'open'
        this.#options.onAddress(message.id)
        break
      case 'unreachable':
        this.#paths.get(message.to)?.fail()
        break
      default:
        // An error is followed by the end of the connection, and all else is for peers.
        break
    }
  }

  #pump(): void {
    if (this.#phase !== 'open' && this.#phase !== 'ending') return
    const socket = this.#socket
    if (socket === null) return
    for (;;) {
      const waiting = socket.bufferedAmount + this.#sealingBytes
      const sent =
        (waiting < socketBytesMax && this.#sendNext(socket, false)) ||
        (waiting < socketBulkBytesMax && this.#sendNext(socket, true))
      if (sent) continue
      this.#lookAgain(waiting >= socketBulkBytesMax)
      return
    }
  }

  #sendNext(socket: RelaySocket, bulk: boolean): boolean {
    for (const [address, path] of this.#paths) {
      const next = path.next(bulk)
      if (next === null) continue
      if (this.#paths.delete(address)) this.#paths.set(address, path)
      this.#sealingBytes += next.bytes
      this.#sending = this.#sending.then(async () => {
        const sealed = await next.sealed.catch(() => null)
        this.#sealingBytes -= next.bytes
        if (this.#phase === 'over') return
        if (sealed === null) path.fail()
        else socket.send(encodeRelayFrame(address, sealed))
        this.#pump()
        this.#endIfDone()
      })
      return true
    }
    return false
  }

  /** Until the socket has room. */
  #lookAgain(isFull: boolean): void {
    if (!isFull) {
      this.#stopLook?.()
      this.#stopLook = null
    } else {
      this.#stopLook ??= this.#options.every(socketLookMs, () => this.#pump())
    }
  }

  #checkLiveness(): void {
    if (!this.#heard) {
      this.#lost()
      return
    }
    this.#heard = false
    if (this.#phase === 'open') this.#say({ type: 'ping' })
  }

  #lost(): void {
    if (this.#phase === 'over') return
    const isExpected = this.#phase === 'ending'
    this.#over()
    if (!isExpected) this.#options.onAddress(null)
  }

  #endIfDone(): void {
    if (this.#phase === 'ending' && this.#paths.size === 0 && this.#sealingBytes === 0) this.#over()
  }

  #over(): void {
    this.#phase = 'over'
    this.#stopLiveness()
    this.#lookAgain(false)
    for (const path of [...this.#paths.values()]) path.fail()
    this.#socket?.close()
  }

  #say(message: ToServer): void {
    this.#socket?.send(JSON.stringify(message))
  }
}
