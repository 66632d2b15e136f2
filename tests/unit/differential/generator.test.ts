import { describe, expect, test } from 'vitest'
import { Generator } from '../../differential/generator.ts'
import type { Operation } from '../../differential/operations.ts'
import { bytesOf, isMessage, type Message, messagesOf } from '../../differential/protocol.ts'
import type { World } from '../../differential/world.ts'

const world: World = {
  revision: 100,
  compactRevision: 40,
  leases: new Set([1, 2]),
  watches: [{ stream: 0, watchId: 3 }],
  deletesAt: () => false,
}

function operationsOf(seed: number, count: number): Operation[] {
  const generator = new Generator(seed)
  return Array.from({ length: count }, () => generator.next(world))
}

test('a seed is the whole run: the same one draws the same operations, another one others', () => {
  expect(operationsOf(7, 500)).toEqual(operationsOf(7, 500))
  expect(operationsOf(7, 500)).not.toEqual(operationsOf(8, 500))
})

test('a longer run begins as a shorter one does, so that a difference can be repeated without the rest', () => {
  expect(operationsOf(7, 500).slice(0, 100)).toEqual(operationsOf(7, 100))
})

describe('some seeds together leave nothing out', () => {
  const operations = Array.from({ length: 40 }, (_, at) => operationsOf(at + 1, 500)).flat()
  const requests = (method: string): Message[] =>
    operations.flatMap(operation =>
      operation.kind === 'calls'
        ? operation.calls.filter(call => call.method === method).map(call => call.request)
        : [],
    )
  const txns = requests('Txn')
  const allTxns = txns.flatMap(txn => [...withNested(txn, 0)])

  test('of kinds of operation', () => {
    const kinds = new Set(operations.map(operation => operation.kind))
    expect(kinds).toEqual(new Set(['calls', 'keepAlive', 'watch', 'cancelWatch', 'progress', 'endStream']))
    const methods = ['Range', 'Put', 'DeleteRange', 'Txn', 'Compact', 'LeaseGrant', 'LeaseRevoke', 'LeaseTimeToLive']
    for (const method of [...methods, 'LeaseLeases']) expect(requests(method).length, method).toBeGreaterThan(10)
  })

  test('of options', () => {
    const ranges = ['limit', 'revision', 'sort_target', 'serializable', 'keys_only', 'count_only']
    const bounds = ['min_mod_revision', 'max_mod_revision', 'min_create_revision', 'max_create_revision']
    expect(fieldsOf(requests('Range'))).toEqual(new Set(['key', 'range_end', ...ranges, 'sort_order', ...bounds]))
    const puts = ['key', 'value', 'lease', 'prev_kv', 'ignore_value', 'ignore_lease']
    expect(fieldsOf(requests('Put'))).toEqual(new Set(puts))
    expect(fieldsOf(requests('DeleteRange'))).toEqual(new Set(['key', 'range_end', 'prev_kv']))
    const watches = operations.flatMap(operation => (operation.kind === 'watch' ? [operation.request] : []))
    const watch = [
      'key',
      'range_end',
      'start_revision',
      'filters',
      'prev_kv',
      'watch_id',
      'fragment',
      'progress_notify',
    ]
    expect(fieldsOf(watches)).toEqual(new Set(watch))
  })

  test('of sorts and compares', () => {
    const sorts = requests('Range').filter(range => 'sort_target' in range)
    expect(new Set(sorts.map(range => `${range.sort_target} ${range.sort_order}`)).size).toBe(5 * 3)
    const compares = allTxns.flatMap(({ txn }) => messagesOf(txn, 'compare'))
    const forms = compares.map(compare => {
      const end = bytesOf(compare, 'range_end')
      const form = end.length === 0 ? 'key' : end.every(byte => byte === 0) ? 'open' : 'range'
      return `${compare.target} ${compare.result} ${form}`
    })
    expect(new Set(forms).size).toBe(5 * 4 * 3)
  })

  test('of transactions: nested three deep, too large, with a key touched twice', () => {
    expect(Math.max(...allTxns.map(({ depth }) => depth))).toBe(3)
    const sizes = allTxns.map(({ txn }) =>
      Math.max(...['compare', 'success', 'failure'].map(of => messagesOf(txn, of).length)),
    )
    expect(sizes).toContain(128)
    expect(sizes).toContain(129)
    expect(txns.some(txn => putsTwice(messagesOf(txn, 'success')))).toBe(true)
  })

  test('of what is wrong with a request', () => {
    expect(requests('Range').some(range => bytesOf(range, 'key').length === 0)).toBe(true)
    expect(requests('Put').some(put => bytesOf(put, 'value').length > 1_572_864)).toBe(true)
    expect(requests('Put').some(put => put.ignore_value === true && 'value' in put)).toBe(true)
    expect(requests('LeaseGrant').some(grant => Number(grant.TTL) <= 0)).toBe(true)
    expect(requests('Compact').some(({ revision }) => Number(revision) <= 0)).toBe(true)
  })
})

function* withNested(txn: Message, depth: number): Iterable<{ txn: Message; depth: number }> {
  yield { txn, depth }
  for (const op of [...messagesOf(txn, 'success'), ...messagesOf(txn, 'failure')]) {
    if (isMessage(op.request_txn)) yield* withNested(op.request_txn, depth + 1)
  }
}

function fieldsOf(messages: readonly Message[]): Set<string> {
  return new Set(messages.flatMap(message => Object.keys(message)))
}

function putsTwice(ops: readonly Message[]): boolean {
  const keys = ops.flatMap(({ request_put }) => (isMessage(request_put) ? [keyOf(request_put)] : []))
  return new Set(keys).size < keys.length
}

function keyOf(put: Message): string {
  return Buffer.from(bytesOf(put, 'key')).toString('hex')
}
