import { beforeEach, describe, expect, test } from 'vitest'
import { Store } from '../../../src/store/store.ts'
import type { RangeRequest } from '../../../src/store/types.ts'
import { compact, everything, pairs, put, range, Writer } from './requests.ts'

let store: Store
let writer: Writer

/** a: version 2 of value 9, revisions 2 and 5; b: value 1, revision 3; c: value 5, revision 4. */
beforeEach(() => {
  store = new Store()
  writer = new Writer(store)
  writer.ok(put('a', '0'))
  writer.ok(put('b', '1'))
  writer.ok(put('c', '5'))
  writer.ok(put('a', '9'))
})

function read(options: Partial<RangeRequest>): string[] {
  return pairs(store.range(everything(options)).kvs)
}

test('a limit cuts the answer, says so, and does not change the count', () => {
  const response = store.range(everything({ limit: 2 }))
  expect(pairs(response.kvs)).toEqual(['a=9', 'b=1'])
  expect(response).toMatchObject({ more: true, count: 3 })
  expect(store.range(everything({ limit: 3 })).more).toBe(false)
})

describe('sorting', () => {
  test.each([
    ['key', 'a=9 b=1 c=5'],
    ['version', 'b=1 c=5 a=9'],
    ['create', 'a=9 b=1 c=5'],
    ['mod', 'b=1 c=5 a=9'],
    ['value', 'b=1 c=5 a=9'],
  ] as const)('by %s', (sortTarget, expected) => {
    expect(read({ sortTarget, sortOrder: 'ascend' }).join(' ')).toBe(expected)
  })

  test('descends, with equals in key order', () => {
    expect(read({ sortTarget: 'version', sortOrder: 'descend' })).toEqual(['a=9', 'b=1', 'c=5'])
    expect(read({ sortOrder: 'descend' })).toEqual(['c=5', 'b=1', 'a=9'])
  })

  test('comes before the limit if an order is given, and after it (plus one) if not', () => {
    expect(read({ sortTarget: 'mod', sortOrder: 'descend', limit: 1 })).toEqual(['a=9'])
    expect(read({ sortTarget: 'mod', sortOrder: 'none', limit: 1 })).toEqual(['b=1'])
  })
})

test('only keys, or only their number', () => {
  expect(read({ keysOnly: true })).toEqual(['a=', 'b=', 'c='])
  expect(store.range(everything({ countOnly: true, limit: 1 }))).toMatchObject({ kvs: [], count: 3, more: false })
  // The bodies left out of the answer are still in the store.
  expect(read({})).toEqual(['a=9', 'b=1', 'c=5'])
})

test('bounds on revisions are inclusive, and leave the count as it is', () => {
  expect(read({ minModRevision: 4 })).toEqual(['a=9', 'c=5'])
  expect(read({ maxModRevision: 4 })).toEqual(['b=1', 'c=5'])
  expect(read({ minCreateRevision: 3, maxCreateRevision: 3 })).toEqual(['b=1'])
  const response = store.range(everything({ minModRevision: 4, limit: 1 }))
  expect(response).toMatchObject({ count: 3, more: true })
})

test('an old revision reads as it was then; the header tells the present', () => {
  const response = store.range(everything({ revision: 3 }))
  expect(pairs(response.kvs)).toEqual(['a=0', 'b=1'])
  expect(response.header.revision).toBe(5)
  expect(read({ revision: 1 })).toEqual([])
})

test('revisions that are not there yet, or no longer, are refused', () => {
  expect(() => store.range(everything({ revision: 6 }))).toThrow(expect.objectContaining({ code: 'FUTURE_REVISION' }))
  writer.ok(compact(4))
  expect(() => store.range(everything({ revision: 3 }))).toThrow(expect.objectContaining({ code: 'COMPACTED' }))
  expect(read({ revision: 4 })).toEqual(['a=0', 'b=1', 'c=5'])
})

test('what cannot be a range is refused', () => {
  const code = (request: RangeRequest, expected: string) =>
    expect(() => store.range(request)).toThrow(expect.objectContaining({ code: expected }))
  code(range(''), 'EMPTY_KEY')
  code(range('a', null, { sortTarget: 'colour' as 'key' }), 'INVALID_SORT_OPTION')
  code(range('a', null, { sortOrder: 'sideways' as 'none' }), 'INVALID_SORT_OPTION')
  code(range('a', null, { limit: 0.5 }), 'INVALID_ARGUMENT')
  code({ ...range('a'), key: 'a' as unknown as Uint8Array }, 'INVALID_ARGUMENT')
})
