/**
 * The vocabulary of the replicated key-value store. Meanings are etcd v3's (api documentation: "KV API guarantees",
 * "etcd API", `rpc.proto`), so that etcd itself can be the judge.
 *
 * Keys and values are bytes. Keys order by unsigned bytes. All int64 fields of etcd are safe integers here.
 */
export type Revision = number

/** Identifies a lease; 0 means "no lease". */
export type LeaseId = number

export interface KeyValue {
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** Revision of the transaction that created this key since it was last deleted. */
  readonly createRevision: Revision
  /** Revision of the last change. */
  readonly modRevision: Revision
  /** 1 for a new key, one more for every put since; a deletion resets it. */
  readonly version: number
  readonly lease: LeaseId
}

export interface Header {
  /** The store's revision when the request was answered. */
  readonly revision: Revision
}

/**
 * A set of keys, in etcd's encoding: `end` null is the one key; `end` = [0] is every key >= `key`; otherwise `[key, end)`.
 * All keys are key = [0], end = [0]. A prefix is `[prefix, prefix with its last byte incremented)`.
 */
export interface KeyRange {
  readonly key: Uint8Array
  readonly end: Uint8Array | null
}

export type SortTarget = 'key' | 'version' | 'create' | 'mod' | 'value'
export type SortOrder = 'none' | 'ascend' | 'descend'

export interface RangeRequest extends KeyRange {
  readonly op: 'range'
  /** 0 means no limit. */
  readonly limit: number
  /** Read as of this revision; 0 means now. */
  readonly revision: Revision
  readonly sortTarget: SortTarget
  readonly sortOrder: SortOrder
  readonly keysOnly: boolean
  readonly countOnly: boolean
  /** Bounds on mod and create revision, inclusive; 0 means none. */
  readonly minModRevision: Revision
  readonly maxModRevision: Revision
  readonly minCreateRevision: Revision
  readonly maxCreateRevision: Revision
}

export interface RangeResponse {
  readonly op: 'range'
  readonly header: Header
  readonly kvs: readonly KeyValue[]
  /** True if `limit` cut the answer short. */
  readonly more: boolean
  /** Number of keys in the range, regardless of `limit`. */
  readonly count: number
}

export interface PutRequest {
  readonly op: 'put'
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly lease: LeaseId
  readonly prevKv: boolean
  /** Keep the current value (or lease) and change the rest; the key must exist. */
  readonly ignoreValue: boolean
  readonly ignoreLease: boolean
}

export interface PutResponse {
  readonly op: 'put'
  readonly header: Header
  readonly prevKv: KeyValue | null
}

export interface DeleteRequest extends KeyRange {
  readonly op: 'delete'
  readonly prevKv: boolean
}

export interface DeleteResponse {
  readonly op: 'delete'
  readonly header: Header
  readonly deleted: number
  readonly prevKvs: readonly KeyValue[]
}

export type CompareResult = '=' | '!=' | '>' | '<'

/** A guard of a transaction. With `end` set it must hold for every key of the range. */
export type Compare = KeyRange & { readonly result: CompareResult } & (
    | { readonly target: 'version' | 'create' | 'mod' | 'lease'; readonly operand: number }
    | { readonly target: 'value'; readonly operand: Uint8Array }
  )

export interface TxnRequest {
  readonly op: 'txn'
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

export interface TxnResponse {
  readonly op: 'txn'
  readonly header: Header
  /** Which branch ran: all of `compare` held. A transaction that did not succeed is a value, not an error. */
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

/** Forget every revision before `revision`; reads and watches below it then fail with `COMPACTED`. */
export interface CompactRequest {
  readonly op: 'compact'
  readonly revision: Revision
}

export interface CompactResponse {
  readonly op: 'compact'
  readonly header: Header
}

/** Makes a lease: it lives `ttlSeconds` from here on, and from every keepalive, and takes the keys attached to it along. */
export interface LeaseGrantRequest {
  readonly op: 'leaseGrant'
  /** Positive; chosen at random by who asks. `LEASE_EXISTS` if it is taken. */
  readonly lease: LeaseId
  /** Raised to `leaseTtlSecondsMin`; more than `leaseTtlSecondsMax` is `LEASE_TTL_TOO_LARGE`. */
  readonly ttlSeconds: number
}

export interface LeaseGrantResponse {
  readonly op: 'leaseGrant'
  readonly header: Header
  readonly lease: LeaseId
  /** What was granted. */
  readonly ttlSeconds: number
}

/** Ends a lease; its keys are deleted as one revision, in key order. `LEASE_NOT_FOUND` if there is none. */
export interface LeaseRevokeRequest {
  readonly op: 'leaseRevoke'
  readonly lease: LeaseId
}

export interface LeaseRevokeResponse {
  readonly op: 'leaseRevoke'
  readonly header: Header
}

/** Lets a lease live its whole time again. `LEASE_NOT_FOUND` if there is none. Makes no revision. */
export interface LeaseKeepAliveRequest {
  readonly op: 'leaseKeepAlive'
  readonly lease: LeaseId
}

export interface LeaseKeepAliveResponse {
  readonly op: 'leaseKeepAlive'
  readonly header: Header
  readonly lease: LeaseId
  readonly ttlSeconds: number
}

/** A lease as replicated. How much of its time is gone is counted by the leader, in ticks, outside of the store. */
export interface LeaseState {
  readonly lease: LeaseId
  readonly ttlSeconds: number
  /** What was left at the last checkpoint since it was granted or kept alive; `ttlSeconds` if there was none. */
  readonly remainingSeconds: number
  /**
   * Rises by 1 with every keepalive, and begins above what any lease that has ended got to: no two lives of one id have a count
   * in common. What was decided about an earlier count is void.
   */
  readonly renewals: number
}

/** How long a lease has to live and what hangs on it; read like a range. */
export interface LeaseTimeToLiveRequest {
  readonly op: 'leaseTimeToLive'
  readonly lease: LeaseId
  /** Give the keys attached, too. */
  readonly keys: boolean
}

export interface LeaseTimeToLiveResponse {
  readonly op: 'leaseTimeToLive'
  readonly header: Header
  readonly lease: LeaseId
  /** Whole seconds left; -1 if there is no such lease (a value and not an error, as in etcd). */
  readonly ttlSeconds: number
  /** What it was granted with; 0 if there is none. */
  readonly grantedTtlSeconds: number
  /** In key order. */
  readonly keys: readonly Uint8Array[]
}

export interface LeasesRequest {
  readonly op: 'leases'
}

export interface LeasesResponse {
  readonly op: 'leases'
  readonly header: Header
  /** In the order of their ids. */
  readonly leases: readonly LeaseId[]
}

/** A digest of all that can be read at `revision` (0: now): members that hold the same give the same. */
export interface HashKvRequest {
  readonly op: 'hashKv'
  readonly revision: Revision
}

export interface HashKvResponse {
  readonly op: 'hashKv'
  readonly header: Header
  readonly hash: number
  /** 0 if nothing was compacted. */
  readonly compactRevision: Revision
}

/** Answered from a member's state. A transaction is one only if none of its branches writes. */
export type ReadRequest = RangeRequest | TxnRequest | LeaseTimeToLiveRequest | LeasesRequest | HashKvRequest
export type ReadResponse = RangeResponse | TxnResponse | LeaseTimeToLiveResponse | LeasesResponse | HashKvResponse

export type RequestOp = RangeRequest | PutRequest | DeleteRequest | TxnRequest
export type ResponseOp = RangeResponse | PutResponse | DeleteResponse | TxnResponse

/** A request that goes through the log. (A transaction may turn out to only read; then it makes no revision.) */
export type WriteRequest =
  | PutRequest
  | DeleteRequest
  | TxnRequest
  | CompactRequest
  | LeaseGrantRequest
  | LeaseRevokeRequest
  | LeaseKeepAliveRequest
export type WriteResponse =
  | PutResponse
  | DeleteResponse
  | TxnResponse
  | CompactResponse
  | LeaseGrantResponse
  | LeaseRevokeResponse
  | LeaseKeepAliveResponse

/**
 * One client's one write: the payload of a log entry. Writes of a client are applied in `seq` order, exactly once;
 * a repeated `seq` returns the remembered result, a gap is refused without effect.
 */
export interface Command {
  /** 128 random bits as 32 hex digits: one page's life (or, later, one outbox). */
  readonly clientId: string
  /** 1, 2, 3, ... per client. */
  readonly seq: number
  /** The client has received the results of all writes up to this one; they need not be remembered any longer. */
  readonly acked: number
  readonly request: WriteRequest
}

/** The leader found a lease's time to be over. Without effect if it was kept alive since, as `renewals` then shows. */
export interface LeaseExpireRequest {
  readonly op: 'leaseExpire'
  readonly lease: LeaseId
  readonly renewals: number
}

/** How much time leases have left by the leader's count, so that the next leader does not start theirs again. */
export interface LeaseCheckpointRequest {
  readonly op: 'leaseCheckpoint'
  readonly checkpoints: readonly {
    readonly lease: LeaseId
    /** As in `LeaseExpireRequest`. */
    readonly renewals: number
    readonly remainingSeconds: number
  }[]
}

/**
 * What the leader does of its own accord. Belongs to no client and is answered to nobody: repeated or late, it does no
 * harm. A `compact` of what is compacted, or is still to come, has no effect.
 */
export interface SystemCommand {
  readonly clientId: null
  readonly request: LeaseExpireRequest | LeaseCheckpointRequest | CompactRequest
}

/** What applying a command yields, the same on every member. Failures are values here: they are replicated too. */
export type CommandResult =
  | { readonly ok: true; readonly response: WriteResponse }
  | { readonly ok: false; readonly code: StoreErrorCode; readonly message: string }

export interface WatchEvent {
  readonly type: 'put' | 'delete'
  /** For a delete: the key, its modRevision the deletion's, all else zero (as in etcd). */
  readonly kv: KeyValue
  readonly prevKv: KeyValue | null
}

export interface WatchRequest extends KeyRange {
  /** First revision wanted, inclusive; 0 means "from the next one". */
  readonly startRevision: Revision
  readonly prevKv: boolean
  /** Kinds of event not wanted. */
  readonly filters: readonly ('put' | 'delete')[]
}

/** All events of ONE revision that a watcher wants, in sub-revision order. */
export interface WatchBatch {
  readonly revision: Revision
  readonly events: readonly WatchEvent[]
}

/**
 * Codes are etcd's where etcd has the error (gRPC code or the name in `rpctypes`).
 * `GAP`: an earlier write of this client has not been applied. `SESSION_EXPIRED`: the client was forgotten.
 * `RESULT_FORGOTTEN`: this write was applied before, but its result is no longer remembered.
 * `INVALID_ARGUMENT`: a field has the wrong type, is no safe integer, or is not one of its allowed values.
 */
export type StoreErrorCode =
  | 'COMPACTED'
  | 'FUTURE_REVISION'
  | 'EMPTY_KEY'
  | 'KEY_NOT_FOUND'
  | 'DUPLICATE_KEY'
  | 'TOO_MANY_OPS'
  | 'REQUEST_TOO_LARGE'
  | 'NOSPACE'
  | 'LEASE_NOT_FOUND'
  | 'LEASE_EXISTS'
  | 'LEASE_TTL_TOO_LARGE'
  | 'VALUE_PROVIDED'
  | 'LEASE_PROVIDED'
  | 'INVALID_SORT_OPTION'
  | 'INVALID_ARGUMENT'
  | 'GAP'
  | 'SESSION_EXPIRED'
  | 'RESULT_FORGOTTEN'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
