import { expect, test } from 'vitest'
import type { DatabaseEvent } from '../../../src/client/events.ts'
import { eventsMax } from '../../../src/client/limits.ts'
import { FakeHost } from './fake-host.ts'

function leads(term: number): DatabaseEvent {
  return { at: term, member: 7, kind: 'leader', term, leader: 7 }
}

test('what happened is shown to whoever looks, and to those who come later', () => {
  const { connection } = new FakeHost()
  const seen: number[] = []
  connection.events.subscribe(events => seen.push(events.length))
  connection.receive({ type: 'events', events: [leads(1), leads(2)] })
  connection.receive({ type: 'events', events: [leads(3)] })
  expect(seen).toEqual([0, 2, 3])
  expect(connection.events.value).toEqual([leads(1), leads(2), leads(3)])
})

test('it is remembered when the worker ends', () => {
  const { connection } = new FakeHost()
  connection.receive({ type: 'events', events: [leads(1)] })
  connection.detach()
  new FakeHost(connection).connection.receive({ type: 'events', events: [leads(2)] })
  expect(connection.events.value).toEqual([leads(1), leads(2)])
})

test('of more than can be remembered the latest are', () => {
  const { connection } = new FakeHost()
  const events = Array.from({ length: eventsMax + 10 }, (_, i) => leads(i + 1))
  connection.receive({ type: 'events', events: events.slice(0, 20) })
  connection.receive({ type: 'events', events: events.slice(20) })
  expect(connection.events.value).toEqual(events.slice(-eventsMax))
})
