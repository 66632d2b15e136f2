import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { check } from './checker.ts'
import type { Call } from './model.ts'
import { type KeyOperation, keyWithAppend, keyWithAppendRead, type RegisterOperation, register } from './models.ts'
import { hasOrder, isOrderOf } from './plain-search.ts'
import { mutatedHistories, registerHistories } from './random-histories.ts'

type RegisterCall = Call<RegisterOperation>

describe('the verdict is that of the definition', () => {
  test('on any small history', () => {
    let bad = 0
    const judged = fc.property(mutatedHistories(6), calls => {
      const isLinearizable = hasOrder(register, register.initial, calls)
      expect(check(register, calls).kind).toBe(isLinearizable ? 'linearizable' : 'not linearizable')
      if (!isLinearizable) bad += 1
    })
    fc.assert(judged, { numRuns: 3_000 })
    // Else it would not have been much of a test.
    expect(bad).toBeGreaterThan(500)
  })

  test('a history of a real register is linearizable, and the order that says so is one', () => {
    const judged = fc.property(registerHistories(40), calls => {
      const verdict = check(register, calls)
      expect(verdict.kind).toBe('linearizable')
      if (verdict.kind === 'linearizable') expect(isOrderOf(register, verdict.order, calls)).toBe(true)
    })
    fc.assert(judged, { numRuns: 500 })
  })

  test('the call that cannot be explained is the first: until it returned, there is an order', () => {
    const judged = fc.property(mutatedHistories(12), calls => {
      const verdict = check(register, calls)
      if (verdict.kind !== 'not linearizable') return
      const { stuck, order } = verdict
      const end = stuck.returned ?? 0
      expect(check(register, asOf(calls, end)).kind).toBe('linearizable')
      expect(check(register, asOf(calls, end + 0.0001)).kind).toBe('not linearizable')
      const returnedBefore = calls.filter(({ returned }) => returned !== null && returned < end)
      expect(isOrderOf(register, order, returnedBefore)).toBe(true)
    })
    fc.assert(judged, { numRuns: 500 })
  })

  test('hints change nothing about it', () => {
    const hints = fc.array(fc.option(fc.nat({ max: 40 })), { minLength: 12, maxLength: 12 })
    const judged = fc.property(mutatedHistories(12), hints, (calls, drawn) => {
      const hinted = calls.map((call, at) => ({ ...call, hint: drawn[at] ?? null }))
      expect(check(register, hinted).kind).toBe(check(register, calls).kind)
    })
    fc.assert(judged, { numRuns: 500 })
  })

  test('a search that is given up has no verdict, and never the wrong one', () => {
    let undecided = 0
    const judged = fc.property(mutatedHistories(12), fc.integer({ min: 1, max: 10 }), (calls, configurationsMax) => {
      const { kind } = check(register, calls, configurationsMax)
      if (kind === 'undecided') undecided += 1
      else expect(kind).toBe(check(register, calls).kind)
    })
    fc.assert(judged, { numRuns: 500 })
    expect(undecided).toBeGreaterThan(10)
  })
})

describe('open calls', () => {
  const write = (value: string, invoked: number, returned: number | null): RegisterCall => ({
    operation: { f: 'write', value },
    invoked,
    returned,
    hint: null,
  })
  const read = (value: string, invoked: number, returned: number): RegisterCall => ({
    operation: { f: 'read', value },
    invoked,
    returned,
    hint: null,
  })

  test('may take effect late, once', () => {
    const calls = [write('1', 0, null), write('2', 1, 2), read('2', 3, 4), read('1', 5, 6)]
    expect(check(register, calls).kind).toBe('linearizable')
    expect(check(register, [...calls, write('3', 7, 8), read('1', 9, 10)]).kind).toBe('not linearizable')
    expect(check(register, [...calls, read('2', 7, 8)]).kind).toBe('not linearizable')
  })

  test('do not take effect before they were invoked', () => {
    expect(check(register, [read('1', 0, 1), write('1', 2, null)]).kind).toBe('not linearizable')
  })

  test('may never take effect', () => {
    expect(check(register, [write('1', 0, null), read('nil', 1, 2)]).kind).toBe('linearizable')
  })

  test('in great number are no matter, each unlike the others and none ever seen', () => {
    const lost = Array.from({ length: 60 }, (_, i) => write(`lost ${i}`, i, null))
    const calls = [...lost, write('1', 100, 101), write('2', 102, 103), read('2', 104, 105), read('1', 106, 107)]
    const verdict = check(register, calls)
    expect(verdict.kind).toBe('not linearizable')
    expect(verdict.configurations).toBeLessThan(1_000)
  })

  test('in great number are no matter, all alike', () => {
    const lost = Array.from({ length: 60 }, (_, i) => write(`${i % 3}`, i, null))
    const seen = Array.from({ length: 40 }, (_, i) => read(`${(i * 2) % 3}`, 100 + 2 * i, 101 + 2 * i))
    const verdict = check(register, [...lost, ...seen])
    expect(verdict.kind).toBe('linearizable')
    expect(check(register, [...lost, ...seen, read('4', 300, 301)]).kind).toBe('not linearizable')
    expect(check(register, [...lost, ...seen, read('4', 300, 301)]).configurations).toBeLessThan(10_000)
  })
})

test('many calls at a time that are all alike are no matter', () => {
  const alike: RegisterCall[] = Array.from({ length: 50 }, (_, i) => ({
    operation: { f: 'write', value: `${i % 2}` },
    invoked: i,
    returned: 1_000 + i,
    hint: null,
  }))
  const bad: RegisterCall = { operation: { f: 'read', value: '2' }, invoked: 100, returned: 2_000, hint: null }
  const verdict = check(register, [...alike, bad])
  expect(verdict.kind).toBe('not linearizable')
  expect(verdict.configurations).toBeLessThan(10_000)
})

describe('a key that can be appended to', () => {
  const call = (f: KeyOperation['f'], value: string, invoked: number, returned: number): Call<KeyOperation> => ({
    operation: { f, value },
    invoked,
    returned,
    hint: null,
  })

  test('holds what was appended, each once and in an order that all agree on', () => {
    const appends = [call('append', 'a', 0, 10), call('append', 'b', 1, 9)]
    expect(check(keyWithAppend, [...appends, call('get', 'ab', 11, 12)]).kind).toBe('linearizable')
    expect(check(keyWithAppend, [...appends, call('get', 'ba', 11, 12)]).kind).toBe('linearizable')
    expect(check(keyWithAppend, [...appends, call('get', 'a', 11, 12)]).kind).toBe('not linearizable')
    expect(check(keyWithAppend, [...appends, call('get', 'aba', 11, 12)]).kind).toBe('not linearizable')
    const both = [call('get', 'ab', 11, 12), call('get', 'ba', 13, 14)]
    expect(check(keyWithAppend, [...appends, ...both]).kind).toBe('not linearizable')
  })
})

test('telling only those values apart that were read changes no verdict', () => {
  const drawn = fc.record({
    f: fc.constantFrom('get' as const, 'get' as const, 'put' as const, 'append' as const, 'append' as const),
    value: fc.constantFrom('', 'a', 'b', 'ab', 'ba', 'aa', 'aba'),
    at: fc.nat({ max: 20 }),
    lasts: fc.nat({ max: 10 }),
    isOpen: fc.boolean(),
  })
  let good = 0
  const judged = fc.property(fc.array(drawn, { minLength: 1, maxLength: 6 }), calls => {
    const history: Call<KeyOperation>[] = calls.map(({ f, value, at, lasts, isOpen }, nth) => ({
      operation: { f, value },
      invoked: at + nth / 10,
      returned: isOpen && f !== 'get' ? null : at + lasts + 0.95 + nth / 1_000,
      hint: null,
    }))
    const read = history.flatMap(({ operation: { f, value } }) => (f === 'get' ? [value] : []))
    const isLinearizable = hasOrder(keyWithAppend, keyWithAppend.initial, history)
    const kind = isLinearizable ? 'linearizable' : 'not linearizable'
    expect(check(keyWithAppend, history).kind).toBe(kind)
    expect(check(keyWithAppendRead(read), history).kind).toBe(kind)
    if (isLinearizable) good += 1
  })
  fc.assert(judged, { numRuns: 3_000 })
  expect(good).toBeGreaterThan(300)
})

/** What was known of a history at a moment: what had not returned was open. */
function asOf(calls: readonly RegisterCall[], end: number): RegisterCall[] {
  return calls
    .filter(({ invoked }) => invoked < end)
    .map(call => (call.returned !== null && call.returned < end ? call : { ...call, returned: null }))
}
