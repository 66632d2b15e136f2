import type { Random } from '../random.ts'

/** What the clients of a run are like. */
export interface ClientConfig {
  readonly perMember: number
  readonly thinkMs: readonly [low: number, high: number]
  readonly inFlightMax: number
  /** Writes and reads of one page, beyond which it only looks on. */
  readonly requestsMax: number
  readonly keys: number
  readonly valueBytesMax: number
  /** Whether unanswered writes are kept in an outbox, which outlives the page, or only in the page's memory. */
  readonly outbox: boolean
  /** Not so the clients of a viewer's tab. */
  readonly mayWrite: boolean
  /** How likely a page is to outlive its worker, and to go on with the next, as against going with it. */
  readonly pageOutlives: number
  /** How likely what is under way is to be given up, or asked again, beside 11 other things to do. */
  readonly abortWeight: number
  readonly watchesMax: number
  /** How likely a watch is to take its time with what it is given. */
  readonly slowWatches: number
  readonly compactProbability: number
  /** Beside 11 of all other writes. */
  readonly leaseWeight: number
  /** Locks that clients queue for; 0 if they do not. */
  readonly locks: number
}

export function drawClientConfig(random: Random): ClientConfig {
  return {
    perMember: random.integer(1, 2),
    thinkMs: [1, random.between(30, 500)],
    inFlightMax: random.integer(1, 8),
    requestsMax: random.pick([20, 60, 200] as const),
    keys: random.integer(2, 10),
    valueBytesMax: random.pick([20, 100, 2_000] as const),
    outbox: random.chance(0.6),
    mayWrite: true,
    pageOutlives: random.pick([0, 0.5, 1] as const),
    abortWeight: random.pick([0, 0.5, 2] as const),
    watchesMax: random.integer(1, 3),
    slowWatches: random.pick([0, 0.5] as const),
    compactProbability: random.chance(0.5) ? 0 : 0.02,
    leaseWeight: random.pick([0.5, 2, 8] as const),
    locks: random.pick([0, 0, 1, 2] as const),
  }
}
