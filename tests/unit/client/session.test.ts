import { expect, test } from 'vitest'
import { randomName, WriteSession } from '../../../src/client/session.ts'

const request = { op: 'compact', revision: 1 } as const

test('names are 128 random bits', () => {
  expect(randomName()).toMatch(/^[0-9a-f]{32}$/)
  expect(randomName()).not.toBe(randomName())
})

test('acked is the highest number up to which nothing is missing', () => {
  const session = new WriteSession('c')
  for (const seq of [1, 2, 3, 4]) expect(session.next(request)).toEqual({ clientId: 'c', seq, acked: 0, request })
  session.received(3)
  session.received(2)
  expect(session.next(request)).toMatchObject({ seq: 5, acked: 0 })
  session.received(1)
  expect(session.next(request)).toMatchObject({ seq: 6, acked: 3 })
})

test('an answer to nothing is a bug that does not pass', () => {
  const session = new WriteSession('c')
  expect(() => session.received(1)).toThrow('assertion')
  session.next(request)
  session.received(1)
  expect(() => session.received(1)).toThrow('assertion')
})

test('a broken session takes nothing more and is over with its last answer', () => {
  const session = new WriteSession('c')
  session.next(request)
  session.next(request)
  session.received(2)
  session.break()
  expect(session).toMatchObject({ broken: true, over: false })
  expect(() => session.next(request)).toThrow('assertion')
  session.received(1)
  expect(session).toMatchObject({ broken: true, over: true })
})
