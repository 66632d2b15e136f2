import type { Input, WalState } from '../../../src/replica/types.ts'
import { diskMutants } from './disk.ts'
import { raftMutants } from './raft.ts'
import { replicaMutants } from './replica.ts'
import { snapshotMutants } from './snapshots.ts'
import { storeMutants } from './store.ts'
import { viewerMutants } from './viewers.ts'

/** A known bug, put in from outside, to see that the checks find it. */
export interface Mutant {
  readonly name: string
  /** Members are told that a write is durable as soon as they issue it. */
  readonly completesBeforeDurable?: boolean
  /** Changes what a member finds on its disk. */
  readonly recover?: (state: WalState) => WalState
  /** Changes what a member is told. */
  readonly input?: (input: Input) => Input
  /** Changes the code itself; returns what undoes it. */
  readonly install?: () => () => void
}

export const mutants: readonly Mutant[] = [
  ...raftMutants,
  ...replicaMutants,
  ...snapshotMutants,
  ...storeMutants,
  ...diskMutants,
  ...viewerMutants,
]
