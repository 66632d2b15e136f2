import { storeError } from '../src/store/errors.ts'
import type {
  Compare,
  CompareResult,
  DeleteRequest,
  KeyRange,
  PutRequest,
  RangeRequest,
  RequestOp,
  SortOrder,
  SortTarget,
  TxnRequest,
  WatchRequest,
} from '../src/store/types.ts'
import { invalidArgument } from './errors.ts'
import type * as wire from './wire.ts'

/** From etcd's requests to the store's. Whether they make sense is for the store to say. */

const sortTargets: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value']
const sortOrders: readonly SortOrder[] = ['none', 'ascend', 'descend']

export function toRange(request: wire.RangeRequest): RangeRequest {
  const sortTarget = sortTargets[request.sort_target]
  if (sortTarget === undefined) throw storeError('INVALID_SORT_OPTION')
  return {
    op: 'range',
    ...toKeys(request),
    limit: integer('limit', request.limit),
    revision: integer('revision', request.revision),
    sortTarget,
    // What it does not know, etcd takes for no order.
    sortOrder: sortOrders[request.sort_order] ?? 'none',
    keysOnly: request.keys_only,
    countOnly: request.count_only,
    minModRevision: integer('min_mod_revision', request.min_mod_revision),
    maxModRevision: integer('max_mod_revision', request.max_mod_revision),
    minCreateRevision: integer('min_create_revision', request.min_create_revision),
    maxCreateRevision: integer('max_create_revision', request.max_create_revision),
  }
}

export function toPut(request: wire.PutRequest): PutRequest {
  return {
    op: 'put',
    key: request.key,
    value: request.value,
    lease: integer('lease', request.lease),
    prevKv: request.prev_kv,
    ignoreValue: request.ignore_value,
    ignoreLease: request.ignore_lease,
  }
}

export function toDelete(request: wire.DeleteRangeRequest): DeleteRequest {
  return { op: 'delete', ...toKeys(request), prevKv: request.prev_kv }
}

export function toTxn(request: wire.TxnRequest): TxnRequest {
  return {
    op: 'txn',
    compare: request.compare.map(toCompare),
    success: request.success.map(toOp),
    failure: request.failure.map(toOp),
  }
}

const watchFilters: readonly WatchRequest['filters'][number][] = ['put', 'delete']

export function toWatch(request: wire.WatchCreateRequest): WatchRequest {
  return {
    ...toKeys(request),
    startRevision: integer('start_revision', request.start_revision),
    prevKv: request.prev_kv,
    filters: request.filters.flatMap(filter => watchFilters[filter] ?? []),
  }
}

/** The protocol's int64, where it is one of this project's numbers. */
export function integer(field: string, value: number): number {
  if (Number.isSafeInteger(value)) return value
  throw invalidArgument(`${field} is beyond 2^53 - 1: numbers and ids are safe integers here`)
}

function toOp(op: wire.RequestOp): RequestOp {
  if (op.request_range) return toRange(op.request_range)
  if (op.request_put) return toPut(op.request_put)
  if (op.request_delete_range) return toDelete(op.request_delete_range)
  if (op.request_txn) return toTxn(op.request_txn)
  // etcd's answer to an operation that is none.
  throw storeError('KEY_NOT_FOUND')
}

const compareResults: readonly CompareResult[] = ['=', '>', '<', '!=']

function toCompare(compare: wire.Compare): Compare {
  const result = compareResults[compare.result]
  if (result === undefined) throw invalidArgument(`${compare.result} is no result of a compare`)
  const keys = toKeys(compare)
  // An operand of another kind than the target's counts as none, and none as zero.
  switch (compare.target) {
    case 0:
      return { ...keys, result, target: 'version', operand: integer('version', compare.version ?? 0) }
    case 1:
      return { ...keys, result, target: 'create', operand: integer('create_revision', compare.create_revision ?? 0) }
    case 2:
      return { ...keys, result, target: 'mod', operand: integer('mod_revision', compare.mod_revision ?? 0) }
    case 3:
      return { ...keys, result, target: 'value', operand: compare.value ?? new Uint8Array() }
    case 4:
      return { ...keys, result, target: 'lease', operand: integer('lease', compare.lease ?? 0) }
    default:
      throw invalidArgument(`${compare.target} is no target of a compare`)
  }
}

function toKeys({ key, range_end }: { key: Uint8Array; range_end: Uint8Array }): KeyRange {
  return { key, end: range_end.length === 0 ? null : range_end }
}
