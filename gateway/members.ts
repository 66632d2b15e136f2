import { type Endpoint, headerOf, unary } from './endpoint.ts'
import type * as wire from './wire.ts'

/** Of etcd's service `Cluster`, the list of members. They are fixed, and have no peer URLs: they are in one process. */
export function clusterService(endpoint: Endpoint, urls: readonly string[]) {
  const members = endpoint.cluster.members.map((member, at) => ({
    ID: member.id,
    name: `m${at + 1}`,
    peerURLs: [],
    clientURLs: urls.slice(at, at + 1),
    isLearner: false,
  }))
  return {
    MemberList: unary<object, wire.MemberListResponse>(async () => ({ header: headerOf(endpoint, 0), members })),
  }
}
