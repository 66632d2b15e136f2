import type { Header, LeaseId, Revision, SortOrder, SortTarget } from '../store/types.ts'
import type { Compare } from './compare.ts'
import type { KeyValue, KeyVersion } from './keyspace.ts'
import type { Key, RangeSpec } from './range.ts'
import type { TxnResult } from './txn.ts'

/** A lease, or only its id; 0 is no lease. */
export type LeaseRef = LeaseId | { readonly id: LeaseId }

export interface PutOptions {
  /** Give back what was there before. */
  readonly prevKv?: boolean
  /** The key is deleted when this lease ends; without it, whatever lease the key had no longer holds it. */
  readonly lease?: LeaseRef
  /** Leave the key with the lease it has. Error: `KEY_NOT_FOUND`. */
  readonly ignoreLease?: boolean
}

/** Change a key's lease and version only; what is put is `undefined` then. Error: `KEY_NOT_FOUND`. */
export interface IgnoreValueOptions extends PutOptions {
  readonly ignoreValue: true
}

export interface DeleteOptions {
  /** Give back what was deleted. */
  readonly prevKv?: boolean
}

export interface GetOptions {
  /** Read as of this revision. Errors: `COMPACTED`, `FUTURE_REVISION`. */
  readonly revision?: Revision
}

export interface RangeOptions extends GetOptions {
  /** At most so many keys; the result says whether there are `more`. */
  readonly limit?: number
  /** By key, ascending, if not given. */
  readonly sort?: { readonly target: SortTarget; readonly order: Exclude<SortOrder, 'none'> }
  /** Leave the values out. */
  readonly keysOnly?: boolean
  /** Only the `count`. */
  readonly countOnly?: boolean
  /** Only keys last changed, or created, between these revisions, both inclusive. */
  readonly minModRevision?: Revision
  readonly maxModRevision?: Revision
  readonly minCreateRevision?: Revision
  readonly maxCreateRevision?: Revision
}

export interface PutResult<T> {
  readonly header: Header
  readonly prevKv: KeyValue<T> | null
}

export interface RangeResult<K extends KeyVersion> {
  readonly header: Header
  readonly kvs: readonly K[]
  /** Whether `limit` cut the answer short. */
  readonly more: boolean
  /** Keys in the range, regardless of `limit`. */
  readonly count: number
}

export interface DeleteResult<T> {
  readonly header: Header
  readonly deleted: number
  /** With `prevKv`. */
  readonly prevKvs: readonly KeyValue<T>[]
}

/** One step of a transaction, for values of type `T`. Made by `put`, `get`, `range`, `del` and `txn`. */
export type Operation<T> =
  | PutOperation<T>
  | IgnoreValueOperation
  | GetOperation
  | RangeOperation
  | KeysOperation
  | DeleteOperation
  | TxnOperation<readonly Compare<T>[], readonly Operation<T>[], readonly Operation<T>[]>

export interface PutOperation<T> {
  readonly kind: 'put'
  readonly key: Key
  readonly value: T
  readonly options: PutOptions
}

export interface IgnoreValueOperation {
  readonly kind: 'put'
  readonly key: Key
  readonly value: undefined
  readonly options: IgnoreValueOptions
}

export interface GetOperation {
  readonly kind: 'get'
  readonly key: Key
  readonly options: GetOptions
}

export interface RangeOperation {
  readonly kind: 'range'
  readonly range: RangeSpec
  readonly options: RangeOptions
}

export interface KeysOperation {
  readonly kind: 'keys'
  readonly range: RangeSpec
  readonly options: RangeOptions
}

export interface DeleteOperation {
  readonly kind: 'delete'
  readonly range: RangeSpec
  readonly options: DeleteOptions
}

export interface TxnOperation<If, Success, Failure> {
  readonly kind: 'txn'
  readonly compare: If
  readonly success: Success
  readonly failure: Failure
}

/** What an operation answers, in a space of values of type `T`. */
export type ResultOf<O, T> = O extends { kind: 'put' }
  ? PutResult<T>
  : O extends { kind: 'get' }
    ? KeyValue<T> | null
    : O extends { kind: 'range' }
      ? RangeResult<KeyValue<T>>
      : O extends { kind: 'keys' }
        ? RangeResult<KeyVersion>
        : O extends { kind: 'delete' }
          ? DeleteResult<T>
          : O extends {
                kind: 'txn'
                success: infer Success extends readonly unknown[]
                failure: infer Failure extends readonly unknown[]
              }
            ? TxnResult<T, Success, Failure>
            : never

export function put(key: Key, value: undefined, options: IgnoreValueOptions): IgnoreValueOperation
export function put<T>(key: Key, value: T, options?: PutOptions & { readonly ignoreValue?: false }): PutOperation<T>
export function put<T>(key: Key, value: T, options: PutOptions = {}): PutOperation<T> {
  return { kind: 'put', key, value, options }
}

export function get(key: Key, options: GetOptions = {}): GetOperation {
  return { kind: 'get', key, options }
}

export function range(range: RangeSpec, options: RangeOptions & { readonly keysOnly: true }): KeysOperation
export function range(range: RangeSpec, options?: RangeOptions & { readonly keysOnly?: false }): RangeOperation
export function range(range: RangeSpec, options: RangeOptions = {}): RangeOperation | KeysOperation {
  return { kind: options.keysOnly ? 'keys' : 'range', range, options }
}

/** Deletes a key, or all keys of a range. (`delete` is a reserved word.) */
export function del(range: RangeSpec, options: DeleteOptions = {}): DeleteOperation {
  return { kind: 'delete', range, options }
}

/**
 * A transaction within a transaction: part of the one revision. Conditions of the whole tree are about the state before any
 * of it.
 */
export function txn<
  const If extends readonly unknown[],
  const Success extends readonly unknown[],
  const Failure extends readonly unknown[] = [],
>(compare: If, success: Success, failure?: Failure): TxnOperation<If, Success, Failure> {
  // Left out, `Failure` is [].
  return { kind: 'txn', compare, success, failure: failure ?? ([] as unknown as Failure) }
}
