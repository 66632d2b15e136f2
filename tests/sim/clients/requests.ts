import type {
  DeleteRequest,
  KeyRange,
  PutRequest,
  RangeRequest,
  TxnRequest,
  WatchRequest,
} from '../../../src/store/types.ts'
import { everything } from '../../unit/store/requests.ts'

/** Requests with all fields a test says nothing about at rest. Keys and values are ASCII here, so that traces can be read. */

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** All keys that begin with the prefix; with none, all keys. */
export function prefixed(prefix: string): KeyRange {
  if (prefix === '') return { key: Uint8Array.of(0), end: Uint8Array.of(0) }
  const key = bytes(prefix)
  const end = key.slice()
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return { key, end }
}

export function oneKey(key: string): KeyRange {
  return { key: bytes(key), end: null }
}

export function put(key: string, value: string, options: Partial<PutRequest> = {}): PutRequest {
  return {
    op: 'put',
    key: bytes(key),
    value: bytes(value),
    lease: 0,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
    ...options,
  }
}

export function deletion(keys: KeyRange, options: Partial<DeleteRequest> = {}): DeleteRequest {
  return { op: 'delete', ...keys, prevKv: false, ...options }
}

/** Puts if the key's mod revision is as expected (0: it does not exist), and otherwise reads it. */
export function putIfUnchanged(key: string, modRevision: number, value: string): TxnRequest {
  return {
    op: 'txn',
    compare: [{ ...oneKey(key), target: 'mod', result: '=', operand: modRevision }],
    success: [put(key, value, { prevKv: true })],
    failure: [range(oneKey(key))],
  }
}

export function range(keys: KeyRange, options: Partial<RangeRequest> = {}): RangeRequest {
  return { ...everything(options), ...keys }
}

export function watch(keys: KeyRange, options: Partial<WatchRequest> = {}): WatchRequest {
  return { ...keys, startRevision: 0, prevKv: false, filters: [], ...options }
}
