import type { ConfState, Entry, HardState, Index, Snapshot, Term } from './types.ts'

/**
 * Where the machine reads what has been made stable. The owner writes to it what each `Ready` hands out; the machine
 * only reads. The log it holds is `[firstIndex, lastIndex]`, preceded by the snapshot's `(index, term)`.
 *
 * Errors: `StorageError` with code `COMPACTED` or `UNAVAILABLE`, as in etcd's `ErrCompacted` and `ErrUnavailable`.
 */
export interface Storage {
  /** What a restarting member finds: the persisted hard state and the configuration as of the applied index. */
  initialState(): { hardState: HardState; confState: ConfState }
  /** Entries `[low, high)`, at least one if any, and otherwise as many as `maxBytes` allow, counted by `entryBytes`. */
  entries(low: Index, high: Index, maxBytes: number): readonly Entry[]
  /** Term of the entry at `index`, which is in `[firstIndex - 1, lastIndex]`. */
  term(index: Index): Term
  firstIndex(): Index
  lastIndex(): Index
  /** The newest snapshot; its index is at least `firstIndex - 1`. Throws `SNAPSHOT_UNAVAILABLE` while it is being made. */
  snapshot(): Snapshot
}

export type StorageErrorCode = 'COMPACTED' | 'UNAVAILABLE' | 'SNAPSHOT_OUT_OF_DATE' | 'SNAPSHOT_UNAVAILABLE'

export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode

  constructor(code: StorageErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
