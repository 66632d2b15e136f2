import { UsageError } from '../command-line.ts'
import { mutants } from './mutants/mutants.ts'
import { runSeed } from './run.ts'
import { type Plan, type ReplayPlan, readArguments } from './runner/arguments.ts'
import { type MutantsPlan, MutantsRun } from './runner/mutants-run.ts'
import { failureLines, prefixLine, progressLine, summaryLines, verdictLine } from './runner/report.ts'
import { type SeedsPlan, SeedsRun } from './runner/seeds-run.ts'
import { LineHash } from './trace.ts'

const usage = `Simulates whole clusters in virtual time, with faults drawn from a seed, and checks what was promised.

  npm run sim                            200 seeds, from 1, on all cores
  npm run sim -- --seeds N --from S      N seeds, from S
  npm run sim -- --minutes M             as many as M minutes have room for; with --seeds, no more than those
  npm run sim -- --workers W             on so many processes at a time, whatever else is asked for

  npm run sim -- --seed S                that one seed again, to the bit, and a hash of everything that happened in it
  npm run sim -- --seed S --trace        and everything that happened, line by line
                --faults K --until MS    with its first K faults alone, and clients that ask for nothing new after so many
                                         virtual milliseconds

  npm run sim -- --mutants               known bugs, put in one after the other: how many seeds it takes to catch each
  npm run sim -- --mutant NAME           seeds with that one put in; also with --seed. Words of the name will do
  npm run sim -- --help                  this text

A seed that fails is named with the promise that was broken, and then the shortest beginning of it that fails in the same way.
Ctrl-C ends with what is known so far. The last line reads "N passed, N failed"; the exit code is 0 if nothing failed.
`

/** As a shell says that a program was ended by Ctrl-C. */
const interruptedExitCode = 130
/** A line that stays is worth one less often. */
const progressEveryMs = process.stderr.isTTY ? 500 : 10_000

async function main(): Promise<number> {
  const plan: Plan = readArguments(process.argv.slice(2))
  switch (plan.kind) {
    case 'help':
      process.stdout.write(usage)
      return 0
    case 'replay':
      return replay(plan)
    case 'seeds':
      return await runSeeds(plan)
    case 'mutants':
      return await runMutants(plan)
  }
}

function replay({ seed, mutant, trace, ...prefix }: ReplayPlan): number {
  const hash = new LineHash()
  const result = runSeed(seed, {
    ...(prefix.faultsMax === undefined ? {} : { faultsMax: prefix.faultsMax }),
    ...(prefix.untilMs === undefined ? {} : { untilMs: prefix.untilMs }),
    mutant: mutants.find(({ name }) => name === mutant) ?? null,
    trace: line => {
      hash.add(line)
      if (trace) process.stdout.write(`${line}\n`)
    },
  })
  if (result.failure !== null) print(failureLines(seed, result.failure, mutant))
  print(`trace ${hash.value}`)
  return verdict(result.failure === null ? 1 : 0, result.failure === null ? 0 : 1)
}

async function runSeeds(plan: SeedsPlan): Promise<number> {
  let reportedMs = performance.now()
  const run = new SeedsRun(plan, {
    onEnded: soFar => {
      if (performance.now() - reportedMs < progressEveryMs) return
      reportedMs = performance.now()
      showProgress(progressLine(soFar, plan))
    },
    onFailure: (seed, failure) => print(failureLines(seed, failure, plan.mutant)),
    onPrefix: (seed, prefix) => print(prefixLine(seed, prefix, plan.mutant)),
  })
  const interrupted = onInterrupt(() => run.stop())
  const summary = await run.run()
  print(summaryLines(summary))
  if (plan.count === null || summary.done < plan.count) print(`to go on: --from ${summary.next}`)
  const exitCode = verdict(summary.done - summary.failed.length, summary.failed.length)
  return interrupted.isSo ? interruptedExitCode : exitCode
}

async function runMutants(plan: MutantsPlan): Promise<number> {
  const run = new MutantsRun(mutants, plan, verdict => print(verdictLine(verdict)))
  const interrupted = onInterrupt(() => run.stop())
  const verdicts = await run.run()
  const caught = verdicts.filter(({ caught }) => caught !== null).length
  const exitCode = verdict(caught, verdicts.length - caught)
  return interrupted.isSo ? interruptedExitCode : exitCode
}

function onInterrupt(stop: () => void): { isSo: boolean } {
  const interrupted = { isSo: false }
  process.once('SIGINT', () => {
    interrupted.isSo = true
    stop()
  })
  return interrupted
}

/** The last line. Returns the exit code. */
function verdict(passed: number, failed: number): number {
  print(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/** On a terminal one line that is written over and over, else a line each time. */
function showProgress(line: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`)
}

function print(line: string): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  process.stdout.write(`${line}\n`)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message} (see --help)\n`)
  process.exitCode = 2
}
