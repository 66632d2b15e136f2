/** Keys and values of one write, in bytes: etcd's default `--max-request-bytes`. The store has the last word. */
export const requestBytesMax = 1.5 * 1024 * 1024

/** Comparisons, and operations of one branch, in one transaction: etcd's default `--max-txn-ops`. */
export const txnOperationsMax = 128

/** Writes, and bytes of their keys and values, that may wait for a quorum; all of them are kept in the outbox. */
export const pendingWritesMax = 10_000
export const pendingBytesMax = 64 * 1024 * 1024

/** Of the writes of earlier lives, the latest so many are remembered with what became of them. */
export const settledWritesMax = 256

/** Of what happened, the latest so many events are remembered. */
export const eventsMax = 512

/** A worker may be stopped for so long on purpose: long enough to see the cluster forget a member. */
export const freezeMsMax = 600_000

/** A worker that ends more often than this is not started again: whatever ends it would end the next one, too. */
export const restartsMax = 5
export const restartWindowMs = 60_000
