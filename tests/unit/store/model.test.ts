import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Store } from '../../../src/store/store.ts'
import type { RangeRequest, WatchBatch } from '../../../src/store/types.ts'
import { keyRange, rangeRequest, writeRequest } from './arbitraries.ts'
import { Model } from './model.ts'
import { compact, everything, Writer } from './requests.ts'

const RUNS = { numRuns: 300 }

/** Store and model after the same writes; those that the store refuses must have changed nothing, and the model skips them. */
function both(writes: fc.Arbitrary<ReturnType<typeof asList>>) {
  return writes.map(requests => {
    const store = new Store()
    const model = new Model()
    const writer = new Writer(store)
    for (const request of requests) {
      const { revision } = store
      const result = writer.apply(request)
      if (!result.ok) expect(store.revision).toBe(revision)
      else if (request.op !== 'compact') model.apply(request)
      expect(store.revision).toBe(model.revision)
    }
    return { store, model, writer }
  })
}

type Writes = typeof writeRequest extends fc.Arbitrary<infer W> ? W[] : never
const asList = (writes: Writes) => writes
const stores = both(fc.array(writeRequest, { maxLength: 30 }))

test('a range with any options, at any revision, answers as the naive model does', () => {
  fc.assert(
    fc.property(stores, fc.array(rangeRequest, { maxLength: 10 }), ({ store, model }, requests) => {
      for (const request of requests) expectSameRange(store, model, request)
    }),
    RUNS,
  )
})

test('compaction changes nothing that can still be read, and every revision below it is refused', () => {
  fc.assert(
    fc.property(stores, fc.nat(), rangeRequest, ({ store, model, writer }, pick, request) => {
      const at = 1 + (pick % store.revision)
      const { sizeBytes } = store
      writer.ok(compact(at))
      expect(store.compactRevision).toBe(at)
      expect(store.sizeBytes).toBeLessThanOrEqual(sizeBytes)
      for (let revision = 1; revision < at; revision++) {
        expect(() => store.range({ ...request, revision })).toThrow('has been compacted')
      }
      for (let revision = at; revision <= store.revision; revision++) {
        expectSameRange(store, model, { ...request, revision })
      }
    }),
    RUNS,
  )
})

test('compacting everything leaves one change for each key that exists', () => {
  fc.assert(
    fc.property(stores, ({ store, writer }) => {
      const before = store.range(everything())
      writer.ok(compact(store.revision))
      // The revision compacted at stays whole, deletions and all, so compact once more, after a revision that is only a put.
      writer.ok({ ...PUT_ELSEWHERE })
      writer.ok(compact(store.revision))
      const after = store.range(everything())
      expect(after.count).toBe(before.count + 1)
      const bytes = after.kvs.reduce((sum, kv) => sum + kv.key.length + kv.value.length + 64, 0)
      expect(store.sizeBytes).toBe(bytes)
    }),
    RUNS,
  )
})

test('a watch from any revision is the history: ordered, complete, whole revisions, with what was there before', () => {
  fc.assert(
    fc.property(stores, keyRange, fc.nat(), ({ store, model }, range, pick) => {
      const startRevision = 1 + (pick % (store.revision + 1))
      store.watch(7, { ...range, startRevision, prevKv: true, filters: [] })
      expect(deliveredTo(store, 7)).toEqual(model.watch(range, startRevision))
    }),
    RUNS,
  )
})

test('a watcher open while writes go on sees what one that comes later reads from the history', () => {
  fc.assert(
    fc.property(fc.array(writeRequest, { maxLength: 30 }), keyRange, fc.boolean(), (requests, range, restored) => {
      const store = new Store()
      const writer = new Writer(store)
      store.watch(1, { ...range, startRevision: 0, prevKv: true, filters: [] })
      const live: WatchBatch[] = []
      for (const request of requests) {
        writer.apply(request)
        // A state that replaces another under a watcher makes no difference to it.
        if (restored) store.install(store.snapshot())
        live.push(...deliveredTo(store, 1))
      }
      store.watch(2, { ...range, startRevision: 1, prevKv: true, filters: [] })
      expect(live).toEqual(deliveredTo(store, 2))
    }),
    RUNS,
  )
})

const PUT_ELSEWHERE = {
  op: 'put',
  key: Uint8Array.of(0xff, 0xff),
  value: new Uint8Array(0),
  lease: 0,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
} as const

function expectSameRange(store: Store, model: Model, request: RangeRequest): void {
  if (request.revision > store.revision) {
    expect(() => store.range(request)).toThrow('future revision')
    return
  }
  const { kvs, more, count, header } = store.range(request)
  expect({ kvs, more, count }).toEqual(model.range(request))
  expect(header.revision).toBe(model.revision)
}

function deliveredTo(store: Store, id: number): WatchBatch[] {
  return store.drainWatches().flatMap(delivery => {
    if (!('batches' in delivery)) throw new Error('the watch has ended')
    return delivery.id === id ? [...delivery.batches] : []
  })
}
