import { expect, test, vi } from 'vitest'
import { keysOfTransaction, manyAtOnce, oneByOne, putsPerTransaction, untilSeenByAll } from '../../../bench/loads.ts'

test('one by one: no request is made before the last was answered, and the warm-up is not counted', async () => {
  let open = 0
  const asked: number[] = []
  const took = await oneByOne(
    async number => {
      asked.push(number)
      open += 1
      await Promise.resolve()
      expect(open).toBe(1)
      open -= 1
    },
    { warmUp: 2, count: 3 },
  )
  expect(asked).toEqual([0, 1, 2, 3, 4])
  expect(took).toHaveLength(3)
})

test('many at once: so many requests are always open, and only answers after the warm-up count', async () => {
  let now = 0
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now)
  let open = 0
  let openMax = 0
  const request = async () => {
    open += 1
    openMax = Math.max(openMax, open)
    await Promise.resolve()
    // One after the other, eight in 10 ms.
    now += 10 / 8
    open -= 1
  }
  const rate = await manyAtOnce(request, { inFlight: 8, warmUpMs: 500, measureMs: 1_000 })
  clock.mockRestore()
  expect(rate).toBeGreaterThan(790)
  expect(rate).toBeLessThanOrEqual(800)
  expect(openMax).toBe(8)
})

test('a put is seen by all when the last watcher has it, and a revision that a watcher never had is no figure', () => {
  const puts = [
    { revision: 2, calledAt: 100, answeredAt: 103 },
    { revision: 3, calledAt: 110, answeredAt: 115 },
  ]
  const early: [number, number][] = [
    [2, 101],
    [3, 111],
  ]
  const late: [number, number][] = [
    [2, 104],
    [3, 112],
    [4, 120],
  ]
  expect(untilSeenByAll(puts, [early, late])).toEqual([
    { fromCall: 4, fromAnswer: 1 },
    { fromCall: 2, fromAnswer: -3 },
  ])
  expect(() => untilSeenByAll(puts, [early, [[3, 111]]])).toThrow('missed revision 2')
})

test('the keys of one transaction are all different', () => {
  for (const number of [0, 1, 99, 100, 12_345]) {
    expect(new Set(keysOfTransaction(number)).size).toBe(putsPerTransaction)
  }
})
