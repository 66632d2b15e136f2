import type { MemberId } from '../raft/types.ts'
import type { ReplicaStatus } from '../replica/types.ts'

type Known = Pick<ReplicaStatus, 'state' | 'quorum' | 'members'>

/** Whether a member knows who has a vote now: it was let in, and it hears from a leader. */
export function isInformed({ state, quorum }: Known): boolean {
  return quorum && state !== 'joining'
}

/**
 * Who may have a vote, as far as anyone here can say; null if nobody here knows anything, so that anyone may. As long as the
 * page's own member is not informed, whatever a log says counts: a voice lent for nothing is soon let go of, but a vote that is missed
 * may be the one without which there never is a leader again.
 */
export function votersKnown(primary: Known, lent: readonly Known[]): ReadonlySet<MemberId> | null {
  const asked = isInformed(primary) ? [primary] : [primary, ...lent]
  const listed = asked.flatMap(({ members }) => members)
  if (listed.length === 0) return null
  return new Set(listed.filter(({ state }) => state === 'voter').map(({ member }) => member))
}
