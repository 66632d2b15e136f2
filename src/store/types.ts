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

export type RequestOp = RangeRequest | PutRequest | DeleteRequest | TxnRequest
export type ResponseOp = RangeResponse | PutResponse | DeleteResponse | TxnResponse

/** A request that goes through the log. (A transaction may turn out to only read; then it makes no revision.) */
export type WriteRequest = PutRequest | DeleteRequest | TxnRequest | CompactRequest
export type WriteResponse = PutResponse | DeleteResponse | TxnResponse | CompactResponse

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
