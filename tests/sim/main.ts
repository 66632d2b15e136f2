import { parseArgs } from 'node:util'
import { type RunResult, runSeed } from './run.ts'
import { faultsIn, type Statistics, sum } from './statistics.ts'
import { LineHash } from './trace.ts'

const usage = `Simulates whole clusters in virtual time, with faults drawn from a seed, and checks what was promised.

  npm run sim                            200 seeds, from 1
  npm run sim -- --seeds N --from S      N seeds, from S
  npm run sim -- --seed S                that one seed again, to the bit
  npm run sim -- --seed S --trace        and everything that happened in it, line by line
  npm run sim -- --help                  this text

A seed that fails is named with the invariant that was violated. The last line reads "N passed, N failed"; the exit code
is 0 if nothing failed.
`

const progressEveryMs = 1_000

function main(): number {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const one = values.seed === undefined ? null : whole('seed', values.seed)
  const from = one ?? whole('from', values.from)
  const count = one === null ? whole('seeds', values.seeds) : 1
  if (values.trace && one === null)
    throw new UsageError('--trace goes with --seed: the traces of many would be of no use')
  const hash = new LineHash()
  const trace = (line: string) => {
    hash.add(line)
    if (values.trace) process.stdout.write(`${line}\n`)
  }
  const failed = runAll(from, count, one === null ? undefined : trace)
  if (one !== null) process.stdout.write(`trace ${hash.value}\n`)
  process.stdout.write(`${count - failed} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : 1
}

function runAll(from: number, count: number, trace: ((line: string) => void) | undefined): number {
  const startedMs = performance.now()
  let reportedMs = startedMs
  let failed = 0
  let total: Statistics | null = null
  for (let done = 0; done < count; done += 1) {
    const result = runSeed(from + done, trace === undefined ? {} : { trace })
    total = total === null ? result.statistics : sum(total, result.statistics)
    if (result.failure !== null) {
      failed += 1
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
      process.stdout.write(`${describeFailure(result)}\n`)
    }
    const nowMs = performance.now()
    if (nowMs - reportedMs < progressEveryMs && done < count - 1) continue
    reportedMs = nowMs
    const rate = ((done + 1) * 1_000) / (nowMs - startedMs)
    const line = `${done + 1}/${count} seeds, ${describeTotal(total)}, ${rate.toFixed(1)} seeds/s`
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
    else process.stderr.write(`${line}\n`)
  }
  if (process.stderr.isTTY) process.stderr.write('\n')
  return failed
}

function describeFailure({ seed, failure }: RunResult): string {
  return `seed ${seed} failed at ${((failure?.atMs ?? 0) / 1_000).toFixed(3)} s: ${failure?.message}`
}

function describeTotal(total: Statistics): string {
  const hours = (total.simulatedMs / 3_600_000).toFixed(2)
  return `${hours} h simulated, ${faultsIn(total)} faults, ${total.acknowledged} writes, ${total.reads} reads, ${total.elections} elections`
}

class UsageError extends Error {}

function whole(name: string, value: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number < 0)
    throw new UsageError(`--${name} must be a whole number, not ${value}`)
  return number
}

try {
  process.exitCode = main()
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof Error && 'code' in error)
  if (!isUsage) throw error
  process.stderr.write(`${error.message} (see --help)\n`)
  process.exitCode = 2
}
