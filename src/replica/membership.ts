import type { ConfChangeSingle, ConfState, MemberId } from '../raft/types.ts'
import type { MembershipOptions } from './options.ts'

/** What the leader knows when it thinks about the membership. */
export interface MembershipView {
  readonly self: MemberId
  readonly confState: ConfState
  /** Ticks since the leader heard from a member; 0 for itself. */
  readonly silentTicks: (member: MemberId) => number
  /** Entries a member's log is known to be behind the leader's. */
  readonly lag: (member: MemberId) => number
  /** Strangers that asked to be let in. */
  readonly joining: ReadonlySet<MemberId>
  /** Members that said they are going, and what is to become of them. */
  readonly leaving: ReadonlyMap<MemberId, 'demote' | 'remove'>
}

/**
 * The next membership change the cluster should make, or none. A pure function of what the leader sees, so that every
 * rule can be tested alone:
 *
 * - strangers come in as learners;
 * - voters are the largest odd number of dependable members, up to the target: with an even number, one more voter would
 *   only add one more member whose loss stops the rest;
 * - a voter that is leaving gives its vote up at once, a silent one after `replaceTicks`;
 * - whoever was to be removed, or is silent for `forgetTicks`, goes once it has no vote;
 * - the leader never takes its own vote: it hands leadership over first (`Leaving`). While it is leaving and no other
 *   dependable voter is there to take over, it makes one;
 * - no change is made whose old or new voters lack a live majority: that change could itself lose the quorum.
 */
export function planMembership(view: MembershipView, options: MembershipOptions): ConfChangeSingle[] {
  const { self, confState, leaving, joining } = view
  if (confState.votersOutgoing.length > 0) return []
  const members = new Set([...confState.voters, ...confState.learners])
  const changes: ConfChangeSingle[] = []

  for (const member of joining) {
    if (!members.has(member)) changes.push({ type: 'addLearner', member })
  }
  for (const member of confState.learners) {
    if (leaving.get(member) === 'remove' || view.silentTicks(member) > options.forgetTicks) {
      changes.push({ type: 'removeMember', member })
    }
  }

  const voters = confState.voters
  const next = nextVoters(view, options)
  if (isSafe(voters, view, options) && isSafe(next, view, options)) {
    for (const member of voters) {
      if (next.includes(member)) continue
      const type = leaving.get(member) === 'remove' ? 'removeMember' : 'addLearner'
      changes.push({ type, member })
    }
    for (const member of next) {
      if (!voters.includes(member)) changes.push({ type: 'addVoter', member })
    }
  }
  return changes.filter(change => change.member !== self || change.type === 'addVoter')
}

/** A live voter, not about to go, that could take over leadership; the least lagging one. */
export function successor(view: MembershipView, options: MembershipOptions): MemberId | null {
  const able = view.confState.voters.filter(
    member => member !== view.self && !view.leaving.has(member) && view.silentTicks(member) <= options.liveTicks,
  )
  able.sort((a, b) => view.lag(a) - view.lag(b) || a - b)
  return able[0] ?? null
}

function nextVoters(view: MembershipView, options: MembershipOptions): MemberId[] {
  const { self, leaving, confState } = view
  const promotable = confState.learners
    .filter(
      member =>
        !leaving.has(member) &&
        view.silentTicks(member) <= options.liveTicks &&
        view.lag(member) <= options.promotionLagMax,
    )
    .sort((a, b) => view.lag(a) - view.lag(b) || a - b)

  if (leaving.has(self)) {
    const heir = successor(view, options) === null ? promotable.slice(0, 1) : []
    return [...confState.voters, ...heir]
  }

  const kept = confState.voters.filter(
    member => !leaving.has(member) && view.silentTicks(member) <= options.replaceTicks,
  )
  // The leader's own vote is never up for change; then those heard from most recently.
  kept.sort((a, b) => Number(b === self) - Number(a === self) || view.silentTicks(a) - view.silentTicks(b) || a - b)
  const dependable = [...kept, ...promotable]
  const wanted = Math.max(options.minVoters, largestOdd(Math.min(dependable.length, options.targetVoters)))
  const next = dependable.slice(0, wanted)
  // Below the minimum nobody is let go: an absent voter is better than too few.
  if (next.length < options.minVoters) return [...confState.voters]
  return next
}

function isSafe(voters: readonly MemberId[], view: MembershipView, options: MembershipOptions): boolean {
  const live = voters.filter(member => view.silentTicks(member) <= options.liveTicks).length
  return live > voters.length / 2
}

function largestOdd(count: number): number {
  return count % 2 === 1 ? count : Math.max(count - 1, 0)
}
