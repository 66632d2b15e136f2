import { keyText, ownBytes } from './bytes.ts'
import { storeError } from './errors.ts'
import type { KeyValue, LeaseId, LeaseState } from './types.ts'

/** What holding one lease counts for against the quota, as in etcd. */
export const LEASE_BYTES = 64

interface Lease {
  readonly lease: LeaseId
  readonly ttlSeconds: number
  remainingSeconds: number
  renewals: number
  /** What is attached to it, by key text. */
  readonly keys: Map<string, Uint8Array>
}

/**
 * The leases and the keys attached to them. No clock is in here: a lease ends because a command says so, and who counts the
 * time is the leader.
 *
 * What is attached follows from the key-values, each of which names its lease; so it is kept up to date by what was
 * committed (`follow`), and a write that fails has nothing to undo here.
 */
export class Leases {
  readonly #leases = new Map<LeaseId, Lease>()
  /** Of the attached keys only, by key text. */
  readonly #leaseOfKey = new Map<string, Lease>()
  readonly #changed = new Set<LeaseId>()
  /** The highest count of renewals that a lease had when it ended. */
  #endedRenewals = 0

  get size(): number {
    return this.#leases.size
  }

  get sizeBytes(): number {
    return this.#leases.size * LEASE_BYTES
  }

  get endedRenewals(): number {
    return this.#endedRenewals
  }

  /** Throws `LEASE_NOT_FOUND`. */
  check(lease: LeaseId): void {
    this.#get(lease)
  }

  state(lease: LeaseId): LeaseState | null {
    const found = this.#leases.get(lease)
    return found === undefined ? null : stateOf(found)
  }

  /** In the order of their ids. */
  *states(): Generator<LeaseState> {
    const inOrder = [...this.#leases.values()].sort((a, b) => a.lease - b.lease)
    for (const lease of inOrder) yield stateOf(lease)
  }

  /** What is attached to a lease, in key order; nothing if there is no such lease. */
  keys(lease: LeaseId): Uint8Array[] {
    const keys = this.#leases.get(lease)?.keys
    if (keys === undefined) return []
    return [...keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => key)
  }

  /** Throws `LEASE_EXISTS`. */
  checkFree(lease: LeaseId): void {
    if (this.#leases.has(lease)) throw storeError('LEASE_EXISTS')
  }

  grant(lease: LeaseId, ttlSeconds: number): void {
    this.restore({ lease, ttlSeconds, remainingSeconds: ttlSeconds, renewals: this.#endedRenewals + 1 })
  }

  /** Returns how long the lease lives from here on. Throws `LEASE_NOT_FOUND`. */
  renew(id: LeaseId): number {
    const lease = this.#get(id)
    lease.renewals++
    lease.remainingSeconds = lease.ttlSeconds
    this.#changed.add(id)
    return lease.ttlSeconds
  }

  /** Notes how little is left of a lease, unless it was kept alive since, or less is known to be left. */
  checkpoint(id: LeaseId, renewals: number, remainingSeconds: number): boolean {
    const lease = this.#leases.get(id)
    if (lease === undefined || lease.renewals !== renewals || remainingSeconds >= lease.remainingSeconds) return false
    lease.remainingSeconds = remainingSeconds
    this.#changed.add(id)
    return true
  }

  /** Forgets a lease whose keys have been deleted. */
  end(id: LeaseId): void {
    const lease = this.#get(id)
    if (lease.keys.size > 0) throw new Error('a lease ended before its keys were deleted')
    this.#leases.delete(id)
    this.#endedRenewals = Math.max(this.#endedRenewals, lease.renewals)
    this.#changed.add(id)
  }

  /** Takes notice of one committed change: the key now hangs on the lease that its newest key-value names, or on none. */
  follow(kv: KeyValue): void {
    if (kv.lease === 0 && this.#leaseOfKey.size === 0) return
    const text = keyText(kv.key)
    const before = this.#leaseOfKey.get(text)
    if (before !== undefined) {
      before.keys.delete(text)
      this.#leaseOfKey.delete(text)
    }
    if (kv.lease === 0) return
    const lease = this.#leases.get(kv.lease)
    if (lease === undefined) throw new RangeError('attached to a lease that does not exist')
    lease.keys.set(text, ownBytes(kv.key))
    this.#leaseOfKey.set(text, lease)
  }

  restoreEnded(renewals: number): void {
    this.#endedRenewals = renewals
  }

  /** Adds a lease as it was. Throws `RangeError` if it cannot be one. */
  restore(state: LeaseState): void {
    const { lease, ttlSeconds, remainingSeconds, renewals } = state
    if (lease <= 0 || this.#leases.has(lease)) throw new RangeError('lease given twice, or none')
    if (remainingSeconds > ttlSeconds || renewals < 1) throw new RangeError('lease in no possible state')
    this.#leases.set(lease, { lease, ttlSeconds, remainingSeconds, renewals, keys: new Map() })
    this.#changed.add(lease)
  }

  /** The same leases, with all their time and nothing attached yet. */
  renewed(): Leases {
    const renewed = new Leases()
    renewed.restoreEnded(this.#endedRenewals)
    for (const state of this.states()) renewed.restore({ ...state, remainingSeconds: state.ttlSeconds })
    return renewed
  }

  /** Those of another state, which this one replaces, count as changed: they may have ended. */
  replaces(others: Leases): void {
    for (const lease of others.#leases.keys()) this.#changed.add(lease)
    for (const lease of others.#changed) this.#changed.add(lease)
  }

  /** Those granted, kept alive, checkpointed or ended since the last call. */
  takeChanges(): LeaseId[] {
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed
  }

  #get(id: LeaseId): Lease {
    const lease = this.#leases.get(id)
    if (lease === undefined) throw storeError('LEASE_NOT_FOUND')
    return lease
  }
}

function stateOf({ lease, ttlSeconds, remainingSeconds, renewals }: Lease): LeaseState {
  return { lease, ttlSeconds, remainingSeconds, renewals }
}
