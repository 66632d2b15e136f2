import { expect, test } from 'vitest'
import { json, text } from '../../../src/client/codec.ts'
import { KeySpace } from '../../../src/client/keyspace.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import type { WatchBatch } from '../../../src/store/types.ts'
import { errorOf, FakeHost, sent, storedKv, thrownBy } from './fake-host.ts'
import { Tabs } from './tabs.ts'

function setUp() {
  const host = new FakeHost()
  const db = new Namespace(host.connection, new KeySpace(new Uint8Array(), text()))
  return { host, db }
}

function putBatch(revision: number, key = 'a', value = `v${revision}`): WatchBatch {
  return { revision, events: [{ type: 'put', kv: storedKv(key, value, revision), prevKv: null }] }
}

test('a watch begins when it is made and asks for what the options say', async () => {
  const { host, db } = setUp()
  db.namespace('todo/').watch({ prefix: '' }, { startRevision: 4, prevKv: true, filters: ['delete'] })
  db.watch('k')
  await sent()
  expect(host.requests.map(({ request }) => request)).toMatchObject([
    {
      kind: 'watch',
      request: {
        key: new TextEncoder().encode('todo/'),
        end: new TextEncoder().encode('todo0'),
        startRevision: 4,
        prevKv: true,
        filters: ['delete'],
      },
    },
    { kind: 'watch', request: { end: null, startRevision: 0, prevKv: false, filters: [] } },
  ])
})

test('each revision comes once and whole, with keys and values of the namespace', async () => {
  const { host, db } = setUp()
  const watch = db.namespace('n/', { codec: json<{ n: number }>() }).watch({ all: true })
  await sent()
  const { id } = host.last()
  host.notify(id, { kind: 'created', revision: 2 })
  host.notify(id, {
    kind: 'events',
    batches: [
      {
        revision: 3,
        events: [
          { type: 'put', kv: storedKv('n/a', '{"n":1}', 3), prevKv: storedKv('n/a', '{"n":0}', 2) },
          { type: 'delete', kv: { ...storedKv('n/b', '', 3, 0), createRevision: 0 }, prevKv: null },
        ],
      },
      { revision: 5, events: [{ type: 'put', kv: storedKv('n/c', '{"n":2}', 5), prevKv: null }] },
    ],
  })
  expect(await watch.next()).toMatchObject({
    done: false,
    value: {
      header: { revision: 3 },
      events: [
        { type: 'put', kv: { key: 'a', value: { n: 1 }, modRevision: 3 }, prevKv: { key: 'a', value: { n: 0 } } },
        { type: 'delete', kv: { key: 'b', modRevision: 3 }, prevKv: null },
      ],
    },
  })
  expect(await watch.next()).toMatchObject({ value: { header: { revision: 5 } } })
})

test('credit follows what was consumed, so that a consumer that stops stops the flow', async () => {
  const { host, db } = setUp()
  const watch = db.watch('a')
  await sent()
  const { id } = host.last()
  host.notify(id, { kind: 'events', batches: [putBatch(2), putBatch(3), putBatch(4)] })
  await sent()
  expect(host.messages('credit')).toEqual([])
  await watch.next()
  await watch.next()
  await sent()
  expect(host.messages('credit').reduce((sum, { batches }) => sum + batches, 0)).toBe(2)
})

test('consumers that wait are served in the order they came', async () => {
  const { host, db } = setUp()
  const watch = db.watch('a')
  const results = Promise.all([watch.next(), watch.next(), watch.next()])
  await sent()
  host.notify(host.last().id, { kind: 'events', batches: [putBatch(2), putBatch(3)] })
  await watch.return()
  expect(await results).toMatchObject([
    { value: { header: { revision: 2 } } },
    { value: { header: { revision: 3 } } },
    { done: true, value: undefined },
  ])
})

test('leaving the loop ends the watch', async () => {
  const { host, db } = setUp()
  const watch = db.watch('a')
  await sent()
  const { id } = host.last()
  host.notify(id, { kind: 'events', batches: [putBatch(2), putBatch(3)] })
  for await (const { header } of watch) {
    expect(header.revision).toBe(2)
    break
  }
  await sent()
  expect(host.messages('cancel')).toEqual([{ type: 'cancel', ids: [id] }])
  expect(await watch.next()).toEqual({ done: true, value: undefined })
})

test('the signal ends the watch, without an error', async () => {
  const { host, db } = setUp()
  const abort = new AbortController()
  const watch = db.watch('a', { signal: abort.signal })
  const next = watch.next()
  await sent()
  abort.abort()
  expect(await next).toEqual({ done: true, value: undefined })
  await sent()
  expect(host.messages('cancel')).toHaveLength(1)

  const never = db.watch('a', { signal: abort.signal })
  expect(await never.next()).toEqual({ done: true, value: undefined })
  expect(host.requests).toHaveLength(1)
})

test('a compacted watch gives what it had, then says where to go on', async () => {
  const { host, db } = setUp()
  const watch = db.watch('a', { startRevision: 2 })
  await sent()
  const { id } = host.last()
  host.notify(id, { kind: 'events', batches: [putBatch(2)] })
  host.notify(id, { kind: 'compacted', compactRevision: 40 })
  expect(await watch.next()).toMatchObject({ value: { header: { revision: 2 } } })
  expect(await errorOf(watch.next())).toMatchObject({ code: 'COMPACTED', compactRevision: 40, outcome: 'definite' })
  expect(await watch.next()).toEqual({ done: true, value: undefined })
})

test('a watch that is refused, or whose member stops, ends with that error', async () => {
  const { host, db } = setUp()
  const [refused, stopped] = [db.watch('a'), db.watch('b')]
  const waiting = errorOf(stopped.next())
  await sent()
  const [first] = host.requests
  if (first === undefined) throw new Error('not sent')
  host.refuse(first.id, 'STOPPED')
  expect(await errorOf(refused.next())).toMatchObject({ code: 'STOPPED' })
  host.fail('CORRUPT')
  expect(await waiting).toMatchObject({ code: 'CORRUPT' })
})

test('a revision that cannot be decoded is not stepped over', async () => {
  const { host, db } = setUp()
  const watch = db.namespace('', { codec: json() }).watch('a')
  await sent()
  host.notify(host.last().id, { kind: 'events', batches: [putBatch(2, 'a', 'not json'), putBatch(3, 'a', '1')] })
  expect(await errorOf(watch.next())).toMatchObject({ code: 'INVALID_VALUE' })
  expect(await watch.next()).toEqual({ done: true, value: undefined })
  await sent()
  expect(host.messages('cancel')).toHaveLength(1)
})

test('mistakes in the call are thrown by the call', () => {
  const { db } = setUp()
  expect(thrownBy(() => db.watch(''))).toMatchObject({ code: 'EMPTY_KEY' })
  expect(thrownBy(() => db.watch('a', { startRevision: -1 }))).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('progress comes in its turn, as a response without events', async () => {
  const { db } = new Tabs().open()
  await using watch = db.watch('a')
  const { header } = await db.put('a', '1')
  await db.put('other', '2')
  watch.requestProgress()
  expect(await watch.next()).toMatchObject({ value: { header, events: [{ type: 'put' }] } })
  expect(await watch.next()).toEqual({ done: false, value: { header: { revision: header.revision + 1 }, events: [] } })
})

test('a watch may begin at a revision that is still to come', async () => {
  const { db } = new Tabs().open()
  await using watch = db.watch({ all: true }, { startRevision: 4 })
  for (const value of ['1', '2', '3']) await db.put('a', value)
  expect(await watch.next()).toMatchObject({ value: { header: { revision: 4 }, events: [{ kv: { value: '3' } }] } })
})

test('revisions that are compacted away end it, with the one to start from', async () => {
  const { db, connection } = new Tabs().open()
  for (const value of ['1', '2', '3']) await db.put('a', value)
  await connection.write({ op: 'compact', revision: 3 })
  await using watch = db.watch({ all: true }, { startRevision: 2 })
  expect(await errorOf(watch.next())).toMatchObject({ code: 'COMPACTED', compactRevision: 3 })
  await using again = db.watch({ all: true }, { startRevision: 3 })
  expect(await again.next()).toMatchObject({ value: { header: { revision: 3 } } })
})
