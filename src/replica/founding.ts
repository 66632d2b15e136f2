import type { ConfState, MemberId } from '../raft/types.ts'
import { Store } from '../store/store.ts'
import type { WalState, WalWrite } from './types.ts'

/** The log of a member that has not been let into any cluster. */
export const emptyState: WalState = {
  hardState: { term: 0, vote: 0, commit: 0 },
  snapshot: null,
  entries: [],
}

/**
 * The first write of a cluster's founder: an empty store at index 1, with the founder as the only voter. A cluster begins with a
 * snapshot and not with entries, so that everyone who joins gets its beginning from the founder and nobody can make it up.
 */
export function foundingWrite(member: MemberId): WalWrite {
  const confState: ConfState = {
    voters: [member],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  }
  return {
    hardState: { term: 1, vote: 0, commit: 1 },
    entries: [],
    install: { metadata: { confState, index: 1, term: 1 }, data: new Store().snapshot() },
    compaction: null,
  }
}
