import type { Header, LeaseId } from '../store/types.ts'
import type { EpochMs } from '../worker/protocol.ts'
import { decodeText } from './codec.ts'
import type { Connection } from './connection.ts'
import { nowMs } from './epoch.ts'
import { FlotillaError } from './errors.ts'
import type { Abortable, Consistency } from './namespace.ts'
import { count } from './requests.ts'

/** Timers take no more than a signed 32-bit number of milliseconds. */
const timerMsMax = 2 ** 31 - 1

/** A timer that is so much late did not run for want of the thread. */
const heldUpMs = 100

export interface TimeToLiveOptions extends Consistency, Abortable {
  /** Give the keys attached, too. */
  readonly keys?: boolean
}

export interface TimeToLive {
  readonly header: Header
  /** Whole seconds left; -1 if the lease has ended. */
  readonly ttlSeconds: number
  /** What it was granted with; 0 if it has ended. */
  readonly grantedTtlSeconds: number
  /** In the order of their bytes; whole keys, of whichever namespace. */
  readonly keys: readonly { readonly key: string; readonly keyBytes: Uint8Array }[]
}

/**
 * A lease, kept alive from this tab's worker for as long as it is not revoked: the keys put with it are deleted, as one
 * revision, when it ends. A tab that says goodbye ends its leases at once, one that crashes when their time has run.
 */
export class Lease implements AsyncDisposable {
  readonly id: LeaseId
  /** What was granted, which may be more than was asked for. */
  readonly ttlSeconds: number
  readonly #connection: Connection
  readonly #end = new AbortController()
  readonly #letGo: () => void
  #untilMs: EpochMs
  #timer: ReturnType<typeof setTimeout>

  /** By `lease()` or `attachLease()` of a database. The lease began to live, or was kept alive, after `sinceMs`. */
  constructor(connection: Connection, id: LeaseId, ttlSeconds: number, sinceMs: EpochMs) {
    this.#connection = connection
    this.id = id
    this.ttlSeconds = ttlSeconds
    this.#untilMs = sinceMs + ttlSeconds * 1000
    this.#letGo = connection.keepLease(id, ttlSeconds, sinceMs, {
      kept: untilMs => {
        this.#untilMs = Math.max(this.#untilMs, untilMs)
      },
      lost: () => this.lose(),
    })
    this.#timer = this.#wait()
  }

  /**
   * Aborts, with a `LOST` error, when the lease ended or may have: never later than the cluster can end it, as counted
   * from the sending of the last keepalive that was answered (if this page gets to run then; a transaction that compares is
   * the only proof). Also when it is revoked from here.
   */
  get signal(): AbortSignal {
    return this.#end.signal
  }

  /** How long it has to live by the leader's count, and what hangs on it. */
  async timeToLive(options: TimeToLiveOptions = {}): Promise<TimeToLive> {
    const request = { op: 'leaseTimeToLive', lease: this.id, keys: options.keys ?? false } as const
    const response = await this.#connection.read(request, options.serializable ?? false, options.signal)
    const { header, ttlSeconds, grantedTtlSeconds, keys } = response
    return { header, ttlSeconds, grantedTtlSeconds, keys: keys.map(key => ({ key: decodeText(key), keyBytes: key })) }
  }

  /** Ends it, and its keys with it. That it had ended is no error. */
  async revoke(options: Abortable = {}): Promise<void> {
    this.lose('The lease was revoked.')
    try {
      await this.#connection.write({ op: 'leaseRevoke', lease: this.id }, options)
    } catch (error) {
      if (!(error instanceof FlotillaError) || error.code !== 'LEASE_NOT_FOUND') throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.revoke()
  }

  /** From now on it counts as lost, and is no longer kept alive from here. */
  lose(why = 'The lease ended, or may have: no keepalive was answered in time.'): void {
    if (this.#end.signal.aborted) return
    clearTimeout(this.#timer)
    this.#letGo()
    this.#end.abort(new FlotillaError('LOST', why))
  }

  #wait(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#check(), Math.min(timerMsMax, Math.max(0, this.#untilMs - nowMs())))
  }

  #check(lookedAgain = false): void {
    const lateMs = nowMs() - this.#untilMs
    if (lateMs < 0) this.#timer = this.#wait()
    // A page that was held up may find the timer before the news that came meanwhile.
    else if (lateMs > heldUpMs && !lookedAgain) this.#timer = setTimeout(() => this.#check(true))
    else this.lose()
  }
}

/** Errors: `LEASE_TTL_TOO_LARGE`. */
export async function grantLease(connection: Connection, ttlSeconds: number, options: Abortable): Promise<Lease> {
  const request = { op: 'leaseGrant', lease: newLeaseId(), ttlSeconds: count('ttlSeconds', ttlSeconds) } as const
  const sinceMs = nowMs()
  try {
    const granted = await connection.write(request, options)
    // It waited long for a quorum. How long the lease has lived since, only the cluster knows.
    if (nowMs() >= sinceMs + granted.ttlSeconds * 1000) return await attachLease(connection, request.lease, options)
    return new Lease(connection, request.lease, granted.ttlSeconds, sinceMs)
  } catch (error) {
    // Writes happen in order: whatever becomes of the grant, this comes after it. If it fails, time ends the lease.
    if (error instanceof FlotillaError && error.outcome === 'unknown') {
      connection.write({ op: 'leaseRevoke', lease: request.lease }).catch(() => {})
    }
    throw error
  }
}

/** Errors: `LEASE_NOT_FOUND`. */
export async function attachLease(connection: Connection, lease: LeaseId, options: Abortable): Promise<Lease> {
  const sinceMs = nowMs()
  const request = { op: 'leaseKeepAlive', lease: count('lease', lease) } as const
  const { ttlSeconds } = await connection.write(request, options)
  return new Lease(connection, lease, ttlSeconds, sinceMs)
}

/** Random, so that nobody has to be asked: a positive safe integer. */
function newLeaseId(): LeaseId {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2))
  return (high >>> 11) * 2 ** 32 + low || newLeaseId()
}
