import type { ConfChangeSingle, ConfState, Index, MemberId, Term } from '../raft/types.ts'
import type { PlannedChange, Withheld } from './membership.ts'
import type { ClusterEvent, MembershipChange, MembershipReason } from './types.ts'

/** Tells of what happens to the cluster as this member sees it: that a thing is so once, however often it is found so. */
export class Chronicle {
  readonly #tell: (event: ClusterEvent) => void
  /** What this member's log is known to have led to before it was opened is no news. */
  readonly #newsAfter: Index
  #leader: MemberId = 0
  #leaderTerm: Term = 0
  #hasQuorum = false
  #withheld: Withheld | null = null
  #refusalsFrom = 0

  constructor(newsAfter: Index, tell: (event: ClusterEvent) => void) {
    this.#newsAfter = newsAfter
    this.#tell = tell
  }

  /** `leader` is 0 if nobody leads; then a new term alone is no news. */
  leads(leader: MemberId, term: Term): void {
    if (leader === this.#leader && (leader === 0 || term === this.#leaderTerm)) return
    this.#leader = leader
    this.#leaderTerm = term
    this.#tell({ kind: 'leader', term, leader })
  }

  quorum(reached: boolean): void {
    if (reached === this.#hasQuorum) return
    this.#hasQuorum = reached
    this.#tell({ kind: 'quorum', reached })
  }

  /** The entry at `index` took effect, which was proposed with these changes and this context. */
  changed(
    index: Index,
    states: { readonly before: ConfState; readonly after: ConfState },
    proposed: { readonly changes: readonly ConfChangeSingle[]; readonly context: Uint8Array },
  ): void {
    if (index <= this.#newsAfter) return
    const reasons = decodeReasons(proposed.context)
    this.#changed(index, states.before, states.after, member => {
      return reasons[proposed.changes.findIndex(change => change.member === member)] ?? 'unknown'
    })
  }

  /** A snapshot took the place of this member's state. The first one is where its knowledge begins. */
  installed(index: Index, before: ConfState | null, after: ConfState): void {
    this.#tell({ kind: 'snapshot', index })
    if (before !== null) this.#changed(index, before, after, () => 'unknown')
  }

  /** The leader did not make a change it wanted to make; null if it wants none that it does not make. */
  withheld(withheld: Withheld | null): void {
    if (isSame(withheld, this.#withheld)) return
    this.#withheld = withheld
    if (withheld === null) return
    const { because, changes } = withheld
    this.#tell({ kind: 'withheld', because, changes: changes.map(describe) })
  }

  /** By `now`, in ticks. Whoever is refused goes on trying. */
  refused(member: MemberId, now: number): void {
    if (now < this.#refusalsFrom) return
    this.#refusalsFrom = now + refusalEveryTicks
    this.#tell({ kind: 'refused', member })
  }

  #changed(index: Index, before: ConfState, after: ConfState, why: (member: MemberId) => MembershipReason): void {
    const changes = differences(before, after).map(difference => ({ ...difference, reason: why(difference.member) }))
    if (changes.length > 0) this.#tell({ kind: 'membership', index, changes })
  }
}

/**
 * Why each of the changes is made, in their order, for the context of the change's entry:
 *
 *     version u8, 1 | (code of the reason u8)*
 */
export function encodeReasons(changes: readonly PlannedChange[]): Uint8Array {
  return Uint8Array.of(version, ...changes.map(({ reason }) => codes.indexOf(reason)))
}

/** Of entries that earlier versions wrote, which give no reasons, and of later ones, which may have others, there is less to say. */
export function decodeReasons(context: Uint8Array): MembershipReason[] {
  const [first, ...reasons] = context
  return first === version ? reasons.map(code => codes[code] ?? 'unknown') : []
}

const version = 1

/** A minute. */
const refusalEveryTicks = 1_200

/** In the log by their place: what is new is added at the end. */
const codes: readonly MembershipReason[] = [
  'unknown',
  'asked',
  'caughtUp',
  'replacement',
  'successor',
  'leaving',
  'silent',
  'forgotten',
  'evenVoters',
  'tooManyVoters',
  'askedToLook',
  'viewer',
]

/** What a change will come to once the cluster has moved over. */
function differences(before: ConfState, after: ConfState): Omit<MembershipChange, 'reason'>[] {
  const [old, now] = [rolesOf(before), rolesOf(after)]
  const changes: Omit<MembershipChange, 'reason'>[] = []
  for (const [member, role] of now) {
    const was = old.get(member)
    if (was === role) continue
    if (was === undefined) changes.push({ member, change: 'joined' })
    if (role === 'voter') changes.push({ member, change: 'promoted' })
    else if (was === 'voter') changes.push({ member, change: 'demoted' })
  }
  for (const member of old.keys()) if (!now.has(member)) changes.push({ member, change: 'removed' })
  return changes
}

function rolesOf({ voters, learners, learnersNext }: ConfState): Map<MemberId, 'voter' | 'learner'> {
  const roles = new Map<MemberId, 'voter' | 'learner'>()
  for (const member of [...learners, ...learnersNext]) roles.set(member, 'learner')
  for (const member of voters) roles.set(member, 'voter')
  return roles
}

function describe({ type, member, reason }: PlannedChange): MembershipChange {
  const change = type === 'addVoter' ? 'promoted' : type === 'removeMember' ? 'removed' : 'demoted'
  return { member, change, reason }
}

function isSame(a: Withheld | null, b: Withheld | null): boolean {
  if (a === null || b === null) return a === b
  return (
    a.because === b.because &&
    a.changes.length === b.changes.length &&
    a.changes.every(({ type, member, reason }, i) => {
      const other = b.changes[i]
      return other?.type === type && other.member === member && other.reason === reason
    })
  )
}
