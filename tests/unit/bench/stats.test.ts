import { expect, test } from 'vitest'
import { bestOf, median, percentile, worstOf } from '../../../bench/stats.ts'

test('a percentile is one of the samples, by nearest rank', () => {
  const samples = Array.from({ length: 100 }, (_, at) => 100 - at)
  expect(percentile(samples, 0.5)).toBe(50)
  expect(percentile(samples, 0.99)).toBe(99)
  expect(percentile(samples, 1)).toBe(100)
  expect(percentile([7], 0.01)).toBe(7)
  expect(median([3, 1, 2])).toBe(2)
  expect(() => percentile([], 0.5)).toThrow(RangeError)
})

test('the best time is the shortest, the best rate the highest', () => {
  expect(bestOf('ms', [3, 1, 2]).value).toBe(1)
  expect(worstOf('ms', [3, 1, 2]).value).toBe(3)
  expect(bestOf('writes/s', [3, 1, 2]).value).toBe(3)
  expect(worstOf('writes/s', [3, 1, 2]).value).toBe(1)
})
