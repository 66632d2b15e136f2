import { randomBytes } from 'node:crypto'
import type { RawData, WebSocket } from 'ws'
import {
  type FromServer,
  SIGNALING_VERSION,
  type SignalingErrorCode,
  type ToServer,
} from '../src/net/signaling-protocol.ts'
import { decodeToServer } from './decode.ts'
import type { Peer, Rooms } from './rooms.ts'

/** A peer that reads so slowly that more than this waits for it is cut off: its memory is ours. */
const sendBufferBytesMax = 1024 * 1024

/** WebSocket close code for a peer that broke the rules (RFC 6455, 7.4.1). */
const POLICY_VIOLATION = 1008

type State =
  /** `late` once it has let a liveness check pass without joining. */
  | { readonly phase: 'new'; readonly late: boolean }
  | { readonly phase: 'joined'; readonly room: string }
  /** Said its last word; what still arrives is not read. */
  | { readonly phase: 'ended' }

/** One page's WebSocket: turns its frames into what happens in `rooms`, and ends it at the first bad one. */
export class Connection implements Peer {
  readonly id = randomBytes(9).toString('base64url')
  readonly #socket: WebSocket
  readonly #rooms: Rooms
  #state: State = { phase: 'new', late: false }
  #heard = true

  constructor(socket: WebSocket, rooms: Rooms) {
    this.#socket = socket
    this.#rooms = rooms
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.on('pong', () => {
      this.#heard = true
    })
    // Without a listener a protocol error of one client would end the process; `close` follows and does the work.
    socket.on('error', () => {})
    socket.on('close', () => this.#end())
  }

  send(message: FromServer): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    this.#socket.send(JSON.stringify(message))
    if (this.#socket.bufferedAmount > sendBufferBytesMax) this.#socket.terminate()
  }

  /** Called at a steady pace: cuts off who has not answered or not joined since the last call, and pings the others. */
  checkLiveness(): void {
    const idle = this.#state.phase === 'ended' || (this.#state.phase === 'new' && this.#state.late)
    if (!this.#heard || idle) {
      this.#socket.terminate()
      return
    }
    if (this.#state.phase === 'new') this.#state = { phase: 'new', late: true }
    this.#heard = false
    this.#socket.ping()
  }

  #refuse(code: SignalingErrorCode, message: string): void {
    this.send({ type: 'error', code, message })
    this.#end()
    this.#socket.close(POLICY_VIOLATION, code)
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#state.phase === 'ended') return
    this.#heard = true
    if (isBinary) {
      this.#refuse('BAD_FRAME', 'binary frame')
      return
    }
    const decoded = decodeToServer(data.toString())
    if (decoded.ok) this.#handle(decoded.message)
    else this.#refuse('BAD_FRAME', decoded.reason)
  }

  #handle(message: ToServer): void {
    switch (message.type) {
      case 'join':
        if (this.#state.phase === 'new') this.#join(message.room, message.version)
        else this.#refuse('BAD_FRAME', 'joined already')
        break
      case 'send':
        if (this.#state.phase === 'joined') this.#rooms.pass(this.#state.room, this, message.to, message.payload)
        else this.#refuse('BAD_FRAME', 'send before join')
        break
      case 'ping':
        this.send({ type: 'pong' })
        break
      case 'turn':
        this.send({ type: 'turn', turn: null })
        break
    }
  }

  #join(room: string, version: number): void {
    // Pages of the version before are served until the last of them has been reloaded.
    if (version !== SIGNALING_VERSION && version !== SIGNALING_VERSION - 1) {
      this.#refuse('VERSION', `this server speaks version ${SIGNALING_VERSION}, the page ${version}`)
      return
    }
    const result = this.#rooms.join(room, this)
    if (result === 'joined') this.#state = { phase: 'joined', room }
    else this.#refuse(result, 'no place left, try again later')
  }

  #end(): void {
    const state = this.#state
    this.#state = { phase: 'ended' }
    if (state.phase === 'joined') this.#rooms.leave(state.room, this)
  }
}
