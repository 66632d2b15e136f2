import type { WriteRequest } from '../../client/flotilla.ts'
import type { Guard, Write } from './board-store.ts'
import { readAbout, readCard, readList } from './model.ts'

type Operation = WriteRequest | Extract<WriteRequest, { op: 'txn' }>['success'][number]
type StoredCompare = Extract<WriteRequest, { op: 'txn' }>['compare'][number]

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * A request as the board's own guards and writes, the way it was before it became bytes: so a page can show and do again what
 * an earlier one asked for. Null if it is not the board's, or writes nothing.
 */
export function readTxn(
  request: WriteRequest,
  prefix: string,
  decode: (value: Uint8Array) => unknown,
): { readonly guards: readonly Guard[]; readonly writes: readonly Write[] } | null {
  const [operations, compares] = request.op === 'txn' ? [request.success, request.compare] : [[request], []]
  const writes = operations.flatMap(operation => writeOf(operation, prefix, decode))
  return writes.length === 0 ? null : { guards: compares.flatMap(compare => guardOf(compare, prefix)), writes }
}

function writeOf(operation: Operation, prefix: string, decode: (value: Uint8Array) => unknown): Write[] {
  if (operation.op !== 'put' && operation.op !== 'delete') return []
  const key = ownKey(operation.key, prefix)
  if (key === null) return []
  if (operation.op === 'delete') return operation.end === null ? [{ kind: 'delete', key }] : []
  const stored = decode(operation.value)
  const value = readCard(stored) ?? readList(stored) ?? readAbout(stored)
  return value === null ? [] : [{ kind: 'put', key, value }]
}

function guardOf({ key: stored, end, target, result, operand }: StoredCompare, prefix: string): Guard[] {
  const key = ownKey(stored, prefix)
  if (key === null || typeof operand !== 'number') return []
  if (end !== null) return target === 'mod' ? [{ kind: 'quietSince', prefix: key, revision: operand - 1 }] : []
  if (target === 'mod') return [{ kind: 'unchanged', key, modRevision: operand }]
  if (target === 'create') return [{ kind: result === '=' ? 'missing' : 'exists', key }]
  return []
}

function ownKey(stored: Uint8Array, prefix: string): string | null {
  const key = decoder.decode(stored)
  return key.startsWith(prefix) ? key.slice(prefix.length) : null
}
