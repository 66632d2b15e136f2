import type { Command, CommandResult } from '../store/types.ts'
import type { RequestId } from './types.ts'

interface PendingWrite {
  readonly id: RequestId
  readonly seq: number
  /** The last write whose result the client had when it asked for this one. */
  readonly acked: number
  readonly data: Uint8Array
  isSettled: boolean
}

/**
 * The writes of this member's clients that it has not applied yet, in the order they were issued.
 *
 * A write is answered by this member's own application of it, not by a word from the leader: then it is visible here
 * too, and an answer cannot be lost on the way. What can be lost is the proposal, so everything unapplied is proposed again
 * after a change of leader or a long silence; the store's sessions make the repetition harmless.
 *
 * How many there are is bounded by those who ask, since here it is too late to say no: of a write that is asked for again, an earlier
 * copy may be under way, and a number that is not used stops all that come after it. An outbox and a gateway have no more
 * under way than the store remembers results of, a keeper of leases one for each.
 */
export class PendingWrites {
  readonly #clients = new Map<string, Map<number, PendingWrite>>()
  #unproposed: PendingWrite[] = []
  /** When each was proposed last, from the one that waits the longest for it to have come to something. */
  readonly #proposedAt = new Map<PendingWrite, number>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get hasUnproposed(): boolean {
    return this.#unproposed.length > 0
  }

  /** What should be proposed next, oldest first. */
  get unproposed(): readonly Uint8Array[] {
    return this.#unproposed.map(({ data }) => data)
  }

  markProposed(now: number): void {
    for (const write of this.#unproposed) {
      if (write.isSettled) continue
      this.#proposedAt.delete(write)
      this.#proposedAt.set(write, now)
    }
    this.#unproposed = []
  }

  /** Since when the longest of those that were proposed has been waiting; null if none is. */
  get waitingSince(): number | null {
    for (const since of this.#proposedAt.values()) return since
    return null
  }

  add(id: RequestId, command: Command, data: Uint8Array): void {
    let writes = this.#clients.get(command.clientId)
    if (writes === undefined) {
      writes = new Map()
      this.#clients.set(command.clientId, writes)
    }
    const write = { id, seq: command.seq, acked: command.acked, data, isSettled: false }
    const known = writes.get(command.seq)
    if (known === undefined) this.#size += 1
    else this.#settled(known)
    writes.set(command.seq, write)
    this.#unproposed.push(write)
  }

  /**
   * Everything not applied is to be proposed again, each client's writes in the order of their numbers. Returns how many of
   * them had been proposed before.
   */
  repropose(): number {
    const proposed = this.#proposedAt.size
    this.#proposedAt.clear()
    this.#unproposed = []
    for (const writes of this.#clients.values()) {
      this.#unproposed.push(...[...writes.values()].sort((a, b) => a.seq - b.seq))
    }
    return proposed
  }

  /**
   * Whether the gap before a refused write can still close: an earlier write of its client waits here, or the client was given
   * results (by an earlier life of this member, which it outlived) of writes that are not applied here yet.
   */
  mayClose({ clientId, seq }: Command, isApplied: (seq: number) => boolean): boolean {
    const writes = this.#clients.get(clientId)
    const refused = writes?.get(seq)
    if (writes === undefined || refused === undefined) return false
    return [...writes.keys()].some(earlier => earlier < seq) || (refused.acked > 0 && !isApplied(refused.acked))
  }

  /** The command was applied: the request to answer, if it was ours and still open. */
  settle(clientId: string, seq: number): RequestId | null {
    const writes = this.#clients.get(clientId)
    const write = writes?.get(seq)
    if (writes === undefined || write === undefined) return null
    writes.delete(seq)
    this.#settled(write)
    if (writes.size === 0) this.#clients.delete(clientId)
    this.#size -= 1
    return write.id
  }

  /**
   * After a snapshot took the place of entries: what became of the writes that may have been among them, by the results
   * the snapshot remembers.
   */
  reconcile(resultOf: (clientId: string, seq: number) => CommandResult | 'unknown' | 'forgotten'): {
    id: RequestId
    result: CommandResult | 'forgotten'
  }[] {
    const settled: { id: RequestId; result: CommandResult | 'forgotten' }[] = []
    for (const [clientId, writes] of [...this.#clients]) {
      for (const { seq } of [...writes.values()]) {
        const result = resultOf(clientId, seq)
        if (result === 'unknown') continue
        const id = this.settle(clientId, seq)
        if (id !== null) settled.push({ id, result })
      }
    }
    this.repropose()
    return settled
  }

  #settled(write: PendingWrite): void {
    write.isSettled = true
    this.#proposedAt.delete(write)
  }
}
