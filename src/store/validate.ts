import { keyText } from './bytes.ts'
import { storeError } from './errors.ts'
import { KeySpans } from './key-spans.ts'
import type { StoreOptions } from './limits.ts'
import type {
  Command,
  Compare,
  DeleteRequest,
  KeyRange,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  WriteRequest,
} from './types.ts'

/**
 * What can be said of a request without looking at the state: asked before anything is proposed, and again by whoever applies
 * it, so that a log entry from a member with other ideas does no harm. The order of the checks is etcd's.
 */

type Limits = Pick<StoreOptions, 'requestBytesMax' | 'txnOperationsMax' | 'leaseTtlSecondsMax'>

/** What each operation and compare counts for beside its keys and values, against `requestBytesMax`. */
const OPERATION_BYTES = 16

const CLIENT_ID = /^[0-9a-f]{32}$/

/**
 * What cannot be read from the log must never get into it: every member would stop there, in every life. Throws `StoreError`:
 * `INVALID_ARGUMENT` for a client or numbers that no command has, and what `checkWrite` throws.
 */
export function checkCommand({ clientId, seq, acked, request }: Command, limits: Limits): void {
  checkIntegers(seq, acked)
  if (!CLIENT_ID.test(clientId) || acked < 0 || acked >= seq) throw storeError('INVALID_ARGUMENT')
  checkWrite(request, limits)
}

/**
 * Throws `StoreError`: `EMPTY_KEY`, `VALUE_PROVIDED`, `LEASE_PROVIDED`, `INVALID_SORT_OPTION`, `TOO_MANY_OPS`,
 * `DUPLICATE_KEY`, `LEASE_TTL_TOO_LARGE`, `REQUEST_TOO_LARGE`, or `INVALID_ARGUMENT` for what the types rule out.
 */
export function checkWrite(request: WriteRequest, limits: Limits): void {
  switch (request.op) {
    case 'put':
      checkPut(request)
      break
    case 'delete':
      checkKeys(request)
      break
    case 'txn':
      checkTxn(request, limits.txnOperationsMax)
      checkDuplicates(request.success)
      checkDuplicates(request.failure)
      break
    case 'compact':
      checkIntegers(request.revision)
      break
    case 'leaseGrant':
      checkIntegers(request.lease, request.ttlSeconds)
      // Whoever asks chooses the id, so that a repeated request means the same lease.
      if (request.lease <= 0) throw storeError('INVALID_ARGUMENT')
      if (request.ttlSeconds > limits.leaseTtlSecondsMax) throw storeError('LEASE_TTL_TOO_LARGE')
      break
    case 'leaseRevoke':
    case 'leaseKeepAlive':
      checkIntegers(request.lease)
      break
    default:
      throw storeError('INVALID_ARGUMENT')
  }
  if (requestBytes(request) > limits.requestBytesMax) throw storeError('REQUEST_TOO_LARGE')
}

const SORT_TARGETS: ReadonlySet<string> = new Set(['key', 'version', 'create', 'mod', 'value'])
const SORT_ORDERS: ReadonlySet<string> = new Set(['none', 'ascend', 'descend'])

/** Throws `StoreError`: `EMPTY_KEY`, `INVALID_SORT_OPTION`, `INVALID_ARGUMENT`. */
export function checkRange(request: RangeRequest): void {
  checkKeys(request)
  if (!SORT_TARGETS.has(request.sortTarget) || !SORT_ORDERS.has(request.sortOrder)) {
    throw storeError('INVALID_SORT_OPTION')
  }
  checkIntegers(request.limit, request.revision)
  checkIntegers(request.minModRevision, request.maxModRevision)
  checkIntegers(request.minCreateRevision, request.maxCreateRevision)
}

function checkPut(request: PutRequest): void {
  checkBytes(request.key)
  checkBytes(request.value)
  checkIntegers(request.lease)
  if (request.key.length === 0) throw storeError('EMPTY_KEY')
  if (request.ignoreValue && request.value.length > 0) throw storeError('VALUE_PROVIDED')
  if (request.ignoreLease && request.lease !== 0) throw storeError('LEASE_PROVIDED')
}

/** The whole tree's keys come before any look at duplicates, and each level's size before its own keys. */
function checkTxn(request: TxnRequest, operationsMax: number): void {
  if (!Array.isArray(request.compare) || !Array.isArray(request.success) || !Array.isArray(request.failure)) {
    throw storeError('INVALID_ARGUMENT')
  }
  const operations = Math.max(request.compare.length, request.success.length, request.failure.length)
  if (operations > operationsMax) throw storeError('TOO_MANY_OPS')
  for (const compare of request.compare) checkCompare(compare)
  for (const op of request.success) checkOp(op, operationsMax - operations)
  for (const op of request.failure) checkOp(op, operationsMax - operations)
}

/** Whether no branch of it writes, so that any member can answer it without a word to the others. */
export function onlyReads({ success, failure }: TxnRequest): boolean {
  return [...success, ...failure].every(op => op.op === 'range' || (op.op === 'txn' && onlyReads(op)))
}

function checkOp(op: RequestOp, operationsMax: number): void {
  switch (op.op) {
    case 'range':
      checkRange(op)
      break
    case 'put':
      checkPut(op)
      break
    case 'delete':
      checkKeys(op)
      break
    case 'txn':
      checkTxn(op, operationsMax)
      break
    default:
      throw storeError('INVALID_ARGUMENT')
  }
}

const COMPARE_RESULTS: ReadonlySet<string> = new Set(['=', '!=', '>', '<'])
const COMPARE_TARGETS: ReadonlySet<string> = new Set(['version', 'create', 'mod', 'lease'])

function checkCompare(compare: Compare): void {
  checkKeys(compare)
  if (!COMPARE_RESULTS.has(compare.result)) throw storeError('INVALID_ARGUMENT')
  if (compare.target === 'value') checkBytes(compare.operand)
  else if (COMPARE_TARGETS.has(compare.target)) checkIntegers(compare.operand)
  else throw storeError('INVALID_ARGUMENT')
}

function checkKeys({ key, end }: KeyRange): void {
  checkBytes(key)
  if (end !== null) checkBytes(end)
  if (key.length === 0) throw storeError('EMPTY_KEY')
}

function checkBytes(value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw storeError('INVALID_ARGUMENT')
}

function checkIntegers(a: number, b = 0): void {
  if (!Number.isSafeInteger(a) || !Number.isSafeInteger(b)) throw storeError('INVALID_ARGUMENT')
}

interface Touched {
  readonly puts: Set<string>
  readonly deletes: KeySpans
}

/**
 * No key may be put twice, or put and deleted, in one run of a transaction. Two branches of one nested transaction never both
 * run, so they may put the same key. As in etcd, deletes with an open end are left out, and so is a put that
 * a *later* nested transaction deletes; those simply happen in order.
 */
function checkDuplicates(ops: readonly RequestOp[]): Touched {
  const puts = new Set<string>()
  const deletes = new KeySpans()
  for (const op of ops) if (op.op === 'delete') addDelete(deletes, op)
  for (const op of ops) {
    if (op.op !== 'txn') continue
    const success = checkDuplicates(op.success)
    const failure = checkDuplicates(op.failure)
    for (const key of success.puts) addPut(puts, deletes, key)
    for (const key of failure.puts) {
      if (!success.puts.has(key)) addPut(puts, deletes, key)
    }
    deletes.addAll(success.deletes)
    deletes.addAll(failure.deletes)
  }
  for (const op of ops) if (op.op === 'put') addPut(puts, deletes, keyText(op.key))
  return { puts, deletes }
}

function addPut(puts: Set<string>, deletes: KeySpans, key: string): void {
  if (puts.has(key) || deletes.has(key)) throw storeError('DUPLICATE_KEY')
  puts.add(key)
}

function addDelete(deletes: KeySpans, { key, end }: DeleteRequest): void {
  const low = keyText(key)
  if (end === null || end.length === 0) deletes.add(low, `${low}\0`)
  else deletes.add(low, keyText(end))
}

function requestBytes(request: WriteRequest | RequestOp): number {
  switch (request.op) {
    case 'put':
      return OPERATION_BYTES + request.key.length + request.value.length
    case 'range':
    case 'delete':
      return OPERATION_BYTES + keysBytes(request)
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'leaseKeepAlive':
      return OPERATION_BYTES
    case 'txn': {
      let bytes = OPERATION_BYTES
      for (const compare of request.compare) {
        bytes += OPERATION_BYTES + keysBytes(compare) + (compare.target === 'value' ? compare.operand.length : 0)
      }
      for (const op of request.success) bytes += requestBytes(op)
      for (const op of request.failure) bytes += requestBytes(op)
      return bytes
    }
  }
}

function keysBytes({ key, end }: KeyRange): number {
  return key.length + (end?.length ?? 0)
}
