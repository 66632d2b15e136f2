import { expect, test, vi } from 'vitest'
import { attachLease, grantLease } from '../../../src/client/lease.ts'
import { errorOf } from './fake-host.ts'
import { settled, type Tab, Tabs, useTestTime } from './tabs.ts'

// Where only `vi` lets time pass, it does for the page alone: nothing is heard of the worker.
useTestTime()

function open() {
  const tabs = new Tabs()
  const tab = tabs.open()
  return { tabs, tab, db: tab.db }
}

async function leasesOf({ connection }: Tab) {
  return (await connection.read({ op: 'leases' }, false)).leases
}

test('a key goes with its lease, and all keys of a lease as one revision', async () => {
  const { tab, db } = open()
  const lease = await tab.lease(10)
  await db.put('a', 'x', { lease })
  await db.put('b', 'x', { lease: lease.id })
  expect(await db.get('a')).toMatchObject({ lease: lease.id })
  expect(await lease.timeToLive({ keys: true })).toMatchObject({
    grantedTtlSeconds: 10,
    keys: [{ key: 'a' }, { key: 'b' }],
  })
  const watch = db.watch({ all: true })
  await lease.revoke()
  expect(await watch.next()).toMatchObject({
    value: {
      events: [
        { type: 'delete', kv: { key: 'a' } },
        { type: 'delete', kv: { key: 'b' } },
      ],
    },
  })
  expect(await lease.timeToLive()).toMatchObject({ ttlSeconds: -1 })
  expect(await errorOf(db.put('c', 'x', { lease }))).toMatchObject({ code: 'LEASE_NOT_FOUND' })
})

test('a put without a lease takes the key from it, one with ignoreLease does not, one with ignoreValue keeps the value', async () => {
  const { tab, db } = open()
  const lease = await tab.lease(10)
  await db.put('a', '1', { lease })
  await db.put('a', '2', { ignoreLease: true })
  expect(await db.get('a')).toMatchObject({ value: '2', lease: lease.id, version: 2 })
  await db.put('a', undefined, { ignoreValue: true })
  expect(await db.get('a')).toMatchObject({ value: '2', lease: 0, version: 3 })
  expect(await errorOf(db.put('b', undefined, { ignoreValue: true }))).toMatchObject({ code: 'KEY_NOT_FOUND' })
  // @ts-expect-error: what callers without types may pass
  expect(await errorOf(db.put('a', 'x', { ignoreValue: true }))).toMatchObject({ code: 'VALUE_PROVIDED' })
})

test('it is kept alive for as long as nobody revokes it', async () => {
  const { tabs, tab, db } = open()
  const lease = await tab.lease(5)
  await db.put('a', 'x', { lease })
  await tabs.pass(30)
  expect(lease.signal.aborted).toBe(false)
  expect(await db.get('a')).not.toBeNull()
  await lease.revoke()
  expect(tab.keeper.size).toBe(0)
})

test('unheard of, it counts as lost no later than the cluster can end it', async () => {
  const { tab } = open()
  const lease = await tab.lease(5)
  vi.advanceTimersByTime(4_999)
  expect(lease.signal.aborted).toBe(false)
  vi.advanceTimersByTime(1)
  expect(lease.signal.reason).toMatchObject({ code: 'LOST' })
})

test('the time counts from when a keepalive was sent, not from when its answer came', async () => {
  const { tab } = open()
  const lease = await tab.lease(5)
  const sentMs = performance.timeOrigin + performance.now()
  vi.advanceTimersByTime(3_000)
  tab.connection.receive({ type: 'leaseKept', lease: lease.id, untilMs: sentMs + 6_000 })
  vi.advanceTimersByTime(2_999)
  expect(lease.signal.aborted).toBe(false)
  vi.advanceTimersByTime(1)
  expect(lease.signal.aborted).toBe(true)
})

test('the same of the grant: one that waited long for a quorum is asked about before it counts', async () => {
  const { tabs, tab } = open()
  tabs.loseQuorum()
  const granting = tab.lease(5)
  await settled()
  vi.advanceTimersByTime(60_000)
  tabs.regainQuorum()
  const lease = await granting
  expect(lease.signal.aborted).toBe(false)
  vi.advanceTimersByTime(5_000)
  expect(lease.signal.aborted).toBe(true)
})

test('a page that was held up looks for news before it gives up', async () => {
  const { tab } = open()
  const lease = await tab.lease(5)
  // The timer comes late, and before the message that had been waiting.
  const blockedMs = 8_000
  const start = performance.now()
  vi.spyOn(performance, 'now').mockReturnValue(start + blockedMs)
  vi.advanceTimersByTime(5_000)
  tab.connection.receive({ type: 'leaseKept', lease: lease.id, untilMs: performance.timeOrigin + start + 12_000 })
  vi.advanceTimersByTime(10)
  expect(lease.signal.aborted).toBe(false)
  vi.restoreAllMocks()
})

test('the cluster no longer knows it: the next keepalive finds out', async () => {
  const { tabs, tab } = open()
  const lease = await tab.lease(10)
  await tabs.open().connection.write({ op: 'leaseRevoke', lease: lease.id })
  expect(lease.signal.aborted).toBe(false)
  await tabs.pass(4)
  expect(lease.signal.reason).toMatchObject({ code: 'LOST' })
  expect(tab.keeper.size).toBe(0)
})

test('nobody keeps it alive: its keys are gone when its time has run', async () => {
  const { tabs, tab } = open()
  const other = tabs.open()
  const lease = await tab.lease(5)
  await tab.db.put('a', 'x', { lease })
  tabs.crash(tab)
  await tabs.pass(4)
  expect(await other.db.get('a')).not.toBeNull()
  await tabs.pass(3)
  expect(await other.db.get('a')).toBeNull()
  expect(await leasesOf(other)).toEqual([])
})

test('attaching takes up a lease that exists, and no other', async () => {
  const { tabs, tab } = open()
  const lease = await tab.lease(7)
  const again = await attachLease(tabs.open().connection, lease.id, {})
  expect(again).toMatchObject({ id: lease.id, ttlSeconds: 7 })
  await again.revoke()
  expect(await errorOf(attachLease(tab.connection, lease.id, {}))).toMatchObject({ code: 'LEASE_NOT_FOUND' })
})

test('a tab may attach itself to a lease it holds: what ends it ends it for both', async () => {
  const { tabs, tab } = open()
  const lease = await tab.lease(5)
  const again = await attachLease(tab.connection, lease.id, {})
  await tabs.pass(20)
  expect([lease.signal.aborted, again.signal.aborted]).toEqual([false, false])
  await again.revoke()
  await tabs.pass(3)
  expect(lease.signal.reason).toMatchObject({ code: 'LOST' })
})

test('disposing revokes, and revoking what has ended is no error', async () => {
  const { tabs, tab } = open()
  {
    await using lease = await tab.lease(5)
    expect(await leasesOf(tab)).toEqual([lease.id])
    await tabs.open().connection.write({ op: 'leaseRevoke', lease: lease.id })
  }
  await using kept = await tab.lease(5)
  await kept.revoke()
  expect(kept.signal.reason).toMatchObject({ code: 'LOST', message: 'The lease was revoked.' })
  expect(await leasesOf(tab)).toEqual([])
})

test('aborting the grant leaves no lease behind', async () => {
  const { tabs, tab } = open()
  tabs.loseQuorum()
  const abort = new AbortController()
  const granting = errorOf(grantLease(tab.connection, 60, { signal: abort.signal }))
  await settled()
  abort.abort()
  expect(await granting).toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
  tabs.regainQuorum()
  await settled()
  expect(await leasesOf(tab)).toEqual([])
})

test('the member stopped: the lease counts as lost', async () => {
  const { tab } = open()
  const lease = await tab.lease(60)
  tab.connection.fail((await errorOf(grantLease(tab.connection, -1, {}))) as never)
  expect(lease.signal.aborted).toBe(true)
})

test('a time to live is a whole number of seconds, and there is a longest', async () => {
  const { tab } = open()
  expect(await errorOf(tab.lease(1.5))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(await errorOf(tab.lease(2 ** 50))).toMatchObject({ code: 'LEASE_TTL_TOO_LARGE' })
})
