import type { MemberId } from '../raft/types.ts'
import { emptyState, foundingWrite, inspectData } from '../replica/founding.ts'
import { roleOf, type TabRole, WalError, type WalWrite } from '../replica/types.ts'
import { BackupError, readBackup } from '../wal/backup-file.ts'
import { listMembers } from '../wal/idb-clusters.ts'
import { createWal, type IdbWal, openWal } from '../wal/idb-wal.ts'
import { HostFailure } from './failure.ts'
import { HostedMember } from './hosted-member.ts'
import { awaitLock, claim, claimReleased, type Identity, newMemberId } from './identity.ts'
import type { OpenOptions, OutboxEntry } from './protocol.ts'

/** Which cluster a member is of, what its tab may do there, and by what it goes if it leads. */
export type Belonging = Pick<OpenOptions, 'clusterId' | 'role' | 'membership'>

/** Members that one worker speaks for at a time beside its own. More than a cluster has votes; each costs as much memory as a tab. */
export const orphansHostedMax = 8

/** A worker's locks fall free when it is gone, which is soon after whoever ended it goes on. */
const claimMsMax = 500

export interface Opening {
  /** Those that nobody speaks for, claimed and recovered; the one to serve the page comes first. */
  readonly members: HostedMember[]
  /** Claimed, too, but their logs are damaged: nobody speaks for them ever again. */
  readonly damaged: Identity[]
  /** All members of the cluster that this browser holds for tabs of this role. */
  readonly held: readonly MemberId[]
}

/**
 * The members that this browser holds for tabs of this role. Viewers and editors know nothing of each other's: what an editor's tab
 * left behind is nothing for a viewer to speak for.
 */
export async function listOwn({ clusterId, role }: Pick<Belonging, 'clusterId' | 'role'>): Promise<MemberId[]> {
  return (await listMembers(clusterId)).filter(member => roleOf(member) === role)
}

/** Finds what this browser holds of the cluster. No members: a new one has to be made. */
export async function claimMembers(options: OpenOptions): Promise<Opening> {
  const { clusterId, mode, data, lastMember, lastMemberReleased } = options
  const held = await listOwn(options)
  if (mode === 'create') {
    if (held.length > 0) throw new HostFailure('CLUSTER_EXISTS', 'this browser already holds that cluster')
    return { members: [await foundingMember(options, data)], damaged: [], held }
  }
  // This tab's own member first: its lock may still be on its way out with the page before. The others' pages may be reloading,
  // too, so they are not claimed but waited for.
  if (mode === 'open' && lastMember !== null && lastMemberReleased && held.includes(lastMember)) {
    const own = await claimReleased(clusterId, lastMember)
    if (own !== null) return { ...(await resumeAll(options, [own])), held }
  }
  const identities = mode === 'resume' ? await claimAll(clusterId, held) : await claimFree(clusterId, held)
  const { members, damaged } = await resumeAll(options, identities)
  if (members.length === 0 && mode === 'resume') {
    for (const { release } of damaged) release()
    throw damaged.length === 0 ? notHeld() : new HostFailure('CORRUPT', 'all that this browser holds of it is damaged')
  }
  return { members, damaged, held }
}

/**
 * The most useful ones first, and no more than may be hosted: the others stay as they are, for whoever looks for them. One after
 * another, as each takes a whole state into memory. Throws if none could be opened, for a reason that is not its own damage.
 */
async function resumeAll(
  options: OpenOptions,
  identities: readonly Identity[],
): Promise<Pick<Opening, 'members' | 'damaged'>> {
  const members: HostedMember[] = []
  const damaged: Identity[] = []
  // Without its tab nobody needs a viewer.
  const membersMax = options.role === 'viewer' ? 1 : orphansHostedMax
  let failure: unknown = null
  for (const identity of identities) {
    try {
      const member = await resume(options, identity)
      if (member === 'damaged') damaged.push(identity)
      else members.push(member)
    } catch (error) {
      failure ??= error
    }
    members.sort((a, b) => {
      return Number(b.id === options.lastMember) - Number(a.id === options.lastMember) || compareProgress(a, b)
    })
    if (members.length > membersMax) await members.pop()?.close()
  }
  if (members.length === 0 && failure !== null) {
    for (const { release } of damaged) release()
    throw failure
  }
  return { members, damaged }
}

/** Opens the log of a member, or lets go of its name and throws. One that is damaged stays claimed: nobody else is to try. */
export async function resume(
  { clusterId, membership }: Belonging,
  identity: Identity,
): Promise<HostedMember | 'damaged'> {
  let wal: IdbWal | null = null
  try {
    wal = await openWal({ clusterId, member: identity.member })
    return new HostedMember(identity, wal, membership)
  } catch (error) {
    await wal?.close()
    if (error instanceof WalError && error.code === 'CORRUPT') return 'damaged'
    identity.release()
    throw error
  }
}

export async function newMember(to: Belonging): Promise<HostedMember> {
  return makeMember(to, () => {
    return { hardState: emptyState.hardState, entries: [], install: null, compaction: null }
  })
}

/** With the data of a backup, if one is given. Nothing is made before all of it was checked. */
async function foundingMember(of: Belonging, file: Blob | null): Promise<HostedMember> {
  const data = file === null ? undefined : await dataOf(file)
  return makeMember(of, member => foundingWrite(member, data))
}

async function makeMember(
  { clusterId, role, membership }: Belonging,
  firstWrite: (member: MemberId) => WalWrite,
): Promise<HostedMember> {
  const identity = await claimNew(clusterId, role)
  try {
    const { member } = identity
    return new HostedMember(identity, await createWal({ clusterId, member }, firstWrite(member)), membership)
  } catch (error) {
    identity.release()
    throw error
  }
}

export async function claimNew(clusterId: string, role: TabRole): Promise<Identity> {
  const identity = await claim(clusterId, newMemberId(role))
  if (identity === null) throw new HostFailure('INTERNAL', 'two members drew the same number')
  return identity
}

async function claimFree(clusterId: string, members: readonly MemberId[]): Promise<Identity[]> {
  const claims = await Promise.all(members.map(member => claim(clusterId, member)))
  return claims.filter(identity => identity !== null)
}

/** All or none. Waits a moment for locks whose worker has just ended. Errors: `IN_USE`. */
export async function claimAll(clusterId: string, members: readonly MemberId[]): Promise<Identity[]> {
  const late = AbortSignal.timeout(claimMsMax)
  const claims = await Promise.all(members.map(member => awaitLock(clusterId, member, late)))
  const identities = claims.filter(identity => identity !== null)
  if (identities.length === members.length) return identities
  for (const { release } of identities) release()
  const held = members.length - identities.length
  throw new HostFailure('IN_USE', `other tabs of this browser speak for ${held} of its members: close them first`)
}

export function notHeld(): HostFailure {
  return new HostFailure('NOT_HELD', 'this browser holds nothing of that cluster')
}

async function dataOf(file: Blob): Promise<Uint8Array> {
  const { header, data } = await readBackup(file).catch((error: unknown) => {
    throw error instanceof BackupError ? new HostFailure('INVALID_BACKUP', error.message) : error
  })
  const found = inspectData(data)
  if (!found.ok) throw new HostFailure('INVALID_BACKUP', `The backup's data make no sense: ${found.why}.`)
  if (found.revision !== header.revision) {
    const { revision } = header
    throw new HostFailure(
      'INVALID_BACKUP',
      `The backup says it is of revision ${revision}, and is of ${found.revision}.`,
    )
  }
  return data
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
 * new member, made for them and not running yet.
 */
export async function bequeath(
  belonging: Belonging,
  removed: HostedMember,
  unanswered: readonly OutboxEntry[],
): Promise<MemberId> {
  const heir = await newMember(belonging)
  if (unanswered.length > 0) await heir.outbox.change({ added: unanswered, removed: [] })
  await heir.close()
  await removed.destroy()
  return heir.id
}
