import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ToLinks } from '../../../src/net/links-protocol.ts'
import { RelaySeat, type Seated } from '../../../src/net/page/relay-seat.ts'

let posted: ToLinks['type'][]
let seat: RelaySeat

beforeEach(() => {
  vi.useFakeTimers()
  // The longest that chance gives.
  vi.spyOn(Math, 'random').mockReturnValue(1)
  posted = []
  seat = new RelaySeat({
    place: () => ({ url: 'wss://server.example/signal', room: 'room' }),
    ticket: null,
    post: ({ type }) => posted.push(type),
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

class User implements Seated {
  readonly told: string[] = []

  onSeat(address: string): void {
    this.told.push(address)
  }

  onSeatLost(): void {
    this.told.push('lost')
  }
}

test('a seat is taken for whoever needs it first, shared, and kept for a while when nobody does', () => {
  const [a, b] = [new User(), new User()]
  seat.need(a)
  seat.heard('here')
  seat.need(b)
  expect([a.told, b.told]).toEqual([['here'], ['here']])
  seat.release(a)
  seat.release(b)
  vi.advanceTimersByTime(9_000)
  seat.need(a)
  seat.release(a)
  vi.advanceTimersByTime(10_000)
  expect(posted).toEqual(['relay', 'relayOver'])
})

test('a seat that comes too late for all who needed it is not kept', () => {
  const user = new User()
  seat.need(user)
  vi.advanceTimersByTime(5_000)
  seat.release(user)
  vi.advanceTimersByTime(60_000)
  expect(posted).toEqual(['relay', 'relayOver'])
  seat.heard('here')
  expect(user.told).toEqual([])
})

test('a seat that is lost is taken again, and one that never lasts more and more rarely', () => {
  const user = new User()
  seat.need(user)
  for (const waitMs of [500, 1_000, 2_000]) {
    seat.heard('here')
    seat.heard(null)
    vi.advanceTimersByTime(waitMs - 1)
    const before = posted.length
    vi.advanceTimersByTime(1)
    expect(posted.slice(before)).toEqual(['relay'])
  }
  expect(user.told).toEqual(['here', 'lost', 'here', 'lost', 'here', 'lost'])
  seat.heard('here')
  vi.advanceTimersByTime(5_000)
  seat.heard(null)
  const before = posted.length
  vi.advanceTimersByTime(500)
  expect(posted.slice(before)).toEqual(['relay'])
})
