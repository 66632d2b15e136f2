import { availableParallelism } from 'node:os'
import { beforeAll, describe, expect, test } from 'vitest'
import { mutants } from './mutants/mutants.ts'
import { runSeed } from './run.ts'
import { mutantSeedsMax } from './runner/arguments.ts'
import { MutantsRun, type Verdict } from './runner/mutants-run.ts'
import { SeedsRun, type Summary } from './runner/seeds-run.ts'
import { faultsIn } from './statistics.ts'
import { LineHash } from './trace.ts'

const seeds = 500
const workers = availableParallelism()
/** What all of it together should never take, on a slow machine with other things to do. */
const timeoutMs = 20 * 60_000

describe('whole clusters under faults keep their promises', () => {
  const failures = new Map<number, string>()
  let summary: Summary | undefined

  beforeAll(async () => {
    const run = new SeedsRun(
      { from: 1, count: seeds, minutes: null, workers, mutant: null },
      {
        onEnded: () => {},
        onFailure: (seed, { message }) => failures.set(seed, `seed ${seed}: ${message}`),
        onPrefix: (seed, { faultsMax, untilMs }) => {
          const again = `npm run sim -- --seed ${seed} --faults ${faultsMax} --until ${untilMs}`
          failures.set(seed, `${failures.get(seed)}\n${again}`)
        },
      },
    )
    summary = await run.run()
  }, timeoutMs)

  const seedsPerTest = 25
  test.each(Array.from({ length: seeds / seedsPerTest }, (_, i) => 1 + i * seedsPerTest))(
    `seeds from %i (${seedsPerTest} each)`,
    from => {
      expect(summary?.next).toBe(1 + seeds)
      const own = [...failures].filter(([seed]) => seed >= from && seed < from + seedsPerTest)
      expect(own.map(([, failure]) => failure)).toEqual([])
    },
  )

  test('and see what they are there to see', () => {
    if (summary === undefined) throw new Error('nothing was run')
    const { statistics } = summary
    expect(faultsIn(statistics)).toBeGreaterThan(seeds)
    expect(Object.keys(statistics.faults).length).toBeGreaterThan(20)
    for (const name of ['elections', 'snapshotsInstalled', 'repeatedWrites', 'leasesEnded', 'locks'] as const) {
      expect([name, statistics[name]]).toEqual([name, expect.toSatisfy((count: number) => count > seeds / 5)])
    }
    expect(statistics.events).toBeGreaterThan(20 * seeds)
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

describe(`the checks can fail: a known bug is found within ${mutantSeedsMax} seeds`, () => {
  const verdicts = new Map<string, Verdict>()

  beforeAll(async () => {
    const run = new MutantsRun(mutants, { from: 1, count: mutantSeedsMax, workers }, verdict =>
      verdicts.set(verdict.mutant, verdict),
    )
    await run.run()
  }, timeoutMs)

  test.each(mutants)('$name', ({ name }) => {
    expect(verdicts.get(name)?.caught).toBeTruthy()
  })
})
