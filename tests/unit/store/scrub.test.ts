import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SnapshotWriter } from '../../../src/store/snapshot.ts'
import { Store } from '../../../src/store/store.ts'
import type { WatchDelivery } from '../../../src/store/watch.ts'
import { compactRequest, leaseRequest, rangeRequest, watchRequest, writeRequest } from './arbitraries.ts'
import { applyAny, bytes, compact, del, everything, put, range, system, Writer } from './requests.ts'

const ALL = Number.MAX_SAFE_INTEGER

const changes = fc.integer({ min: 1, max: 9 })
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.oneof(writeRequest, writeRequest, leaseRequest).map(request => ({ kind: 'write' as const, request })),
  },
  { weight: 2, arbitrary: compactRequest.map(request => ({ kind: 'write' as const, request })) },
  { weight: 2, arbitrary: changes.map(changesMax => ({ kind: 'scrub' as const, changesMax })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'begin' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('save' as const), changes, which: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abandon' as const), which: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restore' as const }) },
  { weight: 2, arbitrary: rangeRequest.map(request => ({ kind: 'read' as const, request })) },
  { weight: 1, arbitrary: watchRequest.map(request => ({ kind: 'watch' as const, request })) },
)

interface Saving {
  readonly writer: SnapshotWriter
  /** What a store that was saved at once at the same moment gave. */
  readonly expected: Uint8Array
}

test('members that scrub at once, never, and now and then, while they save, cannot be told apart', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), steps => {
      const never = new Store()
      const atOnce = new Store()
      let sometimes = new Store()
      const stores = () => [never, atOnce, sometimes]
      const writers = new Map(stores().map(store => [store, new Writer(store)]))
      const savings: Saving[] = []
      let watchers = 0
      for (const given of steps) {
        switch (given.kind) {
          case 'write': {
            const command = writers.get(never)?.next(given.request) ?? expect.fail()
            expectSame(stores(), store => store.apply(command))
            while (atOnce.scrub(ALL)) expect.fail('a scrub of all leaves something')
            break
          }
          case 'scrub':
            sometimes.scrub(given.changesMax)
            break
          case 'begin':
            savings.push({ writer: sometimes.beginSnapshot(), expected: never.snapshot() })
            break
          case 'save': {
            const saving = savings[given.which]
            const saved = saving?.writer.step(given.changes) ?? null
            if (saving === undefined || saved === null) break
            expect(saved).toEqual(saving.expected)
            savings.splice(given.which, 1)
            break
          }
          case 'abandon':
            savings[given.which]?.writer.abandon()
            savings.splice(given.which, 1)
            break
          case 'restore':
            // Watchers are not part of what is restored.
            for (let id = 1; id <= watchers; id++) for (const store of stores()) store.unwatch(id)
            sometimes = Store.restore(sometimes.snapshot())
            break
          case 'read':
            expectSame(stores(), store => outcome(() => store.range(given.request)))
            break
          case 'watch':
            watchers++
            for (const store of stores()) store.watch(watchers, given.request)
            break
        }
        expectSame(stores(), store => inOrder(store.drainWatches()))
        expectSame(stores(), ({ hash, sizeBytes, revision, compactRevision }) => {
          return { hash, sizeBytes, revision, compactRevision }
        })
      }
      expectSame(stores(), store => store.snapshot())
      expectSame(stores(), store => outcome(() => store.hashKv(0)))
      for (const { writer, expected } of savings) expect(finish(writer, 1)).toEqual(expected)
    }),
    { numRuns: 100 },
  )
})

test('what is counted is what a snapshot holds: restored, it counts the same', () => {
  const writes = fc.array(fc.oneof({ weight: 4, arbitrary: writeRequest }, compactRequest), {
    maxLength: 60,
    size: 'max',
  })
  fc.assert(
    fc.property(writes, writes, (before, after) => {
      const store = new Store()
      const writer = new Writer(store)
      for (const request of before) writer.apply(request)
      const restored = Store.restore(store.snapshot())
      for (const request of after) {
        const command = writer.next(request)
        expect(restored.apply(command)).toEqual(store.apply(command))
        expect(restored.sizeBytes).toBe(store.sizeBytes)
      }
    }),
  )
})

/** Enough to fill several chunks of changes and of keys. */
const MANY = 5_000

function name(i: number): string {
  return `k${String(i).padStart(6, '0')}`
}

function manyKeys(rounds: number): { store: Store; writer: Writer } {
  const store = new Store()
  const writer = new Writer(store)
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < MANY; i++) writer.ok(put(name((i * 7919) % MANY), `${round}`))
  }
  return { store, writer }
}

test('over many chunks: read, compacted, scrubbed, saved in small steps while writes go on, and restored', () => {
  const { store, writer } = manyKeys(3)
  writer.ok(del('k000', 'k001'))
  writer.ok(compact(2 * MANY + 2))
  const { sizeBytes } = store
  const snapshot = store.snapshot()
  const saving = store.beginSnapshot()
  let saved: Uint8Array | null = null
  let turns = 0
  for (; saved === null; turns++) {
    writer.ok(put(name(turns % (2 * MANY)), 'later'))
    writer.ok(compact(store.revision))
    saved = saving.step(100)
    store.scrub(150)
  }
  expect(turns).toBeGreaterThan(2 * (MANY / 100))
  expect(saved).toEqual(snapshot)
  while (store.scrub(1_000));
  expect(Store.restore(store.snapshot()).snapshot()).toEqual(store.snapshot())
  const restored = Store.restore(saved)
  expect(restored.sizeBytes).toBe(sizeBytes)
  expect(restored.range(everything({ countOnly: true })).count).toBe(MANY - 1_000)
  expect(restored.range(range(name(1_234), null, { revision: 2 * MANY + 2 })).kvs).toMatchObject([{ version: 2 }])
})

test('all keys deleted, compacted and scrubbed leave an empty store, whose slots serve again', () => {
  const { store, writer } = manyKeys(1)
  writer.ok(del('k', 'l'))
  writer.ok(put('z', ''))
  writer.ok(compact(store.revision))
  while (store.scrub(777));
  expect(store.range(everything()).count).toBe(1)
  expect(store.sizeBytes).toBe(1 + 64)
  for (let i = 0; i < MANY; i++) writer.ok(put(name(i), 'again'))
  expect(store.range(everything({ limit: 2 }))).toMatchObject({
    count: MANY + 1,
    kvs: [{ version: 1 }, { version: 1 }],
  })
  expect(Store.restore(store.snapshot()).hashKv(0)).toEqual(store.hashKv(0))
})

test('a count is right for now, for a little ago and for long ago, with keys made and deleted since', () => {
  const { store, writer } = manyKeys(1)
  const countAt = (revision: number, key: string, end: string) =>
    store.range(range(key, end, { revision, limit: 1 })).count
  const made = store.revision
  writer.ok(del('k0010', 'k0020'))
  writer.ok(put('k0015', ''))
  writer.ok(put('k0001000', ''))
  writer.ok(del('k000001'))
  const { revision } = store
  const early = Array.from({ length: 1_000 }, (_, i) => (i * 7919) % MANY).filter(i => i >= 1_000 && i < 2_000).length
  for (const [at, all, some] of [
    [0, MANY - 1_000 + 1, 1],
    [revision, MANY - 1_000 + 1, 1],
    [revision - 1, MANY - 1_000 + 2, 1],
    [made + 1, MANY - 1_000, 0],
    [made, MANY, 1_000],
    [1_001, 1_000, early],
  ] as const) {
    expect(countAt(at, 'k', 'l')).toBe(all)
    expect(countAt(at, 'k0010', 'k0020')).toBe(some)
  }
})

test('a key changed very often is read at any revision, and its watcher catches up in order', () => {
  const store = new Store()
  const writer = new Writer(store)
  for (let i = 0; i < MANY; i++) writer.ok(put('hot', String(i)))
  for (let revision = 2; revision <= MANY + 1; revision += 97) {
    expect(store.range(range('hot', null, { revision })).kvs).toMatchObject([
      { modRevision: revision, version: revision - 1 },
    ])
  }
  writer.ok(compact(1_000))
  while (store.scrub(100));
  for (let i = 0; i < MANY; i++) writer.ok(put('hot', String(MANY + i)))
  store.watch(1, { key: bytes('hot'), end: null, startRevision: 1_000, prevKv: true, filters: [] })
  const revisions: number[] = []
  for (;;) {
    const [delivery] = store.drainWatches()
    if (delivery === undefined) break
    if (!('batches' in delivery)) throw new Error('ended')
    for (const { revision, events } of delivery.batches) {
      expect(events).toMatchObject([{ prevKv: revision === 1_000 ? null : { modRevision: revision - 1 } }])
      revisions.push(revision)
    }
    store.credit(1, delivery.batches.length)
  }
  expect(revisions).toEqual(Array.from({ length: 2 * MANY + 2 - 1_000 }, (_, i) => 1_000 + i))
  expect(store.progressOf(1)).toBe(store.revision)
})

test('a long value is kept as it came, a short one is packed, and neither is a view of anything larger', () => {
  const message = new Uint8Array(100_000).fill(7)
  const store = new Store()
  const writer = new Writer(store)
  const long = new Uint8Array(50_000).fill(9)
  writer.ok({ ...put('long', ''), value: long })
  writer.ok({ ...put('short', ''), value: message.subarray(10, 30) })
  writer.ok({ ...put('cut', ''), value: message.subarray(0, 2_000) })
  message.fill(0)
  const readValue = (key: string) => store.range(range(key)).kvs[0]?.value ?? expect.fail()
  for (let round = 0; round < 2; round++) {
    expect(readValue('long')).toBe(long)
    expect(readValue('short')).toEqual(new Uint8Array(20).fill(7))
    expect(readValue('cut')).toEqual(new Uint8Array(2_000).fill(7))
    for (const key of ['short', 'cut']) expect(readValue(key).buffer.byteLength).toBe(readValue(key).length)
    // The same once the values have moved out of the log.
    writer.ok(put('x', ''))
    writer.ok(compact(store.revision))
    while (store.scrub(1));
  }
})

test('an abandoned or finished snapshot no longer holds back the scrubbing, and cannot be continued', () => {
  const { store, writer } = manyKeys(1)
  const abandoned = store.beginSnapshot()
  const finished = store.beginSnapshot()
  const snapshot = store.snapshot()
  applyAny(store, system(compact(store.revision)))
  expect(store.scrub(ALL)).toBe(false)
  writer.ok(put('a', ''))
  expect(abandoned.step(10)).toBeNull()
  abandoned.abandon()
  expect(() => abandoned.step(10)).toThrow('has ended')
  expect(finish(finished, 1_000)).toEqual(snapshot)
  finished.abandon()
  expect(() => finished.step(10)).toThrow('has ended')
  expect(store.scrub(1)).toBe(true)
  while (store.scrub(1_000));
  expect(store.range(everything({ countOnly: true })).count).toBe(MANY + 1)
})

function finish(writer: SnapshotWriter, changesMax: number): Uint8Array {
  for (;;) {
    const saved = writer.step(changesMax)
    if (saved !== null) return saved
  }
}

function expectSame<T>([first, ...others]: readonly Store[], see: (store: Store) => T): void {
  if (first === undefined) return
  const seen = see(first)
  for (const other of others) expect(see(other)).toEqual(seen)
}

function inOrder(deliveries: readonly WatchDelivery[]): WatchDelivery[] {
  return [...deliveries].sort((a, b) => a.id - b.id)
}

function outcome(read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    return (error as Error).message
  }
}
