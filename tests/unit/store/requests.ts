import { encodeCommand, encodeSystemCommand } from '../../../src/store/command-codec.ts'
import type { Store } from '../../../src/store/store.ts'
import type {
  Command,
  CommandResult,
  CompactRequest,
  Compare,
  CompareResult,
  DeleteRequest,
  KeyValue,
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseRevokeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  SystemCommand,
  TxnRequest,
  WatchRequest,
  WriteRequest,
  WriteResponse,
} from '../../../src/store/types.ts'

/** Short ways to say requests; keys and values are given as strings of one char per byte. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, char => char.charCodeAt(0))
}

export function text(value: Uint8Array): string {
  return String.fromCharCode(...value)
}

export const OPEN_END = '\0'

export function keys(key: string, end: string | null = null): { key: Uint8Array; end: Uint8Array | null } {
  return { key: bytes(key), end: end === null ? null : bytes(end) }
}

export function put(key: string, value: string, options: Partial<PutRequest> = {}): PutRequest {
  const request = { key: bytes(key), value: bytes(value), lease: 0 }
  return { op: 'put', ...request, prevKv: false, ignoreValue: false, ignoreLease: false, ...options }
}

export function del(key: string, end: string | null = null, prevKv = false): DeleteRequest {
  return { op: 'delete', ...keys(key, end), prevKv }
}

export function range(key: string, end: string | null = null, options: Partial<RangeRequest> = {}): RangeRequest {
  return {
    op: 'range',
    ...keys(key, end),
    limit: 0,
    revision: 0,
    sortTarget: 'key',
    sortOrder: 'none',
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...options,
  }
}

export function everything(options: Partial<RangeRequest> = {}): RangeRequest {
  return range('\0', OPEN_END, options)
}

export function txn(success: RequestOp[], compare: Compare[] = [], failure: RequestOp[] = []): TxnRequest {
  return { op: 'txn', compare, success, failure }
}

export function compare(
  target: 'version' | 'create' | 'mod' | 'lease',
  key: string,
  result: CompareResult,
  operand: number,
  end: string | null = null,
): Compare {
  return { ...keys(key, end), target, result, operand }
}

export function compareValue(key: string, result: CompareResult, operand: string, end: string | null = null): Compare {
  return { ...keys(key, end), target: 'value', result, operand: bytes(operand) }
}

export function compact(revision: number): CompactRequest {
  return { op: 'compact', revision }
}

export function grant(lease: number, ttlSeconds = 60): LeaseGrantRequest {
  return { op: 'leaseGrant', lease, ttlSeconds }
}

export function revoke(lease: number): LeaseRevokeRequest {
  return { op: 'leaseRevoke', lease }
}

export function keepAlive(lease: number): LeaseKeepAliveRequest {
  return { op: 'leaseKeepAlive', lease }
}

export function system(request: SystemCommand['request']): SystemCommand {
  return { clientId: null, request }
}

export function expire(lease: number, renewals: number): SystemCommand {
  return system({ op: 'leaseExpire', lease, renewals })
}

export function checkpoint(lease: number, renewals: number, remainingSeconds: number): SystemCommand {
  return system({ op: 'leaseCheckpoint', checkpoints: [{ lease, renewals, remainingSeconds }] })
}

export function watch(key: string, end: string | null = null, options: Partial<WatchRequest> = {}): WatchRequest {
  return { ...keys(key, end), startRevision: 0, prevKv: false, filters: [], ...options }
}

export function clientId(number: number): string {
  return number.toString(16).padStart(32, '0')
}

/** A client that gives each of its writes to a store, and acknowledges each result. */
export class Writer {
  readonly clientId: string
  readonly #store: Store
  #seq = 0

  constructor(store: Store, number = 1) {
    this.#store = store
    this.clientId = clientId(number)
  }

  next(request: WriteRequest): Command {
    this.#seq++
    return { clientId: this.clientId, seq: this.#seq, acked: this.#seq - 1, request }
  }

  apply(request: WriteRequest): CommandResult {
    return this.#store.apply(this.next(request))
  }

  /** The response, of the kind that was asked for. Fails the test if there is none. */
  ok<R extends WriteRequest>(request: R): Extract<WriteResponse, { op: R['op'] }> {
    const result = this.apply(request)
    if (!result.ok) throw new Error(`${request.op} failed: ${result.message}`)
    return result.response as Extract<WriteResponse, { op: R['op'] }>
  }

  /** The error's code, or null if there was none. */
  code(request: WriteRequest): string | null {
    const result = this.apply(request)
    return result.ok ? null : result.code
  }
}

/** Gives a store a command, whoever's it is. What the leader does of its own accord has no result. */
export function applyAny(store: Store, command: Command | SystemCommand): CommandResult | null {
  if (command.clientId !== null) return store.apply(command)
  store.applySystem(command)
  return null
}

export function encodeAny(command: Command | SystemCommand): Uint8Array {
  return command.clientId === null ? encodeSystemCommand(command) : encodeCommand(command)
}

/** Keys and values as text, for comparisons that print well. */
export function pairs(kvs: readonly KeyValue[]): string[] {
  return kvs.map(kv => `${text(kv.key)}=${text(kv.value)}`)
}
