import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { signalingIdChars } from '../src/net/signaling-protocol.ts'
import { type Backplane, instanceChars, newInstanceName, type SharedRooms } from './backplane.ts'
import { type BackplaneFrame, decodeFrame, encodeDelivery, encodeUnreachable } from './backplane-frames.ts'
import { leaveScript, shareScript } from './redis-scripts.ts'

const beatIntervalMs = 5_000
/** So many of an instance's beats must fail before its peers are ghosts. */
const beatsPerLife = 3
/** Rooms whose presence is renewed at once; the others wait. */
const beatRoomsMax = 256
/** Nothing heard from Redis for so long after asking: the connection is dead. */
const redisTimeoutMs = 2_000
const retryFirstMs = 50
const retryMaxMs = 2_000
/** Said to Redis and not answered yet; what would come on top is as good as lost, so it is not sent. */
const underwayBytesMax = 16 * 1024 * 1024

const keyPrefix = 'flotilla:room:'
const channelPrefix = 'flotilla:instance:'
const validId = new RegExp(`^[\\w-]{${signalingIdChars}}$`)

export interface RedisOptions {
  /** `redis://[user:password@]host[:port]` or `rediss://...`. Redis 6 or later: commands and messages share a connection. */
  readonly url: string
  readonly roomPeersMax: number
  /** How often this instance says that its peers are there. Those of one that does not for three of these are announced as left. */
  readonly beatIntervalMs?: number
  onConnected(): void
  /** Also while it was not connected: `reason` of the latest attempt. */
  onDisconnected(reason: string): void
}

interface Room {
  /** Peers here. */
  readonly own: Set<string>
  /** Peers here about whom Redis has been told and has not answered. */
  readonly joining: Set<string>
  /** Peers elsewhere; empty while Redis is not there, since nobody there can be reached then. */
  readonly others: Set<string>
}

/**
 * Shares rooms through Redis. Who is in a room is written there by every instance anew with each beat, so that it is right again
 * by itself after an instance died, after messages were lost, and after Redis itself lost everything. Messages go by pub/sub,
 * to one channel an instance. Replies and messages come on one connection and so in the order in which Redis made them.
 */
export class RedisBackplane implements Backplane {
  readonly instance = newInstanceName()
  readonly counters = { sent: 0, received: 0, dropped: 0, undecodable: 0, connections: 0 }
  readonly #options: RedisOptions
  readonly #redis: Redis
  readonly #rooms = new Map<string, Room>()
  #shared: SharedRooms | null = null
  /** Of this connection to Redis: aborted when it is lost. Null while there is none. */
  #connection: AbortController | null = null
  #underwayBytes = 0
  /** Drained every turn of the event loop, so it holds what one reading of the socket gave. */
  #inbox: Buffer[] = []
  #reason = 'not reached yet'

  constructor(options: RedisOptions) {
    this.#options = options
    this.#redis = new Redis(options.url, {
      lazyConnect: true,
      protocol: 3,
      // What was not said while there was no connection is said by the next beat, or late enough to be wrong.
      enableOfflineQueue: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: redisTimeoutMs,
      socketTimeout: redisTimeoutMs,
      retryStrategy: attempt => Math.min(retryFirstMs * 2 ** attempt, retryMaxMs) * (0.5 + Math.random() / 2),
    })
    this.#redis.on('error', (error: Error) => {
      this.#reason = error.message
    })
    this.#redis.on('ready', () => this.#connected())
    this.#redis.on('close', () => this.#disconnected())
    this.#redis.on('messageBuffer', (_channel: Buffer, message: Buffer) => this.#receive(message))
  }

  get connected(): boolean {
    return this.#connection !== null
  }

  start(rooms: SharedRooms): void {
    this.#shared = rooms
    // It goes on trying by itself, and says so by `close`.
    this.#redis.connect().catch(() => {})
  }

  async join(name: string, id: string): Promise<readonly string[] | 'ROOM_FULL'> {
    const room = this.#rooms.get(name) ?? { own: new Set(), joining: new Set(), others: new Set() }
    this.#rooms.set(name, room)
    if (this.#connection === null) {
      room.own.add(id)
      return []
    }
    room.joining.add(id)
    const answer = await this.#share(name, [id], this.#options.roomPeersMax)
    // It may have left meanwhile, and Redis been told in this order.
    if (!room.joining.delete(id)) return []
    if (answer === 'full') {
      this.#forgetEmpty(name, room)
      return 'ROOM_FULL'
    }
    // News to those who were here before as well, if word of somebody has not come yet or was lost.
    if (answer !== 'failed') this.#learn(name, room, answer.others, false)
    room.own.add(id)
    return [...room.others]
  }

  leave(name: string, id: string): void {
    const room = this.#rooms.get(name)
    if (room === undefined || (!room.own.delete(id) && !room.joining.delete(id))) return
    this.#forgetEmpty(name, room)
    if (this.#connection !== null) this.#tellLeft(name, id).catch(() => {})
  }

  send(room: string, from: string, to: string, payload: string | Uint8Array): void {
    if (!validId.test(to) || to.startsWith(this.instance)) {
      this.#shared?.unreachable(room, from, to)
      return
    }
    this.#publish(to, encodeDelivery(room, from, to, payload), () => {
      this.#shared?.unreachable(room, from, to)
      // Its instance is not there; if it is only away, the next beat finds the peer again.
      this.#gone(room, to)
    })
  }

  async close(): Promise<void> {
    this.#shared = null
    const own = [...this.#rooms].flatMap(([name, { own }]) => [...own].map(id => ({ name, id })))
    this.#rooms.clear()
    if (this.#connection !== null) {
      const left = own.map(({ name, id }) => this.#tellLeft(name, id))
      await Promise.race([Promise.allSettled(left), delay(redisTimeoutMs, undefined, { ref: false })])
    }
    this.#redis.disconnect()
  }

  async #connected(): Promise<void> {
    try {
      await this.#redis.subscribe(channelPrefix + this.instance)
    } catch {
      // The connection is lost again.
      return
    }
    const connection = new AbortController()
    this.#connection = connection
    this.counters.connections++
    this.#options.onConnected()
    await this.#beat(connection.signal)
  }

  #disconnected(): void {
    const wasConnected = this.#connection !== null
    this.#connection?.abort()
    this.#connection = null
    this.#inbox = []
    for (const [name, room] of this.#rooms) {
      const { others } = room
      for (const id of [...others]) this.#gone(name, id)
    }
    if (this.#shared !== null) this.#options.onDisconnected(wasConnected ? 'connection lost' : this.#reason)
  }

  /** Says of all peers here that they are, until the connection is lost. */
  async #beat(signal: AbortSignal): Promise<void> {
    const intervalMs = this.#options.beatIntervalMs ?? beatIntervalMs
    while (!signal.aborted) {
      const began = performance.now()
      const names = [...this.#rooms.keys()]
      for (let at = 0; at < names.length && !signal.aborted; at += beatRoomsMax) {
        await Promise.all(names.slice(at, at + beatRoomsMax).map(name => this.#renew(name)))
      }
      const restMs = Math.max(0, intervalMs - (performance.now() - began))
      await delay(restMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  async #renew(name: string): Promise<void> {
    const room = this.#rooms.get(name)
    if (room === undefined || room.own.size === 0) return
    const answer = await this.#share(name, [...room.own], Number.MAX_SAFE_INTEGER)
    if (typeof answer === 'string' || this.#rooms.get(name) !== room) return
    // Who had to be added anew was a ghost to the others, or never known to them: they are strangers again.
    this.#learn(name, room, answer.others, answer.added > 0)
  }

  async #share(name: string, ids: readonly string[], peersMax: number) {
    const ttlMs = (this.#options.beatIntervalMs ?? beatIntervalMs) * beatsPerLife
    let reply: unknown
    try {
      reply = await this.#redis.eval(shareScript, 1, keyPrefix + name, name, channelPrefix, ttlMs, peersMax, ...ids)
    } catch {
      return 'failed' as const
    }
    if (!Array.isArray(reply)) return 'full' as const
    const [added, ...everybody] = reply.map(String)
    return { added: Number(added), others: everybody.filter(id => !id.startsWith(this.instance)) }
  }

  async #tellLeft(name: string, id: string): Promise<void> {
    await this.#redis.eval(leaveScript, 1, keyPrefix + name, name, channelPrefix, id)
  }

  #learn(name: string, room: Room, ids: readonly string[], strangers: boolean): void {
    const present = new Set(ids)
    for (const id of [...room.others]) if (!present.has(id)) this.#gone(name, id)
    const found = strangers ? ids : ids.filter(id => !room.others.has(id))
    for (const id of found) room.others.add(id)
    if (found.length > 0 && room.own.size > 0) this.#shared?.found(name, found)
  }

  #gone(name: string, id: string): void {
    if (this.#rooms.get(name)?.others.delete(id)) this.#shared?.left(name, id)
  }

  #forgetEmpty(name: string, { own, joining }: Room): void {
    if (own.size === 0 && joining.size === 0) this.#rooms.delete(name)
  }

  #publish(to: string, frame: Buffer, onLost: () => void): void {
    if (this.#connection === null || this.#underwayBytes + frame.length > underwayBytesMax) {
      this.counters.dropped++
      onLost()
      return
    }
    this.counters.sent++
    this.#underwayBytes += frame.length
    this.#redis
      .publish(channelPrefix + to.slice(0, instanceChars), frame)
      .catch(() => 0)
      .then(instances => {
        this.#underwayBytes -= frame.length
        if (instances === 0) onLost()
      })
  }

  /**
   * Replies reach us as promises, so after messages that Redis sent later but in the same packet. Messages therefore wait
   * for the end of the turn: one that is older than a reply handled before it only repeats what that said.
   */
  #receive(message: Buffer): void {
    if (this.#inbox.push(message) === 1) setImmediate(() => this.#drain())
  }

  #drain(): void {
    const messages = this.#inbox
    this.#inbox = []
    for (const message of messages) {
      this.counters.received++
      const frame = decodeFrame(message)
      if (frame === null) this.counters.undecodable++
      else this.#handle(frame)
    }
  }

  #handle(frame: BackplaneFrame): void {
    switch (frame.type) {
      case 'joined':
        // It was told who is here, and greets them.
        this.#rooms.get(frame.room)?.others.add(frame.id)
        break
      case 'left':
        this.#gone(frame.room, frame.id)
        break
      case 'unreachable':
        this.#shared?.unreachable(frame.room, frame.from, frame.to)
        break
      case 'deliver': {
        const { room, from, to, payload } = frame
        if (this.#shared?.deliver(room, from, to, payload) !== false) return
        // To whom this is lost does not matter: the peer to be told would be gone as well.
        this.#publish(from, encodeUnreachable(room, from, to), () => {})
        break
      }
    }
  }
}
