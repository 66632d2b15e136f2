import type { ConfState, MemberId } from '../raft/types.ts'
import { DecodeError, Store } from '../store/store.ts'
import type { Revision } from '../store/types.ts'
import type { WalState, WalWrite } from './types.ts'

/** The log of a member that has not been let into any cluster. */
export const emptyState: WalState = {
  hardState: { term: 0, vote: 0, commit: 0 },
  snapshot: null,
  entries: [],
}

/**
 * The first write of a cluster's founder: a store at index 1, empty or with the data given, and the founder as the only voter. A
 * cluster begins with a snapshot and not with entries, so that everyone who joins gets its beginning from the founder and nobody
 * can make it up.
 */
export function foundingWrite(member: MemberId, data: Uint8Array = new Store().snapshot()): WalWrite {
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
    install: { metadata: { confState, index: 1, term: 1 }, data },
    compaction: null,
  }
}

export type DataInspection =
  | { readonly ok: true; readonly revision: Revision }
  | { readonly ok: false; readonly why: string }

/** Whether a cluster can be founded with these data: a member that could not read them would be lost with all that it holds. */
export function inspectData(data: Uint8Array): DataInspection {
  try {
    return { ok: true, revision: Store.restore(data).revision }
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, why: error.message }
    throw error
  }
}
