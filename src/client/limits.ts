/** Keys and values of one write, in bytes: etcd's default `--max-request-bytes`. The store has the last word. */
export const requestBytesMax = 1.5 * 1024 * 1024

/** Comparisons, and operations of one branch, in one transaction: etcd's default `--max-txn-ops`. */
export const txnOperationsMax = 128

/**
 * Writes sent whose results were not all received. The store remembers this many results of a client; with more under way
 * it could forget one that is still to be asked for again.
 */
export const writesInFlightMax = 1024
