import { Cluster } from './cluster.ts'
import { drawConfig, tickMs } from './config.ts'
import { Faults } from './faults.ts'
import type { Mutant } from './mutants.ts'
import { Random } from './random.ts'
import { Schedule } from './schedule.ts'
import { Trace } from './trace.ts'
import { Violation } from './violation.ts'

export interface RunOptions {
  readonly trace?: (line: string) => void
  readonly mutant?: Mutant
}

export interface RunResult {
  readonly seed: number
  /** What was broken, and when; null if nothing was. */
  readonly failure: { readonly invariant: string; readonly message: string; readonly atMs: number } | null
  readonly statistics: Statistics
}

export interface Statistics {
  readonly simulatedMs: number
  readonly recoveryMs: number
  readonly faults: number
  readonly messages: number
  readonly acknowledged: number
  readonly reads: number
  readonly events: number
  readonly entries: number
  readonly elections: number
  readonly snapshotsInstalled: number
  readonly repeatedWrites: number
  readonly leasesEnded: number
}

/** After the faults stop, the cluster has this long to be whole again and to have answered everything. */
export const recoveryMsMax = 30_000
const recoveryStepMs = 50
const retirementEveryMs = 500

/** One seed, from the founding to the end. The same seed gives the same run, to the bit. */
export function runSeed(seed: number, options: RunOptions = {}): RunResult {
  const random = new Random(seed)
  const config = drawConfig(random.fork())
  const schedule = new Schedule()
  const trace = new Trace(options.trace ?? null)
  if (trace.isOn) trace.line(0, `=== seed ${seed}: ${JSON.stringify(config)}`)
  const cluster = new Cluster({
    schedule,
    random: random.fork(),
    config,
    trace,
    mutant: options.mutant ?? null,
  })
  const faults = new Faults(schedule, random.fork(), cluster, trace)
  const undo = options.mutant?.install?.()
  let failure: RunResult['failure'] = null
  let recoveryMs = 0
  try {
    open(cluster, schedule, random.fork())
    faults.start()
    schedule.runUntil(config.faultyMs)
    if (trace.isOn) trace.line(schedule.nowMs, '=== the faults stop')
    faults.stop()
    for (const tab of cluster.tabs) for (const client of tab.clients) client.rest()
    recoveryMs = recover(cluster, schedule)
    outliveLeases(cluster, schedule)
  } catch (error) {
    failure = describe(error, schedule.nowMs)
    if (trace.isOn) trace.line(schedule.nowMs, `=== ${failure.message}`)
  } finally {
    undo?.()
  }
  const statistics: Statistics = {
    simulatedMs: schedule.nowMs,
    recoveryMs,
    faults: [...faults.counts.values()].reduce((sum, count) => sum + count, 0),
    messages: cluster.network.sent,
    acknowledged: cluster.promises.acknowledged,
    reads: cluster.promises.reads,
    events: cluster.promises.events,
    entries: cluster.checks.committedIndex,
    elections: cluster.checks.elections,
    snapshotsInstalled: cluster.checks.installs,
    repeatedWrites: cluster.model.repeated,
    leasesEnded: cluster.leaseTimes.ended,
  }
  return { seed, failure, statistics }
}

/** One tab founds the cluster, the others come after it, one by one or all at once. */
function open(cluster: Cluster, schedule: Schedule, random: Random): void {
  cluster.openTab('found')
  const withinMs = random.pick([0, 300, 5_000] as const)
  for (let i = 1; i < cluster.config.members; i += 1) {
    schedule.after(random.between(0, withinMs), () => cluster.openTab('join'))
  }
  const retire = () => {
    cluster.retireForgotten()
    schedule.after(retirementEveryMs, retire)
  }
  schedule.after(retirementEveryMs, retire)
}

/** Runs until nothing is left to be done; returns how long that took. */
function recover(cluster: Cluster, schedule: Schedule): number {
  const startMs = schedule.nowMs
  for (;;) {
    const left = unrecovered(cluster)
    if (left === null) return schedule.nowMs - startMs
    if (schedule.nowMs - startMs >= recoveryMsMax) {
      throw new Violation('a cluster without faults recovers', `after ${recoveryMsMax} ms: ${left}`)
    }
    schedule.runUntil(schedule.nowMs + recoveryStepMs)
  }
}

/** Runs until the leases that nobody keeps any more have ended. */
function outliveLeases(cluster: Cluster, schedule: Schedule): void {
  const wholeSinceMs = schedule.nowMs
  const graceMs = cluster.config.replica.electionTicks * tickMs
  while (cluster.model.leaseCount > 0) {
    const overdue = cluster.leaseTimes.overdue(wholeSinceMs, graceMs)
    if (overdue !== null) throw new Violation('a lease that nobody keeps ends', overdue)
    schedule.runUntil(schedule.nowMs + recoveryStepMs)
  }
}

/** What keeps the cluster from being whole, or null. */
function unrecovered(cluster: Cluster): string | null {
  const members = cluster.members
  const running = members.flatMap(member => (member.replica === null ? [] : [{ member, replica: member.replica }]))
  const stopped = members.find(({ isRunning }) => !isRunning)
  if (stopped !== undefined) return `${stopped.name} is not running`
  if (members.length > cluster.hosts.length) return 'there are orphans'
  const statuses = running.map(({ member, replica }) => ({
    ...replica.status(),
    name: member.name,
    hash: replica.stateHash,
  }))
  const leaders = statuses.filter(({ role }) => role === 'leader')
  const [leader] = leaders
  if (leader === undefined || leaders.length > 1) return `${leaders.length} leaders`
  for (const { name, leader: known, applied, hash, members: table, state } of statuses) {
    if (known !== leader.member) return `${name} does not follow the leader`
    if (state === 'joining') return `${name} has not been let in`
    if (applied !== leader.applied) return `${name} has applied ${applied} of ${leader.applied}`
    if (hash !== leader.hash) throw new Violation('equal logs make equal states', `${name} and ${leader.name}`)
    // A tab that was gone before it was let in may be on the list, as a learner, until it is forgotten.
    const listed = new Map(table.map(({ member, state: listedAs }) => [member, listedAs]))
    const missing = running.find(({ member }) => !listed.has(member.id))
    if (missing !== undefined) return `${name} does not count ${missing.member.name}`
    for (const { member } of running) listed.delete(member.id)
    if ([...listed.values()].includes('voter')) return `${name} counts on a voter that is no more`
  }
  const voters = leader.members.filter(({ state }) => state === 'voter').length
  const wanted = largestOdd(Math.min(members.length, cluster.config.replica.membership.targetVoters))
  if (voters !== wanted) return `${voters} voters instead of ${wanted}`
  if (leader.applied !== cluster.checks.committedIndex) return `committed was ${cluster.checks.committedIndex}`
  for (const tab of cluster.tabs) {
    for (const client of tab.clients) {
      const [unsettled] = client.unsettled
      if (unsettled !== undefined) return `${cluster.nameOf(tab.member)} waits: ${client.unsettled.join(', ')}`
    }
  }
  return null
}

function largestOdd(count: number): number {
  return count % 2 === 1 ? count : count - 1
}

function describe(error: unknown, atMs: number): NonNullable<RunResult['failure']> {
  if (error instanceof Violation) return { invariant: error.invariant, message: error.message, atMs }
  const { name, message, stack } = error instanceof Error ? error : { name: 'Error', message: String(error), stack: '' }
  return { invariant: `no member fails (${name}: ${message})`, message: stack ?? message, atMs }
}
