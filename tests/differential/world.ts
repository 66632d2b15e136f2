/** What a generator knows of the servers, from their answers: enough to ask for what is there, and for what is just not. */
export interface World {
  readonly revision: number
  /** -1 before the first compaction. */
  readonly compactRevision: number
  readonly leases: ReadonlySet<number>
  readonly watches: readonly { readonly stream: number; readonly watchId: number }[]
  /** Whether a key was deleted in that revision. */
  deletesAt(revision: number): boolean
}
