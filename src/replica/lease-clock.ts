import type { LeaseId, LeaseState, SystemCommand } from '../store/types.ts'
import { DueQueue } from './due-queue.ts'

/** The leases as replicated: the store. */
export interface LeaseSource {
  lease(id: LeaseId): LeaseState | null
  leaseStates(): Iterable<LeaseState>
  takeLeaseChanges(): readonly LeaseId[]
}

export interface LeaseClockOptions {
  readonly ticksPerSecond: number
  /** Given on top of what is left when the count begins anew: whoever keeps a lease must first find the new leader. */
  readonly graceTicks: number
  /** A lease that has longer than this to live has its remaining time written down this often. */
  readonly checkpointTicks: number
}

/**
 * - `waiting`: the count begins with the next tick. Ticks that arrive late stand for time that passed before what arrived
 *   with them, so a lease is not charged for ticks of the turn that it was kept alive in.
 * - `counting`: ends when the clock gets to `endsAt`.
 * - `ending`: its end is proposed, and in the leader's log: it will happen, unless a keepalive came first or the leader goes.
 */
type Count =
  | { readonly phase: 'waiting'; readonly renewals: number; readonly leftTicks: number }
  | { readonly phase: 'counting'; readonly renewals: number; readonly endsAt: number }
  | { readonly phase: 'ending'; readonly renewals: number }

/**
 * Counts how long leases have to live, in ticks. Every member counts, to be able to say; only the leader acts on it.
 *
 * A lease may end late, never early: at least its whole time is counted, by one member after the other if need be, since that
 * member applied the keepalive. So a count begins at the application, anew with what is known to be left after every change of
 * leader, and stands still while the member is frozen. Clocks that run faster than time are the one thing this trusts in.
 */
export class LeaseClock {
  readonly #source: LeaseSource
  readonly #options: LeaseClockOptions
  readonly #counts = new Map<LeaseId, Count>()
  readonly #waiting = new Set<LeaseId>()
  readonly #ends = new DueQueue()
  readonly #checkpoints = new DueQueue()
  #now = 0

  constructor(source: LeaseSource, options: LeaseClockOptions) {
    this.#source = source
    this.#options = options
  }

  /** Time has passed; what was applied before this turn is counted from here on. */
  advance(ticks: number): void {
    if (ticks === 0) return
    this.#now += ticks
    for (const lease of this.#waiting) {
      const count = this.#counts.get(lease)
      if (count?.phase !== 'waiting') continue
      const endsAt = this.#now + count.leftTicks
      this.#counts.set(lease, { phase: 'counting', renewals: count.renewals, endsAt })
      this.#ends.set(lease, endsAt)
      if (count.leftTicks > this.#options.checkpointTicks) {
        this.#checkpoints.set(lease, this.#now + this.#options.checkpointTicks)
      }
    }
    this.#waiting.clear()
  }

  /** Takes notice of what became of leases in the store since the last call. */
  follow(): void {
    for (const lease of this.#source.takeLeaseChanges()) {
      const state = this.#source.lease(lease)
      const count = this.#counts.get(lease)
      if (state === null) this.#forget(lease)
      else if (count?.renewals === state.renewals) this.#lower(state, count)
      else this.#wait(state, this.#remainingTicks(state))
    }
  }

  /** What was counted so far was another leader's to count, or is no longer to be trusted. */
  restart(): void {
    this.#counts.clear()
    this.#waiting.clear()
    this.#ends.clear()
    this.#checkpoints.clear()
    for (const state of this.#source.leaseStates()) {
      this.#wait(state, this.#remainingTicks(state) + this.#options.graceTicks)
    }
  }

  /** Whole seconds left of a lease. */
  remainingSeconds({ lease, ttlSeconds, remainingSeconds }: LeaseState): number {
    const count = this.#counts.get(lease)
    if (count === undefined) return remainingSeconds
    const seconds = Math.floor(this.#leftTicks(count) / this.#options.ticksPerSecond)
    return Math.min(ttlSeconds, Math.max(0, seconds))
  }

  /**
   * Leader, once a tick: proposes the end of leases that are over, and writes down what others have left. `propose` returns false
   * if the log does not take it now; then the rest waits for the next tick.
   */
  act(propose: (command: SystemCommand) => boolean): void {
    for (let left = expiriesPerTickMax; left > 0; left -= 1) {
      const lease = this.#ends.first(this.#now)
      const count = lease === null ? undefined : this.#counts.get(lease)
      if (lease === null || count === undefined) break
      const { renewals } = count
      if (!propose({ clientId: null, request: { op: 'leaseExpire', lease, renewals } })) return
      this.#stopCounting(lease)
      this.#counts.set(lease, { phase: 'ending', renewals })
    }
    const checkpoints = this.#takeCheckpoints()
    if (checkpoints.length > 0) propose({ clientId: null, request: { op: 'leaseCheckpoint', checkpoints } })
  }

  /** One that the log does not take is written down the next time: it would only have made the lease end less late. */
  #takeCheckpoints(): { lease: LeaseId; renewals: number; remainingSeconds: number }[] {
    const { checkpointTicks, ticksPerSecond } = this.#options
    const taken: { lease: LeaseId; renewals: number; remainingSeconds: number }[] = []
    while (taken.length < checkpointsPerTickMax) {
      const lease = this.#checkpoints.first(this.#now)
      const count = lease === null ? undefined : this.#counts.get(lease)
      if (lease === null || count === undefined) break
      const leftTicks = this.#leftTicks(count)
      if (leftTicks > checkpointTicks) this.#checkpoints.set(lease, this.#now + checkpointTicks)
      else this.#checkpoints.delete(lease)
      if (leftTicks <= 0) continue
      taken.push({ lease, renewals: count.renewals, remainingSeconds: Math.ceil(leftTicks / ticksPerSecond) })
    }
    return taken
  }

  #wait({ lease, renewals }: LeaseState, leftTicks: number): void {
    this.#stopCounting(lease)
    this.#counts.set(lease, { phase: 'waiting', renewals, leftTicks })
    this.#waiting.add(lease)
  }

  /** A checkpoint says that less is left than was known here. Never more: the leader's own count goes on as it was. */
  #lower(state: LeaseState, count: Count): void {
    const leftTicks = this.#remainingTicks(state)
    if (count.phase === 'ending' || this.#leftTicks(count) <= leftTicks) return
    this.#wait(state, leftTicks)
  }

  #forget(lease: LeaseId): void {
    this.#stopCounting(lease)
    this.#counts.delete(lease)
  }

  #stopCounting(lease: LeaseId): void {
    this.#waiting.delete(lease)
    this.#ends.delete(lease)
    this.#checkpoints.delete(lease)
  }

  #leftTicks(count: Count): number {
    switch (count.phase) {
      case 'waiting':
        return count.leftTicks
      case 'counting':
        return count.endsAt - this.#now
      case 'ending':
        return 0
    }
  }

  #remainingTicks({ remainingSeconds }: LeaseState): number {
    return remainingSeconds * this.#options.ticksPerSecond
  }
}

/** 1,000 in a second of 50 ms ticks, as in etcd: many that end at once must not crowd out what clients write. */
const expiriesPerTickMax = 50
/** No more than one command may hold (`LEASE_CHECKPOINTS_MAX` of the store). */
const checkpointsPerTickMax = 1_000
