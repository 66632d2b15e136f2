import { describe, expect, test } from 'vitest'
import { fuzzForged, fuzzNetwork } from './fuzz.ts'

/** All runs together; split evenly. */
const MESSAGES = Number(process.env.FUZZ_MESSAGES ?? 1_000_000)
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? 1)
const RUNS = 20
const TIMEOUT_MS = 120_000

const runs = Array.from({ length: RUNS / 2 }, (_, i) => ({
  seed: FIRST_SEED + i,
  messages: MESSAGES / RUNS,
  async: i % 2 === 1,
}))

describe('a million messages', () => {
  test.each(runs)(
    'replayed, reordered, truncated: every invariant of the paper holds (seed $seed, async $async)',
    options => {
      const { leaders, committed, delivered } = fuzzNetwork(options)
      expect(delivered).toBeGreaterThanOrEqual(options.messages)
      expect(leaders).toBeGreaterThan(1)
      expect(committed).toBeGreaterThan(delivered / 1000)
    },
    TIMEOUT_MS,
  )

  test.each(runs)(
    'made up or damaged: each member keeps its promises and refuses with what is documented (seed $seed, async $async)',
    options => {
      const { delivered, refused } = fuzzForged(options)
      expect(delivered).toBeGreaterThanOrEqual(options.messages)
      expect(refused).toBeGreaterThan(delivered / 10)
      expect(refused).toBeLessThan(delivered)
    },
    TIMEOUT_MS,
  )
})
