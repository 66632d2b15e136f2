import type { MemberId } from '../raft/types.ts'
import { identityOf, type WalIdentity, walError } from './database.ts'

/** The logs in this browser, from what their databases are called. */

/** By cluster. Errors: `UNAVAILABLE`. */
export async function listClusters(): Promise<ReadonlyMap<string, readonly MemberId[]>> {
  const clusters = new Map<string, MemberId[]>()
  for (const { clusterId, member } of await listLogs()) {
    if (!clusterIdPattern.test(clusterId)) continue
    const members = clusters.get(clusterId) ?? []
    members.push(member)
    clusters.set(clusterId, members)
  }
  return clusters
}

/** The members of a cluster that have a log in this browser. Errors: `UNAVAILABLE`. */
export async function listMembers(clusterId: string): Promise<MemberId[]> {
  const logs = await listLogs()
  return logs.filter(log => log.clusterId === clusterId).map(({ member }) => member)
}

/** What every cluster that is founded here is called like: another name is nothing that a person could be shown. */
const clusterIdPattern = /^[0-9a-f]+$/

async function listLogs(): Promise<WalIdentity[]> {
  try {
    const databases = await indexedDB.databases()
    return databases.flatMap(({ name = '' }) => identityOf(name) ?? [])
  } catch (error) {
    throw walError(error, 'UNAVAILABLE')
  }
}
