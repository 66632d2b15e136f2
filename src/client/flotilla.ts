/** The package's public face. */
export type { MemberId, Role } from '../raft/types.ts'
export {
  type ClusterEvent,
  type MemberState,
  type MemberStatus,
  type MembershipChange,
  type MembershipReason,
  type Position,
  type ReplicaStatus,
  roleOf,
  type TabRole,
  type WithheldBecause,
} from '../replica/types.ts'
export type { Header, LeaseId, Revision, WriteRequest, WriteResponse } from '../store/types.ts'
export type { HeldCluster } from '../worker/data-protocol.ts'
export type { HostStatus, LinkKind, LinkStatus, MembershipOptions, TabEvent } from '../worker/protocol.ts'
export type { Isolation } from './attempt.ts'
export { type BackupInfo, type ExportOptions, inspectBackup } from './backup.ts'
export type { Offline } from './calls.ts'
export { bytes, type Codec, json, text } from './codec.ts'
export { type Compare, createRevision, lease, modRevision, value, version } from './compare.ts'
export type { Config, ConfigChange, ConfigChangeOptions, ConfigView } from './config.ts'
export type { WriteOptions } from './connection.ts'
export type { Database, DatabaseStatus, SignalingState } from './database.ts'
export type { RecoverRefusal } from './ear.ts'
export type { Election, Seat } from './election.ts'
export { erase, held } from './erase.ts'
export { type ErrorCode, FlotillaError, type Outcome } from './errors.ts'
export type { DatabaseEvent } from './events.ts'
export type { Faults } from './faults.ts'
export { type Invite, parseInvite } from './invite.ts'
export type { KeyValue, KeyVersion } from './keyspace.ts'
export type { Lease, TimeToLive, TimeToLiveOptions } from './lease.ts'
export type { LeaveOptions } from './leave.ts'
export type { Live, LiveRange } from './live.ts'
export type { Lock } from './lock.ts'
export type { Abortable, Consistency, Namespace } from './namespace.ts'
export { type CreateOptions, create, type OpenOptions, open, type TabOptions } from './open.ts'
export {
  type DeleteOptions,
  type DeleteResult,
  del,
  type GetOptions,
  get,
  type IgnoreValueOptions,
  type LeaseRef,
  type Operation,
  type PutOptions,
  type PutResult,
  put,
  type RangeOptions,
  type RangeResult,
  range,
  txn,
} from './operations.ts'
export type { PendingWrite, SettledWrite } from './pending.ts'
export type { Key, RangeSpec } from './range.ts'
export type { Readable } from './readable.ts'
export {
  type MissingVoter,
  type Recovered,
  type RecoverOptions,
  type RecoverReport,
  type RecoverStep,
  recover,
} from './recover.ts'
export type { ScanOptions, ScanPage } from './scan.ts'
export type { Registration, Service } from './service.ts'
export type { TenureOptions } from './session-leases.ts'
export type { Persist, StorageUse } from './storage.ts'
export type { Entry, Transaction, TransactOptions } from './transact.ts'
export type { Txn, TxnResult } from './txn.ts'
export type { DeletedKey, Watch, WatchEvent, WatchOptions, WatchResponse } from './watch.ts'
