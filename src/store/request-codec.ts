import { DecodeError, type Reader, type Writer } from './binary.ts'
import { EMPTY_BYTES } from './bytes.ts'
import { LEASE_CHECKPOINTS_MAX, TXN_DEPTH_MAX } from './limits.ts'
import type {
  Compare,
  CompareResult,
  KeyRange,
  LeaseCheckpointRequest,
  RangeRequest,
  RequestOp,
  SortOrder,
  SortTarget,
  SystemCommand,
  WriteRequest,
} from './types.ts'

/** Requests as bytes. Each starts with a byte that names it; the numbers are part of the log's format and never change. */
const TAGS = {
  put: 1,
  delete: 2,
  txn: 3,
  compact: 4,
  range: 5,
  leaseGrant: 6,
  leaseRevoke: 7,
  leaseKeepAlive: 8,
  leaseExpire: 9,
  leaseCheckpoint: 10,
} as const
const COMPARE_TARGETS = ['version', 'create', 'mod', 'value', 'lease'] as const
const COMPARE_RESULTS: readonly CompareResult[] = ['=', '!=', '>', '<']
const SORT_TARGETS: readonly SortTarget[] = ['key', 'version', 'create', 'mod', 'value']
const SORT_ORDERS: readonly SortOrder[] = ['none', 'ascend', 'descend']

/** No operation, compare or checkpoint takes fewer bytes than this. */
const ELEMENT_BYTES_MIN = 3

type SystemRequest = SystemCommand['request']

export function writeRequest(writer: Writer, request: WriteRequest | RequestOp): void {
  writer.byte(TAGS[request.op])
  switch (request.op) {
    case 'put':
      writer.byte(flags(request.prevKv, request.ignoreValue, request.ignoreLease))
      writer.bytes(request.key)
      writer.bytes(request.value)
      writer.int(request.lease)
      return
    case 'delete':
      writer.byte(flags(request.prevKv))
      writeKeys(writer, request)
      return
    case 'compact':
      writer.int(request.revision)
      return
    case 'range':
      writeRange(writer, request)
      return
    case 'txn':
      writer.uint(request.compare.length)
      for (const compare of request.compare) writeCompare(writer, compare)
      for (const branch of [request.success, request.failure]) {
        writer.uint(branch.length)
        for (const op of branch) writeRequest(writer, op)
      }
      return
    case 'leaseGrant':
      writer.int(request.lease)
      writer.int(request.ttlSeconds)
      return
    case 'leaseRevoke':
    case 'leaseKeepAlive':
      writer.int(request.lease)
  }
}

export function readWriteRequest(reader: Reader): WriteRequest {
  const request = readRequest(reader, TXN_DEPTH_MAX)
  if (request.op === 'range') throw new DecodeError('a range is no write')
  return request
}

function readOp(reader: Reader, depth: number): RequestOp {
  const request = readRequest(reader, depth)
  switch (request.op) {
    case 'range':
    case 'put':
    case 'delete':
    case 'txn':
      return request
    default:
      throw new DecodeError(`${request.op} inside a transaction`)
  }
}

function readRequest(reader: Reader, depth: number): WriteRequest | RequestOp {
  const tag = reader.byte()
  switch (tag) {
    case TAGS.put: {
      const [prevKv, ignoreValue, ignoreLease] = readFlags(reader, 3)
      const key = reader.bytes()
      const value = reader.bytes()
      return { op: 'put', key, value, lease: reader.int(), prevKv, ignoreValue, ignoreLease }
    }
    case TAGS.delete: {
      const [prevKv] = readFlags(reader, 1)
      return { op: 'delete', ...readKeys(reader), prevKv }
    }
    case TAGS.compact:
      return { op: 'compact', revision: reader.int() }
    case TAGS.range:
      return readRange(reader)
    case TAGS.txn:
      if (depth === 0) throw new DecodeError('transactions nested too deep')
      return {
        op: 'txn',
        compare: readList(reader, readCompare),
        success: readList(reader, inner => readOp(inner, depth - 1)),
        failure: readList(reader, inner => readOp(inner, depth - 1)),
      }
    case TAGS.leaseGrant:
      return { op: 'leaseGrant', lease: reader.int(), ttlSeconds: reader.int() }
    case TAGS.leaseRevoke:
      return { op: 'leaseRevoke', lease: reader.int() }
    case TAGS.leaseKeepAlive:
      return { op: 'leaseKeepAlive', lease: reader.int() }
    default:
      throw new DecodeError(`unknown request ${tag}`)
  }
}

export function writeSystemRequest(writer: Writer, request: SystemRequest): void {
  writer.byte(TAGS[request.op])
  switch (request.op) {
    case 'compact':
      writer.int(request.revision)
      return
    case 'leaseExpire':
      writer.int(request.lease)
      writer.uint(request.renewals)
      return
    case 'leaseCheckpoint':
      if (request.checkpoints.length > LEASE_CHECKPOINTS_MAX)
        throw new RangeError('too many checkpoints for one command')
      writer.uint(request.checkpoints.length)
      for (const { lease, renewals, remainingSeconds } of request.checkpoints) {
        writer.int(lease)
        writer.uint(renewals)
        writer.uint(remainingSeconds)
      }
  }
}

export function readSystemRequest(reader: Reader): SystemRequest {
  const tag = reader.byte()
  switch (tag) {
    case TAGS.compact:
      return { op: 'compact', revision: reader.int() }
    case TAGS.leaseExpire:
      return { op: 'leaseExpire', lease: reader.int(), renewals: reader.uint() }
    case TAGS.leaseCheckpoint: {
      const checkpoints = readList(reader, readCheckpoint)
      if (checkpoints.length > LEASE_CHECKPOINTS_MAX) throw new DecodeError('too many checkpoints')
      return { op: 'leaseCheckpoint', checkpoints }
    }
    default:
      throw new DecodeError(`unknown system request ${tag}`)
  }
}

function readCheckpoint(reader: Reader): LeaseCheckpointRequest['checkpoints'][number] {
  return { lease: reader.int(), renewals: reader.uint(), remainingSeconds: reader.uint() }
}

function writeRange(writer: Writer, request: RangeRequest): void {
  writer.byte(flags(request.keysOnly, request.countOnly))
  writeKeys(writer, request)
  writer.byte(indexIn(SORT_TARGETS, request.sortTarget))
  writer.byte(indexIn(SORT_ORDERS, request.sortOrder))
  writer.int(request.limit)
  writer.int(request.revision)
  writer.int(request.minModRevision)
  writer.int(request.maxModRevision)
  writer.int(request.minCreateRevision)
  writer.int(request.maxCreateRevision)
}

function readRange(reader: Reader): RangeRequest {
  const [keysOnly, countOnly] = readFlags(reader, 2)
  const keys = readKeys(reader)
  return {
    op: 'range',
    ...keys,
    keysOnly,
    countOnly,
    sortTarget: oneOf(SORT_TARGETS, reader.byte()),
    sortOrder: oneOf(SORT_ORDERS, reader.byte()),
    limit: reader.int(),
    revision: reader.int(),
    minModRevision: reader.int(),
    maxModRevision: reader.int(),
    minCreateRevision: reader.int(),
    maxCreateRevision: reader.int(),
  }
}

function writeCompare(writer: Writer, compare: Compare): void {
  writer.byte(indexIn(COMPARE_TARGETS, compare.target))
  writer.byte(indexIn(COMPARE_RESULTS, compare.result))
  writeKeys(writer, compare)
  if (compare.target === 'value') writer.bytes(compare.operand)
  else writer.int(compare.operand)
}

function readCompare(reader: Reader): Compare {
  const target = oneOf(COMPARE_TARGETS, reader.byte())
  const result = oneOf(COMPARE_RESULTS, reader.byte())
  const keys = readKeys(reader)
  return target === 'value'
    ? { ...keys, result, target, operand: reader.bytes() }
    : { ...keys, result, target, operand: reader.int() }
}

/** An empty end means the same as none, so it is written as none. */
function writeKeys(writer: Writer, { key, end }: KeyRange): void {
  writer.bytes(key)
  writer.bytes(end ?? EMPTY_BYTES)
}

function readKeys(reader: Reader): KeyRange {
  const key = reader.bytes()
  const end = reader.bytes()
  return { key, end: end.length === 0 ? null : end }
}

function readList<T>(reader: Reader, read: (reader: Reader) => T): T[] {
  return Array.from({ length: reader.count(ELEMENT_BYTES_MIN) }, () => read(reader))
}

export function flags(a: boolean, b = false, c = false): number {
  return (a ? 1 : 0) | (b ? 2 : 0) | (c ? 4 : 0)
}

export function readFlags(reader: Reader, count: number): [boolean, boolean, boolean] {
  const bits = reader.byte()
  if (bits >>> count !== 0) throw new DecodeError('unknown flags')
  return [(bits & 1) !== 0, (bits & 2) !== 0, (bits & 4) !== 0]
}

function indexIn<T extends string>(values: readonly T[], value: T): number {
  const index = values.indexOf(value)
  if (index < 0) throw new RangeError(`cannot be encoded: ${value}`)
  return index
}

function oneOf<T>(values: readonly T[], index: number): T {
  const value = values[index]
  if (value === undefined) throw new DecodeError('unknown value of an enumeration')
  return value
}
