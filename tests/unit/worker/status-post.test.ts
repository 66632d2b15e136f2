import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { StatusPost } from '../../../src/worker/status-post.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A change every 10 ms for a second, in a cluster of so many. */
function postsInASecond(members: number): number {
  let posts = 0
  const post = new StatusPost(() => {
    posts += 1
    return members
  })
  for (let ms = 0; ms < 1_000; ms += 10) {
    post.due()
    vi.advanceTimersByTime(10)
  }
  post.stop()
  return posts
}

test('a change is told at once, and the last one in the end', () => {
  let told = ''
  let now = 'first'
  const post = new StatusPost(() => {
    told = now
    return 1
  })
  post.due()
  expect(told).toBe('first')
  now = 'last'
  post.due()
  expect(told).toBe('first')
  vi.advanceTimersByTime(1_000)
  expect(told).toBe('last')
})

test('a small cluster is told of ten times a second at most, a large one as seldom as it is large', () => {
  expect(postsInASecond(3)).toBeLessThanOrEqual(11)
  expect(postsInASecond(20)).toBeLessThanOrEqual(4)
})
