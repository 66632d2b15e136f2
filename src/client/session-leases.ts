import { withAbort } from './abortable.ts'
import type { Connection } from './connection.ts'
import { grantLease, type Lease } from './lease.ts'
import type { Abortable } from './namespace.ts'

/** How long a crashed tab holds on to what it holds with its shared lease. */
const defaultTtlSeconds = 15

export interface TenureOptions extends Abortable {
  /** Hold on to this lease, and leave it be afterwards. It can stand in each line only once. */
  readonly lease?: Lease
  /** Have a lease of this length for this alone. Without either, the tab's own is shared. */
  readonly ttlSeconds?: number
}

/** A lease for as long as something is held with it. */
export interface Tenure {
  readonly lease: Lease
  /** Whether it was there for others, too, and may have been lost before this began. */
  readonly shared: boolean
  /** What was held is gone for certain. */
  release(): void
}

interface Slot {
  readonly granting: Promise<Lease>
  lease: Lease | null
  readonly lines: Set<string>
}

/**
 * The leases that a tab holds on to things with: one, made when first needed, for as long as the tab lives. A lease's place
 * in a line is a key with its name, so where this tab stands in the same line again, it does so with another lease.
 */
export class SessionLeases {
  readonly #connection: Connection
  readonly #ttlSeconds: number
  #slots: Slot[] = []

  constructor(connection: Connection, ttlSeconds: number = defaultTtlSeconds) {
    this.#connection = connection
    this.#ttlSeconds = ttlSeconds
  }

  async take(line: string, options: TenureOptions): Promise<Tenure> {
    const { lease, ttlSeconds, signal } = options
    if (lease !== undefined) return { lease, shared: false, release: () => {} }
    if (ttlSeconds === undefined) return this.#share(line, signal)
    const own = await grantLease(this.#connection, ttlSeconds, signal === undefined ? {} : { signal })
    return { lease: own, shared: false, release: () => revokeQuietly(own) }
  }

  async #share(line: string, signal: AbortSignal | undefined): Promise<Tenure> {
    this.#slots = this.#slots.filter(({ lease }) => !lease?.signal.aborted)
    const slot = this.#slots.find(({ lines }) => !lines.has(line)) ?? this.#newSlot()
    slot.lines.add(line)
    try {
      const lease = await withAbort(slot.granting, signal)
      return { lease, shared: true, release: () => this.#release(slot, line) }
    } catch (error) {
      this.#release(slot, line)
      throw error
    }
  }

  #newSlot(): Slot {
    const granting = grantLease(this.#connection, this.#ttlSeconds, {})
    const slot: Slot = { granting, lease: null, lines: new Set() }
    this.#slots.push(slot)
    granting.then(
      lease => {
        slot.lease = lease
        this.#dropIfSpare(slot)
      },
      () => this.#drop(slot),
    )
    return slot
  }

  #release(slot: Slot, line: string): void {
    slot.lines.delete(line)
    this.#dropIfSpare(slot)
  }

  /** The first is kept for what comes next. */
  #dropIfSpare(slot: Slot): void {
    if (slot.lines.size > 0 || slot.lease === null || slot === this.#slots[0]) return
    this.#drop(slot)
    revokeQuietly(slot.lease)
  }

  #drop(slot: Slot): void {
    this.#slots = this.#slots.filter(other => other !== slot)
  }
}

/** If it fails, time ends the lease. */
function revokeQuietly(lease: Lease): void {
  lease.revoke().catch(() => {})
}
