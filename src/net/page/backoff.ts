/**
 * How long to wait before trying again: doubling from `firstMs` to `maxMs`, of which a random half is taken away, so that
 * many tabs that lost the same server do not come back in step.
 */
export class Backoff {
  readonly #firstMs: number
  readonly #maxMs: number
  #failures = 0

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs
    this.#maxMs = maxMs
  }

  /** Counts a failure and gives the wait after it, in milliseconds. */
  next(): number {
    const ceiling = Math.min(this.#maxMs, this.#firstMs * 2 ** this.#failures)
    this.#failures++
    return ceiling * (0.5 + 0.5 * Math.random())
  }

  reset(): void {
    this.#failures = 0
  }
}
