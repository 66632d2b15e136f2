import { type Span, spanHolds } from './key-index.ts'

/** Watchers of the same range share one test of each change. */
interface RangeGroup<Watcher> {
  readonly span: Span
  readonly watchers: Set<Watcher>
}

/**
 * Finds the watchers of a key without asking each. Those of single keys are found by the key. Those of a range by what all
 * its keys begin with: a change looks up its key's beginnings, of the lengths that occur. So ranges that have no key in
 * common hardly ever meet in one place (at most once for each byte that can follow), whatever their number.
 */
export class WatchIndex<Watcher> {
  readonly #byKey = new Map<string, Set<Watcher>>()
  readonly #byBeginning = new Map<string, Map<string, RangeGroup<Watcher>>>()
  /** How many beginnings have which length. */
  readonly #lengths = new Map<number, number>()

  add(span: Span, watcher: Watcher): void {
    if (span.kind === 'key') {
      const same = this.#byKey.get(span.key)
      if (same === undefined) this.#byKey.set(span.key, new Set([watcher]))
      else same.add(watcher)
      return
    }
    const groups = this.#groups(beginningOf(span))
    const group = groups.get(rangeName(span))
    if (group === undefined) groups.set(rangeName(span), { span, watchers: new Set([watcher]) })
    else group.watchers.add(watcher)
  }

  remove(span: Span, watcher: Watcher): void {
    if (span.kind === 'key') {
      const same = this.#byKey.get(span.key)
      same?.delete(watcher)
      if (same?.size === 0) this.#byKey.delete(span.key)
      return
    }
    const beginning = beginningOf(span)
    const groups = this.#byBeginning.get(beginning)
    const group = groups?.get(rangeName(span))
    if (groups === undefined || group === undefined) return
    group.watchers.delete(watcher)
    if (group.watchers.size === 0) groups.delete(rangeName(span))
    if (groups.size === 0) this.#removeBeginning(beginning)
  }

  /** Visits the watchers of a key, in no order that means anything. */
  forEach(text: string, visit: (watcher: Watcher) => void): void {
    const exact = this.#byKey.get(text)
    if (exact !== undefined) for (const watcher of exact) visit(watcher)
    for (const length of this.#lengths.keys()) {
      if (length > text.length) continue
      const groups = this.#byBeginning.get(text.slice(0, length))
      if (groups === undefined) continue
      for (const { span, watchers } of groups.values()) {
        if (spanHolds(span, text)) for (const watcher of watchers) visit(watcher)
      }
    }
  }

  #groups(beginning: string): Map<string, RangeGroup<Watcher>> {
    const known = this.#byBeginning.get(beginning)
    if (known !== undefined) return known
    const groups = new Map<string, RangeGroup<Watcher>>()
    this.#byBeginning.set(beginning, groups)
    this.#lengths.set(beginning.length, (this.#lengths.get(beginning.length) ?? 0) + 1)
    return groups
  }

  #removeBeginning(beginning: string): void {
    this.#byBeginning.delete(beginning)
    const left = (this.#lengths.get(beginning.length) ?? 0) - 1
    if (left > 0) this.#lengths.set(beginning.length, left)
    else this.#lengths.delete(beginning.length)
  }
}

type RangeSpan = Span & { kind: 'range' }

/** What every key of a range begins with. Of a prefix it is the prefix. */
function beginningOf({ low, high }: RangeSpan): string {
  if (high === null) return ''
  let shared = 0
  while (shared < high.length && low[shared] === high[shared]) shared++
  // Where the ends differ for the first time, in the last byte of `high` and by one, that byte is still shared by all below `high`.
  const isLast = shared === high.length - 1
  return low.slice(0, isLast && low.charCodeAt(shared) === high.charCodeAt(shared) - 1 ? shared + 1 : shared)
}

/** Keys have only chars up to 0xff, so the separator cannot be part of one. */
function rangeName({ low, high }: RangeSpan): string {
  return `${low}\u0100${high ?? '\u0101'}`
}
