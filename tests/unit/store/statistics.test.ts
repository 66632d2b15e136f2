import { expect, test } from 'vitest'
import { WATCH_INITIAL_CREDIT_BATCHES } from '../../../src/store/limits.ts'
import { Store } from '../../../src/store/store.ts'
import {
  compact,
  del,
  everything,
  expire,
  grant,
  keepAlive,
  put,
  range,
  revoke,
  system,
  txn,
  Writer,
  watch,
} from './requests.ts'

function setUp(): { store: Store; writer: Writer } {
  const store = new Store({ quotaBytesMax: 10_000 })
  return { store, writer: new Writer(store) }
}

test('a new store has done nothing', () => {
  const { store } = setUp()
  const { quotaBytes, ...counts } = store.statistics()
  expect(quotaBytes).toBe(10_000)
  expect(new Set(Object.values(counts))).toEqual(new Set([0]))
})

test('operations are counted where they ran, inside transactions too, and not if they failed', () => {
  const { store, writer } = setUp()
  writer.ok(put('a', '1'))
  writer.ok(txn([put('b', '2'), txn([range('a'), del('a')])], [], [put('c', '3')]))
  writer.code(txn([put('c', '3'), put('c', '', { ignoreValue: true })]))
  writer.code(put('', ''))
  store.range(everything())
  expect(() => store.range(range('a', null, { revision: 99 }))).toThrow('future revision')
  writer.ok(compact(2))
  expect(store.statistics()).toMatchObject({
    puts: 2,
    ranges: 2,
    deletes: 1,
    txns: 2,
    compactions: 1,
    compactRevision: 2,
  })
})

test('a repeated write counts once', () => {
  const { store, writer } = setUp()
  const command = writer.next(put('a', '1'))
  for (let i = 0; i < 3; i++) store.apply(command)
  expect(store.statistics().puts).toBe(1)
})

test('leases are counted by how they ended, and what the leader compacts counts when it has an effect', () => {
  const { store, writer } = setUp()
  for (const lease of [1, 2, 3]) writer.ok(grant(lease))
  writer.ok(keepAlive(1))
  writer.ok(revoke(2))
  store.applySystem(expire(3, 1))
  store.applySystem(expire(1, 1))
  for (const revision of [1, 1, 99]) store.applySystem(system({ op: 'compact', revision }))
  expect(store.statistics()).toMatchObject({
    leases: 1,
    leasesGranted: 3,
    leasesRenewed: 1,
    leasesRevoked: 1,
    leasesExpired: 1,
    compactions: 1,
    sizeBytes: 64,
  })
})

test('keys are those that exist, watchers those that are open, events those that were given', () => {
  const { store, writer } = setUp()
  store.watch(1, watch('a', 'c'))
  store.watch(2, watch('x'))
  writer.ok(txn([put('a', ''), put('b', ''), put('c', '')]))
  store.drainWatches()
  writer.ok(del('c'))
  writer.ok(put('a', ''))
  store.drainWatches()
  expect(store.statistics()).toMatchObject({ keys: 2, watchers: 2, slowWatchers: 0, eventsSent: 3 })
  for (let i = 0; i < WATCH_INITIAL_CREDIT_BATCHES; i++) writer.ok(put('a', ''))
  store.drainWatches()
  expect(store.statistics().slowWatchers).toBe(1)
  store.unwatch(1)
  expect(store.statistics()).toMatchObject({ watchers: 1, slowWatchers: 0 })
  expect(Store.restore(store.snapshot()).statistics()).toMatchObject({ keys: 2, puts: 0, watchers: 0 })
})
