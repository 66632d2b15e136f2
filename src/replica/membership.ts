import { CONF_CHANGES_MAX } from '../raft/conf-change.ts'
import type { ConfChangeSingle, ConfState, MemberId } from '../raft/types.ts'
import type { MembershipOptions } from './options.ts'
import { type MembershipReason, roleOf, type WithheldBecause } from './types.ts'

/** What the leader knows when it thinks about the membership. */
export interface MembershipView {
  readonly self: MemberId
  readonly confState: ConfState
  /** Whether there is a way to a member; so there is to itself. */
  readonly isLinked: (member: MemberId) => boolean
  /** Ticks since the leader heard from a member, and no more than it has been leading; 0 for itself. */
  readonly silentTicks: (member: MemberId) => number
  /** Ticks since it heard from a member, whoever led; 0 for itself. */
  readonly absentTicks: (member: MemberId) => number
  /** Entries a member's log is known to be behind the commit index; negative if it is ahead. */
  readonly lag: (member: MemberId) => number
  /** Strangers that asked to be let in. */
  readonly joining: ReadonlySet<MemberId>
  /** Members that said they are going, and what is to become of them. */
  readonly leaving: ReadonlyMap<MemberId, 'demote' | 'remove'>
}

export interface PlannedChange extends ConfChangeSingle {
  readonly reason: MembershipReason
}

export interface MembershipPlan {
  readonly changes: readonly PlannedChange[]
  /** Votes that are due to move and do not. */
  readonly withheld: Withheld | null
}

export interface Withheld {
  readonly because: WithheldBecause
  readonly changes: readonly PlannedChange[]
}

/**
 * The next membership change the cluster should make, if any, and why. A pure function of what the leader sees, so that every
 * rule can be tested alone:
 *
 * - strangers come in as learners, and viewers stay learners;
 * - voters are the largest odd number of dependable members, up to the target: with an even number, one more voter would
 *   only add one more member whose loss stops the rest;
 * - a voter that is leaving gives its vote up at once, a silent one after `replaceTicks`, or before if the quorum hangs on it;
 * - whoever was to be removed, or is absent for `forgetTicks`, goes once it has no vote;
 * - a leader that is leaving hands leadership over first, and the next one takes its vote (`Departure`). If no voter can take over, it
 *   hands its own vote to a learner;
 * - no change is made whose old or new voters lack a live majority: that change could itself lose the quorum.
 */
export function planMembership(view: MembershipView, options: MembershipOptions): MembershipPlan {
  if (view.confState.votersOutgoing.length > 0) return nothing
  const votes = planVotes(view, options)
  const moved = votes.withheld === null ? votes.changes : []
  // Votes move together or not at all; everyone else can wait for the next change.
  const others = [...leavers(view, options), ...joiners(view)].slice(0, CONF_CHANGES_MAX - moved.length)
  return { changes: [...moved, ...others], withheld: votes.withheld }
}

/** A live voter, not about to go, that could take over leadership; the least lagging one. None if the leader's vote is moving already. */
export function successor(view: MembershipView, options: MembershipOptions): MemberId | null {
  const { self, confState } = view
  if (!confState.voters.includes(self)) return null
  const able = confState.voters.filter(member => member !== self && isEligible(member, view, options))
  return inOrderOfLag(able, view)[0] ?? null
}

function joiners({ confState, joining }: MembershipView): PlannedChange[] {
  const members = new Set([...confState.voters, ...confState.learners])
  return [...joining]
    .filter(member => !members.has(member))
    .map(member => ({ type: 'addLearner', member, reason: isViewer(member) ? 'askedToLook' : 'asked' }))
}

/** A new leader does not know yet who is only on the way to it. */
function leavers(view: MembershipView, options: MembershipOptions): PlannedChange[] {
  return view.confState.learners.flatMap((member): PlannedChange[] => {
    if (view.leaving.get(member) === 'remove') return [{ type: 'removeMember', member, reason: 'leaving' }]
    const isForgotten =
      view.absentTicks(member) > options.forgetTicks && view.silentTicks(member) > options.replaceTicks
    return isForgotten ? [{ type: 'removeMember', member, reason: 'forgotten' }] : []
  })
}

/** Votes move all together, to the first choice of voters that will do. */
function planVotes(view: MembershipView, options: MembershipOptions): MembershipPlan {
  const { self, leaving, confState } = view
  const isLeaving = leaving.has(self)
  // Its successor, who then leads, takes its vote.
  if (isLeaving && successor(view, options) !== null) return nothing
  const dependable = dependableVoters(view, options)
  const promotable = promotableLearners(view, options)
  if (isLeaving && promotable.length === 0) return withoutSuccessor(view, options)
  const floor = Math.min(options.minVoters, confState.voters.length)
  const choices = isLeaving
    ? [[...promotable, ...dependable].slice(0, floor)]
    : choicesOfVoters([...dependable, ...promotable], floor, view, options)
  const [wanted = []] = choices
  const moves = movesTo(wanted, view, options)
  if (moves.length === 0) return nothing
  if (!hasLiveMajority(confState.voters, view, options)) return withhold('votersSilent', moves)
  if (wanted.length < floor) return withhold('tooFewVoters', moves)
  const next = choices.find(voters => hasLiveMajority(voters, view, options))
  if (next === undefined) return withhold('quorumAtRisk', moves)
  return { changes: movesTo(next, view, options), withheld: null }
}

/** Voters that are staying, as far as is known: the leader, then those heard from most recently. */
function dependableVoters(
  { self, confState, leaving, silentTicks }: MembershipView,
  options: MembershipOptions,
): MemberId[] {
  return confState.voters
    .filter(member => !isViewer(member) && !leaving.has(member) && silentTicks(member) <= options.replaceTicks)
    .sort((a, b) => Number(b === self) - Number(a === self) || silentTicks(a) - silentTicks(b) || a - b)
}

function promotableLearners(view: MembershipView, options: MembershipOptions): MemberId[] {
  const able = view.confState.learners.filter(
    member => isEligible(member, view, options) && view.lag(member) <= options.promotionLagMax,
  )
  return inOrderOfLag(able, view)
}

/**
 * The best first. A voter that is not live keeps its vote for its time, but not if the quorum hangs on it: if it would be lost with
 * one voter more, learners that are live take the place of those who are not; if it would be lost by the change, there are fewer.
 */
function choicesOfVoters(
  candidates: readonly MemberId[],
  floor: number,
  view: MembershipView,
  options: MembershipOptions,
): MemberId[][] {
  const { length } = candidates
  const odd = largestOdd(Math.min(length, options.targetVoters))
  // With the minimum out of reach, it will do if they do not become fewer.
  const most = length < options.minVoters ? floor : Math.max(options.minVoters, odd)
  const isCounted = (member: MemberId) => isLive(member, view, options)
  const liveFirst = [...candidates.filter(isCounted), ...candidates.filter(member => !isCounted(member))]
  const { voters } = view.confState
  const choices = isQuorumOf(voters.filter(isCounted).length - 1, voters) ? [candidates.slice(0, most)] : []
  for (let size = most; size >= floor; size -= 1) {
    if (size === most || size === floor || size % 2 === 1) choices.push(liveFirst.slice(0, size))
  }
  return choices
}

/** A leader that goes leaves the others waiting for it, unless there are none. */
function withoutSuccessor(view: MembershipView, options: MembershipOptions): MembershipPlan {
  const { self, confState } = view
  if (!confState.learners.some(member => isEligible(member, view, options))) return nothing
  return withhold('noSuccessor', [{ type: 'addLearner', member: self, reason: 'leaving' }])
}

function movesTo(next: readonly MemberId[], view: MembershipView, options: MembershipOptions): PlannedChange[] {
  const { self, confState, leaving } = view
  const { voters } = confState
  const lost = voters.filter(member => !next.includes(member))
  const won = next.filter(member => !voters.includes(member))
  return [
    ...lost.map((member): PlannedChange => {
      const type = leaving.get(member) === 'remove' ? 'removeMember' : 'addLearner'
      return { type, member, reason: whyDemoted(member, view, options) }
    }),
    ...won.map((member, i): PlannedChange => {
      const reason = leaving.has(self) ? 'successor' : i < lost.length ? 'replacement' : 'caughtUp'
      return { type: 'addVoter', member, reason }
    }),
  ]
}

function whyDemoted(member: MemberId, view: MembershipView, options: MembershipOptions): MembershipReason {
  if (isViewer(member)) return 'viewer'
  if (view.leaving.has(member)) return 'leaving'
  if (!isLive(member, view, options)) return 'silent'
  return view.confState.voters.length > options.targetVoters ? 'tooManyVoters' : 'evenVoters'
}

/** Whether a member can be counted on now. */
function isLive(member: MemberId, view: MembershipView, { liveTicks }: MembershipOptions): boolean {
  return view.isLinked(member) && view.silentTicks(member) <= liveTicks
}

/** Whether a member is there, stays, and may vote: whether the cluster could go on with it. */
export function isEligible(member: MemberId, view: MembershipView, options: MembershipOptions): boolean {
  return !isViewer(member) && !view.leaving.has(member) && isLive(member, view, options)
}

function isViewer(member: MemberId): boolean {
  return roleOf(member) === 'viewer'
}

function hasLiveMajority(voters: readonly MemberId[], view: MembershipView, options: MembershipOptions): boolean {
  return isQuorumOf(voters.filter(member => isLive(member, view, options)).length, voters)
}

function isQuorumOf(count: number, voters: readonly MemberId[]): boolean {
  return count > voters.length / 2
}

function inOrderOfLag(members: MemberId[], { lag }: MembershipView): MemberId[] {
  return members.sort((a, b) => lag(a) - lag(b) || a - b)
}

function withhold(because: WithheldBecause, changes: readonly PlannedChange[]): MembershipPlan {
  return { changes: [], withheld: { because, changes } }
}

const nothing: MembershipPlan = { changes: [], withheld: null }

function largestOdd(count: number): number {
  return count % 2 === 1 ? count : Math.max(count - 1, 0)
}
