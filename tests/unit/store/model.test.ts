import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Store } from '../../../src/store/store.ts'
import {
  compactRequest,
  leaseRequest,
  rangeRequest,
  systemCommand,
  txnRequest,
  watchRequest,
  writeRequest,
} from './arbitraries.ts'
import { compact, put, Writer } from './requests.ts'
import { type Step, Twins } from './twins.ts'

const write: fc.Arbitrary<Step> = fc
  .oneof(
    { weight: 6, arbitrary: writeRequest },
    { weight: 3, arbitrary: leaseRequest },
    { weight: 1, arbitrary: compactRequest },
  )
  .map(request => ({ kind: 'write', request }))

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: write },
  { weight: 2, arbitrary: systemCommand.map(command => ({ kind: 'system' as const, command })) },
  { weight: 2, arbitrary: rangeRequest.map(request => ({ kind: 'read' as const, request })) },
  { weight: 1, arbitrary: watchRequest.map(request => ({ kind: 'watch' as const, request })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'install' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'save' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('scrub' as const), changes: fc.integer({ min: 1, max: 9 }) }) },
)

/** After the same writes. */
const twins = fc.array(write, { maxLength: 30, size: 'max' }).map(writes => {
  const pair = new Twins()
  for (const given of writes) pair.take(given)
  return pair
})

const RUNS = { numRuns: 100 }

test('after every step the store holds, answers, refuses and notifies as the naive model does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50, size: 'max' }), steps => {
      const pair = new Twins()
      for (const given of steps) pair.take(given)
    }),
    RUNS,
  )
})

test('transactions of every shape, one after the other, do what the naive model does', () => {
  fc.assert(
    fc.property(fc.array(txnRequest, { maxLength: 30, size: 'max' }), requests => {
      const pair = new Twins()
      pair.take({ kind: 'write', request: { op: 'leaseGrant', lease: 1, ttlSeconds: 10 } })
      for (const request of requests) pair.take({ kind: 'write', request })
    }),
    RUNS,
  )
})

test('a range with any options, at any revision, answers as the naive model does', () => {
  fc.assert(
    fc.property(twins, fc.array(rangeRequest, { maxLength: 10 }), (pair, requests) => {
      for (const request of requests) pair.read(request)
    }),
    RUNS,
  )
})

test('compaction changes nothing that can still be read, and every revision below it is refused', () => {
  fc.assert(
    fc.property(twins, fc.nat(), rangeRequest, (pair, pick, request) => {
      const at = 1 + (pick % pair.store.revision)
      pair.take({ kind: 'write', request: compact(at) })
      for (let revision = 1; revision <= pair.store.revision + 1; revision++) pair.read({ ...request, revision })
    }),
    RUNS,
  )
})

test('a watch from any revision is the history: ordered, complete, whole revisions', () => {
  fc.assert(
    fc.property(twins, watchRequest, fc.nat(), (pair, request, pick) => {
      pair.take({ kind: 'watch', request: { ...request, startRevision: 1 + (pick % (pair.store.revision + 1)) } })
    }),
    RUNS,
  )
})

test('the digest of a revision stays what it was, whatever is written later, and is the same after a restore', () => {
  fc.assert(
    fc.property(twins, fc.array(write), (pair, later) => {
      const { store } = pair
      const digests = new Map<number, number>()
      const expectDigests = (of: Store) => {
        for (const [revision, digest] of digests) expect(of.hashKv(revision).hash).toBe(digest)
      }
      for (let revision = store.compactRevision + 1; revision <= store.revision; revision++) {
        digests.set(revision, store.hashKv(revision).hash)
      }
      // Each revision has changes in it, so each has a digest of its own.
      expect(new Set(digests.values()).size).toBe(digests.size)
      for (const given of later) {
        if (given.kind === 'write' && given.request.op !== 'compact') pair.take(given)
      }
      expectDigests(store)
      expectDigests(Store.restore(store.snapshot()))
    }),
  )
})

test('the digest covers what can be read as of the compacted revision, and only revisions after it have one', () => {
  const digestOf = (...values: string[]) => {
    const store = new Store()
    const writer = new Writer(store)
    for (const value of values) writer.ok(put('k', value))
    writer.ok(compact(store.revision))
    expect(() => store.hashKv(store.revision)).toThrow(expect.objectContaining({ code: 'COMPACTED' }))
    expect(() => store.hashKv(store.revision + 1)).toThrow(expect.objectContaining({ code: 'FUTURE_REVISION' }))
    expect(() => store.hashKv(0.5)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    const response = store.hashKv(0)
    expect(response).toMatchObject({ header: { revision: store.revision }, compactRevision: store.revision })
    return response.hash
  }
  expect(digestOf('1', '2')).toBe(digestOf('0', '2'))
  expect(digestOf('1', '2')).not.toBe(digestOf('1', '3'))
  expect(digestOf('1', '2')).not.toBe(digestOf('1', '1', '2'))
})
