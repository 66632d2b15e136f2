import { beforeEach, describe, expect, test } from 'vitest'
import { WATCH_INITIAL_CREDIT_BATCHES } from '../../../src/store/limits.ts'
import { Store } from '../../../src/store/store.ts'
import type { WatchEvent } from '../../../src/store/types.ts'
import { compact, del, OPEN_END, put, text, txn, Writer, watch } from './requests.ts'

let store: Store
let writer: Writer

beforeEach(() => {
  store = new Store()
  writer = new Writer(store)
})

function sentence({ type, kv, prevKv }: WatchEvent): string {
  const before = prevKv === null ? '' : ` was ${text(prevKv.value)}`
  return `${type} ${text(kv.key)}=${text(kv.value)}${before}`
}

/** What each watcher is given by one drain: `revision: events`, or how it ended. */
function drain(): Record<number, string[]> {
  return Object.fromEntries(
    store
      .drainWatches()
      .map(delivery => [
        delivery.id,
        'batches' in delivery
          ? delivery.batches.map(({ revision, events }) => `${revision}: ${events.map(sentence).join(', ')}`)
          : [`compacted at ${delivery.compactRevision}`],
      ]),
  )
}

test('a watcher is given each revision that touches its range, once, as one batch in the order of the changes', () => {
  store.watch(1, watch('a', 'c'))
  writer.ok(put('a', '1'))
  writer.ok(put('x', '1'))
  writer.ok(txn([put('b', '2'), put('x', '2'), del('a')]))
  expect(drain()).toEqual({ 1: ['2: put a=1', '4: put b=2, delete a='] })
  expect(drain()).toEqual({})
})

test('without a start revision only what comes is given, with one also what was', () => {
  writer.ok(put('a', '1'))
  store.watch(1, watch('a'))
  store.watch(2, watch('a', null, { startRevision: 2 }))
  store.watch(3, watch('a', null, { startRevision: 4 }))
  writer.ok(put('a', '2'))
  writer.ok(put('a', '3'))
  expect(drain()).toEqual({
    1: ['3: put a=2', '4: put a=3'],
    2: ['2: put a=1', '3: put a=2', '4: put a=3'],
    3: ['4: put a=3'],
  })
})

test('a start before any revision is compacted as soon as anything is', () => {
  writer.ok(put('a', '1'))
  writer.ok(compact(1))
  store.watch(1, watch('a', null, { startRevision: -1 }))
  expect(drain()).toEqual({ 1: ['compacted at 1'] })
})

test('a key deleted and made anew in one transaction is new: its event has nothing before it', () => {
  writer.ok(put('a', '1'))
  store.watch(1, watch('a', null, { prevKv: true }))
  writer.ok(txn([del('a', OPEN_END), put('a', '2')]))
  expect(drain()).toEqual({ 1: ['3: delete a= was 1, put a=2'] })
})

test('a deletion tells its key and revision, and all else is zero', () => {
  writer.ok(put('a', '1'))
  store.watch(1, watch('a'))
  writer.ok(del('a'))
  expect(store.drainWatches()).toEqual([
    {
      id: 1,
      batches: [
        {
          revision: 3,
          events: [
            {
              type: 'delete',
              kv: {
                key: Uint8Array.of(97),
                value: new Uint8Array(0),
                createRevision: 0,
                modRevision: 3,
                version: 0,
                lease: 0,
              },
              prevKv: null,
            },
          ],
        },
      ],
    },
  ])
})

test('filters leave out kinds of event, and batches that would be empty', () => {
  store.watch(1, watch('a', null, { filters: ['put'] }))
  store.watch(2, watch('a', null, { filters: ['delete'] }))
  store.watch(3, watch('a', null, { filters: ['put', 'delete'] }))
  writer.ok(put('a', '1'))
  writer.ok(del('a'))
  expect(drain()).toEqual({ 1: ['3: delete a='], 2: ['2: put a=1'] })
})

test('the previous key-value comes if asked for, and as long as it can be read', () => {
  writer.ok(put('a', '1'))
  writer.ok(put('a', '2'))
  writer.ok(del('a'))
  store.watch(1, watch('a', null, { startRevision: 2, prevKv: true }))
  expect(drain()).toEqual({ 1: ['2: put a=1', '3: put a=2 was 1', '4: delete a= was 2'] })
  writer.ok(compact(3))
  store.watch(2, watch('a', null, { startRevision: 3, prevKv: true }))
  expect(drain()).toEqual({ 2: ['3: put a=2', '4: delete a= was 2'] })
})

test('a watch on a single key, a prefix, an open end and everything', () => {
  store.watch(1, watch('a'))
  store.watch(2, watch('a', 'b'))
  store.watch(3, watch('b', OPEN_END))
  store.watch(4, watch('', OPEN_END))
  writer.ok(put('aa', '1'))
  writer.ok(put('\xff', '1'))
  expect(drain()).toEqual({
    2: ['2: put aa=1'],
    3: ['3: put \xff=1'],
    4: ['2: put aa=1', '3: put \xff=1'],
  })
})

test('a closed watch is given nothing more, and its id is free again', () => {
  store.watch(1, watch('a'))
  expect(() => store.watch(1, watch('a'))).toThrow('watch 1 exists')
  writer.ok(put('a', '1'))
  store.unwatch(1)
  expect(drain()).toEqual({})
  store.watch(1, watch('a', 'b'))
  store.unwatch(1)
  writer.ok(put('a', '2'))
  expect(drain()).toEqual({})
  store.watch(1, watch('a'))
  store.unwatch(2)
})

describe('a watcher that does not keep up', () => {
  const lag = 3

  beforeEach(() => {
    store.watch(1, watch('a'))
    store.watch(2, watch('', OPEN_END))
    for (let i = 0; i < WATCH_INITIAL_CREDIT_BATCHES + lag; i++) writer.ok(put('a', String(i)))
  })

  test('is given no more than it has credit for, and the rest when it can take it', () => {
    for (const batches of Object.values(drain())) expect(batches).toHaveLength(WATCH_INITIAL_CREDIT_BATCHES)
    expect(drain()).toEqual({})
    store.credit(1, 1)
    const first = WATCH_INITIAL_CREDIT_BATCHES
    expect(drain()).toEqual({ 1: [`${first + 2}: put a=${first}`] })
    store.credit(1, 10)
    expect(drain()[1]).toHaveLength(lag - 1)
    writer.ok(put('a', 'live'))
    expect(drain()[1]).toHaveLength(1)
  })

  test('does not hold up another', () => {
    drain()
    store.watch(3, watch('a'))
    writer.ok(put('a', 'new'))
    expect(drain()).toEqual({ 3: [`${store.revision}: put a=new`] })
  })

  test('ends when what it lacks is compacted away, and only then', () => {
    drain()
    const lacking = WATCH_INITIAL_CREDIT_BATCHES + 2
    writer.ok(compact(lacking))
    expect(drain()).toEqual({})
    writer.ok(compact(lacking + 1))
    expect(drain()).toEqual({ 1: [`compacted at ${lacking + 1}`], 2: [`compacted at ${lacking + 1}`] })
    store.credit(1, 10)
    writer.ok(put('a', 'later'))
    expect(drain()).toEqual({})
  })
})

test('a watcher with nothing to be given is not ended by compaction', () => {
  store.watch(1, watch('b'))
  for (let i = 0; i < 10; i++) writer.ok(put('a', String(i)))
  writer.ok(compact(store.revision))
  expect(drain()).toEqual({})
  writer.ok(put('b', '1'))
  expect(drain()).toEqual({ 1: ['12: put b=1'] })
})

test('a watch from a compacted revision ends at once, one from the compact revision is whole', () => {
  writer.ok(put('a', '1'))
  writer.ok(put('b', '1'))
  writer.ok(del('a'))
  writer.ok(compact(4))
  store.watch(1, watch('', OPEN_END, { startRevision: 3 }))
  store.watch(2, watch('', OPEN_END, { startRevision: 4 }))
  expect(drain()).toEqual({ 1: ['compacted at 4'], 2: ['4: delete a='] })
})

test('a key put and deleted by the compact revision itself shows both, however it is watched', () => {
  writer.ok(put('a', '0'))
  writer.ok(txn([txn([put('a', '1')]), txn([del('a')])]))
  writer.ok(compact(3))
  store.watch(1, watch('a', null, { startRevision: 3 }))
  store.watch(2, watch('a', 'b', { startRevision: 3 }))
  expect(drain()).toEqual({ 1: ['3: put a=1, delete a='], 2: ['3: put a=1, delete a='] })
})

test('a watcher that had all there was does not end by a snapshot that compacted it', () => {
  const ahead = new Store()
  const other = new Writer(ahead)
  store.watch(1, watch('a'))
  for (let i = 0; i < 3; i++) {
    writer.ok(put('b', '1'))
    other.ok(put('b', '1'))
  }
  other.ok(compact(4))
  other.ok(put('a', '1'))
  store.install(ahead.snapshot())
  expect(drain()).toEqual({ 1: ['5: put a=1'] })
})

test('when a snapshot takes the place of the state, watchers get what it has and end where it has not', () => {
  store.watch(1, watch('a'))
  store.watch(2, watch('b'))
  const ahead = new Store()
  const other = new Writer(ahead)
  other.ok(put('a', '1'))
  other.ok(put('b', '1'))
  store.install(ahead.snapshot())
  expect(drain()).toEqual({ 1: ['2: put a=1'], 2: ['3: put b=1'] })
  other.ok(put('a', '2'))
  other.ok(put('a', '3'))
  other.ok(compact(5))
  store.install(ahead.snapshot())
  expect(drain()).toEqual({ 1: ['compacted at 5'], 2: ['compacted at 5'] })
})

test('a watch far behind is given its history in several drains, whole revisions each, and others in between', () => {
  const rounds = 1_000
  const perRound = 120
  for (let i = 0; i < rounds; i++) {
    writer.ok(txn(Array.from({ length: perRound }, (_, key) => put(`all/${key}`, String(i)))))
  }
  writer.ok(put('rare', '1'))
  store.watch(1, watch('r', 's', { startRevision: 1 }))
  store.watch(2, watch('all/7', null, { startRevision: rounds }))
  expect(store.drainWatches()).toEqual([])
  expect(store.progressOf(1)).toBeNull()
  expect(drain()).toEqual({
    1: [`${rounds + 2}: put rare=1`],
    2: [`${rounds}: put all/7=998`, `${rounds + 1}: put all/7=999`],
  })
  expect(drain()).toEqual({})
})

test('how far a watch is: up to now when it has everything, unknown while it lags, waits or does not exist', () => {
  store.watch(1, watch('a'))
  expect(store.progressOf(1)).toBe(1)
  expect(store.progressOf(2)).toBeNull()
  writer.ok(put('a', '1'))
  expect(store.progressOf(1)).toBeNull()
  drain()
  expect(store.progressOf(1)).toBe(2)
  // What it does not want counts as given.
  writer.ok(put('b', '1'))
  expect(store.progressOf(1)).toBe(3)
  for (let i = 0; i < WATCH_INITIAL_CREDIT_BATCHES; i++) writer.ok(put('a', String(i)))
  drain()
  expect(store.progressOf(1)).toBeNull()
  store.credit(1, 1)
  expect(store.progressOf(1)).toBeNull()
  drain()
  expect(store.progressOf(1)).toBe(store.revision)
})
