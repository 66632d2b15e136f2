import type { MemberId } from '../raft/types.ts'
import { foundingWrite } from '../replica/founding.ts'
import { type MemberLog, type Salvage, salvageBest } from '../replica/salvage.ts'
import { WalError } from '../replica/types.ts'
import { listMembers } from '../wal/idb-clusters.ts'
import { createWal, openWal } from '../wal/idb-wal.ts'
import type { RecoveredData } from './data-protocol.ts'
import { HostFailure } from './failure.ts'
import { claimAll, claimNew, notHeld } from './opening.ts'
import type { OutboxEntry } from './protocol.ts'

interface FoundLog extends MemberLog {
  readonly outbox: readonly OutboxEntry[]
}

/**
 * Founds a cluster with what this browser knows of one that is no more. The old logs are read and no more, with their locks held,
 * so that nobody speaks for them meanwhile; and they stay, until they are erased.
 */
export async function recover(clusterId: string, successorId: string): Promise<RecoveredData> {
  const members = await listMembers(clusterId)
  if (members.length === 0) throw notHeld()
  const identities = await claimAll(clusterId, members)
  try {
    const { logs, damaged } = await readLogs(clusterId, members)
    const { best, unreadable } = salvageBest(logs)
    damaged.push(...unreadable)
    if (best === null) throw damaged.length === 0 ? notHeld() : allDamaged()
    const outbox = withoutRepeats(logs.flatMap(log => log.outbox))
    await found(successorId, best.salvage, outbox)
    const { revision, entriesBeyondCommit, voters } = best.salvage
    return {
      member: best.member,
      revision,
      entriesBeyondCommit,
      outboxWrites: outbox.length,
      voters,
      held: members,
      damaged,
    }
  } finally {
    for (const { release } of identities) release()
  }
}

async function readLogs(
  clusterId: string,
  members: readonly MemberId[],
): Promise<{ readonly logs: FoundLog[]; readonly damaged: MemberId[] }> {
  const logs: FoundLog[] = []
  const damaged: MemberId[] = []
  for (const member of members) {
    try {
      const wal = await openWal({ clusterId, member })
      logs.push({ member, state: wal.recovered, outbox: wal.outbox.recovered })
      await wal.close()
    } catch (error) {
      if (!(error instanceof WalError) || error.code !== 'CORRUPT') throw error
      damaged.push(member)
    }
  }
  return { logs, damaged }
}

function allDamaged(): HostFailure {
  return new HostFailure('CORRUPT', 'every log of that cluster in this browser is damaged')
}

/** The new cluster's log exists with the outbox or not at all. */
async function found(clusterId: string, { data }: Salvage, outbox: readonly OutboxEntry[]): Promise<void> {
  const { member, release } = await claimNew(clusterId, 'editor')
  try {
    const wal = await createWal({ clusterId, member }, foundingWrite(member, data))
    try {
      if (outbox.length > 0) await wal.outbox.change({ added: outbox, removed: [] })
      await wal.close()
    } catch (error) {
      await wal.destroy()
      throw error
    }
  } finally {
    release()
  }
}

/** One that was moving from one member to another may be in both. */
function withoutRepeats(entries: readonly OutboxEntry[]): OutboxEntry[] {
  const byNumber = new Map<string, OutboxEntry>()
  for (const entry of entries) {
    const { clientId, seq } = entry.command
    const number = `${clientId}/${seq}`
    if (!byNumber.has(number)) byNumber.set(number, entry)
  }
  return [...byNumber.values()]
}
