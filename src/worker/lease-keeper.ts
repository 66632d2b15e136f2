import type { ClientResponse, RequestId } from '../replica/types.ts'
import type { Command, LeaseId, WriteRequest } from '../store/types.ts'
import type { EpochMs, FromHost } from './protocol.ts'

/** A lease is kept alive this often in the time it has. */
const keepalivesPerTtl = 3

interface KeptLease {
  readonly ttlMs: number
  untilMs: EpochMs
  nextAtMs: EpochMs
  /** A keepalive on its way; there is one at most. */
  sentAtMs: EpochMs | null
}

export interface LeaseKeeperOptions {
  readonly now: () => EpochMs
  /** 128 random bits as 32 hex digits. */
  readonly newClientId: () => string
  readonly nextId: () => RequestId
  /** To the replica. */
  readonly send: (id: RequestId, command: Command) => void
  /** To the page. */
  readonly tell: (message: Extract<FromHost, { type: 'leaseKept' | 'leaseLost' }>) => void
}

/**
 * Keeps the leases of a page alive, from the worker, since a hidden page's timers are too slow. It is a client of its own, so
 * that keepalives do not wait behind what the page writes.
 *
 * A lease counts as alive for its whole time from when the last answered keepalive was SENT: the cluster counts from when it
 * applied it, which was later. When that time is over the lease is lost, whatever is still on its way.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions
  readonly #leases = new Map<LeaseId, KeptLease>()
  /** Whose keepalive it is; null for what nobody waits for. */
  readonly #asked = new Map<
    RequestId,
    { readonly lease: LeaseId | null; readonly clientId: string; readonly seq: number }
  >()
  #clientId: string
  #lastSeq = 0
  #acked = 0

  constructor(options: LeaseKeeperOptions) {
    this.#options = options
    this.#clientId = options.newClientId()
  }

  get size(): number {
    return this.#leases.size
  }

  /** It was granted, or last kept alive, by a request sent at `sinceMs`. */
  keep(lease: LeaseId, ttlSeconds: number, sinceMs: EpochMs): void {
    const ttlMs = ttlSeconds * 1000
    const nextAtMs = sinceMs + ttlMs / keepalivesPerTtl
    this.#leases.set(lease, { ttlMs, untilMs: sinceMs + ttlMs, nextAtMs, sentAtMs: null })
    this.tick()
  }

  drop(lease: LeaseId): void {
    this.#leases.delete(lease)
  }

  /** Some time has passed, a little or, after a freeze, a lot. */
  tick(): void {
    const now = this.#options.now()
    for (const [lease, kept] of this.#leases) {
      if (now >= kept.untilMs) this.#lose(lease)
      else if (kept.sentAtMs === null && now >= kept.nextAtMs) {
        kept.sentAtMs = now
        this.#send({ op: 'leaseKeepAlive', lease }, lease)
      }
    }
  }

  /** So much time has passed that the clock did not see, as it stood still while the machine slept. */
  slept(ms: number): void {
    for (const kept of this.#leases.values()) {
      kept.untilMs -= ms
      kept.nextAtMs -= ms
      if (kept.sentAtMs !== null) kept.sentAtMs -= ms
    }
  }

  /** False if the answer is to nothing that was asked from here. */
  answered(id: RequestId, response: ClientResponse): boolean {
    const asked = this.#asked.get(id)
    if (asked === undefined) return false
    this.#asked.delete(id)
    // They are applied, and so answered, in the order of their numbers.
    if (asked.clientId === this.#clientId) this.#acked = asked.seq
    const usesNumber = response.ok || response.code === 'LEASE_NOT_FOUND'
    if (!usesNumber && asked.clientId === this.#clientId) this.#startOver()
    const kept = asked.lease === null ? undefined : this.#leases.get(asked.lease)
    if (asked.lease === null || kept === undefined || kept.sentAtMs === null) return true
    const sentAtMs = kept.sentAtMs
    kept.sentAtMs = null
    if (response.ok) {
      kept.untilMs = sentAtMs + kept.ttlMs
      kept.nextAtMs = sentAtMs + kept.ttlMs / keepalivesPerTtl
      this.#options.tell({ type: 'leaseKept', lease: asked.lease, untilMs: kept.untilMs })
    } else if (response.code === 'LEASE_NOT_FOUND') {
      this.#lose(asked.lease)
    }
    // Any other failure leaves `nextAtMs` in the past: the next tick tries again.
    return true
  }

  /** The page says goodbye: what it held is free for others at once. */
  revokeAll(): void {
    for (const lease of this.#leases.keys()) this.#send({ op: 'leaseRevoke', lease }, null)
    this.#leases.clear()
  }

  #lose(lease: LeaseId): void {
    this.#leases.delete(lease)
    this.#options.tell({ type: 'leaseLost', lease })
  }

  /** A number was refused and may never be used: those behind it would wait for it for good. */
  #startOver(): void {
    this.#clientId = this.#options.newClientId()
    this.#lastSeq = 0
    this.#acked = 0
  }

  #send(request: WriteRequest, lease: LeaseId | null): void {
    this.#lastSeq += 1
    const command: Command = { clientId: this.#clientId, seq: this.#lastSeq, acked: this.#acked, request }
    const id = this.#options.nextId()
    this.#asked.set(id, { lease, clientId: command.clientId, seq: command.seq })
    this.#options.send(id, command)
  }
}
