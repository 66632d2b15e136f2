import { confStateOf } from './configuration.ts'
import type { ProgressState } from './progress.ts'
import type { Raft } from './raft.ts'
import type { ConfState, Index, MemberId, Role, Term } from './types.ts'

export interface ProgressStatus {
  readonly match: Index
  readonly next: Index
  readonly state: ProgressState
  readonly pendingSnapshot: Index
  readonly recentActive: boolean
  readonly paused: boolean
  readonly isLearner: boolean
  /** Append messages under way. */
  readonly inflight: number
  /** Their payload. */
  readonly inflightBytes: number
  readonly inflightFull: boolean
}

/** A member's view of itself, for observers. */
export interface Status {
  readonly id: MemberId
  readonly role: Role
  readonly leader: MemberId
  readonly term: Term
  readonly vote: MemberId
  readonly commit: Index
  readonly applied: Index
  readonly lastIndex: Index
  /** Leader: whom leadership is being transferred to, or `NONE`. */
  readonly transferee: MemberId
  readonly config: ConfState
  /** Leader: every member, by ascending id. Empty in other roles. */
  readonly progress: ReadonlyMap<MemberId, ProgressStatus>
}

export function statusOf(raft: Raft): Status {
  const progress = new Map<MemberId, ProgressStatus>()
  if (raft.role === 'leader') {
    for (const [member, { match, next, state, pendingSnapshot, recentActive, paused, isLearner, inflights }] of raft
      .tracker.progress) {
      const inflight = inflights.count
      const inflightBytes = inflights.bytes
      const inflightFull = inflights.full
      progress.set(member, {
        match,
        next,
        state,
        pendingSnapshot,
        recentActive,
        paused,
        isLearner,
        inflight,
        inflightBytes,
        inflightFull,
      })
    }
  }
  return {
    id: raft.id,
    role: raft.role,
    leader: raft.leader,
    term: raft.term,
    vote: raft.vote,
    commit: raft.log.committed,
    applied: raft.log.applied,
    lastIndex: raft.log.lastIndex,
    transferee: raft.leadTransferee,
    config: confStateOf(raft.tracker.configuration),
    progress,
  }
}
