import { assert, present } from './assert.ts'
import { EMPTY_CONF_STATE } from './configuration.ts'
import { countWithin } from './entry.ts'
import { type Storage, StorageError } from './storage.ts'
import {
  type ConfState,
  EMPTY_BYTES,
  type Entry,
  type HardState,
  type Index,
  NONE,
  type Snapshot,
  type Term,
} from './types.ts'

const EMPTY_HARD_STATE: HardState = { term: 0, vote: NONE, commit: 0 }
const EMPTY_SNAPSHOT: Snapshot = { metadata: { confState: EMPTY_CONF_STATE, index: 0, term: 0 }, data: EMPTY_BYTES }

export interface MemoryStorageOptions {
  /**
   * Called when raft needs a snapshot for a follower, so that it is made only then. Its index must be at least
   * `firstIndex - 1`. May throw `StorageError` `SNAPSHOT_UNAVAILABLE`. Without it, the snapshot last stored is given.
   */
  readonly makeSnapshot?: () => Snapshot
}

/** What a durable log gave back after a restart. */
export interface RecoveredLog {
  readonly hardState: HardState
  readonly snapshot: Snapshot | null
  /** Contiguous. May begin below the snapshot's index, and must not begin more than one above it. */
  readonly entries: readonly Entry[]
}

/** A `Storage` in memory: the mirror of what is durable. Its owner writes here what it has made durable elsewhere. */
export class MemoryStorage implements Storage {
  readonly #makeSnapshot: (() => Snapshot) | undefined
  #hardState: HardState = EMPTY_HARD_STATE
  #snapshot: Snapshot = EMPTY_SNAPSHOT
  /** The entry just below the log: compacted away, its term still known. */
  #compactedIndex: Index = 0
  #compactedTerm: Term = 0
  #entries: Entry[] = []

  constructor(options: MemoryStorageOptions = {}) {
    this.#makeSnapshot = options.makeSnapshot
  }

  static recover(recovered: RecoveredLog, options: MemoryStorageOptions = {}): MemoryStorage {
    const storage = new MemoryStorage(options)
    if (recovered.snapshot !== null) storage.applySnapshot(recovered.snapshot)
    const { index } = storage.#snapshot.metadata
    const [first, ...rest] = recovered.entries
    if (first !== undefined) {
      assert(first.index <= index + 1, 'storage: recovered log leaves a gap after its snapshot')
      if (first.index <= index) {
        // The term below the first entry is not known, so that entry itself becomes the edge of the log.
        storage.#compactedIndex = first.index
        storage.#compactedTerm = first.term
        storage.#entries = rest
        assert(storage.lastIndex() >= index, 'storage: recovered log ends before its snapshot')
        assert(storage.term(index) === storage.#snapshot.metadata.term, 'storage: snapshot contradicts the log')
      } else {
        storage.append(recovered.entries)
      }
    }
    // What was applied, and so is in the snapshot, was committed, even if the commit index was not yet written.
    const { hardState } = recovered
    storage.setHardState({ ...hardState, commit: Math.max(hardState.commit, index) })
    return storage
  }

  initialState(): { hardState: HardState; confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState }
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState
  }

  firstIndex(): Index {
    return this.#compactedIndex + 1
  }

  lastIndex(): Index {
    return this.#compactedIndex + this.#entries.length
  }

  term(index: Index): Term {
    if (index < this.#compactedIndex) throw new StorageError('COMPACTED', `term of ${index} is compacted away`)
    if (index === this.#compactedIndex) return this.#compactedTerm
    const entry = this.#entries[index - this.firstIndex()]
    if (entry === undefined) throw new StorageError('UNAVAILABLE', `term of ${index} is beyond the log`)
    return entry.term
  }

  entries(low: Index, high: Index, maxBytes: number): readonly Entry[] {
    const first = this.firstIndex()
    if (low < first) throw new StorageError('COMPACTED', `entries from ${low} are compacted away`)
    if (high > this.lastIndex() + 1) throw new StorageError('UNAVAILABLE', `entries up to ${high} are beyond the log`)
    const start = low - first
    return this.#entries.slice(start, start + countWithin(this.#entries, start, high - first, maxBytes))
  }

  snapshot(): Snapshot {
    const snapshot = this.#makeSnapshot === undefined ? this.#snapshot : this.#makeSnapshot()
    assert(snapshot.metadata.index >= this.#compactedIndex, 'storage: snapshot older than the log')
    return snapshot
  }

  /** Adds entries, replacing what the log holds from the first one's index on. Those compacted away are skipped. */
  append(entries: readonly Entry[]): void {
    const head = entries[0]
    if (head === undefined) return
    const skip = Math.max(0, this.firstIndex() - head.index)
    if (skip >= entries.length) return
    const from = head.index + skip
    assert(from <= this.lastIndex() + 1, 'storage: append leaves a gap')
    this.#entries.length = from - this.firstIndex()
    for (let i = skip; i < entries.length; i++) this.#entries.push(present(entries[i], 'storage: hole in the entries'))
  }

  /** Replaces everything by a snapshot. Throws `StorageError` `SNAPSHOT_OUT_OF_DATE` if there is a newer one. */
  applySnapshot(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata
    if (this.#snapshot.metadata.index >= index && index !== 0) outOfDate(index)
    this.#snapshot = snapshot
    this.#compactedIndex = index
    this.#compactedTerm = term
    this.#entries = []
  }

  /**
   * Stores a snapshot of the state as of `index`, an index of this log; the log stays until `compact`.
   * Throws `StorageError` `SNAPSHOT_OUT_OF_DATE` if there is a newer one.
   */
  createSnapshot(index: Index, confState: ConfState, data: Uint8Array): Snapshot {
    if (index <= this.#snapshot.metadata.index) outOfDate(index)
    assert(index <= this.lastIndex(), 'storage: snapshot beyond the log')
    this.#snapshot = { metadata: { confState, index, term: this.term(index) }, data }
    return this.#snapshot
  }

  /** Drops the entries up to and including `index`. Throws `StorageError` `COMPACTED` if they are gone already. */
  compact(index: Index): void {
    if (index <= this.#compactedIndex) throw new StorageError('COMPACTED', `the log up to ${index} is compacted away`)
    assert(index <= this.lastIndex(), 'storage: compaction beyond the log')
    const term = this.term(index)
    this.#entries = this.#entries.slice(index + 1 - this.firstIndex())
    this.#compactedIndex = index
    this.#compactedTerm = term
  }
}

function outOfDate(index: Index): never {
  throw new StorageError('SNAPSHOT_OUT_OF_DATE', `a snapshot newer than ${index} is stored`)
}
