import { beforeEach, describe, expect, test } from 'vitest'
import { Store } from '../../../src/store/store.ts'
import type { Compare } from '../../../src/store/types.ts'
import {
  bytes,
  checkpoint,
  compare,
  del,
  everything,
  expire,
  grant,
  keepAlive,
  OPEN_END,
  pairs,
  put,
  range,
  revoke,
  text,
  txn,
  Writer,
} from './requests.ts'

let store: Store
let writer: Writer

beforeEach(() => {
  store = new Store()
  writer = new Writer(store)
})

function attached(lease: number): string[] {
  return store.leaseKeys(lease).map(text)
}

function content(): string[] {
  return pairs(store.range(everything()).kvs)
}

describe('granting', () => {
  test('makes a lease with its whole time, and no revision', () => {
    expect(writer.ok(grant(7, 60))).toEqual({ op: 'leaseGrant', header: { revision: 1 }, lease: 7, ttlSeconds: 60 })
    expect(store.lease(7)).toEqual({ lease: 7, ttlSeconds: 60, remainingSeconds: 60, renewals: 1 })
    expect(store.revision).toBe(1)
  })

  test.each([1, 0, -5])('%d s is raised to the least, 2 s', ttlSeconds => {
    expect(writer.ok(grant(7, ttlSeconds)).ttlSeconds).toBe(2)
  })

  test('more than 9,000,000,000 s is refused, and that before a taken id is', () => {
    expect(writer.code(grant(7, 9_000_000_000))).toBeNull()
    expect(writer.apply(grant(7, 9_000_000_001))).toEqual({
      ok: false,
      code: 'LEASE_TTL_TOO_LARGE',
      message: 'etcdserver: too large lease TTL',
    })
  })

  test('a taken id is refused, until its lease has ended', () => {
    writer.ok(grant(7, 60))
    expect(writer.apply(grant(7, 30))).toEqual({
      ok: false,
      code: 'LEASE_EXISTS',
      message: 'etcdserver: lease already exists',
    })
    expect(store.lease(7)?.ttlSeconds).toBe(60)
    writer.ok(revoke(7))
    expect(writer.code(grant(7, 30))).toBeNull()
  })

  test.each([0, -1, 1.5, 2 ** 53])('%d is no id', lease => {
    expect(writer.code(grant(lease))).toBe('INVALID_ARGUMENT')
  })

  test('counts against the quota, and ending gives it back', () => {
    store = new Store({ quotaBytesMax: 128 })
    writer = new Writer(store)
    for (const lease of [1, 2]) writer.ok(grant(lease))
    expect(store.sizeBytes).toBe(128)
    expect(writer.code(grant(3))).toBe('NOSPACE')
    // What is wrong with it anyway is said first.
    expect(writer.code(grant(1))).toBe('LEASE_EXISTS')
    expect(writer.code(put('', ''))).toBe('EMPTY_KEY')
    expect(writer.code(put('k', ''))).toBe('NOSPACE')
    expect(writer.code(keepAlive(1))).toBeNull()
    writer.ok(revoke(1))
    expect(writer.code(grant(3))).toBeNull()
  })
})

describe('what is attached', () => {
  beforeEach(() => {
    writer.ok(grant(1))
    writer.ok(grant(2))
  })

  test('is told in key order', () => {
    for (const key of ['b', 'a\xff', 'a', 'c']) writer.ok(put(key, '', { lease: 1 }))
    expect(attached(1)).toEqual(['a', 'a\xff', 'b', 'c'])
    expect(attached(3)).toEqual([])
  })

  test('moves to the lease of a later put', () => {
    writer.ok(put('k', '', { lease: 1 }))
    writer.ok(put('k', '', { lease: 2 }))
    expect([attached(1), attached(2)]).toEqual([[], ['k']])
    writer.ok(revoke(1))
    expect(content()).toEqual(['k='])
  })

  test('is let go by a put without a lease', () => {
    writer.ok(put('k', '', { lease: 1 }))
    writer.ok(put('k', ''))
    expect(attached(1)).toEqual([])
    expect(store.range(range('k')).kvs).toMatchObject([{ lease: 0 }])
    writer.ok(revoke(1))
    expect(content()).toEqual(['k='])
  })

  test('stays with a put that keeps the lease', () => {
    writer.ok(put('k', '1', { lease: 1 }))
    writer.ok(put('k', '2', { ignoreLease: true }))
    expect(attached(1)).toEqual(['k'])
    expect(store.range(range('k')).kvs).toMatchObject([{ lease: 1, value: bytes('2') }])
  })

  test('is let go by a deletion, and not taken back when the key is made anew', () => {
    writer.ok(put('k', '', { lease: 1 }))
    writer.ok(del('a', OPEN_END))
    expect(attached(1)).toEqual([])
    writer.ok(put('k', ''))
    writer.ok(revoke(1))
    expect(content()).toEqual(['k='])
  })

  test('is what a whole transaction leaves, not what it passes through', () => {
    writer.ok(txn([txn([put('k', '', { lease: 1 })]), del('k', OPEN_END)]))
    expect(attached(1)).toEqual([])
    writer.ok(txn([txn([put('k', '', { lease: 1 })]), txn([put('j', '', { lease: 2 })])]))
    expect([attached(1), attached(2)]).toEqual([['k'], ['j']])
  })

  test('is as before when the transaction fails', () => {
    writer.ok(put('k', '', { lease: 1 }))
    expect(
      writer.code(txn([put('j', '', { lease: 2 }), del('k', OPEN_END), put('k', '', { ignoreLease: true })])),
    ).toBe('KEY_NOT_FOUND')
    expect([attached(1), attached(2)]).toEqual([['k'], []])
  })
})

describe('a put under a lease that does not exist', () => {
  test('is refused', () => {
    expect(writer.apply(put('k', 'v', { lease: 9 }))).toEqual({
      ok: false,
      code: 'LEASE_NOT_FOUND',
      message: 'etcdserver: requested lease not found',
    })
    expect(writer.code(put('k', 'v', { lease: -9 }))).toBe('LEASE_NOT_FOUND')
    expect(store.revision).toBe(1)
  })

  test('alone: the lease is looked for before the key; in a transaction, the key before the lease', () => {
    const request = put('k', '', { lease: 9, ignoreValue: true })
    expect(writer.code(request)).toBe('LEASE_NOT_FOUND')
    expect(writer.code(txn([request]))).toBe('KEY_NOT_FOUND')
  })

  test('fails a transaction on the branch that runs, however deep, and is no matter on the other', () => {
    const bad = txn([put('k', 'v', { lease: 9 })])
    expect(writer.code(txn([put('a', ''), bad]))).toBe('LEASE_NOT_FOUND')
    expect(content()).toEqual([])
    expect(writer.ok(txn([put('a', '')], [], [bad])).succeeded).toBe(true)
    expect(writer.ok(txn([txn([], [], [put('k', '', { lease: 9 })])])).succeeded).toBe(true)
  })

  test('on the branch that does not run attaches nothing, if the lease is there', () => {
    writer.ok(grant(1))
    writer.ok(txn([put('a', '')], [], [put('b', '', { lease: 1 })]))
    expect(attached(1)).toEqual([])
  })
})

test('a guard can ask for the lease of a key, or of every key of a range', () => {
  for (const lease of [1, 2]) writer.ok(grant(lease))
  for (const key of ['a', 'b']) writer.ok(put(key, '', { lease: 1 }))
  const holds = (guard: Compare) => writer.ok(txn([], [guard])).succeeded
  expect(holds(compare('lease', 'a', '=', 1))).toBe(true)
  expect(holds(compare('lease', 'a', '=', 1, 'c'))).toBe(true)
  writer.ok(put('b', '', { lease: 2 }))
  expect(holds(compare('lease', 'a', '=', 1, 'c'))).toBe(false)
  expect(holds(compare('lease', 'a', '<', 3, 'c'))).toBe(true)
  expect(holds(compare('lease', 'x', '=', 0, 'z'))).toBe(true)
})

describe('revoking', () => {
  test('deletes the keys as one revision, in key order', () => {
    writer.ok(grant(1))
    for (const key of ['b', 'c', 'a']) writer.ok(put(key, key, { lease: 1 }))
    writer.ok(put('other', ''))
    store.watch(5, { key: bytes('\0'), end: bytes('\0'), startRevision: 0, prevKv: true, filters: [] })
    expect(writer.ok(revoke(1))).toEqual({ op: 'leaseRevoke', header: { revision: 6 } })
    expect(store.revision).toBe(6)
    expect(store.lease(1)).toBeNull()
    expect(content()).toEqual(['other='])
    const event = (key: string) => ({
      type: 'delete',
      kv: { key: bytes(key), modRevision: 6, version: 0, lease: 0 },
      prevKv: { value: bytes(key), lease: 1 },
    })
    expect(store.drainWatches()).toMatchObject([
      { id: 5, batches: [{ revision: 6, events: [event('a'), event('b'), event('c')] }] },
    ])
  })

  test('with nothing attached makes no revision', () => {
    writer.ok(grant(1))
    expect(writer.ok(revoke(1)).header.revision).toBe(1)
    expect(store.lease(1)).toBeNull()
  })

  test('what is not there is an error', () => {
    expect(writer.code(revoke(1))).toBe('LEASE_NOT_FOUND')
    writer.ok(grant(1))
    writer.ok(revoke(1))
    expect(writer.code(revoke(1))).toBe('LEASE_NOT_FOUND')
  })
})

describe('keeping alive', () => {
  test('gives the whole time again, counts, and makes no revision', () => {
    writer.ok(grant(1, 60))
    store.applySystem(checkpoint(1, 1, 20))
    expect(writer.ok(keepAlive(1))).toEqual({ op: 'leaseKeepAlive', header: { revision: 1 }, lease: 1, ttlSeconds: 60 })
    expect(store.lease(1)).toEqual({ lease: 1, ttlSeconds: 60, remainingSeconds: 60, renewals: 2 })
  })

  test('what is not there is an error', () => {
    expect(writer.code(keepAlive(1))).toBe('LEASE_NOT_FOUND')
  })
})

describe('expiry', () => {
  beforeEach(() => {
    writer.ok(grant(1))
    writer.ok(put('k', '', { lease: 1 }))
  })

  test('ends the lease and deletes its keys as one revision', () => {
    store.applySystem(expire(1, 1))
    expect(store.lease(1)).toBeNull()
    expect(content()).toEqual([])
    expect(store.revision).toBe(3)
  })

  test('is void if a keepalive got into the log first', () => {
    writer.ok(keepAlive(1))
    store.applySystem(expire(1, 1))
    expect(store.lease(1)?.renewals).toBe(2)
    expect(content()).toEqual(['k='])
    store.applySystem(expire(1, 2))
    expect(content()).toEqual([])
  })

  test('again, or of what never was, changes nothing', () => {
    store.applySystem(expire(1, 1))
    const { hash, revision } = store
    store.applySystem(expire(1, 1))
    store.applySystem(expire(9, 1))
    expect(store).toMatchObject({ hash, revision })
  })
})

describe('a checkpoint', () => {
  beforeEach(() => {
    writer.ok(grant(1, 60))
  })

  test('says how much is left, and never more than was known', () => {
    store.applySystem(checkpoint(1, 1, 40))
    expect(store.lease(1)?.remainingSeconds).toBe(40)
    store.applySystem(checkpoint(1, 1, 50))
    expect(store.lease(1)).toEqual({ lease: 1, ttlSeconds: 60, remainingSeconds: 40, renewals: 1 })
  })

  test('is void if a keepalive got into the log first', () => {
    writer.ok(keepAlive(1))
    store.applySystem(checkpoint(1, 1, 40))
    expect(store.lease(1)?.remainingSeconds).toBe(60)
  })

  test('of several takes those that are still true', () => {
    writer.ok(grant(2, 60))
    writer.ok(keepAlive(1))
    const checkpoints = [1, 2, 3].map(lease => ({ lease, renewals: 1, remainingSeconds: 30 }))
    store.applySystem({ clientId: null, request: { op: 'leaseCheckpoint', checkpoints } })
    expect([...store.leaseStates()].map(state => state.remainingSeconds)).toEqual([60, 30])
  })
})

describe('who counts the time', () => {
  test('is told of every lease granted, kept alive, checkpointed or ended, once', () => {
    for (const lease of [1, 2, 3, 4, 5]) writer.ok(grant(lease))
    expect(store.takeLeaseChanges()).toEqual([1, 2, 3, 4, 5])
    expect(store.takeLeaseChanges()).toEqual([])
    writer.ok(keepAlive(4))
    store.applySystem(checkpoint(3, 1, 10))
    store.applySystem(expire(2, 1))
    writer.ok(revoke(1))
    // And not of what changed nothing.
    store.applySystem(checkpoint(4, 1, 10))
    store.applySystem(expire(5, 9))
    expect([...store.takeLeaseChanges()].sort()).toEqual([1, 2, 3, 4])
  })

  test('is told of all leases, old and new, when another state takes the place of this one', () => {
    const other = new Store()
    new Writer(other).ok(grant(8))
    writer.ok(grant(3))
    store.takeLeaseChanges()
    store.install(other.snapshot())
    expect([...store.takeLeaseChanges()].sort()).toEqual([3, 8])
    expect(Store.restore(other.snapshot()).takeLeaseChanges()).toEqual([8])
  })

  test('finds them in the order of their ids', () => {
    for (const lease of [30, 4, 200]) writer.ok(grant(lease))
    expect([...store.leaseStates()].map(state => state.lease)).toEqual([4, 30, 200])
  })
})

test('leases and what is attached to them survive a snapshot', () => {
  for (const lease of [1, 2]) writer.ok(grant(lease, 60))
  for (const key of ['b', 'a']) writer.ok(put(key, '', { lease: 1 }))
  writer.ok(put('c', '', { lease: 2 }))
  writer.ok(put('c', ''))
  writer.ok(keepAlive(1))
  store.applySystem(checkpoint(1, 2, 9))
  const restored = Store.restore(store.snapshot())
  expect([...restored.leaseStates()]).toEqual([...store.leaseStates()])
  expect(restored.leaseKeys(1).map(text)).toEqual(['a', 'b'])
  expect(restored.leaseKeys(2)).toEqual([])
  store.applySystem(expire(1, 2))
  restored.applySystem(expire(1, 2))
  expect(pairs(restored.range(everything()).kvs)).toEqual(['c='])
  expect(restored.snapshot()).toEqual(store.snapshot())
})

test('a repeated grant, keepalive or revocation happens once', () => {
  const granting = writer.next(grant(1))
  const granted = store.apply(granting)
  expect(store.apply({ ...granting, acked: 0 })).toEqual(granted)
  const keeping = writer.next(keepAlive(1))
  store.apply(keeping)
  store.apply(keeping)
  expect(store.lease(1)?.renewals).toBe(2)
  const revoking = writer.next(revoke(1))
  const revoked = store.apply(revoking)
  expect(store.apply(revoking)).toEqual(revoked)
  expect(revoked).toMatchObject({ ok: true })
})
