import type { Store } from '../store/store.ts'
import type { LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, ReadRequest, ReadResponse } from '../store/types.ts'
import type { LeaseClock } from './lease-clock.ts'

/** The answer to a read from this member's state as it is. Throws `StoreError`. */
export function answerRead(request: ReadRequest, store: Store, clock: LeaseClock): ReadResponse {
  switch (request.op) {
    case 'range':
      return store.range(request)
    case 'txn':
      return store.readTxn(request)
    case 'hashKv':
      return store.hashKv(request.revision)
    case 'leases': {
      const leases = Array.from(store.leaseStates(), ({ lease }) => lease)
      return { op: 'leases', header: { revision: store.revision }, leases }
    }
    case 'leaseTimeToLive':
      return timeToLive(request, store, clock)
  }
}

function timeToLive({ lease, keys }: LeaseTimeToLiveRequest, store: Store, clock: LeaseClock): LeaseTimeToLiveResponse {
  const state = store.lease(lease)
  return {
    op: 'leaseTimeToLive',
    header: { revision: store.revision },
    lease,
    ttlSeconds: state === null ? noLease : clock.remainingSeconds(state),
    grantedTtlSeconds: state?.ttlSeconds ?? 0,
    keys: keys ? store.leaseKeys(lease) : [],
  }
}

/** What etcd gives as the time left of a lease that is not there. */
const noLease = -1
