/**
 * Messages of etcd's `rpc.proto` as they come off the wire and go onto it, under the protocol's own names. A received message has
 * every field that is not in a `oneof`; one to be sent may leave out what is zero. An int64 or uint64 arrives as the nearest
 * number: what is no safe integer then was none on the wire either.
 */

export interface Header {
  readonly cluster_id?: number
  readonly member_id?: number
  readonly revision?: number
  readonly raft_term?: number
}

export interface KeyValue {
  readonly key: Uint8Array
  readonly create_revision: number
  readonly mod_revision: number
  readonly version: number
  readonly value: Uint8Array
  readonly lease: number
}

export interface RangeRequest {
  readonly key: Uint8Array
  readonly range_end: Uint8Array
  readonly limit: number
  readonly revision: number
  readonly sort_order: number
  readonly sort_target: number
  readonly serializable: boolean
  readonly keys_only: boolean
  readonly count_only: boolean
  readonly min_mod_revision: number
  readonly max_mod_revision: number
  readonly min_create_revision: number
  readonly max_create_revision: number
}

export interface RangeResponse {
  readonly header: Header
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
  readonly count: number
}

export interface PutRequest {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly lease: number
  readonly prev_kv: boolean
  readonly ignore_value: boolean
  readonly ignore_lease: boolean
}

export interface PutResponse {
  readonly header: Header
  readonly prev_kv: KeyValue | null
}

export interface DeleteRangeRequest {
  readonly key: Uint8Array
  readonly range_end: Uint8Array
  readonly prev_kv: boolean
}

export interface DeleteRangeResponse {
  readonly header: Header
  readonly deleted: number
  readonly prev_kvs: readonly KeyValue[]
}

/** At most one of them. */
export interface RequestOp {
  readonly request_range?: RangeRequest
  readonly request_put?: PutRequest
  readonly request_delete_range?: DeleteRangeRequest
  readonly request_txn?: TxnRequest
}

export interface ResponseOp {
  readonly response_range?: RangeResponse
  readonly response_put?: PutResponse
  readonly response_delete_range?: DeleteRangeResponse
  readonly response_txn?: TxnResponse
}

export interface Compare {
  readonly result: number
  readonly target: number
  readonly key: Uint8Array
  readonly range_end: Uint8Array
  /** At most one of the operands, and not always the one that `target` names. */
  readonly version?: number
  readonly create_revision?: number
  readonly mod_revision?: number
  readonly value?: Uint8Array
  readonly lease?: number
}

export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

export interface TxnResponse {
  readonly header: Header
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

export interface CompactionRequest {
  readonly revision: number
  readonly physical: boolean
}

/** Of requests that only say that something was done. */
export interface Done {
  readonly header?: Header
}

export interface WatchRequest {
  readonly create_request?: WatchCreateRequest
  readonly cancel_request?: { readonly watch_id: number }
  readonly progress_request?: object
}

export interface WatchCreateRequest {
  readonly key: Uint8Array
  readonly range_end: Uint8Array
  readonly start_revision: number
  readonly progress_notify: boolean
  readonly filters: readonly number[]
  readonly prev_kv: boolean
  readonly watch_id: number
  readonly fragment: boolean
}

export interface Event {
  readonly type: number
  readonly kv: KeyValue
  readonly prev_kv: KeyValue | null
}

export interface WatchResponse {
  readonly header: Header
  readonly watch_id: number
  readonly created?: boolean
  readonly canceled?: boolean
  readonly compact_revision?: number
  readonly cancel_reason?: string
  readonly fragment?: boolean
  readonly events?: readonly Event[]
}

export interface LeaseGrantRequest {
  readonly TTL: number
  readonly ID: number
}

export interface LeaseGrantResponse {
  readonly header: Header
  readonly ID: number
  readonly TTL: number
}

/** Of revoking and of keeping alive. */
export interface LeaseRequest {
  readonly ID: number
}

export interface LeaseKeepAliveResponse {
  readonly header: Header
  readonly ID: number
  readonly TTL: number
}

export interface LeaseTimeToLiveRequest {
  readonly ID: number
  readonly keys: boolean
}

export interface LeaseTimeToLiveResponse {
  readonly header: Header
  readonly ID: number
  readonly TTL: number
  readonly grantedTTL: number
  readonly keys: readonly Uint8Array[]
}

export interface LeaseLeasesResponse {
  readonly header: Header
  readonly leases: readonly { readonly ID: number }[]
}

export interface Member {
  readonly ID: number
  readonly name: string
  readonly peerURLs: readonly string[]
  readonly clientURLs: readonly string[]
  readonly isLearner: boolean
}

export interface MemberListResponse {
  readonly header: Header
  readonly members: readonly Member[]
}

export interface StatusResponse {
  readonly header: Header
  readonly version: string
  readonly dbSize: number
  readonly dbSizeInUse: number
  readonly leader: number
  readonly raftIndex: number
  readonly raftAppliedIndex: number
  readonly raftTerm: number
  readonly errors: readonly string[]
  readonly isLearner: boolean
}

export interface AlarmRequest {
  readonly action: number
  readonly memberID: number
  readonly alarm: number
}

export interface AlarmResponse {
  readonly header?: Header
  readonly alarms: readonly { readonly memberID: number; readonly alarm: number }[]
}

export interface HashKVRequest {
  readonly revision: number
}

export interface HashResponse {
  readonly header: Header
  readonly hash: number
}

export interface HashKVResponse extends HashResponse {
  readonly compact_revision: number
}

export interface MoveLeaderRequest {
  readonly targetID: number
}
