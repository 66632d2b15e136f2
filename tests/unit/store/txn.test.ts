import { beforeEach, describe, expect, test } from 'vitest'
import { Store } from '../../../src/store/store.ts'
import { type Compare, type RequestOp, StoreError } from '../../../src/store/types.ts'
import {
  bytes,
  compact,
  compare,
  compareValue,
  del,
  everything,
  OPEN_END,
  pairs,
  put,
  range,
  txn,
  Writer,
} from './requests.ts'

let store: Store
let writer: Writer

beforeEach(() => {
  store = new Store()
  writer = new Writer(store)
})

function content(): string[] {
  return pairs(store.range(everything()).kvs)
}

test('a transaction is one revision, whatever it writes', () => {
  const response = writer.ok(txn([put('a', '1'), put('b', '2'), txn([put('c', '3')])]))
  expect(response).toMatchObject({ header: { revision: 2 }, succeeded: true })
  expect(store.revision).toBe(2)
  expect(store.range(everything()).kvs.map(kv => kv.modRevision)).toEqual([2, 2, 2])
})

test('a transaction that changes nothing makes no revision', () => {
  writer.ok(put('a', '1'))
  const response = writer.ok(txn([range('a'), del('nothing')]))
  expect(response).toMatchObject({ header: { revision: 2 }, responses: [{ count: 1 }, { deleted: 0 }] })
  expect(store.revision).toBe(2)
})

test('reads see the earlier writes of their transaction, and the revision it is about to make', () => {
  const response = writer.ok(txn([range('a'), txn([put('a', '1')]), range('a'), txn([del('a'), range('a')])]))
  expect(response.responses).toMatchObject([
    { header: { revision: 1 }, count: 0 },
    { header: { revision: 2 }, responses: [{ header: { revision: 2 } }] },
    { header: { revision: 2 }, count: 1 },
    { header: { revision: 2 }, responses: [{ deleted: 1 }, { count: 0 }] },
  ])
})

test('guards decide which branch runs', () => {
  writer.ok(put('a', '1'))
  const guarded = (guard: Compare) => writer.ok(txn([put('a', 'yes')], [guard], [put('a', 'no')])).succeeded
  expect(guarded(compareValue('a', '=', '1'))).toBe(true)
  expect(guarded(compareValue('a', '=', '1'))).toBe(false)
  expect(content()).toEqual(['a=no'])
})

describe('a guard', () => {
  beforeEach(() => {
    writer.ok(put('a', '5')) // revision 2
    writer.ok(put('a', '5')) // revision 3, version 2
    writer.ok(put('b', '7')) // revision 4
  })

  test.each([
    [compare('version', 'a', '=', 2), true],
    [compare('version', 'a', '>', 2), false],
    [compare('create', 'a', '=', 2), true],
    [compare('create', 'a', '<', 2), false],
    [compare('mod', 'a', '=', 3), true],
    [compare('mod', 'a', '!=', 3), false],
    [compare('lease', 'a', '=', 0), true],
    [compareValue('a', '>', '4'), true],
    [compareValue('a', '<', '50'), true],
    // Over a range it must hold for every key.
    [compareValue('a', '>', '4', 'c'), true],
    [compareValue('a', '=', '5', 'c'), false],
    [compare('mod', 'a', '>', 2, OPEN_END), true],
    // Over nothing it is asked of a key of which all is zero...
    [compare('version', 'x', '=', 0), true],
    [compare('create', 'x', '<', 1, 'z'), true],
    [compare('mod', 'x', '>', 0, 'z'), false],
    // ...which has no value that could compare with anything.
    [compareValue('x', '=', ''), false],
    [compareValue('x', '!=', 'v'), false],
  ] as const)('%# holds or not', (guard, expected) => {
    expect(writer.ok(txn([], [guard])).succeeded).toBe(expected)
  })

  test('of a nested transaction looks at the state before the whole transaction', () => {
    const nested = txn([put('inner', 'yes')], [compare('version', 'new', '=', 0)], [put('inner', 'no')])
    writer.ok(txn([put('new', '1'), nested]))
    expect(content()).toContain('inner=yes')
  })
})

describe('all or nothing', () => {
  test.each<[string, RequestOp]>([
    ['KEY_NOT_FOUND', put('x', '', { ignoreValue: true })],
    ['LEASE_NOT_FOUND', put('x', 'v', { lease: 7 })],
    ['FUTURE_REVISION', range('a', null, { revision: 99 })],
    ['COMPACTED', range('a', null, { revision: 1 })],
  ])('%s on the branch that runs', (code, bad) => {
    writer.ok(put('a', '1'))
    writer.ok(compact(2))
    const before = content()
    expect(writer.code(txn([put('b', '2'), txn([del('a'), bad])]))).toBe(code)
    expect(content()).toEqual(before)
    expect(store.revision).toBe(2)
    // On a branch that does not run it is no matter.
    expect(writer.ok(txn([put('b', '2')], [], [bad])).succeeded).toBe(true)
  })

  test('a put that keeps a value which the same transaction has deleted undoes all of it', () => {
    writer.ok(put('a', '1'))
    const { sizeBytes } = store
    expect(writer.code(txn([put('0', 'v'), del('a', OPEN_END), put('a', '', { ignoreValue: true })]))).toBe(
      'KEY_NOT_FOUND',
    )
    expect(content()).toEqual(['a=1'])
    expect(store.range(everything()).count).toBe(1)
    expect(store).toMatchObject({ revision: 2, sizeBytes })
    writer.ok(put('0', 'w'))
    expect(store.range(range('0')).kvs).toMatchObject([{ version: 1, createRevision: 3 }])
  })
})

test('a revision below zero means now, but in a transaction it counts as compacted, except for -1 before any compaction', () => {
  writer.ok(put('a', '1'))
  expect(store.range(range('a', null, { revision: -5 })).count).toBe(1)
  expect(writer.ok(txn([range('a', null, { revision: -1 })])).responses).toMatchObject([{ count: 1 }])
  expect(writer.code(txn([range('a', null, { revision: -5 })]))).toBe('COMPACTED')
  writer.ok(compact(1))
  expect(writer.code(txn([range('a', null, { revision: -1 })]))).toBe('COMPACTED')
})

describe('one key twice in one run is refused', () => {
  test.each<[string, RequestOp[]]>([
    ['two puts', [put('a', '1'), put('a', '2')]],
    ['a put and a delete', [put('a', '1'), del('a')]],
    ['a delete and a put', [del('a'), put('a', '1')]],
    ['a put within a deleted range', [put('b', '1'), del('a', 'c')]],
    ['a put and a nested put', [put('a', '1'), txn([put('a', '2')])]],
    ['a nested put and a delete', [txn([], [], [put('b', '1')]), del('a', 'c')]],
    ['puts of two nested transactions', [txn([put('a', '1')]), txn([], [], [put('a', '2')])]],
    ['a nested delete and a later nested put', [txn([del('a', 'c')]), txn([put('b', '1')])]],
    ['the same with the branches not taken', [txn([], [], [del('a', 'c')]), txn([], [], [put('b', '1')])]],
    ['a delete and nested puts in both branches', [del('a'), txn([put('a', '1')], [], [put('a', '2')])]],
    ['deep inside', [txn([txn([put('a', '1'), txn([put('a', '2')])])])]],
  ])('%s', (_, ops) => {
    expect(writer.code(txn(ops))).toBe('DUPLICATE_KEY')
    expect(writer.code(txn([], [], ops))).toBe('DUPLICATE_KEY')
    expect(store.revision).toBe(1)
  })

  test.each<[string, RequestOp[]]>([
    ['branches of one nested transaction never both run', [txn([put('a', '1')], [], [put('a', '2')])]],
    ['a range ends before its end', [put('c', '1'), del('a', 'c')]],
    ['overlapping deletes are no puts', [del('a', 'c'), del('b')]],
    ['a later nested transaction may delete what an earlier one put', [txn([put('a', '1')]), txn([del('a')])]],
    ['deletes with an open end are not looked at', [put('a', '1'), del('a', OPEN_END)]],
  ])('but not where %s', (_, ops) => {
    expect(writer.code(txn(ops))).toBeNull()
  })
})

test('a key put and deleted by one revision is gone after it, and both changes are watched', () => {
  store.watch(1, { key: bytes('a'), end: null, startRevision: 0, prevKv: true, filters: [] })
  writer.ok(txn([txn([put('a', '1')]), txn([del('a')])]))
  expect(content()).toEqual([])
  expect(store.drainWatches()).toMatchObject([
    { id: 1, batches: [{ revision: 2, events: [{ type: 'put' }, { type: 'delete', prevKv: null }] }] },
  ])
})

describe('a transaction that only reads', () => {
  test('is answered from the state as it would be if it were applied, and leaves no trace', () => {
    writer.ok(put('a', '1'))
    const request = txn([range('a'), txn([range('b')])], [compare('version', 'a', '=', 1)], [range('c')])
    const { hash } = store
    const read = store.readTxn(request)
    expect(store.hash).toBe(hash)
    expect(read).toEqual(writer.ok(request))
    expect(read).toMatchObject({ op: 'txn', header: { revision: 2 }, succeeded: true })
  })

  test('is no longer one if any branch of it writes', () => {
    const writes = [txn([put('a', '1')]), txn([], [], [del('a')]), txn([range('a'), txn([], [], [put('a', '1')])])]
    for (const request of writes) expect(() => store.readTxn(request)).toThrow(StoreError)
    expect(content()).toEqual([])
  })

  test('is refused what any other is', () => {
    expect(() => store.readTxn(txn([range('')]))).toThrow(StoreError)
    expect(() => store.readTxn(txn([range('a', null, { revision: 9 })]))).toThrow(StoreError)
  })
})
