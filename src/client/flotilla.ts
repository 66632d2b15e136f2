/** The package's public face. */
export type { MemberId, Role } from '../raft/types.ts'
export type { MemberState, MemberStatus, Position, ReplicaStatus } from '../replica/types.ts'
export type { Header, Revision } from '../store/types.ts'
export type { HostStatus, LinkKind, LinkStatus } from '../worker/protocol.ts'
export { bytes, type Codec, json, text } from './codec.ts'
export { type Compare, createRevision, modRevision, value, version } from './compare.ts'
export type { Database, DatabaseStatus, SignalingState } from './database.ts'
export { type ErrorCode, FlotillaError, type Outcome } from './errors.ts'
export { type Invite, parseInvite } from './invite.ts'
export type { KeyValue, KeyVersion } from './keyspace.ts'
export type { Live, LiveRange } from './live.ts'
export type { Abortable, Consistency, Namespace } from './namespace.ts'
export { type CreateOptions, create, type OpenOptions, open } from './open.ts'
export {
  type DeleteOptions,
  type DeleteResult,
  del,
  type GetOptions,
  get,
  type Operation,
  type PutOptions,
  type PutResult,
  put,
  type RangeOptions,
  type RangeResult,
  range,
} from './operations.ts'
export type { Key, RangeSpec } from './range.ts'
export type { Readable } from './readable.ts'
export type { Txn, TxnResult } from './txn.ts'
export type { DeletedKey, Watch, WatchEvent, WatchOptions, WatchResponse } from './watch.ts'
