import type {
  DeleteRequest,
  DeleteResponse,
  LeaseId,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseOp,
  Compare as StoredCompare,
  KeyValue as StoredKeyValue,
  TxnRequest,
  TxnResponse,
} from '../store/types.ts'
import type { Compare } from './compare.ts'
import { FlotillaError } from './errors.ts'
import { type KeySpace, type KeyValue, type KeyVersion, tooLarge } from './keyspace.ts'
import { requestBytesMax, txnOperationsMax } from './limits.ts'
import type {
  DeleteOptions,
  DeleteResult,
  IgnoreValueOptions,
  LeaseRef,
  Operation,
  PutOptions,
  PutResult,
  RangeOptions,
  RangeResult,
} from './operations.ts'
import type { Key, RangeSpec } from './range.ts'

/** Between what a caller says, in keys and values, and what the store understands, in bytes. Checks arguments. */

/** Conditions, and what to do if they hold and if not. */
export interface Tree<T> {
  readonly compare: readonly Compare<T>[]
  readonly success: readonly Operation<T>[]
  readonly failure: readonly Operation<T>[]
}

export function putRequest<T>(
  space: KeySpace<T>,
  key: Key,
  value: T | undefined,
  options: PutOptions | IgnoreValueOptions,
): PutRequest {
  const ignoreValue = 'ignoreValue' in options && options.ignoreValue === true
  if (ignoreValue && value !== undefined) {
    throw new FlotillaError('VALUE_PROVIDED', 'With ignoreValue there is no value to put.')
  }
  const request: PutRequest = {
    op: 'put',
    key: space.key(key),
    // Only the overload with `ignoreValue` takes undefined for a value that is none of the codec's.
    value: ignoreValue ? new Uint8Array() : space.value(value as T),
    lease: leaseId(options.lease),
    prevKv: options.prevKv ?? false,
    ignoreValue,
    ignoreLease: options.ignoreLease ?? false,
  }
  checkSize(request.key.length + request.value.length)
  return request
}

export function rangeRequest<T>(space: KeySpace<T>, spec: RangeSpec, options: RangeOptions): RangeRequest {
  return {
    op: 'range',
    ...space.range(spec),
    limit: count('limit', options.limit),
    revision: count('revision', options.revision),
    sortTarget: options.sort?.target ?? 'key',
    sortOrder: options.sort?.order ?? 'none',
    keysOnly: options.keysOnly ?? false,
    countOnly: options.countOnly ?? false,
    minModRevision: count('minModRevision', options.minModRevision),
    maxModRevision: count('maxModRevision', options.maxModRevision),
    minCreateRevision: count('minCreateRevision', options.minCreateRevision),
    maxCreateRevision: count('maxCreateRevision', options.maxCreateRevision),
  }
}

export function deleteRequest<T>(space: KeySpace<T>, spec: RangeSpec, options: DeleteOptions): DeleteRequest {
  return { op: 'delete', ...space.range(spec), prevKv: options.prevKv ?? false }
}

export function putResult<T>(space: KeySpace<T>, { header, prevKv }: PutResponse): PutResult<T> {
  return { header, prevKv: prevKv === null ? null : space.keyValue(prevKv) }
}

export function getResult<T>(space: KeySpace<T>, { kvs: [kv] }: RangeResponse): KeyValue<T> | null {
  return kv === undefined ? null : space.keyValue(kv)
}

export function rangeResult<T>(space: KeySpace<T>, response: RangeResponse): RangeResult<KeyValue<T>> {
  return resultOf(response, kv => space.keyValue(kv))
}

export function keysResult<T>(space: KeySpace<T>, response: RangeResponse): RangeResult<KeyVersion> {
  return resultOf(response, kv => space.keyVersion(kv))
}

export function deleteResult<T>(space: KeySpace<T>, response: DeleteResponse): DeleteResult<T> {
  const { header, deleted, prevKvs } = response
  return { header, deleted, prevKvs: prevKvs.map(kv => space.keyValue(kv)) }
}

function operationRequest<T>(space: KeySpace<T>, operation: Operation<T>): RequestOp {
  switch (operation.kind) {
    case 'put':
      return putRequest(space, operation.key, operation.value, operation.options)
    case 'get':
      return rangeRequest(space, { key: operation.key }, operation.options)
    case 'range':
    case 'keys':
      return rangeRequest(space, operation.range, operation.options)
    case 'delete':
      return deleteRequest(space, operation.range, operation.options)
    case 'txn':
      return txnRequest(space, operation)
    default:
      operation satisfies never
      throw new FlotillaError('INVALID_ARGUMENT', 'A step of a transaction is made by put, get, range, del or txn.')
  }
}

export function txnRequest<T>(space: KeySpace<T>, { compare, success, failure }: Tree<T>): TxnRequest {
  const request: TxnRequest = {
    op: 'txn',
    compare: compare.map(condition => compareRequest(space, condition)),
    success: success.map(operation => operationRequest(space, operation)),
    failure: failure.map(operation => operationRequest(space, operation)),
  }
  if (Math.max(compare.length, success.length, failure.length) > txnOperationsMax) {
    throw new FlotillaError(
      'TOO_MANY_OPS',
      `A transaction may have ${txnOperationsMax} conditions and ${txnOperationsMax} operations in each branch.`,
    )
  }
  return request
}

function compareRequest<T>(space: KeySpace<T>, compare: Compare<T>): StoredCompare {
  const { target, result } = compare
  const range = space.range(compare.range)
  if (target === 'value') return { ...range, target, result, operand: space.value(compare.operand) }
  return { ...range, target, result, operand: count(target, compare.operand) }
}

/** What each operation of the branch that ran answered, in order. */
export function txnResponses<T>(space: KeySpace<T>, tree: Tree<T>, response: TxnResponse): unknown[] {
  const branch = response.succeeded ? tree.success : tree.failure
  return branch.map((operation, i) => operationResult(space, operation, response.responses[i]))
}

function operationResult<T>(space: KeySpace<T>, operation: Operation<T>, response: ResponseOp | undefined): unknown {
  const kind = operation.kind
  if (kind === 'put' && response?.op === 'put') return putResult(space, response)
  if (kind === 'get' && response?.op === 'range') return getResult(space, response)
  if (kind === 'range' && response?.op === 'range') return rangeResult(space, response)
  if (kind === 'keys' && response?.op === 'range') return keysResult(space, response)
  if (kind === 'delete' && response?.op === 'delete') return deleteResult(space, response)
  if (kind === 'txn' && response?.op === 'txn') {
    const { header, succeeded } = response
    return { succeeded, header, responses: txnResponses(space, operation, response) }
  }
  throw new Error(`assertion failed: ${kind} answered by ${response?.op}`)
}

/** Bytes of keys and values that an operation carries. */
export function payloadBytes(operation: RequestOp): number {
  if (operation.op === 'put') return operation.key.length + operation.value.length
  if (operation.op !== 'txn') return 0
  return [...operation.success, ...operation.failure].reduce((sum, nested) => sum + payloadBytes(nested), 0)
}

export function leaseId(lease: LeaseRef | undefined): LeaseId {
  return count('lease', typeof lease === 'object' ? lease.id : lease)
}

/** Refuses here what the store would refuse anyway, before it is copied and sent. */
export function checkSize(bytes: number): void {
  if (bytes > requestBytesMax) throw tooLarge(bytes)
}

/** A number that counts something. 0 is how the store spells "not given". */
export function count(name: string, value: number | undefined): number {
  if (value === undefined) return 0
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new FlotillaError('INVALID_ARGUMENT', `${name} must be a whole number, 0 or more; it is ${value}.`)
}

function resultOf<K extends KeyVersion>(response: RangeResponse, toKv: (kv: StoredKeyValue) => K): RangeResult<K> {
  const { header, kvs, more, count } = response
  return { header, kvs: kvs.map(toKv), more, count }
}
