import fc from 'fast-check'
import { expect, test } from 'vitest'
import { json, text } from '../../../src/client/codec.ts'
import { KeySpace } from '../../../src/client/keyspace.ts'
import type { LiveRange } from '../../../src/client/live.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import { compareBytes } from '../../../src/client/range.ts'
import type { WatchBatch, WatchEvent } from '../../../src/store/types.ts'
import { bytes, FakeHost, rangeResponse, sent, storedKv } from './fake-host.ts'

function setUp() {
  const host = new FakeHost()
  const db = new Namespace(host.connection, new KeySpace(new Uint8Array(), text()))
  return { host, db, todos: db.namespace('todo/') }
}

function putEvent(key: string, value: string, revision: number): WatchEvent {
  return { type: 'put', kv: storedKv(key, value, revision), prevKv: null }
}

function deleteEvent(key: string, revision: number): WatchEvent {
  return { type: 'delete', kv: { ...storedKv(key, '', revision, 0), createRevision: 0 }, prevKv: null }
}

function entries(range: LiveRange<string> | undefined): [string, string][] {
  return (range?.items ?? []).map(({ key, value }) => [key, value])
}

test('a snapshot, then what comes after it', async () => {
  const { host, todos } = setUp()
  const seen: LiveRange<string>[] = []
  todos.live({ prefix: '' }).subscribe(value => seen.push(value))
  expect(seen).toEqual([{ items: [], revision: 0, error: null }])
  await sent()
  expect(host.last().request).toMatchObject({ kind: 'read', serializable: true, request: { key: bytes('todo/') } })
  host.respond(host.last().id, rangeResponse([storedKv('todo/a', '1'), storedKv('todo/c', '3')], 9))
  await sent()
  const { id, request } = host.last()
  expect(request).toMatchObject({
    kind: 'watch',
    request: { key: bytes('todo/'), end: bytes('todo0'), startRevision: 10 },
  })
  host.notify(id, {
    kind: 'events',
    batches: [
      { revision: 10, events: [putEvent('todo/b', '2', 10), deleteEvent('todo/c', 10)] },
      { revision: 12, events: [putEvent('todo/a', '1b', 12)] },
    ],
  })
  expect(seen.map(({ revision }) => revision)).toEqual([0, 9, 12])
  expect(seen.map(entries)).toEqual([
    [],
    [
      ['a', '1'],
      ['c', '3'],
    ],
    [
      ['a', '1b'],
      ['b', '2'],
    ],
  ])
  await sent()
  expect(host.messages('credit')).toEqual([{ type: 'credit', id, batches: 2 }])
})

test('an item that did not change stays the same object, and a list once shown never changes', async () => {
  const { host, db } = setUp()
  const seen: LiveRange<string>[] = []
  db.live({ all: true }).subscribe(value => seen.push(value))
  await sent()
  host.respond(host.last().id, rangeResponse([storedKv('a', '1'), storedKv('b', '2')], 3))
  await sent()
  host.notify(host.last().id, { kind: 'events', batches: [{ revision: 4, events: [deleteEvent('a', 4)] }] })
  const [, before, after] = seen
  expect(before?.items).toHaveLength(2)
  expect(after?.items[0]).toBe(before?.items[1])
})

test('whatever happens, it shows what the store holds, in the order of bytes', async () => {
  // From where UTF-16 order and byte order differ, and where one key begins with another.
  const key = fc.constantFrom('a', 'aa', 'b', '\u{1f600}', '\uff5e', '\ue000', 'é', 'z\u{10ffff}')
  const event = fc.record({ key, value: fc.option(fc.string(), { nil: null }) })
  const batches = fc.array(fc.array(fc.array(event, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }))
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(key), batches, async (initial, turns) => {
      const { host, db } = setUp()
      let shown: LiveRange<string> | undefined
      db.live({ all: true }).subscribe(value => {
        shown = value
      })
      await sent()
      const model = new Map(initial.map(key => [key, 'initial']))
      const expected = () => [...model].sort(([a], [b]) => compareBytes(bytes(a), bytes(b)))
      let revision = 1
      host.respond(
        host.last().id,
        rangeResponse(
          expected().map(([k, v]) => storedKv(k, v, 1)),
          revision,
        ),
      )
      await sent()
      expect(entries(shown)).toEqual(expected())
      const { id } = host.last()
      for (const turn of turns) {
        const batches: WatchBatch[] = turn.map(changes => {
          revision++
          const events = changes.map(({ key, value }) => {
            if (value === null) model.delete(key)
            else model.set(key, value)
            return value === null ? deleteEvent(key, revision) : putEvent(key, value, revision)
          })
          return { revision, events }
        })
        host.notify(id, { kind: 'events', batches })
        expect(entries(shown)).toEqual(expected())
        expect(shown?.revision).toBe(revision)
      }
    }),
    { numRuns: 200 },
  )
})

test('after a compaction it reads anew and goes on from there', async () => {
  const { host, db } = setUp()
  let shown: LiveRange<string> | undefined
  db.live({ all: true }).subscribe(value => {
    shown = value
  })
  await sent()
  host.respond(host.last().id, rangeResponse([storedKv('gone', 'x')], 3))
  await sent()
  host.notify(host.last().id, { kind: 'compacted', compactRevision: 50 })
  await sent()
  expect(entries(shown)).toEqual([['gone', 'x']])
  host.respond(host.last().id, rangeResponse([storedKv('new', 'y', 60)], 60))
  await sent()
  expect(entries(shown)).toEqual([['new', 'y']])
  expect(host.last().request).toMatchObject({ kind: 'watch', request: { startRevision: 61 } })
})

test('it works while somebody looks: one watch for all, none for nobody', async () => {
  const { host, db } = setUp()
  const live = db.live({ all: true })
  await sent()
  expect(host.posted).toEqual([])
  const first = live.subscribe(() => {})
  let late: LiveRange<string> | undefined
  await sent()
  host.respond(host.last().id, rangeResponse([storedKv('a', '1')], 3))
  await sent()
  const second = live.subscribe(value => {
    late = value
  })
  expect(entries(late)).toEqual([['a', '1']])
  first()
  await sent()
  expect(host.messages('cancel')).toEqual([])
  second()
  await sent()
  expect(host.requests).toHaveLength(2)
  expect(host.messages('cancel')).toEqual([{ type: 'cancel', ids: [host.last().id] }])

  live.subscribe(() => {})
  await sent()
  expect(host.last().request.kind).toBe('read')
})

test('leaving while the snapshot is read gives it up', async () => {
  const { host, db } = setUp()
  const seen: unknown[] = []
  const stop = db.live({ all: true }).subscribe(value => seen.push(value))
  await sent()
  stop()
  await sent()
  expect(host.messages('cancel')).toHaveLength(1)
  host.respond(host.last().id, rangeResponse([storedKv('a', '1')]))
  await sent()
  expect(seen).toHaveLength(1)
  expect(host.requests).toHaveLength(1)
})

test('when the member stops, or a value cannot be decoded, the last good items stay and the error shows', async () => {
  const { host, db } = setUp()
  let numbers: LiveRange<unknown> | undefined
  let texts: LiveRange<string> | undefined
  db.namespace('', { codec: json() })
    .live({ all: true })
    .subscribe(value => {
      numbers = value
    })
  db.live({ all: true }).subscribe(value => {
    texts = value
  })
  await sent()
  for (const { id } of host.requests) host.respond(id, rangeResponse([storedKv('a', '1')], 3))
  await sent()
  const watches = host.requests.filter(({ request }) => request.kind === 'watch')
  for (const { id } of watches) {
    host.notify(id, { kind: 'events', batches: [{ revision: 4, events: [putEvent('b', 'not json', 4)] }] })
  }
  expect(numbers).toMatchObject({ items: [{ key: 'a' }], revision: 3, error: { code: 'INVALID_VALUE' } })
  expect(texts).toMatchObject({ items: [{}, {}], error: null })
  await sent()
  expect(host.messages('cancel')).toHaveLength(1)
  host.fail('NOSPACE')
  expect(texts).toMatchObject({ items: [{}, {}], revision: 4, error: { code: 'NOSPACE' } })
})
