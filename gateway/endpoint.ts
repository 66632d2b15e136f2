import type { handleUnaryCall } from '@grpc/grpc-js'
import type { Client } from './client.ts'
import type { Cluster } from './cluster.ts'
import { toCallError } from './errors.ts'
import type { Member } from './member.ts'
import type * as wire from './wire.ts'

/** One member of the cluster as it is asked over gRPC: what all its services have to do with. */
export interface Endpoint {
  readonly cluster: Cluster
  readonly member: Member
  readonly client: Client
}

/** Who answers, as of which revision; etcd leaves the revision out (0) where an answer is not of the store. */
export function headerOf({ cluster, member }: Endpoint, revision: number): wire.Header {
  return { cluster_id: cluster.id, member_id: member.id, revision, raft_term: member.status.term }
}

/** A method with one request and one answer; what is thrown ends the call. */
export function unary<Request, Response>(
  answer: (request: Request) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    answer(call.request).then(
      response => callback(null, response),
      error => callback(toCallError(error)),
    )
  }
}
