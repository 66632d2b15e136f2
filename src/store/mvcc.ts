import { EMPTY_BYTES, keyText, ownBytes } from './bytes.ts'
import { storeError } from './errors.ts'
import { type Change, firstAtOrAfter, isPut, KeyIndex, type KeyRecord, spanOf } from './key-index.ts'
import type { KeyRange, KeyValue, LeaseId, Revision } from './types.ts'

/** What a change is counted with beside its key and value, for the quota. */
export const CHANGE_OVERHEAD_BYTES = 64

/** A new store is at revision 1, so that 0 can mean "now" and the first write makes 2 (as in etcd). */
const FIRST_REVISION = 1

/** Distinct from 0, as etcd lets revision 0 be compacted, once. */
const NOTHING_COMPACTED = -1

/**
 * Keys in many versions: an index of the keys with each one's changes, and the history of all changes in the order they were
 * made. Changes are made at the next revision and become one with `commit`, or never were with `rollback`.
 */
export class Mvcc {
  readonly #index = new KeyIndex()
  /** In order of revision and, within one, of being made. Every element is also in its record's list, and vice versa. */
  readonly #history: Change[] = []
  /** How much of the history is committed. */
  #committed = 0
  #revision: Revision = FIRST_REVISION
  #compactRevision: Revision = NOTHING_COMPACTED
  #sizeBytes = 0

  /** The last committed revision. */
  get revision(): Revision {
    return this.#revision
  }

  /** What a reader within the transaction under way sees: the next revision as soon as something was changed. */
  get revisionInside(): Revision {
    return this.#history.length > this.#committed ? this.#revision + 1 : this.#revision
  }

  /** Revisions below this one are forgotten. Negative until something was compacted. */
  get compactRevision(): Revision {
    return this.#compactRevision
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get history(): readonly Change[] {
    return this.#history
  }

  record(text: string): KeyRecord | undefined {
    return this.#index.get(text)
  }

  /** Throws `COMPACTED` or `FUTURE_REVISION` if the state as of `revision` cannot be read. */
  checkReadable(revision: Revision): void {
    if (revision > this.revisionInside) throw storeError('FUTURE_REVISION')
    if (revision < this.#compactRevision) throw storeError('COMPACTED')
  }

  /** Visits, in key order, the keys of a range that exist at a readable revision; 0 or less means now. */
  forEach(range: KeyRange, revision: Revision, visit: (kv: KeyValue) => void): void {
    const now = revision <= 0 || revision >= this.revisionInside
    this.#index.forEach(spanOf(range), record => {
      const kv = now ? record.latest() : record.at(revision)
      if (kv !== null) visit(kv)
    })
  }

  latest(key: Uint8Array): KeyValue | null {
    return this.#index.get(keyText(key))?.latest() ?? null
  }

  put(key: Uint8Array, value: Uint8Array, lease: LeaseId): void {
    const record = this.#index.ensure(key)
    const before = record.latest()
    const modRevision = this.#revision + 1
    this.#add(record, {
      key: record.key,
      value: ownBytes(value),
      createRevision: before?.createRevision ?? modRevision,
      modRevision,
      version: (before?.version ?? 0) + 1,
      lease,
    })
  }

  /** Deletes what exists in the range; returns what was there. */
  delete(range: KeyRange): KeyValue[] {
    const deleted: KeyValue[] = []
    const records: KeyRecord[] = []
    this.#index.forEach(spanOf(range), record => {
      const kv = record.latest()
      if (kv === null) return
      deleted.push(kv)
      records.push(record)
    })
    for (const record of records) this.#add(record, tombstone(record.key, this.#revision + 1))
    return deleted
  }

  /** Makes what was changed one revision; no change, no revision. Returns where in the history it begins. */
  commit(): number {
    const start = this.#committed
    if (this.#history.length > start) {
      if (this.#history[start]?.kv.modRevision !== this.#revision + 1) throw new Error('a revision was skipped')
      this.#revision++
      this.#committed = this.#history.length
    }
    return start
  }

  /** Undoes what was changed since the last commit. */
  rollback(): void {
    for (const { record, kv } of this.#history.splice(this.#committed).reverse()) {
      record.changes.pop()
      this.#sizeBytes -= changeBytes(kv)
      if (record.changes.length === 0) this.#index.delete(record.text)
    }
  }

  /** Forgets what only revisions before `revision` need. Throws `COMPACTED` or `FUTURE_REVISION` as etcd does. */
  compact(revision: Revision): void {
    if (this.#history.length !== this.#committed) throw new Error('compaction inside a transaction')
    if (revision <= this.#compactRevision) throw storeError('COMPACTED')
    if (revision > this.#revision) throw storeError('FUTURE_REVISION')
    this.#compactRevision = revision
    const end = firstAtOrAfter(this.#history, revision)
    let kept = 0
    for (let i = 0; i < end; i++) {
      const change = this.#history[i]
      if (change === undefined) break
      const { record, kv } = change
      record.compact(revision)
      // At most one change from before `revision` is left of any key, so it can only be the first.
      if (record.changes[0] === change) {
        this.#history[kept++] = change
        continue
      }
      this.#sizeBytes -= changeBytes(kv)
      if (record.changes.length === 0) this.#index.delete(record.text)
    }
    this.#history.splice(kept, end - kept)
    this.#committed = this.#history.length
  }

  /** Rebuilds a state from its history. Throws `RangeError` if it cannot be one. */
  static from(revision: Revision, compactRevision: Revision, kvs: Iterable<KeyValue>): Mvcc {
    const mvcc = new Mvcc()
    if (revision < FIRST_REVISION || compactRevision < NOTHING_COMPACTED || compactRevision > revision) {
      throw new RangeError('revisions out of order')
    }
    let last: Revision = FIRST_REVISION
    for (const kv of kvs) {
      if (kv.modRevision < last || kv.modRevision > revision) throw new RangeError('history out of order')
      if (isPut(kv) && kv.createRevision > kv.modRevision) throw new RangeError('created after it was changed')
      last = kv.modRevision
      const record = mvcc.#index.ensure(kv.key)
      mvcc.#add(record, { ...kv, key: record.key, value: ownBytes(kv.value) })
    }
    mvcc.#revision = revision
    mvcc.#compactRevision = compactRevision
    mvcc.#committed = mvcc.#history.length
    return mvcc
  }

  #add(record: KeyRecord, kv: KeyValue): void {
    const last = this.#history.at(-1)
    if (last !== undefined && last.kv.modRevision > kv.modRevision) throw new Error('history out of order')
    const change = { record, kv }
    record.changes.push(change)
    this.#history.push(change)
    this.#sizeBytes += changeBytes(kv)
  }
}

export function tombstone(key: Uint8Array, modRevision: Revision): KeyValue {
  return { key, value: EMPTY_BYTES, createRevision: 0, modRevision, version: 0, lease: 0 }
}

/** What holding one change counts for against the quota. */
export function changeBytes(kv: { readonly key: Uint8Array; readonly value: Uint8Array }): number {
  return kv.key.length + kv.value.length + CHANGE_OVERHEAD_BYTES
}
