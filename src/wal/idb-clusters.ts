import type { MemberId } from '../raft/types.ts'
import { walError } from './database.ts'

/** The logs in this browser, by cluster, from what their databases are called. Errors: `UNAVAILABLE`. */
export async function listClusters(): Promise<ReadonlyMap<string, readonly MemberId[]>> {
  const clusters = new Map<string, MemberId[]>()
  for (const name of await databaseNames()) {
    const [, clusterId, member] = /^flotilla\/([0-9a-f]+)\/(\d+)$/.exec(name) ?? []
    if (clusterId === undefined || !Number.isSafeInteger(Number(member))) continue
    const members = clusters.get(clusterId) ?? []
    members.push(Number(member))
    clusters.set(clusterId, members)
  }
  return clusters
}

async function databaseNames(): Promise<string[]> {
  try {
    return (await indexedDB.databases()).map(({ name = '' }) => name)
  } catch (error) {
    throw walError(error, 'UNAVAILABLE')
  }
}
