import { drawConfig } from './config.ts'
import type { Mutant } from './mutants/mutants.ts'
import { Random } from './random.ts'
import { Schedule } from './schedule.ts'
import type { Statistics } from './statistics.ts'
import { Trace } from './trace.ts'
import { Violation } from './violation.ts'
import { Cluster } from './world/cluster.ts'
import { Faults } from './world/faults.ts'
import { inspect, outliveLeases, recover } from './world/recovery.ts'

export interface RunOptions {
  readonly trace?: (line: string) => void
  readonly mutant?: Mutant | null
  /** Only the first so many faults happen. Up to the first that does not, the run is the same as without this. */
  readonly faultsMax?: number
  /** From this moment on clients ask for nothing new. Up to there the run is the same as without this. */
  readonly untilMs?: number
}

export interface RunResult {
  readonly seed: number
  /** What was broken, and when; null if nothing was. */
  readonly failure: Failure | null
  readonly statistics: Statistics
}

export interface Failure {
  /** The same words for the same promise, whatever the run. */
  readonly invariant: string
  readonly message: string
  readonly atMs: number
  /** Faults that had struck by then. */
  readonly strikes: number
}

/** One seed, from the founding to the end. The same seed gives the same run, to the bit. */
export function runSeed(seed: number, options: RunOptions = {}): RunResult {
  const { mutant = null, faultsMax, untilMs = Number.POSITIVE_INFINITY } = options
  const random = new Random(seed)
  const config = drawConfig(random.fork())
  const schedule = new Schedule()
  const trace = new Trace(options.trace ?? null)
  if (trace.isOn) trace.line(0, `=== seed ${seed}: ${JSON.stringify(config)}`)
  const cluster = new Cluster({ schedule, random: random.fork(), config, trace, mutant })
  const faults = new Faults(schedule, random.fork(), cluster, trace, faultsMax)
  const undo = mutant?.install?.()
  let failure: Failure | null = null
  let recoveryMs = 0
  try {
    open(cluster, schedule, random.fork())
    faults.start()
    schedule.runUntil(Math.min(untilMs, config.faultyMs))
    cluster.restClients()
    schedule.runUntil(config.faultyMs)
    if (trace.isOn) trace.line(schedule.nowMs, '=== the faults stop')
    cluster.dismissLiars()
    faults.stop()
    recoveryMs = recover(cluster, schedule)
    outliveLeases(cluster, schedule)
    inspect(cluster, schedule)
    cluster.history.judge()
  } catch (error) {
    failure = describe(error, schedule.nowMs, faults.strikes)
    if (trace.isOn) trace.line(schedule.nowMs, `=== ${failure.message}`)
  } finally {
    undo?.()
  }
  return { seed, failure, statistics: statisticsOf(cluster, faults, schedule.nowMs, recoveryMs) }
}

function statisticsOf(cluster: Cluster, faults: Faults, simulatedMs: number, recoveryMs: number): Statistics {
  return {
    simulatedMs,
    sleptMs: cluster.sleptMs,
    recoveryMs,
    faults: Object.fromEntries(faults.counts),
    messages: cluster.network.sent,
    acknowledged: cluster.promises.acknowledged,
    transactions: cluster.promises.transactions,
    reads: cluster.promises.reads,
    locks: cluster.promises.locks,
    events: cluster.promises.events,
    entries: cluster.checks.committedIndex,
    elections: cluster.checks.elections,
    snapshotsInstalled: cluster.checks.installs,
    repeatedWrites: cluster.model.repeated,
    leasesEnded: cluster.leaseTimes.ended,
    historiesUndecided: cluster.history.isUndecided ? 1 : 0,
  }
}

/** One tab founds the cluster, the others come after it, one by one or all at once. */
function open(cluster: Cluster, schedule: Schedule, random: Random): void {
  cluster.openTab('found')
  const { members, viewers, openWithinMs } = cluster.config
  for (let i = 1; i < members; i += 1) {
    schedule.after(random.between(0, openWithinMs), () => cluster.openTab('join'))
  }
  for (let i = 0; i < viewers.count; i += 1) {
    const liar = viewers.lieEveryMs === null ? null : random.fork()
    schedule.after(random.between(0, openWithinMs), () => cluster.openViewer(liar))
  }
}

function describe(error: unknown, atMs: number, strikes: number): Failure {
  if (error instanceof Violation) return { invariant: error.invariant, message: error.message, atMs, strikes }
  const { name, message, stack } = error instanceof Error ? error : { name: 'Error', message: String(error), stack: '' }
  return { invariant: `no member fails (${name})`, message: stack ?? message, atMs, strikes }
}
