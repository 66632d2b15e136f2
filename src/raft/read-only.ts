import type { AckedIndexer, JointQuorum } from './quorum.ts'
import { EMPTY_BYTES, type Index, type MemberId } from './types.ts'

/** A read request waiting for proof that the leader still leads. */
export interface PendingRead {
  /** Who asked; the answer goes there. */
  readonly from: MemberId
  /** The caller's name for the request, given back with the answer. */
  readonly context: Uint8Array
  /** The commit index when the request arrived: the read must see everything up to it. */
  readonly index: Index
}

/** Reads a leader holds at a time; more are dropped, and asked for again by whoever still wants them. */
export const PENDING_READS_MAX = 65_536

const SEQUENCE_BYTES = 8

/**
 * Linearizable reads without writing to the log (thesis 6.4). Requests are numbered by the leader, and a heartbeat carries the
 * newest number: whoever answers it confirms all requests up to it at once. So any number of reads that arrive together cost
 * one round of heartbeats, and a repeated or reordered answer can confirm nothing that was asked after it.
 */
export class ReadOnly implements AckedIndexer {
  readonly #queue: PendingRead[] = []
  /** The number of the newest request; the queue holds the last `queue.length` numbers. */
  #issued = 0
  /** The newest number that heartbeats have carried. */
  #announced = 0
  readonly #acked = new Map<MemberId, number>()

  /** False if there are too many already. */
  add(read: PendingRead): boolean {
    if (this.#queue.length >= PENDING_READS_MAX) return false
    this.#queue.push(read)
    this.#issued++
    return true
  }

  get hasUnannounced(): boolean {
    return this.#announced < this.#issued
  }

  /** The context for heartbeats sent now; empty if nothing waits. */
  announce(leader: MemberId): Uint8Array {
    this.#announced = this.#issued
    if (this.#queue.length === 0) return EMPTY_BYTES
    this.#acked.set(leader, this.#issued)
    const context = new Uint8Array(SEQUENCE_BYTES)
    new DataView(context.buffer).setFloat64(0, this.#issued)
    return context
  }

  /** A member answered a heartbeat with this context. */
  acknowledge(member: MemberId, context: Uint8Array): void {
    if (context.length !== SEQUENCE_BYTES) return
    const sequence = new DataView(context.buffer, context.byteOffset, SEQUENCE_BYTES).getFloat64(0)
    if (!(sequence <= this.#announced)) return
    if (sequence > (this.#acked.get(member) ?? 0)) this.#acked.set(member, sequence)
  }

  ackedIndex(member: MemberId): number | undefined {
    return this.#acked.get(member)
  }

  /** Takes out the reads that a quorum has confirmed. */
  release(voters: JointQuorum): readonly PendingRead[] {
    const confirmed = voters.committedIndex(this)
    const oldest = this.#issued - this.#queue.length + 1
    const count = Math.min(confirmed - oldest + 1, this.#queue.length)
    return count <= 0 ? [] : this.#queue.splice(0, count)
  }
}
