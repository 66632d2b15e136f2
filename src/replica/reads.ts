import type { MemberId } from '../raft/types.ts'
import type { ReadRequest } from '../store/types.ts'
import type { RequestId } from './types.ts'

/** Reads that wait for the cluster, or for a state. Without a quorum they wait for as long as it takes, and there may be no end of them. */
export const pendingReadsMax = 100_000

export interface PendingRead {
  readonly id: RequestId
  readonly request: ReadRequest
}

interface Round {
  readonly reads: PendingRead[]
  readonly context: string
  ticks: number
}

/**
 * Linearizable reads by ReadIndex (Raft thesis 6.4). Reads wait together: while one round of confirmation is under way, those
 * that arrive form the next. A round that got no answer is asked again under a fresh context, because an answer to
 * the old one may be older than the reads that joined since (and a late answer must not be taken for a new one).
 */
export class PendingReads {
  readonly #member: MemberId
  #counter: number
  #waiting: PendingRead[] = []
  #round: Round | null = null
  /** Confirmed, to be served when the index is applied. */
  #confirmed: { index: number; reads: PendingRead[] }[] = []

  /** `random`: in [0, 1). Rounds are numbered from somewhere else in each life, or an answer to the last could answer this one. */
  constructor(member: MemberId, random: () => number) {
    this.#member = member
    this.#counter = Math.floor(random() * roundsFrom)
  }

  get size(): number {
    const confirmed = this.#confirmed.reduce((sum, { reads }) => sum + reads.length, 0)
    return this.#waiting.length + (this.#round?.reads.length ?? 0) + confirmed
  }

  add(read: PendingRead): void {
    this.#waiting.push(read)
  }

  cancel(id: RequestId): void {
    const keep = (read: PendingRead) => read.id !== id
    this.#waiting = this.#waiting.filter(keep)
    if (this.#round !== null) this.#round = { ...this.#round, reads: this.#round.reads.filter(keep) }
    this.#confirmed = this.#confirmed.map(({ index, reads }) => ({ index, reads: reads.filter(keep) }))
  }

  /** The context to ask raft for, if reads wait and no round is under way. */
  begin(): Uint8Array | null {
    if (this.#round !== null || this.#waiting.length === 0) return null
    this.#counter += 1
    const context = readContext(this.#member, this.#counter)
    this.#round = { reads: this.#waiting, context: contextKey(context), ticks: 0 }
    this.#waiting = []
    return context
  }

  confirm(context: Uint8Array, index: number): void {
    const round = this.#round
    if (round === null || round.context !== contextKey(context)) return
    this.#round = null
    this.#confirmed.push({ index, reads: round.reads })
  }

  /** One more tick passed; after `retryTicks` the round counts as lost. */
  tick(retryTicks: number): void {
    if (this.#round === null) return
    this.#round.ticks += 1
    if (this.#round.ticks >= retryTicks) this.restart()
  }

  /** What was asked may never be answered: the leader changed, or this member was frozen. */
  restart(): void {
    if (this.#round === null) return
    this.#waiting = [...this.#round.reads, ...this.#waiting]
    this.#round = null
  }

  /** Reads whose index is applied. */
  takeServable(applied: number): PendingRead[] {
    if (this.#confirmed.length === 0) return []
    const servable = this.#confirmed.filter(({ index }) => index <= applied)
    if (servable.length === 0) return []
    this.#confirmed = this.#confirmed.filter(({ index }) => index > applied)
    return servable.flatMap(({ reads }) => reads)
  }
}

/** Far enough from the end of the safe integers. */
const roundsFrom = 2 ** 52

/** Contexts of all members meet at the leader, so the member is part of them. 16 bytes: member, counter. */
function readContext(member: MemberId, counter: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setFloat64(0, member)
  view.setFloat64(8, counter)
  return bytes
}

function contextKey(context: Uint8Array): string {
  return String.fromCharCode(...context)
}
