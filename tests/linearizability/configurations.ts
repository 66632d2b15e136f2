/**
 * Where a search has been: which answered calls it had placed, in which state, and how many open calls of each class it had
 * used up for that. What was tried once is not tried again.
 */
export class Configurations {
  readonly #tried = new Map<string, Uint16Array[]>()
  size = 0

  /**
   * Whether it is new, and from now on is not. A configuration is not new either if one was tried that differs only in
   * having used fewer open calls: nobody is obliged to use an open call, so whatever can be done from here could be done
   * from there.
   */
  add(key: string, used: Uint16Array): boolean {
    const others = this.#tried.get(key)
    if (others === undefined) {
      this.#tried.set(key, [used.slice()])
      this.size += 1
      return true
    }
    if (others.some(other => isWithin(other, used))) return false
    // Whatever is no news beside one of those that it makes superfluous is none beside it.
    this.#tried.set(key, [...others.filter(other => !isWithin(used, other)), used.slice()])
    this.size += 1
    return true
  }
}

/** Most of a hard search's time goes by in here, so there is no call for each element. */
function isWithin(fewer: Uint16Array, more: Uint16Array): boolean {
  for (let at = 0; at < fewer.length; at += 1) if ((fewer[at] ?? 0) > (more[at] ?? 0)) return false
  return true
}

/**
 * A set of answered calls, a bit each, in the order of their returns. In a search every call that returned before the
 * first unplaced one is in the set, so a key need not tell of those: it is as long as calls were under way at a time.
 */
export class CallSet {
  readonly #words: Uint16Array

  constructor(calls: number) {
    this.#words = new Uint16Array((calls >> 4) + 1)
  }

  add(call: number): void {
    this.#words[call >> 4] = (this.#words[call >> 4] ?? 0) | (1 << (call & 15))
  }

  delete(call: number): void {
    this.#words[call >> 4] = (this.#words[call >> 4] ?? 0) & ~(1 << (call & 15))
  }

  /** A name of the set, given that `first` is the first call that is not in it, and that none behind `last` is. */
  key(first: number, last: number): string {
    const words = last < first ? [] : this.#words.subarray(first >> 4, (last >> 4) + 1)
    // With the length up front, whatever is written behind it cannot be taken for a part of it.
    return String.fromCharCode(first & 0xffff, first >>> 16, words.length, ...words)
  }
}
