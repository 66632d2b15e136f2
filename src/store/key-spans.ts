/** A set of keys made of half-open spans `[low, high)`, kept disjoint and in order: adding and asking take a binary search. */
export class KeySpans {
  readonly #lows: string[] = []
  readonly #highs: string[] = []

  /** An empty or inverted span adds nothing. */
  add(low: string, high: string): void {
    if (low >= high) return
    // The spans that touch the new one become one with it.
    const first = firstNotBelow(this.#highs, low)
    let last = first
    let mergedLow = low
    let mergedHigh = high
    for (; last < this.#lows.length; last++) {
      const otherLow = this.#lows[last] ?? ''
      const otherHigh = this.#highs[last] ?? ''
      if (otherLow > high) break
      if (otherLow < mergedLow) mergedLow = otherLow
      if (otherHigh > mergedHigh) mergedHigh = otherHigh
    }
    this.#lows.splice(first, last - first, mergedLow)
    this.#highs.splice(first, last - first, mergedHigh)
  }

  addAll(other: KeySpans): void {
    for (const [i, low] of other.#lows.entries()) this.add(low, other.#highs[i] ?? '')
  }

  has(key: string): boolean {
    // Highs are exclusive, so a span that ends exactly at the key is passed over.
    let index = firstNotBelow(this.#highs, key)
    if (this.#highs[index] === key) index++
    const low = this.#lows[index]
    return low !== undefined && low <= key
  }
}

/** The first place in an ordered list whose text is not less than `text`. */
function firstNotBelow(texts: readonly string[], text: string): number {
  let low = 0
  let high = texts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((texts[middle] ?? '') < text) low = middle + 1
    else high = middle
  }
  return low
}
