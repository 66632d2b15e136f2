import { beforeEach, describe, expect, test } from 'vitest'
import { Store } from '../../../src/store/store.ts'
import { compact, del, everything, pairs, put, range, txn, Writer } from './requests.ts'

let store: Store
let writer: Writer

beforeEach(() => {
  store = new Store({ quotaBytesMax: 10_000 })
  writer = new Writer(store)
})

test('compaction makes no revision, and says the current one', () => {
  writer.ok(put('a', '1'))
  expect(writer.ok(compact(2))).toEqual({ op: 'compact', header: { revision: 2 } })
  expect(store).toMatchObject({ revision: 2, compactRevision: 2 })
})

test('a revision not made yet, or compacted already, cannot be compacted', () => {
  writer.ok(put('a', '1'))
  expect(writer.code(compact(3))).toBe('FUTURE_REVISION')
  writer.ok(compact(2))
  expect(writer.code(compact(2))).toBe('COMPACTED')
  expect(writer.code(compact(1))).toBe('COMPACTED')
})

test('a new store has nothing to compact but takes revision 0 once, as etcd does', () => {
  expect(store.compactRevision).toBe(0)
  expect(writer.code(compact(0))).toBeNull()
  expect(writer.code(compact(0))).toBe('COMPACTED')
})

test('the space of forgotten revisions and deleted keys comes back', () => {
  for (let i = 0; i < 10; i++) writer.ok(put('a', String(i)))
  writer.ok(put('b', ''))
  writer.ok(del('a'))
  const { sizeBytes } = store
  writer.ok(compact(store.revision))
  // The deletion itself stays until a later compaction: a watch may still start at its revision.
  expect(store.sizeBytes).toBe(sizeBytes - 10 * (2 + 64))
  writer.ok(put('b', ''))
  writer.ok(compact(store.revision))
  expect(store.sizeBytes).toBe(1 + 64)
  writer.ok(put('a', 'again'))
  expect(store.range(range('a')).kvs).toMatchObject([{ version: 1, createRevision: store.revision }])
})

describe('a full store', () => {
  const large = 'x'.repeat(3_000)

  beforeEach(() => {
    for (const key of ['a', 'a', 'a']) writer.ok(put(key, large))
  })

  test('refuses to put, alone or in a transaction, and keeps what it has', () => {
    expect(writer.code(put('b', large))).toBe('NOSPACE')
    expect(writer.code(txn([del('a'), put('b', large)]))).toBe('NOSPACE')
    expect(writer.code(put('a', '', { ignoreValue: true }))).toBe('NOSPACE')
    expect(store.revision).toBe(4)
    expect(store.range(everything()).count).toBe(1)
  })

  test('still deletes, still reads in transactions, and heals when compacted', () => {
    expect(writer.code(txn([range('a')], [], [put('b', large)]))).toBeNull()
    writer.ok(del('a'))
    expect(writer.code(put('b', large))).toBe('NOSPACE')
    writer.ok(compact(store.revision))
    expect(writer.code(put('b', large))).toBeNull()
    expect(pairs(store.range(everything()).kvs)).toEqual([`b=${large}`])
  })
})
