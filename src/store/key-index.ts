import type BTree from 'sorted-btree'
import { EmptyBTree } from 'sorted-btree'
import { keyText, ownBytes } from './bytes.ts'
import type { KeyRange, KeyValue, Revision } from './types.ts'

/** One change of one key. A deletion is a key-value with version 0, the form in which watchers see it. */
export interface Change {
  readonly record: KeyRecord
  readonly kv: KeyValue
}

/**
 * Everything remembered of one key: its changes, oldest first. The stretches between deletions are what etcd calls the
 * generations of the key; version and create revision start anew in each, and every change carries its own.
 */
export class KeyRecord {
  readonly text: string
  /** The one copy of the key that all its key-values share. */
  readonly key: Uint8Array
  readonly changes: Change[] = []

  constructor(text: string, key: Uint8Array) {
    this.text = text
    this.key = key
  }

  /** The key as it is now; null if it does not exist. */
  latest(): KeyValue | null {
    return live(this.changes.at(-1))
  }

  /** The key as of a revision (at its end, if that revision changed it more than once). */
  at(revision: Revision): KeyValue | null {
    return live(this.changes[firstAtOrAfter(this.changes, revision + 1) - 1])
  }

  /**
   * Forgets what nobody can ask for any more once revisions before `revision` are compacted: states that were over by then.
   * The changes of `revision` itself stay, as a watch may still start there.
   */
  compact(revision: Revision): void {
    let superseded = 0
    for (; superseded < this.changes.length; superseded++) {
      const change = this.changes[superseded]
      if (change === undefined || change.kv.modRevision >= revision) break
      const next = this.changes[superseded + 1]
      if (isPut(change.kv) && (next === undefined || next.kv.modRevision > revision)) break
    }
    if (superseded > 0) this.changes.splice(0, superseded)
  }
}

export function isPut(kv: KeyValue): boolean {
  return kv.version > 0
}

function live(change: Change | undefined): KeyValue | null {
  return change !== undefined && isPut(change.kv) ? change.kv : null
}

/** Where the changes of `revision` and later begin, in a list ordered by revision. */
export function firstAtOrAfter(changes: readonly Change[], revision: Revision): number {
  let low = 0
  let high = changes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const change = changes[middle]
    if (change !== undefined && change.kv.modRevision < revision) low = middle + 1
    else high = middle
  }
  return low
}

/** A `KeyRange` in the terms of the index. `high` is exclusive; null means unbounded. */
export type Span =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'range'; readonly low: string; readonly high: string | null }

export function spanOf({ key, end }: KeyRange): Span {
  if (end === null || end.length === 0) return { kind: 'key', key: keyText(key) }
  const fromKey = end.length === 1 && end[0] === 0
  return { kind: 'range', low: keyText(key), high: fromKey ? null : keyText(end) }
}

export function spanHolds(span: Span, text: string): boolean {
  if (span.kind === 'key') return text === span.key
  return text >= span.low && (span.high === null || text < span.high)
}

/** The keys in order. */
export class KeyIndex {
  readonly #records: BTree<string, KeyRecord> = newTree()

  get(text: string): KeyRecord | undefined {
    return this.#records.get(text)
  }

  /** The key's record, made if there is none. The bytes of a new key are copied unless they are their whole buffer. */
  ensure(key: Uint8Array): KeyRecord {
    const text = keyText(key)
    const known = this.#records.get(text)
    if (known !== undefined) return known
    const record = new KeyRecord(text, ownBytes(key))
    this.#records.set(text, record)
    return record
  }

  delete(text: string): void {
    this.#records.delete(text)
  }

  /** Visits the records of a span in key order. The visitor must not add or remove keys. */
  forEach(span: Span, visit: (record: KeyRecord) => void): void {
    if (span.kind === 'key') {
      const record = this.#records.get(span.key)
      if (record !== undefined) visit(record)
      return
    }
    const high = span.high ?? this.#records.maxKey()
    if (high === undefined || high < span.low) return
    this.#records.forRange(span.low, high, span.high === null, (_, record) => visit(record))
  }
}

/**
 * The package is CommonJS, and Node and the bundlers disagree on what its default import is. All agree on its named ones, and
 * a clone of the empty tree is an empty tree; but that keeps the general comparator, hence the constructor.
 */
function newTree(): BTree<string, KeyRecord> {
  const Tree = EmptyBTree.constructor as new (
    entries: undefined,
    compare: (a: string, b: string) => number,
  ) => BTree<string, KeyRecord>
  return new Tree(undefined, (a, b) => (a < b ? -1 : a === b ? 0 : 1))
}
