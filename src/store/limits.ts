/**
 * The bounds of the store. They decide what commands do, so they belong to the replicated state as much as the log does: every
 * member of a cluster must run with the same ones.
 */
export interface StoreOptions {
  /** Largest write: its keys and values, and 16 bytes for each operation. Default 1.5 MiB, as in etcd. */
  readonly requestBytesMax: number
  /** Most compares, or operations of one branch, of a transaction; nested ones share it, level by level. Default 128. */
  readonly txnOperationsMax: number
  /**
   * Most bytes of keys and values held, counting every revision not compacted and every lease (with 64 bytes for each).
   * Past it, whatever puts, and granting leases, fails with `NOSPACE`; deletes, revoking and compaction go on, and free it.
   * Default 512 MiB.
   */
  readonly quotaBytesMax: number
  /** A lease that asks for less time is given this much. Default 2 s, as in etcd: it must outlive an election. */
  readonly leaseTtlSecondsMin: number
  /** A lease that asks for more time is refused. Default 9,000,000,000 s, as in etcd. */
  readonly leaseTtlSecondsMax: number
  /**
   * Most clients remembered; the least recently active is forgotten first. A client's retransmission must arrive before so
   * many other clients have written after it. Default 10,000.
   */
  readonly sessionsMax: number
  /**
   * Most results remembered of one client, and therefore the most writes that a client may have in flight: of more than
   * that, a repeated one may find its result forgotten. Default 1,024.
   */
  readonly rememberedResultsMax: number
  /**
   * Most bytes of results remembered of one client; its newest result is always kept. Only answers with bodies (`prevKv`,
   * ranges within a transaction) are ever that large. Default 4 MiB.
   */
  readonly rememberedBytesPerClientMax: number
  /** The same of all clients together; those of the least recently active clients are forgotten first. Default 64 MiB. */
  readonly rememberedBytesMax: number
}

const MIB = 1024 * 1024

export const DEFAULT_STORE_OPTIONS: StoreOptions = {
  requestBytesMax: 1.5 * MIB,
  txnOperationsMax: 128,
  quotaBytesMax: 512 * MIB,
  leaseTtlSecondsMin: 2,
  leaseTtlSecondsMax: 9_000_000_000,
  sessionsMax: 10_000,
  rememberedResultsMax: 1_024,
  rememberedBytesPerClientMax: 4 * MIB,
  rememberedBytesMax: 64 * MIB,
}

/** Deepest nesting of transactions that a log entry may hold: bounds the recursion of whoever reads one. */
export const TXN_DEPTH_MAX = 256

/** Most leases that one checkpoint command speaks of; a leader with more sends several. As in etcd. */
export const LEASE_CHECKPOINTS_MAX = 1_000

/**
 * Batches a new watcher may be given before its consumer says that it has taken some. Enough to keep a pipe of tens of
 * milliseconds full; a consumer that stalls holds no more than these.
 */
export const WATCH_INITIAL_CREDIT_BATCHES = 128

/** Fills in the defaults. Throws `RangeError` for a bound that cannot be one. */
export function storeOptions(options: Partial<StoreOptions>): StoreOptions {
  const filled = { ...DEFAULT_STORE_OPTIONS, ...options }
  for (const [name, value] of Object.entries(filled)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`${name} must be a positive integer`)
  }
  if (filled.txnOperationsMax >= TXN_DEPTH_MAX) throw new RangeError(`txnOperationsMax must be below ${TXN_DEPTH_MAX}`)
  return filled
}
