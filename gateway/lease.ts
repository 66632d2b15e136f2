import { type handleBidiStreamingCall, status as Status } from '@grpc/grpc-js'
import { randomId } from './cluster.ts'
import { type Endpoint, headerOf, unary } from './endpoint.ts'
import { CallError, invalidArgument, toCallError } from './errors.ts'
import { integer } from './requests.ts'
import type * as wire from './wire.ts'

/** etcd's service `Lease`. */
export function leaseService(endpoint: Endpoint) {
  const { client, member } = endpoint
  return {
    LeaseGrant: unary<wire.LeaseGrantRequest, wire.LeaseGrantResponse>(async request => {
      const chosen = integer('ID', request.ID)
      if (chosen < 0) throw invalidArgument('ID is negative: lease ids are positive here')
      const lease = chosen === 0 ? randomId() : chosen
      const response = await client.write({ op: 'leaseGrant', lease, ttlSeconds: integer('TTL', request.TTL) })
      return { header: headerOf(endpoint, response.header.revision), ID: response.lease, TTL: response.ttlSeconds }
    }),
    LeaseRevoke: unary<wire.LeaseRequest, wire.Done>(async request => {
      const response = await client.write({ op: 'leaseRevoke', lease: integer('ID', request.ID) })
      return { header: headerOf(endpoint, response.header.revision) }
    }),
    LeaseKeepAlive: keepAlives(async request => {
      const lease = integer('ID', request.ID)
      const ttlSeconds = await keepAlive(endpoint, lease)
      return { header: headerOf(endpoint, member.status.revision), ID: lease, TTL: ttlSeconds }
    }),
    LeaseTimeToLive: unary<wire.LeaseTimeToLiveRequest, wire.LeaseTimeToLiveResponse>(async request => {
      const lease = integer('ID', request.ID)
      const response = await client.read({ op: 'leaseTimeToLive', lease, keys: request.keys }, { serializable: false })
      return {
        header: headerOf(endpoint, response.header.revision),
        ID: response.lease,
        TTL: response.ttlSeconds,
        grantedTTL: response.grantedTtlSeconds,
        keys: response.keys,
      }
    }),
    LeaseLeases: unary<object, wire.LeaseLeasesResponse>(async () => {
      const response = await client.read({ op: 'leases' }, { serializable: false })
      return {
        header: headerOf(endpoint, response.header.revision),
        leases: response.leases.map(lease => ({ ID: lease })),
      }
    }),
  }
}

/** The time granted again; 0 if there is no such lease, which etcd does not take for an error. */
async function keepAlive({ client }: Endpoint, lease: number): Promise<number> {
  try {
    return (await client.write({ op: 'leaseKeepAlive', lease })).ttlSeconds
  } catch (error) {
    if (error instanceof CallError && error.code === Status.NOT_FOUND) return 0
    throw error
  }
}

/** Answers a stream's requests in their order, one at a time. */
function keepAlives(
  answer: (request: wire.LeaseRequest) => Promise<wire.LeaseKeepAliveResponse>,
): handleBidiStreamingCall<wire.LeaseRequest, wire.LeaseKeepAliveResponse> {
  return call => {
    let last = Promise.resolve()
    call.on('data', (request: wire.LeaseRequest) => {
      call.pause()
      last = answer(request).then(
        response => {
          call.write(response)
          call.resume()
        },
        error => {
          // As in the watches' stream: the reason is still sent.
          call.emit('error', toCallError(error))
        },
      )
    })
    call.on('end', () => last.then(() => call.end()))
  }
}
