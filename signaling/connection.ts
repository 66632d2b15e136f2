import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import {
  decodeRelayFrame,
  encodeRelayFrame,
  type FromServer,
  type JoinAs,
  SIGNALING_VERSION,
  type SignalingErrorCode,
  type ToServer,
  type TurnServer,
} from '../src/net/signaling-protocol.ts'
import type { Address } from './addresses.ts'
import { decodeToServer } from './decode.ts'
import type { Limits } from './limits.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Peer, Rooms } from './rooms.ts'
import { SendBuffer, type SendBuffers } from './send-buffer.ts'
import type { TicketVerdict } from './ticket.ts'
import { Quota } from './token-bucket.ts'

/** Who owes more than is paid off in this time is not in a hurry but a flood. */
const owedMsMax = 10_000
/** What others at its address owe holds up a connection for this long at a time. */
const sharedPauseMsMax = 1_000
/** From the last word until the connection is cut off, whether or not that word was answered. */
const lingerMs = 1_000

/** WebSocket close codes (RFC 6455, 7.4.1): for a peer that broke the rules, and for a server that goes away. */
const POLICY_VIOLATION = 1008
const GOING_AWAY = 1001

type State =
  /** `late` once it has let a liveness check pass without joining. */
  | { readonly phase: 'new'; readonly late: boolean }
  /** The rooms have been asked; a welcome or a refusal follows. */
  | { readonly phase: 'joining' | 'joined'; readonly room: string; readonly as: JoinAs }
  /** Said its last word; what still arrives is not read. */
  | { readonly phase: 'ended' }

/** What a connection needs of the server it belongs to. */
export interface Surroundings {
  readonly rooms: Rooms
  readonly limits: Limits
  readonly buffers: SendBuffers
  readonly metrics: Metrics
  readonly log: Log
  checkTicket(ticket: string | undefined, room: string): TicketVerdict
  turnFor(id: string): TurnServer | null
  /** A connection was ended by the server, for its own good or that of others. */
  onEnded(reason: string, network: string): void
}

/** One tab's WebSocket: turns its frames into what happens in the rooms, and ends it at the first bad one. */
export class Connection implements Peer {
  readonly id: string
  readonly address: Address
  readonly #socket: WebSocket
  readonly #around: Surroundings
  readonly #buffer: SendBuffer
  #quota: Quota
  #state: State = { phase: 'new', late: false }
  #heard = true
  /** While more came in than was due: when to read on. */
  #pause: ReturnType<typeof setTimeout> | null = null
  #linger: ReturnType<typeof setTimeout> | undefined

  constructor(id: string, socket: WebSocket, stream: Duplex, address: Address, around: Surroundings) {
    this.id = id
    this.address = address
    this.#socket = socket
    this.#around = around
    const { peerFramesPerSecond, peerBytesPerSecond, peerBufferBytesMax } = around.limits
    this.#quota = new Quota(peerFramesPerSecond, peerBytesPerSecond, performance.now())
    this.#buffer = new SendBuffer(socket, stream, around.buffers, peerBufferBytesMax)
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    socket.on('ping', data => this.#heardControl(data))
    socket.on('pong', data => this.#heardControl(data))
    // What is no WebSocket frame, or too large a one. ws has answered with the close code for it.
    socket.on('error', error => {
      this.#endedBy('protocol', error.message)
      this.#close(POLICY_VIOLATION, 'protocol')
    })
    socket.on('close', () => {
      this.#end()
      this.#buffer.release()
      clearTimeout(this.#linger)
    })
  }

  welcome(peers: readonly string[]): void {
    if (this.#state.phase !== 'joining') return
    this.#state = { ...this.#state, phase: 'joined' }
    const turn = this.#state.as === 'peer' ? this.#turn() : null
    this.send({ type: 'welcome', id: this.id, peers, turn })
  }

  send(message: FromServer): void {
    if (message.type === 'unreachable') this.#around.metrics.unreachable.inc()
    this.#write(JSON.stringify(message))
  }

  sendRelayed(from: string, payload: Uint8Array): void {
    this.#write(encodeRelayFrame(from, payload))
  }

  /** Called at a steady pace: cuts off who has not answered or not joined since the last call, and pings the others. */
  checkLiveness(): void {
    if (this.#state.phase === 'new' && this.#state.late) {
      this.#cutOff('never_joined')
      return
    }
    if (this.#state.phase === 'new') this.#state = { phase: 'new', late: true }
    if (this.#buffer.isFull) this.#cutOff('slow')
    // What is not read for now cannot be heard.
    else if (this.#pause !== null) return
    else if (!this.#heard) this.#cutOff('silent')
    else {
      this.#heard = false
      this.#socket.ping()
    }
  }

  /** The server is about to go. */
  announceClosing(retryMs: number): void {
    if (this.#state.phase !== 'ended') this.send({ type: 'closing', retryMs })
  }

  /** The server goes. */
  goAway(): void {
    this.#close(GOING_AWAY, 'closing')
  }

  #write(data: string | Uint8Array): void {
    if (this.#buffer.write(data) === 'full') this.#cutOff('slow')
  }

  #cutOff(reason: string): void {
    this.#endedBy(reason)
    this.#socket.terminate()
  }

  #refuse(code: SignalingErrorCode, message: string): void {
    this.send({ type: 'error', code, message })
    this.#endedBy(code, message)
    this.#close(POLICY_VIOLATION, code)
  }

  #close(code: number, reason: string): void {
    this.#end()
    this.#socket.close(code, reason)
    this.#linger ??= setTimeout(() => this.#socket.terminate(), lingerMs)
  }

  #endedBy(reason: string, message = ''): void {
    if (this.#state.phase === 'ended') return
    this.#around.metrics.ended.inc({ reason })
    this.#around.onEnded(reason, this.address.network)
    this.#around.log.debug({ id: this.id, address: this.address.network, reason, message }, 'connection ended')
  }

  /** ws answers a ping by itself, so a flood of them costs as much as one of messages. */
  #heardControl(data: Buffer): void {
    if (this.#state.phase === 'ended') return
    this.#heard = true
    this.#pay(data.length)
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#state.phase === 'ended') return
    this.#heard = true
    // Of ws's three shapes of data the default one is a Buffer.
    const frame = data as Buffer
    if (!this.#pay(frame.length)) return
    if (isBinary) {
      this.#handleBytes(frame)
      return
    }
    const decoded = decodeToServer(frame.toString())
    if (decoded.ok) this.#handle(decoded.message, frame.length)
    else this.#refuse('BAD_FRAME', decoded.reason)
  }

  /** False for what nobody can mean well. A little too much is answered by not reading for a while, and TCP tells the sender. */
  #pay(bytes: number): boolean {
    const now = performance.now()
    const owedMs = this.#quota.take(1, bytes, now)
    const sharedMs = this.address.quota.take(1, bytes, now)
    if (owedMs > owedMsMax) {
      this.#refuse('RATE_LIMITED', 'too much at once')
      this.#socket.pause()
      return false
    }
    const waitMs = Math.max(owedMs, Math.min(sharedMs, sharedPauseMsMax))
    if (waitMs > 0) this.#readOnAfter(waitMs, owedMs >= sharedMs ? 'connection' : 'address')
    return true
  }

  #readOnAfter(waitMs: number, by: 'connection' | 'address'): void {
    if (this.#pause === null) {
      this.#around.metrics.throttled.inc({ by })
      this.#socket.pause()
    }
    clearTimeout(this.#pause ?? undefined)
    this.#pause = setTimeout(() => {
      this.#pause = null
      this.#heard = true
      this.#socket.resume()
    }, waitMs)
  }

  #handle(message: ToServer, bytes: number): void {
    const state = this.#state
    switch (message.type) {
      case 'join':
        if (state.phase === 'new') this.#join(message)
        else this.#refuse('BAD_FRAME', 'joined already')
        break
      case 'send':
        if (state.phase !== 'joined' || state.as !== 'peer') {
          this.#refuse('BAD_FRAME', 'send from one that is not welcome as a peer')
          return
        }
        this.#around.metrics.messages.inc()
        this.#around.metrics.messageBytes.inc(bytes)
        this.#around.rooms.pass(state.room, this, message.to, message.payload)
        break
      case 'ping':
        this.send({ type: 'pong' })
        break
      case 'turn':
        if (state.phase === 'joined') this.send({ type: 'turn', turn: this.#turn() })
        else this.#refuse('BAD_FRAME', 'turn from one that is not welcome')
        break
    }
  }

  #handleBytes(bytes: Buffer): void {
    const state = this.#state
    const frame = decodeRelayFrame(bytes)
    if (state.phase !== 'joined' || state.as !== 'relay') {
      this.#refuse('BAD_FRAME', 'bytes from one that is not welcome as a relay')
    } else if (frame === null) {
      this.#refuse('BAD_FRAME', 'bytes without an addressee')
    } else {
      this.#around.metrics.relayFrames.inc()
      this.#around.metrics.relayBytes.inc(bytes.length)
      this.#around.rooms.pass(state.room, this, frame.id, frame.payload)
    }
  }

  async #join({ room, version, as, ticket }: Extract<ToServer, { type: 'join' }>): Promise<void> {
    const { rooms, limits, metrics, log } = this.#around
    if (version !== SIGNALING_VERSION) {
      this.#refuse('VERSION', `this server speaks version ${SIGNALING_VERSION}, the page ${version}`)
      return
    }
    const verdict = this.#around.checkTicket(ticket, room)
    if (verdict !== 'valid') {
      metrics.joins.inc({ as, result: 'BAD_TICKET' })
      this.#refuse('BAD_TICKET', `the ticket is ${verdict}`)
      return
    }
    if (as === 'relay') {
      this.#quota = new Quota(limits.relayFramesPerSecond, limits.relayBytesPerSecond, performance.now())
      this.#buffer.bytesMax = limits.relayBufferBytesMax
    } else {
      // All of the room are told of its going: whoever causes that pays for it.
      this.address.quota.take(rooms.peersIn(room), 0, performance.now())
    }
    this.#state = { phase: 'joining', room, as }
    const result = await rooms.join(room, this, as)
    metrics.joins.inc({ as, result })
    log.debug({ id: this.id, address: this.address.network, room, as, result }, 'join')
    if (result !== 'joined' && this.#state.phase === 'joining') this.#refuse(result, 'no place left, try again later')
  }

  #turn(): TurnServer | null {
    const turn = this.#around.turnFor(this.id)
    if (turn !== null) this.#around.metrics.turnCredentials.inc()
    return turn
  }

  #end(): void {
    const state = this.#state
    this.#state = { phase: 'ended' }
    if (this.#pause !== null) {
      clearTimeout(this.#pause)
      this.#pause = null
      this.#socket.resume()
    }
    if (state.phase === 'joined' || state.phase === 'joining') this.#around.rooms.leave(state.room, this)
  }
}
