/** How long a connection may use saved-up tokens: a bucket holds what comes in within this time. */
const burstSeconds = 10

/**
 * Tokens come in at a steady rate, up to a full bucket. What arrived from a socket is here already, so it is taken in any case,
 * and what is missing is owed: the answer is how long to read nothing more.
 */
export class TokenBucket {
  readonly #perMs: number
  readonly #tokensMax: number
  #tokens: number
  #at: number

  /** `perSecond` 0 stands for no limit. */
  constructor(perSecond: number, nowMs: number) {
    this.#perMs = perSecond === 0 ? Number.POSITIVE_INFINITY : perSecond / 1000
    this.#tokensMax = perSecond === 0 ? Number.POSITIVE_INFINITY : perSecond * burstSeconds
    this.#tokens = this.#tokensMax
    this.#at = nowMs
  }

  /** Milliseconds until nothing is owed. */
  take(amount: number, nowMs: number): number {
    this.#fill(nowMs)
    this.#tokens -= amount
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs
  }

  /** Takes one token if there is one. */
  tryTake(nowMs: number): boolean {
    this.#fill(nowMs)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** As good as new. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs)
    return this.#tokens >= this.#tokensMax
  }

  #fill(nowMs: number): void {
    // Without a limit there is nothing to count, and infinity times no time would not be a number.
    if (this.#tokensMax === Number.POSITIVE_INFINITY) return
    this.#tokens = Math.min(this.#tokensMax, this.#tokens + Math.max(0, nowMs - this.#at) * this.#perMs)
    this.#at = nowMs
  }
}

/** Frames and bytes, each at its own rate. */
export class Quota {
  readonly #frames: TokenBucket
  readonly #bytes: TokenBucket

  constructor(framesPerSecond: number, bytesPerSecond: number, nowMs: number) {
    this.#frames = new TokenBucket(framesPerSecond, nowMs)
    this.#bytes = new TokenBucket(bytesPerSecond, nowMs)
  }

  /** Milliseconds until nothing is owed. */
  take(frames: number, bytes: number, nowMs: number): number {
    return Math.max(this.#frames.take(frames, nowMs), this.#bytes.take(bytes, nowMs))
  }

  isFull(nowMs: number): boolean {
    return this.#frames.isFull(nowMs) && this.#bytes.isFull(nowMs)
  }
}
