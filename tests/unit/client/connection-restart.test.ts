import { expect, test } from 'vitest'
import { Connection } from '../../../src/client/connection.ts'
import type { WatchNotification } from '../../../src/replica/types.ts'
import type { ToHost } from '../../../src/worker/protocol.ts'
import * as requests from '../store/requests.ts'
import { FakeHost, putResponse, rangeResponse, sent } from './fake-host.ts'

/** A connection whose worker ended and was replaced: what the second one is sent, and how the second one answers. */

const put = requests.put('k', 'v')

/** The same page with another worker. */
function replace(host: FakeHost): FakeHost {
  host.connection.detach()
  return new FakeHost(host.connection)
}

test('what was not answered is asked again, writes under the numbers they had', async () => {
  const first = new FakeHost()
  const answered = first.connection.write(put)
  const [write, read] = [first.connection.write(put), first.connection.read(requests.range('k'), false)]
  await sent()
  const [a, b] = first.commands
  if (a === undefined || b === undefined) throw new Error('not sent')
  first.respond(a.id, putResponse(2))
  await answered

  const second = replace(first)
  // With word of what was received since: the new worker's member may not have applied that one again yet.
  expect(second.commands).toEqual([{ ...b, acked: 1 }])
  expect(second.requests.map(({ request }) => request.kind)).toEqual(['write', 'read'])
  second.respond(b.id, putResponse(3))
  second.respond(second.last().id, rangeResponse([]))
  expect(await write).toEqual(putResponse(3))
  expect(await read).toEqual(rangeResponse([]))
  void second.connection.write(put)
  await sent()
  expect(second.commands.at(-1)).toMatchObject({ clientId: a.clientId, seq: 3, acked: 2 })
})

test('what is asked for between two workers waits for the second', async () => {
  const first = new FakeHost()
  first.connection.detach()
  void first.connection.write(put)
  await sent()
  expect(first.posted).toEqual([])
  const second = new FakeHost(first.connection)
  await sent()
  expect(second.commands).toMatchObject([{ seq: 1 }])
})

test('a watch goes on after the last it gave, and does not show that it was made anew', async () => {
  const first = new FakeHost()
  const told: WatchNotification[] = []
  const sink = { notify: (notification: WatchNotification) => told.push(notification), fail: () => {} }
  const fromNow = first.connection.watch(requests.watch('a'), sink)
  first.connection.watch({ ...requests.watch('b'), startRevision: 3 }, sink)
  await sent()
  const [a, b] = first.requests
  if (a === undefined || b === undefined) throw new Error('not sent')
  first.notify(a.id, { kind: 'created', revision: 9 })
  first.notify(a.id, { kind: 'progress', revision: 12 })
  first.notify(b.id, { kind: 'created', revision: 9 })
  first.notify(b.id, { kind: 'events', batches: [{ revision: 5, events: [] }] })
  fromNow.progress()
  await sent()
  expect(first.messages('progress')).toEqual([{ type: 'progress', id: a.id }])

  const second = replace(first)
  await sent()
  expect(second.requests).toMatchObject([
    { id: a.id, request: { kind: 'watch', request: { startRevision: 13 } } },
    { id: b.id, request: { kind: 'watch', request: { startRevision: 6 } } },
  ])
  expect(second.messages('progress')).toEqual([{ type: 'progress', id: a.id }])
  const before = told.length
  second.notify(a.id, { kind: 'created', revision: 20 })
  expect(told).toHaveLength(before)
  second.notify(a.id, { kind: 'events', batches: [{ revision: 21, events: [] }] })
  expect(told.at(-1)).toMatchObject({ kind: 'events' })
  expect(replace(second).requests[0]).toMatchObject({ request: { request: { startRevision: 22 } } })
})

test('a watch that never began, begins', async () => {
  const first = new FakeHost()
  const told: string[] = []
  first.connection.watch(requests.watch('a'), { notify: ({ kind }) => told.push(kind), fail: () => {} })
  await sent()
  const second = replace(first)
  expect(second.last()).toMatchObject({ request: { request: { startRevision: 0 } } })
  second.notify(second.last().id, { kind: 'created', revision: 4 })
  expect(told).toEqual(['created'])
})

test('leases are kept by the next worker, from when they are known to have lived', () => {
  const first = new FakeHost()
  const heard: unknown[] = []
  const sink = { kept: (untilMs: number) => heard.push(untilMs), lost: () => heard.push('lost') }
  first.connection.keepLease(7, 10, 1_000, sink)
  const drop = first.connection.keepLease(8, 10, 1_000, sink)
  first.connection.receive({ type: 'leaseKept', lease: 7, untilMs: 15_000 })
  drop()
  expect(first.messages('dropLease')).toEqual([{ type: 'dropLease', lease: 8 }])
  const second = replace(first)
  expect(second.messages('keepLease')).toEqual([{ type: 'keepLease', lease: 7, ttlSeconds: 10, sinceMs: 5_000 }])
  second.connection.receive({ type: 'leaseLost', lease: 7 })
  second.connection.receive({ type: 'leaseLost', lease: 8 })
  expect(heard).toEqual([15_000, 'lost'])
  expect(replace(second).messages('keepLease')).toEqual([])
})

test('an answer that the outbox of the next worker got first is the answer', async () => {
  const first = new FakeHost()
  const write = first.connection.write(put)
  await sent()
  const [command] = first
    .messages('requests')
    .flatMap(({ requests }) => requests.flatMap(({ request }) => (request.kind === 'write' ? [request.command] : [])))
  if (command === undefined) throw new Error('not sent')
  first.connection.detach()
  const entry = { command, at: 1 }
  first.connection.receive({ type: 'outbox', entries: [entry] })
  expect(first.connection.pending.value).toMatchObject([{ durable: true, fromEarlierLife: false }])
  const response = { ok: true, response: putResponse(4) } as const
  first.connection.receive({ type: 'settled', entry, response })
  expect(await write).toEqual(putResponse(4))
  first.connection.receive({ type: 'settled', entry, response })
  expect(first.connection.settled.value).toEqual([])
  expect(new FakeHost(first.connection).commands).toEqual([])
})

test('two workers at once are a bug', () => {
  const connection = new Connection()
  const post = (_: ToHost) => {}
  connection.attach(post)
  expect(() => connection.attach(post)).toThrow('assertion')
})
