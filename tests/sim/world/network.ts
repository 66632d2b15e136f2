import { decodeLinkFrame, encodePeerMessage } from '../../../src/net/codec.ts'
import type { MemberId } from '../../../src/raft/types.ts'
import { type PeerMessage, roleOf } from '../../../src/replica/types.ts'
import type { SimulationConfig } from '../config.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'

/** One member's end of the network. */
export interface Handlers {
  /** `viewer`: the link leads to a viewer. */
  readonly onUp: (member: MemberId, viewer: boolean) => void
  readonly onDown: (member: MemberId) => void
  readonly onMessage: (from: MemberId, message: PeerMessage, viewer: boolean) => void
}

/** Numbers the connections of a pair of members; a later one has a higher number. */
type Connection = number

interface End {
  readonly id: MemberId
  readonly handlers: Handlers
  /** Not answering, though not gone. */
  paused: boolean
  /** Whom this end believes to be linked to, and over which connection. */
  readonly linked: Map<MemberId, Connection>
  /** One that another took the place of before it was known to have ended: what is still on it arrives. */
  readonly replaced: Map<MemberId, Connection>
  /** How much slower than others its links are. */
  readonly slowness: number
}

/** What two members have between them. */
interface Pair {
  connection: Connection
}

/** One direction between two members. */
interface Way {
  readonly pair: Pair
  /** Some links are slower than others. */
  readonly slowness: number
  /** By how many faults at a time. */
  blocks: number
  /** Of the raft channel and of the bulk channel, on which snapshots travel; each keeps its own order. */
  readonly lastArrivalMs: [raft: number, bulk: number]
  /** What a channel that repeats itself has yet to bring. */
  held: Packet[]
}

interface Packet {
  readonly connection: Connection
  readonly bytes: Uint8Array
  readonly channel: 0 | 1
}

/**
 * A full mesh of links. A link works while both ends are there and neither direction is blocked; each end finds out about a
 * change for itself, and only after a while. Messages travel as bytes, through the real codec, so members share no memory.
 *
 * A tab's data channels belong to one connection between two pages, and this decides what can arrive late. A message never
 * reaches a later life of the member it was for, nor an end that has seen its connection go down; it does arrive from a member
 * that is gone, or is back already over a connection of its own. A channel repeats what the way lost and keeps order, one for
 * snapshots and one for the rest; with a short cut everything comes late, in order. Some worlds are worse than that, as raft asks for
 * less: there messages are lost one by one, come twice, or overtake each other.
 */
export class Network {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #config: SimulationConfig['network']
  readonly #ends = new Map<MemberId, End>()
  readonly #ways = new Map<MemberId, Map<MemberId, Way>>()
  #congestedUntilMs = 0
  #faulty = true
  sent = 0
  lost = 0

  constructor(schedule: Schedule, random: Random, config: SimulationConfig['network']) {
    this.#schedule = schedule
    this.#random = random
    this.#config = config
  }

  attach(id: MemberId, handlers: Handlers): void {
    const slowness = this.#drawSlowness(this.#config.slow.members)
    for (const other of this.#ends.keys()) if (other !== id) this.#way(id, other).pair.connection += 1
    this.#ends.set(id, { id, handlers, paused: false, linked: new Map(), replaced: new Map(), slowness })
    this.#changed(id)
  }

  /** Gone: with a word of farewell on its connections, or without one. */
  detach(id: MemberId, how: 'bye' | 'silent'): void {
    const linked = this.#ends.get(id)?.linked ?? []
    this.#ends.delete(id)
    if (how === 'bye') {
      for (const [other, connection] of linked) {
        this.#schedule.after(this.#latencyMs(id, other), () => {
          const end = this.#ends.get(other)
          if (end?.linked.get(id) === connection && this.#way(id, other).blocks === 0) this.#down(end, id)
        })
      }
    }
    this.#changed(id)
  }

  pause(id: MemberId): void {
    this.#setPaused(id, true)
  }

  unpause(id: MemberId): void {
    this.#setPaused(id, false)
  }

  /** Nothing goes those ways; returns what undoes it. */
  cut(ways: readonly (readonly [from: MemberId, to: MemberId])[]): () => void {
    for (const [from, to] of ways) this.#block(from, to)
    return () => {
      for (const [from, to] of ways) this.#unblock(from, to)
    }
  }

  #block(from: MemberId, to: MemberId): void {
    this.#way(from, to).blocks += 1
    this.#pairChanged(from, to)
  }

  #unblock(from: MemberId, to: MemberId): void {
    const way = this.#way(from, to)
    // After `becomePerfect` there may be nothing left to undo.
    if (way.blocks === 0) return
    way.blocks -= 1
    this.#release(from, to, way)
    this.#pairChanged(from, to)
  }

  /** For a while everything takes up to that much longer: somebody else is using the line. */
  congest(ms: number): void {
    this.#congestedUntilMs = this.#schedule.nowMs + ms
  }

  get isPerfect(): boolean {
    return !this.#faulty
  }

  /** From now on nothing is blocked, lost, repeated or held up. */
  becomePerfect(): void {
    this.#faulty = false
    for (const [from, ways] of this.#ways) {
      for (const [to, way] of ways) {
        way.blocks = 0
        this.#release(from, to, way)
      }
    }
    for (const id of this.#ends.keys()) this.#changed(id)
  }

  send(from: MemberId, to: MemberId, message: PeerMessage): void {
    const connection = this.#ends.get(from)?.linked.get(to)
    if (connection === undefined) return
    this.sent += 1
    const bytes = encodePeerMessage(from, to, message)
    const channel = message.kind === 'snapshotChunk' ? 1 : 0
    const packet: Packet = { connection, bytes, channel }
    let againMs = 0
    if (this.#faulty && this.#random.chance(this.#config.loss)) {
      this.lost += 1
      if (!this.#config.repeatsLost) return
      againMs = this.#random.between(...this.#config.repeatMs)
    }
    this.#carry(from, to, packet, againMs)
    if (this.#faulty && this.#random.chance(this.#config.duplication)) this.#carry(from, to, packet, 0)
  }

  /** A viewer says something in anybody's name, over its own link. */
  lie(liar: MemberId, to: MemberId, from: MemberId, message: PeerMessage): void {
    const connection = this.#ends.get(liar)?.linked.get(to)
    if (connection === undefined) return
    this.sent += 1
    this.#carry(liar, to, { connection, bytes: encodePeerMessage(from, to, message), channel: 0 }, 0)
  }

  /** A viewer says that it speaks for somebody whom that end is not linked to, and then no longer. */
  claim(liar: MemberId, to: MemberId, claimed: MemberId): void {
    const end = this.#ends.get(to)
    if (end === undefined || !end.linked.has(liar) || end.linked.has(claimed)) return
    end.handlers.onUp(claimed, true)
    if (this.#random.chance(0.5)) end.handlers.onDown(claimed)
  }

  #carry(from: MemberId, to: MemberId, packet: Packet, extraMs: number): void {
    const { delay, keepsOrder, congestionMs } = this.#config
    const { nowMs } = this.#schedule
    const way = this.#way(from, to)
    let arrivalMs = nowMs + this.#latencyMs(from, to) + extraMs
    if (this.#faulty) {
      if (this.#random.chance(delay.probability)) arrivalMs += this.#heavyTailed(...delay.ms)
      if (nowMs < this.#congestedUntilMs) arrivalMs += this.#random.between(0, congestionMs)
    }
    if (keepsOrder || !this.#faulty) arrivalMs = Math.max(arrivalMs, way.lastArrivalMs[packet.channel])
    way.lastArrivalMs[packet.channel] = arrivalMs
    this.#schedule.after(arrivalMs - nowMs, () => this.#arrive(from, to, way, packet))
  }

  #arrive(from: MemberId, to: MemberId, way: Way, packet: Packet): void {
    if (way.blocks > 0) {
      if (this.#config.repeatsLost) way.held.push(packet)
      return
    }
    const end = this.#ends.get(to)
    if (end === undefined || !this.#isOpen(end, from, way.pair, packet.connection)) return
    const decoded = decodeLinkFrame(packet.bytes)
    if (!decoded.ok) throw new Error(`a frame that cannot be decoded: ${decoded.reason}`)
    if (decoded.value.kind !== 'peer') throw new Error(`a ${decoded.value.kind} frame where a message was sent`)
    end.handlers.onMessage(decoded.value.from, decoded.value.message, roleOf(from) === 'viewer')
  }

  #release(from: MemberId, to: MemberId, way: Way): void {
    if (way.blocks > 0) return
    const { held } = way
    way.held = []
    for (const packet of held) this.#carry(from, to, packet, 0)
  }

  /** Whether what comes over that connection is still read. The first message of a new one has its hello ahead of it. */
  #isOpen(end: End, from: MemberId, pair: Pair, connection: Connection): boolean {
    const known = end.linked.get(from)
    if (connection === known || connection === end.replaced.get(from)) return true
    if (connection !== pair.connection) return false
    this.#up(end, from, connection)
    // It may be half of a link, which this end has yet to find out.
    if (!this.#works(end.id, from)) this.#settleLater(end.id, from, this.#config.linkDownMs)
    return true
  }

  #setPaused(id: MemberId, paused: boolean): void {
    const end = this.#ends.get(id)
    if (end === undefined || end.paused === paused) return
    end.paused = paused
    this.#changed(id)
  }

  #changed(id: MemberId): void {
    for (const other of this.#ends.keys()) if (other !== id) this.#pairChanged(id, other)
  }

  /** Each end finds out for itself. */
  #pairChanged(a: MemberId, b: MemberId): void {
    const delay = this.#works(a, b) ? this.#config.linkUpMs : this.#config.linkDownMs
    this.#settleLater(a, b, delay)
    this.#settleLater(b, a, delay)
  }

  #settleLater(here: MemberId, there: MemberId, delayMs: readonly [number, number]): void {
    this.#schedule.after(this.#random.between(...delayMs), () => this.#settle(here, there))
  }

  #settle(here: MemberId, there: MemberId): void {
    const end = this.#ends.get(here)
    if (end === undefined) return
    const known = end.linked.get(there)
    if (this.#works(here, there)) {
      const { connection } = this.#way(here, there).pair
      if (known !== connection) this.#up(end, there, connection)
    } else if (known !== undefined) this.#down(end, there)
  }

  /** A connection that takes another's place is none of the member's business: it hears that one can be reached, or cannot. */
  #up(end: End, there: MemberId, connection: Connection): void {
    const known = end.linked.get(there)
    end.linked.set(there, connection)
    if (known === undefined) end.handlers.onUp(there, roleOf(there) === 'viewer')
    else end.replaced.set(there, known)
  }

  /** Whoever finds a connection broken ends it, for both. */
  #down(end: End, there: MemberId): void {
    const { pair } = this.#way(end.id, there)
    if (end.linked.get(there) === pair.connection) pair.connection += 1
    end.linked.delete(there)
    end.replaced.delete(there)
    end.handlers.onDown(there)
  }

  #works(a: MemberId, b: MemberId): boolean {
    if (this.#ends.get(a)?.paused !== false || this.#ends.get(b)?.paused !== false) return false
    return this.#way(a, b).blocks === 0 && this.#way(b, a).blocks === 0
  }

  #latencyMs(from: MemberId, to: MemberId): number {
    const ms = this.#random.between(...this.#config.latencyMs)
    if (!this.#faulty) return ms
    const ends = Math.max(this.#ends.get(from)?.slowness ?? 1, this.#ends.get(to)?.slowness ?? 1)
    return ms * Math.max(ends, this.#way(from, to).slowness)
  }

  /** Mostly near the low end, seldom far away from it. */
  #heavyTailed(low: number, high: number): number {
    return Math.min(high, low / (1 - this.#random.next()))
  }

  #drawSlowness(share: number): number {
    return this.#random.chance(share) ? this.#config.slow.factor : 1
  }

  #way(from: MemberId, to: MemberId): Way {
    let ways = this.#ways.get(from)
    if (ways === undefined) {
      ways = new Map()
      this.#ways.set(from, ways)
    }
    let way = ways.get(to)
    if (way === undefined) {
      const back = this.#ways.get(to)?.get(from)
      const slowness = this.#drawSlowness(this.#config.slow.links)
      way = { pair: back?.pair ?? { connection: 1 }, slowness, blocks: 0, lastArrivalMs: [0, 0], held: [] }
      ways.set(to, way)
    }
    return way
  }
}
