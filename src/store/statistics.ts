import type { ResponseOp, Revision, WriteResponse } from './types.ts'

/** What this member's store has done since it was opened. Each counts its own: no part of the replicated state. */
export interface StoreCounts {
  /** Operations, those inside transactions too. */
  readonly puts: number
  readonly ranges: number
  readonly deletes: number
  readonly txns: number
  readonly compactions: number
  readonly eventsSent: number
  readonly leasesGranted: number
  readonly leasesRevoked: number
  readonly leasesRenewed: number
  readonly leasesExpired: number
}

/** The counts, and where the store stands. */
export interface StoreStatistics extends StoreCounts {
  readonly keys: number
  /** Bytes as counted against the quota, and the quota. */
  readonly sizeBytes: number
  readonly quotaBytes: number
  readonly compactRevision: Revision
  readonly watchers: number
  /** Those that have no credit for what they lack. */
  readonly slowWatchers: number
  readonly leases: number
}

type Counter = keyof StoreCounts

export class Counts {
  readonly #counts: Record<Counter, number> = {
    puts: 0,
    ranges: 0,
    deletes: 0,
    txns: 0,
    compactions: 0,
    eventsSent: 0,
    leasesGranted: 0,
    leasesRevoked: 0,
    leasesRenewed: 0,
    leasesExpired: 0,
  }

  add(counter: Counter, count = 1): void {
    this.#counts[counter] += count
  }

  /** Counts what was done to arrive at a response. */
  addResponse(response: WriteResponse | ResponseOp): void {
    this.add(COUNTER_OF[response.op])
    if (response.op === 'txn') for (const inner of response.responses) this.addResponse(inner)
  }

  get(): StoreCounts {
    return { ...this.#counts }
  }
}

const COUNTER_OF: Record<(WriteResponse | ResponseOp)['op'], Counter> = {
  put: 'puts',
  range: 'ranges',
  delete: 'deletes',
  txn: 'txns',
  compact: 'compactions',
  leaseGrant: 'leasesGranted',
  leaseRevoke: 'leasesRevoked',
  leaseKeepAlive: 'leasesRenewed',
}
