import type { MemberId } from '../raft/types.ts'
import { emptyState, foundingWrite } from '../replica/founding.ts'
import type { WalWrite } from '../replica/types.ts'
import { createWal, listMembers, openWal } from '../wal/idb-wal.ts'
import { HostedMember } from './hosted-member.ts'
import { claim, claimReleased, type Identity, newMemberId } from './identity.ts'
import type { HostErrorCode, OpenOptions, OutboxEntry } from './protocol.ts'

/** Why there is no member to host. */
export class HostFailure extends Error {
  readonly code: HostErrorCode

  constructor(code: HostErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

export interface Opening {
  /** Those that nobody speaks for, claimed and recovered; the one to serve the page comes first. */
  readonly members: HostedMember[]
  /** All members of the cluster that this browser holds. */
  readonly held: readonly MemberId[]
}

/** Finds what this browser holds of the cluster. No members: a new one has to be made. */
export async function claimMembers({ clusterId, mode, lastMember, lastMemberReleased }: OpenOptions): Promise<Opening> {
  const held = await listMembers(clusterId)
  if (mode === 'create') {
    if (held.length > 0) throw new HostFailure('CLUSTER_EXISTS', 'this browser already holds that cluster')
    return { members: [await newMember(clusterId, 'found')], held }
  }
  // This tab's own member first: its lock may still be on its way out with the page before. The others' pages may be reloading,
  // too, so they are not claimed but waited for.
  if (lastMember !== null && lastMemberReleased && held.includes(lastMember)) {
    const own = await claimReleased(clusterId, lastMember)
    if (own !== null) return { members: [await resume(clusterId, own)], held }
  }
  const claims = await Promise.all(held.map(member => claim(clusterId, member)))
  const identities = claims.filter(identity => identity !== null)
  const opened = await Promise.allSettled(identities.map(identity => resume(clusterId, identity)))
  const members = opened.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = opened.find(result => result.status === 'rejected')
  // A damaged log beside a sound one costs a vote, which the cluster will replace; alone, it is for a person to know.
  if (members.length === 0 && failed !== undefined) throw failed.reason
  members.sort((a, b) => Number(b.id === lastMember) - Number(a.id === lastMember) || compareProgress(a, b))
  return { members, held }
}

export async function resume(clusterId: string, identity: Identity): Promise<HostedMember> {
  try {
    return new HostedMember(identity, await openWal({ clusterId, member: identity.member }))
  } catch (error) {
    identity.release()
    throw error
  }
}

export async function newMember(clusterId: string, how: 'found' | 'join'): Promise<HostedMember> {
  const member = newMemberId()
  const identity = await claim(clusterId, member)
  if (identity === null) throw new HostFailure('INTERNAL', 'two members drew the same number')
  const initial: WalWrite =
    how === 'found'
      ? foundingWrite(member)
      : { hardState: emptyState.hardState, entries: [], install: null, compaction: null }
  return new HostedMember(identity, await createWal({ clusterId, member }, initial))
}

/** The member that knows most comes first: it can lead without catching up. */
function compareProgress(a: HostedMember, b: HostedMember): number {
  const [left, right] = [a.replica.status(), b.replica.status()]
  return (
    Number(right.state === 'voter') - Number(left.state === 'voter') ||
    right.term - left.term ||
    right.commit - left.commit
  )
}

/**
 * The end of a member that the cluster has removed: its log is deleted, and the writes its page was not answered go to a
 * new member, made for them and not running yet. Returns that, or null if there were none.
 */
export async function bequeath(
  clusterId: string,
  removed: HostedMember,
  unanswered: readonly OutboxEntry[],
): Promise<MemberId | null> {
  if (unanswered.length === 0) {
    await removed.destroy()
    return null
  }
  const heir = await newMember(clusterId, 'join')
  await heir.outbox.change({ added: unanswered, removed: [] })
  await heir.close()
  await removed.destroy()
  return heir.id
}
