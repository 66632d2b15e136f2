/**
 * The data that crosses the edge of the consensus machine: entries, messages, snapshots, configuration.
 *
 * Everything here is plain data, so it can be encoded, stored and compared without knowing the machine.
 * Names and meanings are those of etcd's raft (raftpb) unless a comment says otherwise.
 */

/** A member's identity: a random safe integer, never reused. `NONE` (0) stands for "no member". */
export type MemberId = number
/** Raft terms and log indexes are safe integers that start at 0 ("nothing yet"). */
export type Term = number
export type Index = number

export const NONE: MemberId = 0

/**
 * Addresses of the two local storage threads in asynchronous storage mode. A message `to` one of these
 * never leaves the member: its owner does the writing or applying and then steps the message's `responses`.
 */
export const LOCAL_APPEND_THREAD: MemberId = -1
export const LOCAL_APPLY_THREAD: MemberId = -2

export type EntryType = 'normal' | 'confChange' | 'confChangeV2'

/** One slot of the replicated log. `data` is opaque to raft and passed on without copying. */
export interface Entry {
  readonly term: Term
  readonly index: Index
  readonly type: EntryType
  readonly data: Uint8Array
}

/** What must be on disk before any message that depends on it is sent (Raft paper, figure 2: persistent state). */
export interface HardState {
  readonly term: Term
  readonly vote: MemberId
  readonly commit: Index
}

export type Role = 'follower' | 'candidate' | 'leader' | 'preCandidate'

/** Volatile state, useful for observers; never needs to be persisted. */
export interface SoftState {
  readonly leader: MemberId
  readonly role: Role
}

/** The membership in force at some index. While `votersOutgoing` is not empty the configuration is joint. */
export interface ConfState {
  readonly voters: readonly MemberId[]
  readonly learners: readonly MemberId[]
  readonly votersOutgoing: readonly MemberId[]
  readonly learnersNext: readonly MemberId[]
  readonly autoLeave: boolean
}

/** Everyone a configuration counts on: `learnersNext` are among the outgoing voters. */
export function membersOf({ voters, votersOutgoing, learners }: ConfState): ReadonlySet<MemberId> {
  return new Set([...voters, ...votersOutgoing, ...learners])
}

/** Whoever has a vote, in either half if the configuration is joint. */
export function votersOf({ voters, votersOutgoing }: ConfState): ReadonlySet<MemberId> {
  return new Set([...voters, ...votersOutgoing])
}

export interface SnapshotMetadata {
  readonly confState: ConfState
  readonly index: Index
  readonly term: Term
}

/** The applied state up to and including `metadata.index`; `data` is opaque to raft. */
export interface Snapshot {
  readonly metadata: SnapshotMetadata
  readonly data: Uint8Array
}

export type ConfChangeType = 'addVoter' | 'removeMember' | 'updateMember' | 'addLearner'

export interface ConfChangeSingle {
  readonly type: ConfChangeType
  readonly member: MemberId
}

/**
 * How a change enters and leaves the joint configuration (Raft thesis 4.3; etcd's ConfChangeTransition).
 * `auto` uses the simple protocol where one change suffices, and otherwise a joint one that is left automatically.
 */
export type ConfChangeTransition = 'auto' | 'jointImplicit' | 'jointExplicit'

/** A membership change. An empty list of changes leaves a joint configuration. */
export interface ConfChange {
  readonly transition: ConfChangeTransition
  readonly changes: readonly ConfChangeSingle[]
  /** Opaque to raft; given back when the change is applied. */
  readonly context: Uint8Array
}

/** The kinds of message, named as in etcd, since its scripts and every paper's reader know them by these names. */
export type MessageType =
  | 'MsgHup'
  | 'MsgBeat'
  | 'MsgProp'
  | 'MsgApp'
  | 'MsgAppResp'
  | 'MsgVote'
  | 'MsgVoteResp'
  | 'MsgSnap'
  | 'MsgHeartbeat'
  | 'MsgHeartbeatResp'
  | 'MsgUnreachable'
  | 'MsgSnapStatus'
  | 'MsgCheckQuorum'
  | 'MsgTransferLeader'
  | 'MsgTimeoutNow'
  | 'MsgReadIndex'
  | 'MsgReadIndexResp'
  | 'MsgPreVote'
  | 'MsgPreVoteResp'
  | 'MsgStorageAppend'
  | 'MsgStorageAppendResp'
  | 'MsgStorageApply'
  | 'MsgStorageApplyResp'
  | 'MsgForgetLeader'

/**
 * One message. A flat record and not a union: every kind has the same shape, so the hot paths of the machine and
 * of the wire codec stay monomorphic, and a trace prints the same fields in the same order as etcd's.
 * Fields a kind does not use hold their zero value.
 */
export interface Message {
  readonly type: MessageType
  readonly to: MemberId
  readonly from: MemberId
  readonly term: Term
  /** MsgApp, MsgVote: the term of the entry at `index`. */
  readonly logTerm: Term
  readonly index: Index
  readonly entries: readonly Entry[]
  readonly commit: Index
  /** MsgStorageAppend: the vote to persist. */
  readonly vote: MemberId
  readonly snapshot: Snapshot | null
  readonly reject: boolean
  /** Rejected MsgApp: where the follower's log ends, see the term-hint backup in etcd's raft. */
  readonly rejectHint: Index
  /** ReadIndex request id, or the reason of a campaign (leadership transfer). */
  readonly context: Uint8Array
  /** MsgStorageAppend, MsgStorageApply: to be stepped or sent once the write or apply is done. */
  readonly responses: readonly Message[]
}

/** A linearizable read may be served from the state machine once `index` is applied. */
export interface ReadState {
  readonly index: Index
  readonly requestContext: Uint8Array
}

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0)
