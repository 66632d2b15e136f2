import type { MemberId } from '../raft/types.ts'
import { type Input, type ReplicaStatus, roleOf } from '../replica/types.ts'
import { comesTrue } from './clock.ts'
import { HostFailure } from './failure.ts'
import type { HostedMember } from './hosted-member.ts'

/** A leader hands over, the next one removes it, and tells: some round trips and elections. */
const removalMsMax = 5_000

/**
 * Throws `LAST_MEMBER` if nobody else is in reach who holds the data and can go on with them, but for members that this worker speaks
 * for. One that was never let in holds nothing, and viewers alone cannot go on.
 */
export function checkNotLast({ state, members }: ReplicaStatus, hosted: { has(member: MemberId): boolean }): void {
  const isHeir = (member: MemberId) => !hosted.has(member) && roleOf(member) === 'editor'
  if (state === 'joining' || members.some(({ member, connected }) => connected && isHeir(member))) return
  throw new HostFailure('LAST_MEMBER', 'No other member is in reach: this may be the last copy of the data.')
}

export function unremoved(): HostFailure {
  return new HostFailure('UNREMOVED', 'The cluster did not remove this member in time. It is a member still.')
}

/**
 * Has the cluster remove a member for good. False if it did not in time, or could not be heard; the member then stays, as it was
 * but for a leadership that it may have handed over.
 */
export async function removeFromCluster(member: HostedMember, push: (input: Input) => void): Promise<boolean> {
  member.removal = 'asked'
  push({ kind: 'leave', fate: 'remove' })
  if (await comesTrue(() => isRemoved(member), removalMsMax)) return true
  member.removal = 'none'
  push({ kind: 'stay' })
  return false
}

/** It was told so, or has applied it. */
function isRemoved({ removal, replica }: HostedMember): boolean {
  return removal === 'done' || replica.status().state === 'joining'
}
