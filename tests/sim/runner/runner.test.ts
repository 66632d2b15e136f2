import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { UsageError } from '../../command-line.ts'
import { mutants } from '../mutants/mutants.ts'
import { type Failure, runSeed } from '../run.ts'
import { LineHash } from '../trace.ts'
import { type Plan, readArguments } from './arguments.ts'
import type { Job } from './jobs.ts'
import { Pool } from './pool.ts'
import { type Prefix, shrink } from './shrink.ts'

/** Processes have to start, on a machine that may be busy. */
const timeoutMs = 120_000

test.each<[string[], Partial<Plan>]>([
  [[], { kind: 'seeds', from: 1, count: 200, minutes: null, mutant: null }],
  [['--seeds', '7', '--from', '9', '--workers', '3'], { kind: 'seeds', from: 9, count: 7, workers: 3 }],
  [['--minutes', '0.5'], { kind: 'seeds', count: null, minutes: 0.5 }],
  [['--minutes', '2', '--seeds', '5'], { kind: 'seeds', count: 5, minutes: 2 }],
  [
    ['--seed', '3', '--faults', '0', '--until', '20', '--trace'],
    { kind: 'replay', seed: 3, faultsMax: 0, untilMs: 20 },
  ],
  [['--seed', '3'], { kind: 'replay', mutant: null, faultsMax: undefined, untilMs: undefined, trace: false }],
  [['--mutants', '--workers', '1'], { kind: 'mutants', from: 1, count: 500, workers: 1 }],
  [['--mutant', 'do not compare logs'], { kind: 'seeds', mutant: 'voters do not compare logs' }],
  [['--help', '--seed', '1'], { kind: 'help' }],
])('arguments %j', (args, plan) => {
  expect(readArguments(args)).toMatchObject(plan)
})

test.each([
  [['--seed', 'x'], '--seed must be a whole number, not x'],
  [['--seed', '-1'], "Option '--seed' argument is ambiguous."],
  [['--seed', ''], '--seed must be a whole number, not nothing'],
  [['--seeds', '1e99'], '--seeds must be a whole number, not 1e99'],
  [['--seeds', '0'], '--seeds must be at least 1'],
  [['--workers', '0'], '--workers must be from 1 to 256'],
  [['--minutes', '0'], '--minutes must be a number from 0 to 10080, not 0'],
  [['--minutes', 'two'], '--minutes must be a number from 0 to 10080, not two'],
  [['--seed', '1', '--seeds', '2'], '--seeds goes with many seeds, not with --seed'],
  [['--trace'], '--trace goes with --seed'],
  [['--faults', '1'], '--faults goes with --seed'],
  [['--mutants', '--minutes', '1'], '--minutes does not go with --mutants'],
  [['--mutant', 'no such bug'], 'no mutant is called "no such bug": --mutants runs them all by name'],
  [['--mutant', 'e'], `"e" may be any of ${mutants.filter(({ name }) => name.includes('e')).length} mutants`],
  [['--sed', '1'], "Unknown option '--sed'"],
  [['1'], "Unexpected argument '1'. This command does not take positional arguments"],
])('arguments %j are refused in one line', (args, message) => {
  expect(() => readArguments(args)).toThrow(new UsageError(message))
})

test('a refused argument is one line on stderr, and exit code 2', { timeout: timeoutMs }, async () => {
  const { code, stdout, stderr } = await sim('--seeds', 'many')
  expect(stderr).toBe('--seeds must be a whole number, not many (see --help)\n')
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
})

test('the last lines of a replay are its hash and how it went', { timeout: timeoutMs }, async () => {
  const hash = new LineHash()
  runSeed(3, { trace: line => hash.add(line) })
  const { code, stdout } = await sim('--seed', '3')
  expect(stdout).toBe(`trace ${hash.value}\n1 passed, 0 failed\n`)
  expect(code).toBe(0)
})

test('the last line of many seeds counts them', { timeout: timeoutMs }, async () => {
  const { code, stdout } = await sim('--seeds', '3', '--from', '20', '--workers', '2')
  expect(stdout.split('\n').at(-2)).toBe('3 passed, 0 failed')
  expect(stdout).toMatch(/^3 seeds in /)
  expect(code).toBe(0)
})

test('the shortest prefix has the fewest faults and then the shortest time that fail in the same way', async () => {
  const failure = failing({ invariant: 'a', atMs: 5_000.5, strikes: 9 })
  const run = async ({ faultsMax, untilMs }: Prefix) => {
    if (faultsMax === 2) return failing({ invariant: 'b', atMs: 10, strikes: 2 })
    return faultsMax >= 4 && untilMs >= 1_234 ? failing({ invariant: 'a', atMs: 3_000, strikes: 4 }) : null
  }
  const prefix = await shrink(failure, run, () => false)
  expect(prefix.faultsMax).toBe(4)
  expect(prefix.untilMs).toBeGreaterThanOrEqual(1_234)
  expect(prefix.untilMs).toBeLessThan(1_250)
})

test('out of time, the prefix is what is known to fail', async () => {
  const failure = failing({ invariant: 'a', atMs: 5_000.5, strikes: 9 })
  const prefix = await shrink(
    failure,
    async () => failure,
    () => true,
  )
  expect(prefix).toEqual({ faultsMax: 9, untilMs: 5_001 })
})

test('a prefix of a real failure fails in the same way, and one fault less does not', {
  timeout: timeoutMs,
}, async () => {
  const mutant = mutants.find(({ name }) => name === 'voters do not compare logs') ?? null
  const run = (seed: number, prefix: Partial<Prefix>) => runSeed(seed, { ...prefix, mutant }).failure
  let seed = 1
  let failure = run(seed, {})
  while (failure === null || failure.strikes === 0) {
    seed += 1
    failure = run(seed, {})
  }
  const { invariant } = failure
  const prefix = await shrink(
    failure,
    async prefix => run(seed, prefix),
    () => false,
  )
  expect(run(seed, prefix)?.invariant).toBe(invariant)
  expect(prefix.faultsMax).toBeGreaterThan(0)
  const fewer = run(seed, { faultsMax: prefix.faultsMax - 1, untilMs: Math.ceil(failure.atMs) })
  expect(fewer?.invariant).not.toBe(invariant)
})

test('a seed that hangs or kills its worker is named, and the others go on', { timeout: timeoutMs }, async () => {
  const jobs: Job[] = [{ kind: 'seeds', from: 1, count: 3, mutant: 'hangs', untilFailure: false }]
  jobs.push({ kind: 'seeds', from: 11, count: 3, mutant: 'dies', untilFailure: false })
  jobs.push({ kind: 'seeds', from: 21, count: 3, mutant: null, untilFailure: false })
  const ended: number[] = []
  const lost: string[] = []
  const pool = new Pool({
    worker: new URL('./worker-that-fails.ts', import.meta.url),
    workers: 2,
    silenceMsMax: 10_000,
    next: () => jobs.shift() ?? null,
    onReport: report => {
      if (report.kind === 'ended') ended.push(report.result.seed)
    },
    onLost: (_, seed, how) => lost.push(`${seed}: ${how}`),
  })
  await pool.run()
  expect(ended.sort()).toEqual([1, 11, 21, 22, 23])
  expect(lost.sort()).toEqual(['12: its worker ended with code 3', '2: nothing was heard of it for 10 s'])
})

function failing(failure: Omit<Failure, 'message'>): Failure {
  return { ...failure, message: failure.invariant }
}

/** The command as a person would run it. */
function sim(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const options = { cwd: fileURLToPath(new URL('../../..', import.meta.url)) }
  return new Promise(resolve => {
    execFile(process.execPath, ['--import', 'tsx', main, ...args], options, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}
