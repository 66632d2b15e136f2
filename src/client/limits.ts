/** Keys and values of one request, in bytes: etcd's default `--max-request-bytes`. The store refuses more, too. */
export const requestBytesMax = 1.5 * 1024 * 1024

/** Comparisons, and operations of one branch, in one transaction: etcd's default `--max-txn-ops`. */
export const txnOperationsMax = 128

/**
 * Writes sent and not yet acknowledged as received. The store remembers this many results of a client, so that any of
 * them may be asked for again; more would let it forget one that is still needed.
 */
export const writesInFlightMax = 1024

/** Revisions of one watch that may be on their way to a consumer, or wait for it, at a time. */
export const watchBatchesMax = 64
