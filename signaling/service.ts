import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { signalingFrameBytesMax } from '../src/net/signaling-protocol.ts'
import { type Address, Addresses } from './addresses.ts'
import { type Backplane, newInstanceName, newPeerId } from './backplane.ts'
import { clientAddress, networkOf } from './client-address.ts'
import { Connection, type Surroundings } from './connection.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { type Log, noLog } from './log.ts'
import { Metrics } from './metrics.ts'
import { anyOrigin, originIsAllowed } from './origin.ts'
import { Refusals } from './refusals.ts'
import { Rooms } from './rooms.ts'
import { SendBuffers } from './send-buffer.ts'
import { checkTicket } from './ticket.ts'
import { type TurnOptions, turnCredentials } from './turn.ts'

/**
 * What waits for the rest of a message takes the room of its bytes and some 200 bytes for each piece. Browsers send ours as one
 * frame, or as some of them; TCP delivers a frame in 123 pieces, if in the smallest that networks make of it (536 bytes).
 */
const messageFragmentsMax = 64
const frameChunksMax = 512
const defaultLivenessIntervalMs = 15_000
/** Room for those who have yet to join, or are being told that there is no place. */
const connectionsSpare = 1_000
/** Those who are told to come back do so over this time, and not at once. */
const comeBackWithinMs = 2_000
/** For the last close frames. */
const goodbyeMsMax = 1_500

/** Why somebody does not get a connection, and what HTTP calls it. */
const refusalStatus = {
  closing: '503 Service Unavailable',
  origin: '403 Forbidden',
  connections: '503 Service Unavailable',
  address: '429 Too Many Requests',
} as const

type Refusal = keyof typeof refusalStatus

export interface SignalingOptions {
  /** Pages of these origins may connect; `*` stands for all (the default), `same` for that of the server itself. */
  readonly origins?: readonly string[]
  /** With keys, who joins needs a ticket that one of them signed. */
  readonly ticketKeys?: readonly string[]
  readonly turn?: TurnOptions | null
  /** So many proxies in front add to `X-Forwarded-For`, and are believed. 0 if not given. */
  readonly trustedProxies?: number
  readonly limits?: Partial<Limits>
  /** A peer that has not answered for two of these is announced as left. */
  readonly livenessIntervalMs?: number
  /** Rooms shared with other instances; without it they are this process's own. */
  readonly backplane?: Backplane | null
  readonly log?: Log
}

export interface Health {
  readonly ok: boolean
  readonly rooms: number
  readonly peers: number
  readonly relays: number
  /** Whether other instances can be reached. */
  readonly instances: 'alone' | 'connected' | 'disconnected'
}

/** Signaling, for any HTTP server that hands it the `upgrade` requests of `SIGNALING_PATH`. */
export class SignalingService {
  readonly metrics = new Metrics()
  readonly #options: SignalingOptions
  readonly #limits: Limits
  readonly #log: Log
  readonly #rooms: Rooms
  readonly #backplane: Backplane | null
  readonly #instance: string
  readonly #addresses: Addresses
  readonly #refusals: Refusals
  readonly #buffers: SendBuffers
  readonly #around: Surroundings
  readonly #sockets = new WebSocketServer({
    ...{ noServer: true, clientTracking: false },
    maxPayload: signalingFrameBytesMax,
    maxFragments: messageFragmentsMax,
    maxBufferedChunks: frameChunksMax,
  })
  readonly #connections = new Set<Connection>()
  readonly #liveness: ReturnType<typeof setInterval>
  #closing = false
  #onEmpty: (() => void) | null = null

  constructor(options: SignalingOptions = {}) {
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#log = options.log ?? noLog
    this.#backplane = options.backplane ?? null
    this.#instance = this.#backplane?.instance ?? newInstanceName()
    this.#rooms = new Rooms(this.#limits, this.#backplane)
    this.#addresses = new Addresses(this.#limits)
    this.#refusals = new Refusals(this.#log)
    this.#buffers = new SendBuffers(this.#limits.buffersBytesMax, this.#limits.peersMax)
    const { ticketKeys = [], turn = null } = options
    this.#around = {
      rooms: this.#rooms,
      limits: this.#limits,
      buffers: this.#buffers,
      metrics: this.metrics,
      log: this.#log,
      checkTicket: (ticket, room) =>
        ticketKeys.length === 0 ? 'valid' : checkTicket(ticket, room, ticketKeys, Date.now()),
      turnFor: id => (turn === null ? null : turnCredentials(turn, id, Date.now())),
      onEnded: (reason, network) => this.#refusals.count(reason, network),
    }
    this.#measure()
    const intervalMs = options.livenessIntervalMs ?? defaultLivenessIntervalMs
    this.#liveness = setInterval(() => this.#lookAround(), intervalMs)
  }

  get health(): Health {
    const { roomCount: rooms, peerCount: peers, relayCount: relays } = this.#rooms
    const instances = this.#backplane === null ? 'alone' : this.#backplane.connected ? 'connected' : 'disconnected'
    return { ok: !this.#closing, rooms, peers, relays, instances }
  }

  /** Takes over the socket of a request to upgrade to WebSocket, or refuses it. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const network = networkOf(clientAddress(request, this.#options.trustedProxies ?? 0))
    const address = this.#admit(request, network)
    if (typeof address === 'string') {
      this.metrics.refused.inc({ reason: address })
      this.#refusals.count(address, network)
      refuseUpgrade(socket, refusalStatus[address])
      return
    }
    // Whether or not the handshake comes to a connection: the socket's end is the end of it.
    socket.once('close', () => this.#addresses.release(address))
    this.#sockets.handleUpgrade(request, socket, head, webSocket => {
      const connection = new Connection(newPeerId(this.#instance), webSocket, socket, address, this.#around)
      this.metrics.connections.inc()
      this.#connections.add(connection)
      webSocket.on('close', () => this.#forget(connection))
    })
  }

  #admit({ headers: { origin, host } }: IncomingMessage, network: string): Address | Refusal {
    if (this.#closing) return 'closing'
    if (!originIsAllowed(origin, host, this.#options.origins ?? [anyOrigin])) return 'origin'
    if (this.#connections.size >= this.#limits.peersMax + connectionsSpare) return 'connections'
    return this.#addresses.admit(network, performance.now()) ?? 'address'
  }

  /** Admits nobody any more, asks all who are here to connect elsewhere, and waits until they have gone or the time is up. */
  async drain(withinMs: number): Promise<void> {
    this.#closing = true
    for (const connection of this.#connections) connection.announceClosing(Math.round(Math.random() * comeBackWithinMs))
    await this.#empty(withinMs)
    await this.close()
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#liveness)
    for (const connection of [...this.#connections]) connection.goAway()
    await this.#empty(goodbyeMsMax)
    this.#refusals.report()
    await this.#backplane?.close()
  }

  /** Resolves when nobody is left, or after `withinMs`. */
  async #empty(withinMs: number): Promise<void> {
    if (this.#connections.size === 0) return
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, withinMs)
      this.#onEmpty = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#onEmpty = null
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  #lookAround(): void {
    for (const connection of [...this.#connections]) connection.checkLiveness()
    this.#addresses.sweep(performance.now())
    this.#refusals.report()
  }

  #measure(): void {
    const { metrics } = this
    metrics.gauge('connections', 'WebSocket connections open', () => this.#connections.size)
    metrics.gauge('rooms', 'Rooms with somebody in them', () => this.#rooms.roomCount)
    metrics.gauge('peers', 'Peers in rooms', () => this.#rooms.peerCount)
    metrics.gauge('relays', 'Relays in rooms', () => this.#rooms.relayCount)
    metrics.gauge('send_buffer_bytes', 'Bytes that wait for slow readers', () => this.#buffers.bytes)
    const backplane = this.#backplane
    if (backplane === null) return
    metrics.gauge('backplane_connected', '1 if other instances can be reached', () => (backplane.connected ? 1 : 0))
    const { counters } = backplane
    metrics.total('backplane_sent_total', 'Messages to other instances', () => counters.sent)
    metrics.total('backplane_received_total', 'Messages from other instances', () => counters.received)
    metrics.total('backplane_dropped_total', 'Messages that could not be sent to them', () => counters.dropped)
    metrics.total('backplane_undecodable_total', 'Messages from them that are none', () => counters.undecodable)
    metrics.total('backplane_connections_total', 'Times that they came into reach', () => counters.connections)
  }
}

/** Says why in HTTP, which is all that there is before the handshake. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  // A client that has gone meanwhile is no error of ours.
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
}
