import { listClusters, listMembers } from '../wal/idb-clusters.ts'
import { deleteWal } from '../wal/idb-wal.ts'
import type { HeldCluster } from './data-protocol.ts'
import { claimAll } from './opening.ts'

/** What this browser keeps, as a whole: to be shown, and to be deleted. */
export async function held(): Promise<readonly HeldCluster[]> {
  return Array.from(await listClusters(), ([clusterId, members]) => ({ clusterId, members }))
}

/** With all locks held or not at all: nobody loses the log they work on. Damaged logs go like any others. */
export async function erase(clusterId: string): Promise<null> {
  const members = await listMembers(clusterId)
  const identities = await claimAll(clusterId, members)
  try {
    for (const member of members) await deleteWal({ clusterId, member })
    return null
  } finally {
    for (const { release } of identities) release()
  }
}
