import { roleOf } from '../../../src/replica/types.ts'
import { tickMs } from '../config.ts'
import type { Schedule } from '../schedule.ts'
import { Violation } from '../violation.ts'
import type { Cluster } from './cluster.ts'

/**
 * After the faults stop, the cluster has this long to be whole again and to have answered everything. Half of it a voter that is no
 * more may keep its vote, by the options that are drawn (`replaceTicks`) and on a slow clock; the rest is for elections, for
 * snapshots one after the other, and for learners that are let vote only when they have caught up.
 */
export const recoveryMsMax = 30_000
const recoveryStepMs = 50

/** Runs until nothing is left to be done; returns how long that took. */
export function recover(cluster: Cluster, schedule: Schedule): number {
  const startMs = schedule.nowMs
  for (;;) {
    const left = unrecovered(cluster)
    if (left === null) return schedule.nowMs - startMs
    if (schedule.nowMs - startMs >= recoveryMsMax) {
      throw new Violation('a cluster without faults recovers', `after ${recoveryMsMax} ms: ${left}`)
    }
    cluster.recallVoters()
    schedule.runUntil(schedule.nowMs + recoveryStepMs)
  }
}

/** Runs until the leases that nobody keeps any more have ended. */
export function outliveLeases(cluster: Cluster, schedule: Schedule): void {
  const wholeSinceMs = schedule.nowMs
  const graceMs = cluster.config.replica.electionTicks * tickMs
  while (cluster.model.leaseCount > 0) {
    const overdue = cluster.leaseTimes.overdue(wholeSinceMs, graceMs)
    if (overdue !== null) throw new Violation('a lease that nobody keeps ends', overdue)
    schedule.runUntil(schedule.nowMs + recoveryStepMs)
  }
}

/** Nothing changes any more, so whatever member is asked has all that was acknowledged, and nothing else. */
export function inspect(cluster: Cluster, schedule: Schedule): void {
  recover(cluster, schedule)
  for (const tab of cluster.tabs) tab.inspect()
  recover(cluster, schedule)
}

/** What keeps the cluster from being whole, or null. */
function unrecovered(cluster: Cluster): string | null {
  const running = cluster.running.flatMap(member =>
    member.replica === null ? [] : [{ member, replica: member.replica }],
  )
  const lent = cluster.running.find(member => !cluster.hosts.includes(member))
  if (lent !== undefined) return `${lent.name} is still lent a voice`
  // It may have been issued while the disk was still stalled, and cost a leader its place when all seems well.
  const writing = running.find(({ member }) => !member.disk.isSound)
  if (writing !== undefined) return `${writing.member.name} waits for its disk`
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
  const editors = running.filter(({ member }) => roleOf(member.id) === 'editor').length
  const wanted = largestOdd(Math.min(editors, cluster.config.replica.membership.targetVoters))
  if (voters !== wanted) return `${voters} voters instead of ${wanted}`
  if (leader.applied !== cluster.checks.committedIndex) return `committed was ${cluster.checks.committedIndex}`
  for (const tab of cluster.tabs) {
    if (!running.some(({ member }) => member.id === tab.member)) return `${cluster.nameOf(tab.member)} is not running`
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
