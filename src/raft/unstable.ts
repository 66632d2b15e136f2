import { assert, present } from './assert.ts'
import type { Logger } from './logger.ts'
import type { Entry, Index, Snapshot, Term } from './types.ts'

const NO_ENTRIES: readonly Entry[] = []

/**
 * The end of the log that is not yet known to be durable: a window of entries from `offset` on, and perhaps a snapshot below
 * them. Both pass through "in progress": handed out to be written, not yet acknowledged.
 *
 * With asynchronous writes the window may be truncated and refilled while older contents of the same indexes are
 * being written; `stableTo` therefore believes an acknowledgement only if the term fits too.
 */
export class Unstable {
  #entries: Entry[] = []
  #offset: Index
  /** Entries below this index have been handed out; `offset <= offsetInProgress`. */
  #offsetInProgress: Index
  #snapshot: Snapshot | null = null
  #snapshotInProgress = false
  readonly #logger: Logger | undefined

  constructor(offset: Index, logger: Logger | undefined) {
    this.#offset = offset
    this.#offsetInProgress = offset
    this.#logger = logger
  }

  get offset(): Index {
    return this.#offset
  }

  get offsetInProgress(): Index {
    return this.#offsetInProgress
  }

  get length(): number {
    return this.#entries.length
  }

  get snapshot(): Snapshot | null {
    return this.#snapshot
  }

  /** The index after the last one, if this window knows it: it may be empty. */
  get end(): Index {
    return this.#offset + this.#entries.length
  }

  /** First and last index as far as known here; null where only the storage knows. */
  get firstIndex(): Index | null {
    return this.#snapshot === null ? null : this.#snapshot.metadata.index + 1
  }

  get lastIndex(): Index | null {
    if (this.#entries.length > 0) return this.end - 1
    return this.#snapshot === null ? null : this.#snapshot.metadata.index
  }

  /** Null if the entry is not in the window. */
  term(index: Index): Term | null {
    if (index < this.#offset) {
      const metadata = this.#snapshot?.metadata
      return metadata !== undefined && metadata.index === index ? metadata.term : null
    }
    return this.#entries[index - this.#offset]?.term ?? null
  }

  /** Entries not yet handed out. */
  nextEntries(): readonly Entry[] {
    const from = this.#offsetInProgress - this.#offset
    return from === this.#entries.length ? NO_ENTRIES : this.#entries.slice(from)
  }

  get hasNextEntries(): boolean {
    return this.#entries.length > this.#offsetInProgress - this.#offset
  }

  /** The snapshot, unless it was already handed out. */
  nextSnapshot(): Snapshot | null {
    return this.#snapshotInProgress ? null : this.#snapshot
  }

  /** Everything there is has now been handed out. */
  acceptInProgress(): void {
    if (this.#entries.length > 0) this.#offsetInProgress = this.end
    if (this.#snapshot !== null) this.#snapshotInProgress = true
  }

  /** The write of the log up to `index`, whose entry there had `term`, is durable. Ignored if it has been replaced since. */
  stableTo(index: Index, term: Term): void {
    const ourTerm = this.term(index)
    if (ourTerm === null) {
      this.#logger?.info(`entry at index ${index} missing from unstable log; ignoring`)
      return
    }
    if (index < this.#offset) {
      this.#logger?.info(`entry at index ${index} matched unstable snapshot; ignoring`)
      return
    }
    if (ourTerm !== term) {
      this.#logger?.info(
        `entry at (index,term)=(${index},${term}) mismatched with entry at (${index},${ourTerm}) in unstable log; ignoring`,
      )
      return
    }
    this.#entries = this.#entries.slice(index + 1 - this.#offset)
    this.#offset = index + 1
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset)
  }

  /** The snapshot at `index` is durable, and part of the storage from now on. */
  stableSnapshotTo(index: Index): void {
    if (this.#snapshot !== null && this.#snapshot.metadata.index === index) {
      this.#snapshot = null
      this.#snapshotInProgress = false
    }
  }

  /** Forgets the log for a snapshot. */
  restore(snapshot: Snapshot): void {
    this.#offset = snapshot.metadata.index + 1
    this.#offsetInProgress = this.#offset
    this.#entries = []
    this.#snapshot = snapshot
    this.#snapshotInProgress = false
  }

  /** Appends `entries`, replacing whatever the window holds from the first one's index on. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = present(entries[0], 'unstable: nothing to append').index
    assert(from <= this.end, 'unstable: append leaves a gap')
    if (from === this.end) {
      for (const entry of entries) this.#entries.push(entry)
      return
    }
    if (from <= this.#offset) {
      this.#logger?.info(`replace the unstable entries from index ${from}`)
      this.#entries = [...entries]
      this.#offset = from
      this.#offsetInProgress = from
      return
    }
    this.#logger?.info(`truncate the unstable entries before index ${from}`)
    this.#entries.length = from - this.#offset
    for (const entry of entries) this.#entries.push(entry)
    // What was handed out of the part cut off has to be handed out anew.
    this.#offsetInProgress = Math.min(this.#offsetInProgress, from)
  }

  /** Entries `[low, high)`, which must be in the window. */
  slice(low: Index, high: Index): readonly Entry[] {
    assert(low >= this.#offset && low <= high && high <= this.end, 'unstable: slice out of the window')
    return this.#entries.slice(low - this.#offset, high - this.#offset)
  }
}
