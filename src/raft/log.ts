import { assert, present } from './assert.ts'
import { countWithin, entriesBytes } from './entry.ts'
import type { Logger } from './logger.ts'
import { type Storage, StorageError } from './storage.ts'
import type { Entry, Index, Snapshot, Term } from './types.ts'
import { Unstable } from './unstable.ts'

const NO_ENTRIES: readonly Entry[] = []

/**
 * The whole log: what the storage holds, followed by what is not yet durable. And how far it has come:
 * `applied <= applying <= committed <= lastIndex`.
 */
export class RaftLog {
  readonly #storage: Storage
  readonly #unstable: Unstable
  readonly #logger: Logger | undefined
  /** Known to be on the disks of a quorum, and so final (paper 5.3). */
  #committed: Index
  /** Handed out to be applied. */
  #applying: Index
  /** Acknowledged as applied. */
  #applied: Index
  readonly #applyingBytesMax: number
  #applyingBytes = 0
  /** No more is handed out to be applied until some of it is acknowledged. */
  #applyingPaused = false

  constructor(storage: Storage, applyingBytesMax: number, logger: Logger | undefined) {
    const firstIndex = storage.firstIndex()
    const lastIndex = storage.lastIndex()
    assert(firstIndex >= 1 && lastIndex >= firstIndex - 1, 'log: storage bounds are out of order')
    this.#storage = storage
    this.#unstable = new Unstable(lastIndex + 1, logger)
    this.#logger = logger
    this.#committed = firstIndex - 1
    this.#applying = firstIndex - 1
    this.#applied = firstIndex - 1
    this.#applyingBytesMax = applyingBytesMax
  }

  get committed(): Index {
    return this.#committed
  }

  get applied(): Index {
    return this.#applied
  }

  /** Up to where the state machine may have been told to apply, by entries or by a snapshot: what can be acknowledged. */
  get handedOut(): Index {
    return Math.max(this.#applying, this.#unstable.snapshot?.metadata.index ?? 0)
  }

  get firstIndex(): Index {
    return this.#unstable.firstIndex ?? this.#storage.firstIndex()
  }

  get lastIndex(): Index {
    return this.#unstable.lastIndex ?? this.#storage.lastIndex()
  }

  get lastTerm(): Term {
    return present(this.term(this.lastIndex) ?? undefined, 'log: the last entry has no term')
  }

  /** Null if the index is compacted away or beyond the end. */
  term(index: Index): Term | null {
    const unstable = this.#unstable.term(index)
    if (unstable !== null) return unstable
    if (index + 1 < this.firstIndex || index > this.lastIndex) return null
    try {
      return this.#storage.term(index)
    } catch (error) {
      if (isUnreachable(error)) return null
      throw error
    }
  }

  matchTerm(index: Index, term: Term): boolean {
    return this.term(index) === term
  }

  /** The voting rule (paper 5.4.1): who is to lead must have a log at least as complete as ours. */
  isUpToDate(lastIndex: Index, lastTerm: Term): boolean {
    const ourTerm = this.lastTerm
    return lastTerm > ourTerm || (lastTerm === ourTerm && lastIndex >= this.lastIndex)
  }

  /**
   * A follower's side of an append (paper 5.3): null if its log does not contain `(prevIndex, prevTerm)`, otherwise the
   * index of the last of `entries`, up to where it now agrees with the leader.
   */
  maybeAppend(prevIndex: Index, prevTerm: Term, entries: readonly Entry[], leaderCommit: Index): Index | null {
    if (!this.matchTerm(prevIndex, prevTerm)) return null
    const last = prevIndex + entries.length
    const conflict = this.#findConflict(entries)
    if (conflict !== null) {
      assert(conflict > this.#committed, 'log: an append contradicts a committed entry')
      const skip = conflict - (prevIndex + 1)
      this.append(skip === 0 ? entries : entries.slice(skip))
    }
    this.commitTo(Math.min(leaderCommit, last))
    return last
  }

  append(entries: readonly Entry[]): Index {
    const first = entries[0]
    if (first === undefined) return this.lastIndex
    assert(first.index > this.#committed, 'log: an append would replace a committed entry')
    this.#unstable.truncateAndAppend(entries)
    return this.lastIndex
  }

  /** Index of the first entry that is new or differs; null if all are there already. */
  #findConflict(entries: readonly Entry[]): Index | null {
    for (const { index, term } of entries) {
      if (this.matchTerm(index, term)) continue
      if (index <= this.lastIndex) {
        this.#logger?.info(
          `found conflict at index ${index} [existing term: ${this.term(index) ?? 0}, conflicting term: ${term}]`,
        )
      }
      return index
    }
    return null
  }

  /**
   * The largest index at or below `index` whose term is at most `term`: the two logs cannot agree above it. Used on both sides
   * of a refused append, so that backing up takes one round trip per differing term at most.
   */
  findConflictByTerm(index: Index, term: Term): { index: Index; term: Term } {
    for (let i = index; i > 0; i--) {
      const ourTerm = this.term(i)
      // Where the log can no longer be read, replication itself will find out.
      if (ourTerm === null) return { index: i, term: 0 }
      if (ourTerm <= term) return { index: i, term: ourTerm }
    }
    return { index: 0, term: 0 }
  }

  commitTo(index: Index): void {
    if (index <= this.#committed) return
    assert(index <= this.lastIndex, 'log: commit index beyond the end; was the log lost or cut?')
    this.#committed = index
  }

  /** Commits up to `index` if the entry there is of `term`: a leader's own (paper 5.4.2, figure 8), or what is known to be committed. */
  maybeCommit(index: Index, term: Term): boolean {
    if (index <= this.#committed || term === 0 || !this.matchTerm(index, term)) return false
    this.commitTo(index)
    return true
  }

  /** Entries from `low` on, at least one if there is one, up to `maxBytes`; null if they are compacted away. */
  entriesFrom(low: Index, maxBytes: number): readonly Entry[] | null {
    if (low > this.lastIndex) return NO_ENTRIES
    if (low < this.firstIndex) return null
    try {
      return this.#slice(low, this.lastIndex + 1, maxBytes)
    } catch (error) {
      if (error instanceof StorageError && error.code === 'COMPACTED') return null
      throw error
    }
  }

  #slice(low: Index, high: Index, maxBytes: number): readonly Entry[] {
    assert(low <= high && low >= this.firstIndex && high <= this.lastIndex + 1, 'log: slice out of bounds')
    if (low === high) return NO_ENTRIES
    const { offset } = this.#unstable
    if (low >= offset) return limit(this.#unstable.slice(low, high), maxBytes)
    const cut = Math.min(high, offset)
    const stable = this.#storage.entries(low, cut, maxBytes)
    assert(stable.length > 0, 'log: storage returned nothing of what it holds')
    if (high <= offset || stable.length < cut - low) return stable
    const bytes = entriesBytes(stable)
    if (bytes >= maxBytes) return stable
    const unstable = limit(this.#unstable.slice(offset, high), maxBytes - bytes)
    // `limit` returns at least one, even if that one is too much.
    if (unstable.length === 1 && bytes + entriesBytes(unstable) > maxBytes) return stable
    return [...stable, ...unstable]
  }

  /** Whether any entry in `(applied, committed]` satisfies the test. Reads in pages, lest a long log fill the memory. */
  someUnapplied(test: (entry: Entry) => boolean): boolean {
    let low = this.#applied + 1
    while (low <= this.#committed) {
      const page = this.#slice(low, this.#committed + 1, this.#applyingBytesMax)
      if (page.some(test)) return true
      low += page.length
    }
    return false
  }

  // What is to be made durable.

  nextUnstableEntries(): readonly Entry[] {
    return this.#unstable.nextEntries()
  }

  get hasNextUnstableEntries(): boolean {
    return this.#unstable.hasNextEntries
  }

  get hasUnstableEntries(): boolean {
    return this.#unstable.length > 0
  }

  nextUnstableSnapshot(): Snapshot | null {
    return this.#unstable.nextSnapshot()
  }

  get hasUnstableSnapshot(): boolean {
    return this.#unstable.snapshot !== null
  }

  acceptUnstable(): void {
    this.#unstable.acceptInProgress()
  }

  stableTo(index: Index, term: Term): void {
    this.#unstable.stableTo(index, term)
  }

  stableSnapshotTo(index: Index): void {
    this.#unstable.stableSnapshotTo(index)
  }

  // What is to be applied.

  /** With `allowUnstable` entries may be applied before they are durable here: a quorum elsewhere has them already. */
  nextCommittedEntries(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommittedEntries(allowUnstable)) return NO_ENTRIES
    const room = this.#applyingBytesMax - this.#applyingBytes
    assert(room > 0, 'log: applying is full and was not paused')
    return this.#slice(this.#applying + 1, this.#appliable(allowUnstable) + 1, room)
  }

  hasNextCommittedEntries(allowUnstable: boolean): boolean {
    // A snapshot comes first: entries after it make no sense without it.
    if (this.#applyingPaused || this.hasUnstableSnapshot) return false
    return this.#applying < this.#appliable(allowUnstable)
  }

  #appliable(allowUnstable: boolean): Index {
    return allowUnstable ? this.#committed : Math.min(this.#committed, this.#unstable.offset - 1)
  }

  acceptApplying(index: Index, bytes: number, allowUnstable: boolean): void {
    assert(index <= this.#committed, 'log: applying what is not committed')
    this.#applying = index
    this.#applyingBytes += bytes
    // Also when the next entry did not fit: what was handed out then stops short of what could have been.
    this.#applyingPaused = this.#applyingBytes >= this.#applyingBytesMax || index < this.#appliable(allowUnstable)
  }

  appliedTo(index: Index, bytes: number): void {
    assert(index <= this.#committed && index >= this.#applied, 'log: applied index out of order')
    this.#applied = index
    this.#applying = Math.max(this.#applying, index)
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes)
    this.#applyingPaused = this.#applyingBytes >= this.#applyingBytesMax
  }

  // Snapshots.

  /** The newest snapshot, for a follower; null while none can be had. */
  snapshot(): Snapshot | null {
    if (this.#unstable.snapshot !== null) return this.#unstable.snapshot
    try {
      return this.#storage.snapshot()
    } catch (error) {
      if (error instanceof StorageError && error.code === 'SNAPSHOT_UNAVAILABLE') return null
      throw error
    }
  }

  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata
    this.#logger?.info(`log [${this}] starts to restore snapshot [index: ${index}, term: ${term}]`)
    assert(index > this.#committed, 'log: snapshot below the commit index')
    this.#committed = index
    this.#unstable.restore(snapshot)
  }

  toString(): string {
    const unstable = this.#unstable
    return (
      `committed=${this.#committed}, applied=${this.#applied}, applying=${this.#applying}, ` +
      `unstable.offset=${unstable.offset}, unstable.offsetInProgress=${unstable.offsetInProgress}, ` +
      `len(unstable.Entries)=${unstable.length}`
    )
  }
}

function limit(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  const count = countWithin(entries, 0, entries.length, maxBytes)
  return count === entries.length ? entries : entries.slice(0, count)
}

function isUnreachable(error: unknown): boolean {
  return error instanceof StorageError && (error.code === 'COMPACTED' || error.code === 'UNAVAILABLE')
}
