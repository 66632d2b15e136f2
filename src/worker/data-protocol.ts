import type { MemberId } from '../raft/types.ts'
import type { Revision } from '../store/types.ts'
import type { HostErrorCode } from './protocol.ts'

/** What a page asks about data as such: to take them out, bring them in, save them from a cluster that is no more, delete them. */
export interface DataControl {
  /**
   * What the worker's member has applied, as a file (`docs/storage.md`, "The file"). `goOn` is told how much is done, from 0
   * to 1, after each step, and says whether to take another; null if it says no.
   */
  exportData(goOn: (fraction: number) => Promise<boolean>): Promise<Result<Blob | null>>
  /**
   * Has the cluster remove the worker's member for good, and deletes its log. `force`: does so, too, if no other member could be
   * told, or nobody else is there. Errors: `LAST_MEMBER`, `UNREMOVED`, and then the member goes on as it was.
   */
  leaveForGood(force: boolean): Promise<Result<null>>

  // The rest is for a worker that hosts nobody.

  /** What this browser holds, of every cluster, whoever speaks for it. */
  held(): Promise<Result<readonly HeldCluster[]>>
  /** Deletes all that this browser holds of a cluster. Errors: `IN_USE`, and then nothing is deleted. Nothing there is no error. */
  erase(clusterId: string): Promise<Result<null>>
  /**
   * Founds a new cluster with what this browser knows of another, whose logs stay as they are. Errors: `NOT_HELD`, `IN_USE`,
   * `CORRUPT`, and those of founding.
   */
  recover(clusterId: string, successorId: string): Promise<Result<RecoveredData>>
}

/** As a value: see `OpenResult`. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: HostErrorCode; readonly message: string }

export interface HeldCluster {
  readonly clusterId: string
  readonly members: readonly MemberId[]
}

export interface RecoveredData {
  /** Whose log it was made from. */
  readonly member: MemberId
  readonly revision: Revision
  /** Entries at the log's end that are not known to have been committed. They were taken all the same. */
  readonly entriesBeyondCommit: number
  /** Writes that no answer had come for, of all members here. They will be sent to the new cluster. */
  readonly outboxWrites: number
  /** Who had a vote, as far as that log knows. */
  readonly voters: readonly MemberId[]
  /** Members whose logs are in this browser. */
  readonly held: readonly MemberId[]
  /** Those of them whose logs are damaged. */
  readonly damaged: readonly MemberId[]
}
