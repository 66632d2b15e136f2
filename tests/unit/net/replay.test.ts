import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReplayGuard } from '../../../src/net/page/replay.ts'

test('each number of a sender is admitted once, in whatever order, if it is no more than 1,023 behind the highest', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 200 }), numbers => {
      const guard = new ReplayGuard()
      const come = new Set<number>()
      let highest = 0
      for (const number of numbers) {
        expect(guard.admit('a', number)).toBe(!come.has(number) && number > highest - 1_024)
        come.add(number)
        highest = Math.max(highest, number)
      }
    }),
  )
})

test("numbers are each sender's own", () => {
  const guard = new ReplayGuard()
  expect(guard.admit('a', Number.MAX_SAFE_INTEGER)).toBe(true)
  expect(guard.knows('b')).toBe(false)
  expect(guard.admit('b', 1)).toBe(true)
  expect(guard.knows('b')).toBe(true)
})

test('of too many senders the one longest unheard is forgotten', () => {
  const guard = new ReplayGuard()
  for (let sender = 0; sender < 4_096; sender++) guard.admit(`${sender}`, 1)
  guard.admit('0', 2)
  guard.admit('one more', 1)
  expect([guard.knows('0'), guard.knows('1'), guard.knows('2')]).toEqual([true, false, true])
})

test('a number that is refused does not keep its sender from being forgotten', () => {
  const guard = new ReplayGuard()
  for (let sender = 0; sender < 4_096; sender++) guard.admit(`${sender}`, 1)
  expect(guard.admit('0', 1)).toBe(false)
  guard.admit('one more', 1)
  expect(guard.knows('0')).toBe(false)
})
