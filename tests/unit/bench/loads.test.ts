import { expect, test, vi } from 'vitest'
import { manyAtOnce, oneByOne } from '../../../bench/loads.ts'

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
