import { decodeLinkFrame, encodePeerMessage } from '../../src/net/codec.ts'
import type { MemberId } from '../../src/raft/types.ts'
import type { PeerMessage } from '../../src/replica/types.ts'
import type { SimulationConfig } from './config.ts'
import type { Random } from './random.ts'
import type { Schedule } from './schedule.ts'

/** One member's end of the network. */
export interface Handlers {
  readonly onUp: (member: MemberId) => void
  readonly onDown: (member: MemberId) => void
  readonly onMessage: (from: MemberId, message: PeerMessage) => void
}

interface End {
  readonly id: MemberId
  readonly handlers: Handlers
  /** Tells one life of a member from the next. */
  readonly life: number
  /** Not answering, though not gone. */
  paused: boolean
  /** Whom this end believes to be linked to, and in which life. */
  readonly linked: Map<MemberId, number>
}

/**
 * A full mesh of links. A link works while both ends are there and neither direction is blocked; both ends find out about a
 * change only after a while. Messages travel as bytes, through the real codec, so members share no memory.
 */
export class Network {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #config: SimulationConfig['network']
  readonly #ends = new Map<MemberId, End>()
  /** Directions, by `direction()`. */
  readonly #blocked = new Set<string>()
  readonly #lastArrivalMs = new Map<string, number>()
  #lives = 0
  #faulty = true
  sent = 0
  lost = 0

  constructor(schedule: Schedule, random: Random, config: SimulationConfig['network']) {
    this.#schedule = schedule
    this.#random = random
    this.#config = config
  }

  attach(id: MemberId, handlers: Handlers): void {
    this.#lives += 1
    this.#ends.set(id, { id, handlers, life: this.#lives, paused: false, linked: new Map() })
    this.#changed(id)
  }

  /** Gone: with a word of farewell, which the others get at once, or without one. */
  detach(id: MemberId, how: 'bye' | 'silent'): void {
    this.#ends.delete(id)
    if (how === 'silent') {
      this.#changed(id)
      return
    }
    for (const other of this.#ends.keys()) this.#schedule.after(this.#latencyMs(), () => this.#settle(id, other))
  }

  pause(id: MemberId): void {
    this.#setPaused(id, true)
  }

  unpause(id: MemberId): void {
    this.#setPaused(id, false)
  }

  block(from: MemberId, to: MemberId): void {
    this.#blocked.add(direction(from, to))
    this.#pairChanged(from, to)
  }

  unblock(from: MemberId, to: MemberId): void {
    this.#blocked.delete(direction(from, to))
    this.#pairChanged(from, to)
  }

  /** From now on nothing is blocked, lost, repeated or held up. */
  becomePerfect(): void {
    this.#faulty = false
    this.#blocked.clear()
    for (const id of this.#ends.keys()) this.#changed(id)
  }

  send(from: MemberId, to: MemberId, message: PeerMessage): void {
    if (this.#ends.get(from)?.linked.has(to) !== true) return
    this.sent += 1
    const bytes = encodePeerMessage(from, to, message)
    if (this.#faulty && this.#random.chance(this.#config.loss)) {
      this.lost += 1
      return
    }
    this.#carry(from, to, bytes)
    if (this.#faulty && this.#random.chance(this.#config.duplication)) this.#carry(from, to, bytes)
  }

  #carry(from: MemberId, to: MemberId, bytes: Uint8Array): void {
    const { delay, keepsOrder } = this.#config
    let arrivalMs = this.#schedule.nowMs + this.#latencyMs()
    if (this.#faulty && this.#random.chance(delay.probability)) arrivalMs += this.#random.between(...delay.ms)
    const way = direction(from, to)
    if (keepsOrder || !this.#faulty) arrivalMs = Math.max(arrivalMs, this.#lastArrivalMs.get(way) ?? 0)
    this.#lastArrivalMs.set(way, arrivalMs)
    this.#schedule.after(arrivalMs - this.#schedule.nowMs, () => {
      const end = this.#ends.get(to)
      if (end === undefined || this.#blocked.has(way)) return
      const decoded = decodeLinkFrame(bytes)
      if (!decoded.ok) throw new Error(`a frame that cannot be decoded: ${decoded.reason}`)
      if (decoded.value.kind !== 'peer') throw new Error(`a ${decoded.value.kind} frame where a message was sent`)
      end.handlers.onMessage(from, decoded.value.message)
    })
  }

  #setPaused(id: MemberId, paused: boolean): void {
    const end = this.#ends.get(id)
    if (end === undefined) return
    end.paused = paused
    this.#changed(id)
  }

  #changed(id: MemberId): void {
    for (const other of this.#ends.keys()) if (other !== id) this.#pairChanged(id, other)
  }

  #pairChanged(a: MemberId, b: MemberId): void {
    const delay = this.#works(a, b) ? this.#config.linkUpMs : this.#config.linkDownMs
    this.#schedule.after(this.#random.between(...delay), () => this.#settle(a, b))
  }

  /** Both ends now learn how the link between them is. */
  #settle(a: MemberId, b: MemberId): void {
    const works = this.#works(a, b)
    for (const [here, there] of [
      [a, b],
      [b, a],
    ] as const) {
      const end = this.#ends.get(here)
      if (end === undefined) continue
      const believed = end.linked.get(there)
      const life = works ? this.#ends.get(there)?.life : undefined
      if (believed === life) continue
      if (believed !== undefined) {
        end.linked.delete(there)
        end.handlers.onDown(there)
      }
      if (life !== undefined) {
        end.linked.set(there, life)
        end.handlers.onUp(there)
      }
    }
  }

  #works(a: MemberId, b: MemberId): boolean {
    const present = [a, b].every(id => this.#ends.get(id)?.paused === false)
    return present && !this.#blocked.has(direction(a, b)) && !this.#blocked.has(direction(b, a))
  }

  #latencyMs(): number {
    return this.#random.between(...this.#config.latencyMs)
  }
}

function direction(from: MemberId, to: MemberId): string {
  return `${from}>${to}`
}
