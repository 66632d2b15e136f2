import { describe, expect, test } from 'vitest'
import { mutants } from './mutants.ts'
import { runSeed } from './run.ts'
import { faultsIn } from './statistics.ts'
import { LineHash } from './trace.ts'

const seeds = 200
const seedsPerTest = 10
/** Each test has to itself what all of them together should never take. */
const timeoutMs = 120_000

describe('whole clusters under faults keep their promises', () => {
  const batches = Array.from({ length: seeds / seedsPerTest }, (_, i) => 1 + i * seedsPerTest)
  test.each(batches)(`seeds from %i (${seedsPerTest} each)`, { timeout: timeoutMs }, from => {
    const failures = Array.from({ length: seedsPerTest }, (_, i) => runSeed(from + i))
      .filter(({ failure }) => failure !== null)
      .map(({ seed, failure }) => `seed ${seed}: ${failure?.message}`)
    expect(failures).toEqual([])
  })
})

test('a seed is the whole run: the same one again is the same to the bit', { timeout: timeoutMs }, () => {
  const [first, second, other] = [11, 11, 12].map(seed => {
    const hash = new LineHash()
    const result = runSeed(seed, { trace: line => hash.add(line) })
    return `${hash.value} ${JSON.stringify(result.statistics)}`
  })
  expect(second).toBe(first)
  expect(other).not.toBe(first)
})

test('the seeds see what they are there to see', { timeout: timeoutMs }, () => {
  const runs = [33, 40, 50, 60].map(seed => runSeed(seed).statistics)
  const sum = (name: 'elections' | 'snapshotsInstalled' | 'repeatedWrites' | 'events' | 'leasesEnded') =>
    runs.reduce((total, run) => total + run[name], 0)
  expect(runs.reduce((total, run) => total + faultsIn(run), 0)).toBeGreaterThan(10)
  expect(sum('elections')).toBeGreaterThan(10)
  expect(sum('snapshotsInstalled')).toBeGreaterThan(10)
  expect(sum('repeatedWrites')).toBeGreaterThan(10)
  expect(sum('leasesEnded')).toBeGreaterThan(10)
  expect(sum('events')).toBeGreaterThan(100)
})

describe('the checks can fail: a known bug is found', () => {
  test.each(mutants)('$name', { timeout: timeoutMs }, mutant => {
    let seed = 1
    while (seed < mutantSeedsMax && runSeed(seed, { mutant }).failure === null) seed += 1
    expect(seed).toBeLessThan(mutantSeedsMax)
  })
})

/** Found within this many seeds, or not found. */
const mutantSeedsMax = 500
