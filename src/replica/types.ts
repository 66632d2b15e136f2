import type {
  Entry,
  HardState,
  Index,
  MemberId,
  Message,
  Role,
  Snapshot,
  SnapshotMetadata,
  Term,
} from '../raft/types.ts'
import type { StoreStatistics } from '../store/statistics.ts'
import type {
  Command,
  ReadRequest,
  ReadResponse,
  Revision,
  StoreErrorCode,
  WatchBatch,
  WatchRequest,
  WriteResponse,
} from '../store/types.ts'

/**
 * The edge of one member. A replica is sans I/O: its owner feeds it inputs, a turn's worth at a time, and carries out
 * the outputs. Nothing else ever comes out of it, so the simulator and the tab run the same code.
 */

/** Of a tab, and of the members it speaks for: whether its invite lets it write, or only look. */
export type TabRole = 'editor' | 'viewer'

/**
 * The numbers of viewers' members are the multiples of this, and nobody else's are. So whoever hears of a member knows for good, without
 * being told, whether it may ever vote or propose; also a leader that never had a link to it.
 */
export const viewerIdFactor = 2 ** 20

export function roleOf(member: MemberId): TabRole {
  return member % viewerIdFactor === 0 ? 'viewer' : 'editor'
}

/** Names one request or watch of this member's client; chosen by the owner, unique while it is open. */
export type RequestId = number

export type ClientRequest =
  | { readonly kind: 'write'; readonly command: Command }
  | { readonly kind: 'read'; readonly request: ReadRequest; readonly serializable: boolean }
  | { readonly kind: 'watch'; readonly request: WatchRequest }

/** What members say to each other. */
export type PeerMessage =
  | { readonly kind: 'raft'; readonly message: Message }
  /** A stranger asks to be added as a learner, or a member stays that was leaving. Sent to any member; passed on to the leader. */
  | { readonly kind: 'join'; readonly member: MemberId }
  /**
   * A member is going away and wants to be rid of its vote: `demote` keeps it as a learner (a tab that may come back),
   * `remove` forgets it (a member that goes for good). Told to everyone, for the leader to act on.
   */
  | { readonly kind: 'leave'; readonly member: MemberId; readonly fate: 'demote' | 'remove' }
  /**
   * Where the sender stands, for the observers of other members, and the term of the entry at its commit index: what is committed is so
   * for everyone who has it.
   */
  | { readonly kind: 'gossip'; readonly position: Position; readonly commitTerm: Term }
  /** A part of a snapshot, from the leader to a follower for which the log begins too late. */
  | { readonly kind: 'snapshotChunk'; readonly chunk: SnapshotChunk }
  /** How far a follower has got with it. */
  | { readonly kind: 'snapshotAck'; readonly ack: SnapshotAck }
  /** From the leader to a member that the cluster removed while it was away. */
  | { readonly kind: 'removed'; readonly member: MemberId }

/** Two snapshots of one name are the same bytes, whoever made them. */
export interface SnapshotName {
  readonly index: Index
  readonly term: Term
  /** The one that the state ends with. */
  readonly checksum: number
}

export interface SnapshotChunk {
  /** The leader's. */
  readonly term: Term
  readonly metadata: SnapshotMetadata
  readonly checksum: number
  /** Of the whole. */
  readonly bytes: number
  readonly offset: number
  /** Empty to ask how much of it the follower has. */
  readonly data: Uint8Array
  /** Counts how often that was asked: an answer to the last question counts for what was sent since. */
  readonly round: number
}

export interface SnapshotAck {
  readonly name: SnapshotName
  /** `more`: so many bytes from the beginning are there. `done`: raft has it. `refused`: it is not wanted, or was damaged. */
  readonly verdict: 'more' | 'done' | 'refused'
  readonly offset: number
  /** Of what it answers. */
  readonly round: number
}

/** One member's own view of itself. */
export interface Position {
  readonly role: Role
  readonly term: Term
  readonly commit: Index
  readonly applied: Index
}

export type Input =
  | { readonly kind: 'tick' }
  /** `viewer`: a viewer sent it, as far as its way here tells, whatever it says of itself. See `admission.ts`. */
  | { readonly kind: 'message'; readonly from: MemberId; readonly message: PeerMessage; readonly viewer: boolean }
  /** The write of the `persist` output with this id is durable. */
  | { readonly kind: 'walDone'; readonly id: number }
  /** The snapshot of the `stage` output with this id is written down. */
  | { readonly kind: 'staged'; readonly id: number }
  | { readonly kind: 'request'; readonly id: RequestId; readonly request: ClientRequest }
  /** The client no longer waits. A write already proposed still happens. Ends a watch. */
  | { readonly kind: 'cancel'; readonly id: RequestId }
  /** The client has consumed this many batches of a watch and can take as many more. */
  | { readonly kind: 'credit'; readonly id: RequestId; readonly batches: number }
  /** Asks a watch how far it is: answered by `progress`, unless events for it are still under way. */
  | { readonly kind: 'progress'; readonly id: RequestId }
  /** Hand leadership to that member, if this one leads and the other can take it. */
  | { readonly kind: 'transfer'; readonly to: MemberId }
  /** `viewer`: a viewer says that it speaks for that member. */
  | { readonly kind: 'peerUp'; readonly member: MemberId; readonly viewer: boolean }
  | { readonly kind: 'peerDown'; readonly member: MemberId }
  /** That member's name has passed to this one's owner: whoever spoke for it is gone for certain, and nobody else knows it yet. */
  | { readonly kind: 'peerEnded'; readonly member: MemberId }
  /** The clock jumped: this member was frozen and must not serve or lead on what it believed before. */
  | { readonly kind: 'resume' }
  /** This member is about to go away: hand over leadership and vote. Answered by `left`. */
  | { readonly kind: 'leave'; readonly fate: 'demote' | 'remove' }
  /** It does not go away after all. What was handed over is not taken back, but comes to it as to any member. */
  | { readonly kind: 'stay' }

export type Output =
  | { readonly kind: 'persist'; readonly id: number; readonly write: WalWrite }
  /** For `Wal.stage`; one at a time. A later `persist` makes it the current one. */
  | { readonly kind: 'stage'; readonly id: number; readonly snapshot: Snapshot }
  | { readonly kind: 'send'; readonly to: MemberId; readonly message: PeerMessage }
  | { readonly kind: 'respond'; readonly id: RequestId; readonly response: ClientResponse }
  | { readonly kind: 'notify'; readonly id: RequestId; readonly notification: WatchNotification }
  /** `status()` would now answer differently in something a person would want to see. */
  | { readonly kind: 'statusChanged' }
  /** Nothing depends on this member any longer; it may be stopped. */
  | { readonly kind: 'left' }
  /** The cluster has removed this member for good; its log can be deleted. */
  | { readonly kind: 'removed' }
  /** Something happened to the cluster that a person may want to know of later; nothing depends on it. */
  | { readonly kind: 'event'; readonly event: ClusterEvent }

/** What a member saw happen to its cluster, from when it was opened; what its log held by then is no news. */
export type ClusterEvent =
  /** Somebody leads, in a new term or in place of another; or, `leader` being 0, nobody does as far as is known here. */
  | { readonly kind: 'leader'; readonly term: Term; readonly leader: MemberId }
  /** As far as is known here, a quorum can be reached again, or no longer. */
  | { readonly kind: 'quorum'; readonly reached: boolean }
  /**
   * The entry at `index` changed the membership. If it moves several votes, the old voters have a say, too, until the cluster has moved
   * over, which it does at once.
   */
  | { readonly kind: 'membership'; readonly index: Index; readonly changes: readonly MembershipChange[] }
  /** This member leads, would have changed the membership, and does not. Told once, until there is another reason or another change. */
  | { readonly kind: 'withheld'; readonly because: WithheldBecause; readonly changes: readonly MembershipChange[] }
  /** The leader gave this member the state up to `index` in place of the entries. */
  | { readonly kind: 'snapshot'; readonly index: Index }
  /** A viewer said what a viewer may not say; it had no effect. Told of now and then only, however much it says. */
  | { readonly kind: 'refused'; readonly member: MemberId }

export interface MembershipChange {
  readonly member: MemberId
  /** `joined` as a learner, `promoted` to a voter, `demoted` to a learner. */
  readonly change: 'joined' | 'promoted' | 'demoted' | 'removed'
  readonly reason: MembershipReason
}

/** Why the leader changed the membership. It is in the log with the change, so all members know. */
export type MembershipReason =
  /** It asked to be let in. */
  | 'asked'
  /** It asked to be let in, to look only. It is never promoted. */
  | 'askedToLook'
  /** It has caught up, and so there can be more voters. */
  | 'caughtUp'
  /** It has caught up and gets the vote of one that lost it. */
  | 'replacement'
  /** The leader is going away, and nobody else could take over from it. */
  | 'successor'
  /** It said that it is going away. */
  | 'leaving'
  /** A voter, not heard from for `replaceMs`; where votes have to move anyway, one that is just not heard. */
  | 'silent'
  /** Not heard from for `forgetMs`. */
  | 'forgotten'
  /** Voters are odd in number: one more is one more whose loss counts. */
  | 'evenVoters'
  /** There are more voters than `targetVoters`. */
  | 'tooManyVoters'
  /** Viewers do not vote. */
  | 'viewer'
  /** The entry does not say, or it was in a snapshot; or a later version wrote it. */
  | 'unknown'

export type WithheldBecause =
  /** The present voters have no live majority, so the change might not come through. */
  | 'votersSilent'
  /** Those who would vote afterwards have no live majority: the change could cost the quorum. */
  | 'quorumAtRisk'
  /** There would be fewer voters than `minVoters`. */
  | 'tooFewVoters'
  /** This leader is going away, and of those who stay nobody has caught up. */
  | 'noSuccessor'

export type ClientResponse =
  | { readonly ok: true; readonly response: WriteResponse | ReadResponse }
  | {
      readonly ok: false
      readonly code: StoreErrorCode | 'UNAVAILABLE' | 'STOPPED'
      readonly message: string
      /** `definite`: it did not and will not happen. `unknown`: it may have happened, or may still. */
      readonly outcome: 'definite' | 'unknown'
    }

export type WatchNotification =
  /** The watch is registered; `revision` is the store's as of then, events after it will follow. */
  | { readonly kind: 'created'; readonly revision: Revision }
  | { readonly kind: 'events'; readonly batches: readonly WatchBatch[] }
  /** All events up to this revision, inclusive, have been given. */
  | { readonly kind: 'progress'; readonly revision: Revision }
  /** The revisions wanted were compacted away; the watch has ended. The oldest one still readable is given. */
  | { readonly kind: 'compacted'; readonly compactRevision: Revision }

/** One atomic, durable write to the log. What is null or empty stays as it was. */
export interface WalWrite {
  readonly hardState: HardState | null
  /** Contiguous. Replaces whatever the log held from the first one's index on. */
  readonly entries: readonly Entry[]
  /** A snapshot received from the leader: it replaces the snapshot and the WHOLE log before `entries` are added. */
  readonly install: Snapshot | null
  /** A snapshot made here of logged state: replaces the snapshot; entries up to `compactTo` are no longer needed. */
  readonly compaction: { readonly snapshot: Snapshot; readonly compactTo: Index } | null
}

/** What a log holds, as recovered. `entries` are contiguous and start after `compactTo` or the snapshot's index. */
export interface WalState {
  readonly hardState: HardState
  readonly snapshot: Snapshot | null
  readonly entries: readonly Entry[]
}

/** Port: the durable log of ONE member. Implemented over IndexedDB and, for Node and tests, in memory. */
export interface Wal {
  /** What was durable when the log was opened. Let go of with the first write, after which it must not be asked for. */
  readonly recovered: WalState
  /**
   * Resolves when the write is durable, in order of the calls. Rejects with `WalError` and then refuses all that follows: a
   * member must never acknowledge what it could not save.
   */
  append(write: WalWrite): Promise<void>
  /**
   * Writes a snapshot down beside the log, part by part, with appends in between; takes the place of one staged before. It counts for
   * nothing until an `append` installs or compacts to that very snapshot (the same bytes, not equal ones), which is then quickly
   * done. One that was not staged, or not to the end, is written with the append. Rejects as `append` does.
   */
  stage(snapshot: Snapshot): Promise<void>
  /** Waits for what was appended. */
  close(): Promise<void>
  /** Closes and deletes the log. */
  destroy(): Promise<void>
}

export type WalErrorCode =
  /** There is no storage here, or it refuses to open: private window, storage switched off. */
  | 'UNAVAILABLE'
  /** The disk or the origin's quota is full. */
  | 'NOSPACE'
  /** What is stored is damaged. The member has lost what it promised, and nobody may speak in its name again. */
  | 'CORRUPT'
  | 'CLOSED'
  /** The browser, or somebody, took the whole log away under its owner: a member that has lost itself, votes and all. */
  | 'EVICTED'
  /** Any other failed write, a log deleted under its owner, a log to be made that exists or to be opened that does not. */
  | 'FAILED'

export class WalError extends Error {
  override readonly name = 'WalError'
  readonly code: WalErrorCode

  constructor(code: WalErrorCode, message: string, options?: { cause?: unknown }) {
    super(message)
    this.code = code
    if (options?.cause !== undefined) this.cause = options.cause
  }
}

export type MemberState = 'voter' | 'learner'

/** One line of the member table, as far as the answering member knows. */
export interface MemberStatus {
  readonly member: MemberId
  readonly state: MemberState
  readonly connected: boolean
  /** From gossip; null until heard. */
  readonly position: Position | null
}

export interface ReplicaStatus extends Position {
  readonly member: MemberId
  /** 0 while unknown. */
  readonly leader: MemberId
  /** `joining`: not in any configuration yet. */
  readonly state: MemberState | 'joining'
  /** Whether, as far as is known here, a quorum can be reached now: there is a live leader. */
  readonly quorum: boolean
  readonly revision: Revision
  readonly members: readonly MemberStatus[]
  /** Writes accepted from this member's client and not yet applied. */
  readonly pendingWrites: number
}

/** Counts since the member was opened, and where it stands: what `metrics()` is made of. Bytes and counts; no units of time. */
export interface ReplicaMetrics extends StoreStatistics {
  readonly leaderChanges: number
  readonly proposalsApplied: number
  readonly proposalsPending: number
  /** Writes proposed again, as nothing had come of them: lost on the way, or with a leader. */
  readonly proposalsFailed: number
  /** Messages of viewers, or in the name of members that are none, that had no effect. */
  readonly messagesRefused: number
  readonly snapshotsMade: number
  readonly snapshotsInstalled: number
}

/** What waits in a member, each of it bounded: by what its clients have asked for, or by an option. */
export interface ReplicaLoad {
  readonly pendingWrites: number
  readonly pendingReads: number
  readonly watches: number
  /** Appends on their way to the follower that has most of them, and to the one that has most of their payload. */
  readonly inflightMessages: number
  readonly inflightBytes: number
  /** Of the snapshot that is on its way here, and how many different ones are kept for followers they are on the way to. */
  readonly arrivingSnapshotBytes: number
  readonly departingSnapshots: number
}
