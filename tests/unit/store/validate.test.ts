import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KeySpans } from '../../../src/store/key-spans.ts'
import { DEFAULT_STORE_OPTIONS, storeOptions } from '../../../src/store/limits.ts'
import { Store } from '../../../src/store/store.ts'
import type { RequestOp, WriteRequest } from '../../../src/store/types.ts'
import { checkWrite } from '../../../src/store/validate.ts'
import { compare, del, grant, keepAlive, put, range, revoke, txn, Writer } from './requests.ts'

function codeOf(request: WriteRequest): string | null {
  // Whoever proposes and whoever applies must come to the same verdict.
  const applied = new Writer(new Store()).code(request)
  try {
    checkWrite(request, DEFAULT_STORE_OPTIONS)
    expect(applied).toBeNull()
    return null
  } catch (error) {
    const code = (error as { code: string }).code
    expect(applied).toBe(code)
    return code
  }
}

describe('what cannot be a write is refused before it is proposed', () => {
  test.each<[string, WriteRequest]>([
    ['EMPTY_KEY', put('', 'v')],
    ['EMPTY_KEY', del('')],
    ['EMPTY_KEY', txn([], [compare('version', '', '=', 0)])],
    ['EMPTY_KEY', txn([txn([], [], [range('')])])],
    // The whole tree's keys come before duplicates.
    ['EMPTY_KEY', txn([put('a', ''), put('a', ''), txn([put('', '')])])],
    ['VALUE_PROVIDED', put('a', 'v', { ignoreValue: true })],
    ['LEASE_PROVIDED', put('a', 'v', { ignoreLease: true, lease: 1 })],
    ['INVALID_SORT_OPTION', txn([range('a', null, { sortOrder: 'up' as 'none' })])],
    ['INVALID_ARGUMENT', put('a', 'v', { lease: 2 ** 53 })],
    ['INVALID_ARGUMENT', { ...put('a', 'v'), value: 'text' as unknown as Uint8Array }],
    ['INVALID_ARGUMENT', { op: 'drop' } as unknown as WriteRequest],
    ['INVALID_ARGUMENT', txn([{ op: 'compact', revision: 1 } as unknown as RequestOp])],
    ['INVALID_ARGUMENT', grant(0)],
    ['INVALID_ARGUMENT', grant(-1)],
    ['INVALID_ARGUMENT', { ...grant(1), ttlSeconds: Number.NaN }],
    ['INVALID_ARGUMENT', revoke(0.5)],
    ['INVALID_ARGUMENT', keepAlive(0.5)],
    ['LEASE_TTL_TOO_LARGE', grant(1, 9_000_000_001)],
    ['REQUEST_TOO_LARGE', put('a', 'v'.repeat(1.5 * 1024 * 1024))],
  ])('%s', (code, request) => {
    expect(codeOf(request)).toBe(code)
  })

  test('a value just below the limit is not too large', () => {
    expect(codeOf(put('a', 'v'.repeat(1.5 * 1024 * 1024 - 17)))).toBeNull()
  })
})

describe('operations of a transaction', () => {
  const puts = (count: number) => Array.from({ length: count }, (_, i) => put(`k${i}`, ''))

  test('are at most 128 in a branch, and compares likewise', () => {
    expect(codeOf(txn(puts(128)))).toBeNull()
    expect(codeOf(txn(puts(129)))).toBe('TOO_MANY_OPS')
    expect(codeOf(txn([], [], puts(129)))).toBe('TOO_MANY_OPS')
    const guards = Array.from({ length: 129 }, () => compare('version', 'a', '=', 0))
    expect(codeOf(txn([], guards))).toBe('TOO_MANY_OPS')
  })

  test('of nested transactions share what the levels above have left', () => {
    expect(codeOf(txn([...puts(63), txn(puts(64).map((_, i) => put(`n${i}`, '')))]))).toBeNull()
    expect(codeOf(txn([...puts(63), txn(puts(65).map((_, i) => put(`n${i}`, '')))]))).toBe('TOO_MANY_OPS')
  })

  test('nested ever deeper end at the limit', () => {
    let nested = txn([])
    for (let depth = 0; depth < 128; depth++) nested = txn([nested])
    expect(codeOf(nested)).toBeNull()
    expect(codeOf(txn([nested]))).toBe('TOO_MANY_OPS')
  })
})

test('a set of spans holds exactly the keys of the spans added', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 3 })
  fc.assert(
    fc.property(fc.array(fc.tuple(key, key)), fc.array(fc.tuple(key, key)), key, (some, others, wanted) => {
      const spans = new KeySpans()
      const more = new KeySpans()
      for (const [low, high] of some) spans.add(low, high)
      for (const [low, high] of others) more.add(low, high)
      spans.addAll(more)
      expect(spans.has(wanted)).toBe([...some, ...others].some(([low, high]) => low <= wanted && wanted < high))
    }),
  )
})

test('options that cannot be bounds are refused at once', () => {
  expect(() => storeOptions({ sessionsMax: 0 })).toThrow(RangeError)
  expect(() => storeOptions({ quotaBytesMax: 1.5 })).toThrow(RangeError)
  expect(() => storeOptions({ txnOperationsMax: 1000 })).toThrow(RangeError)
})
