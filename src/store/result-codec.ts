import { DecodeError, type Reader, type Writer } from './binary.ts'
import { isStoreErrorCode } from './errors.ts'
import { TXN_DEPTH_MAX } from './limits.ts'
import { tombstone } from './mvcc.ts'
import { flags, readFlags } from './request-codec.ts'
import type { CommandResult, KeyValue, ResponseOp, WriteResponse } from './types.ts'

/** Results and key-values as bytes: part of the snapshot's format. */
const TAGS = {
  error: 0,
  put: 1,
  delete: 2,
  txn: 3,
  compact: 4,
  range: 5,
  leaseGrant: 6,
  leaseRevoke: 7,
  leaseKeepAlive: 8,
} as const

/** No response takes fewer bytes than these two (a tag and a revision), no key-value fewer than these. */
const RESPONSE_BYTES_MIN = 2
const KEY_VALUE_BYTES_MIN = 6

export function writeResult(writer: Writer, result: CommandResult): void {
  if (result.ok) {
    writeResponse(writer, result.response)
  } else {
    writer.byte(TAGS.error)
    writer.ascii(result.code)
    writer.ascii(result.message)
  }
}

export function readResult(reader: Reader): CommandResult {
  const tag = reader.byte()
  if (tag === TAGS.error) {
    const code = reader.ascii()
    if (!isStoreErrorCode(code)) throw new DecodeError('unknown error code')
    return { ok: false, code, message: reader.ascii() }
  }
  const response = readResponse(reader, tag, TXN_DEPTH_MAX)
  if (response.op === 'range') throw new DecodeError('a range is no write')
  return { ok: true, response }
}

function writeResponse(writer: Writer, response: WriteResponse | ResponseOp): void {
  writer.byte(TAGS[response.op])
  writer.uint(response.header.revision)
  switch (response.op) {
    case 'put':
      writer.byte(flags(response.prevKv !== null))
      if (response.prevKv !== null) writeKeyValue(writer, response.prevKv)
      return
    case 'delete':
      writer.uint(response.deleted)
      writeKeyValues(writer, response.prevKvs)
      return
    case 'range':
      writer.byte(flags(response.more))
      writer.uint(response.count)
      writeKeyValues(writer, response.kvs)
      return
    case 'compact':
    case 'leaseRevoke':
      return
    case 'leaseGrant':
    case 'leaseKeepAlive':
      writer.uint(response.lease)
      writer.uint(response.ttlSeconds)
      return
    case 'txn':
      writer.byte(flags(response.succeeded))
      writer.uint(response.responses.length)
      for (const inner of response.responses) writeResponse(writer, inner)
  }
}

function readResponse(reader: Reader, tag: number, depth: number): WriteResponse | ResponseOp {
  const header = { revision: reader.uint() }
  switch (tag) {
    case TAGS.put: {
      const [had] = readFlags(reader, 1)
      return { op: 'put', header, prevKv: had ? readKeyValue(reader) : null }
    }
    case TAGS.delete:
      return { op: 'delete', header, deleted: reader.uint(), prevKvs: readKeyValues(reader) }
    case TAGS.range: {
      const [more] = readFlags(reader, 1)
      const count = reader.uint()
      return { op: 'range', header, kvs: readKeyValues(reader), more, count }
    }
    case TAGS.compact:
      return { op: 'compact', header }
    case TAGS.leaseGrant:
      return { op: 'leaseGrant', header, lease: reader.uint(), ttlSeconds: reader.uint() }
    case TAGS.leaseRevoke:
      return { op: 'leaseRevoke', header }
    case TAGS.leaseKeepAlive:
      return { op: 'leaseKeepAlive', header, lease: reader.uint(), ttlSeconds: reader.uint() }
    case TAGS.txn: {
      if (depth === 0) throw new DecodeError('transactions nested too deep')
      const [succeeded] = readFlags(reader, 1)
      const length = reader.count(RESPONSE_BYTES_MIN)
      const responses = Array.from({ length }, () => readInner(reader, depth - 1))
      return { op: 'txn', header, succeeded, responses }
    }
    default:
      throw new DecodeError(`unknown response ${tag}`)
  }
}

function readInner(reader: Reader, depth: number): ResponseOp {
  const response = readResponse(reader, reader.byte(), depth)
  switch (response.op) {
    case 'range':
    case 'put':
    case 'delete':
    case 'txn':
      return response
    default:
      throw new DecodeError(`${response.op} inside a transaction`)
  }
}

function writeKeyValue(writer: Writer, kv: KeyValue): void {
  writer.bytes(kv.key)
  writer.uint(kv.modRevision)
  writer.uint(kv.version)
  // A deletion has nothing else.
  if (kv.version === 0) return
  writer.bytes(kv.value)
  writer.uint(kv.createRevision)
  writer.int(kv.lease)
}

function readKeyValue(reader: Reader): KeyValue {
  const key = reader.bytes()
  const modRevision = reader.uint()
  const version = reader.uint()
  if (version === 0) return tombstone(key, modRevision)
  return { key, modRevision, version, value: reader.bytes(), createRevision: reader.uint(), lease: reader.int() }
}

function writeKeyValues(writer: Writer, kvs: readonly KeyValue[]): void {
  writer.uint(kvs.length)
  for (const kv of kvs) writeKeyValue(writer, kv)
}

function readKeyValues(reader: Reader): KeyValue[] {
  return Array.from({ length: reader.count(KEY_VALUE_BYTES_MIN) }, () => readKeyValue(reader))
}
