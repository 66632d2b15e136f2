import type BTree from 'sorted-btree'
import { EmptyBTree } from 'sorted-btree'
import { keyText } from './bytes.ts'
import type { KeyRange } from './types.ts'

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

/** Keys of one node. Of a million keys, one is found in 2.2 µs with 64, in 2.9 with the tree's default of 32. */
const NODE_KEYS_MAX = 64

/** The keys in order, each with the number it is known by elsewhere. */
export class KeyIndex {
  readonly #numbers: BTree<string, number> = newTree()

  get(text: string): number | undefined {
    return this.#numbers.get(text)
  }

  set(text: string, number: number): void {
    this.#numbers.set(text, number)
  }

  delete(text: string): void {
    this.#numbers.delete(text)
  }

  /** Visits the keys of a span in order, until told `false`. The visitor must not add or remove any. */
  forEach(span: Span, visit: (number: number) => boolean): void {
    if (span.kind === 'key') {
      const number = this.#numbers.get(span.key)
      if (number !== undefined) visit(number)
      return
    }
    this.#forRange(span, (_, number) => (visit(number) ? undefined : STOP))
  }

  /** How many keys a span has, by the nodes of the tree and not by the keys. */
  count(span: Span): number {
    return span.kind === 'key' ? Number(this.#numbers.has(span.key)) : this.#forRange(span)
  }

  /** Up to `max` of the keys after this one, in order. */
  after(text: string, max: number): number[] {
    const last = this.#numbers.maxKey()
    if (last === undefined) return []
    // `getRange` gives one more than it is asked for (2.1.0).
    const pairs = this.#numbers.getRange(`${text}\0`, last, true, max).slice(0, max)
    return pairs.map(([, number]) => number)
  }

  #forRange({ low, high }: Span & { kind: 'range' }, visit?: (text: string, number: number) => unknown): number {
    const last = high ?? this.#numbers.maxKey()
    return last === undefined || last < low ? 0 : this.#numbers.forRange(low, last, high === null, visit)
  }
}

/** What ends a walk through the tree. */
const STOP = { break: 0 }

/**
 * The package is CommonJS, and Node and the bundlers disagree on what its default import is. All agree on its named ones, and
 * a clone of the empty tree is an empty tree; but that keeps the general comparator, hence the constructor.
 */
function newTree(): BTree<string, number> {
  const Tree = EmptyBTree.constructor as new (
    entries: undefined,
    compare: (a: string, b: string) => number,
    maxNodeSize: number,
  ) => BTree<string, number>
  return new Tree(undefined, (a, b) => (a < b ? -1 : a === b ? 0 : 1), NODE_KEYS_MAX)
}
