import { expect, test } from 'vitest'
import { text } from '../../../src/client/codec.ts'
import { lease as leaseOf } from '../../../src/client/compare.ts'
import { FlotillaError } from '../../../src/client/errors.ts'
import { KeySpace } from '../../../src/client/keyspace.ts'
import type { Lock } from '../../../src/client/lock.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import { put, txn } from '../../../src/client/operations.ts'
import { SessionLeases } from '../../../src/client/session-leases.ts'
import { errorOf } from './fake-host.ts'
import { settled, type Tab, Tabs, useTestTime } from './tabs.ts'

useTestTime()

/** A lock asked for, and whether it was given yet. */
function ask(tab: Tab, name = 'l', options: Parameters<Tab['db']['lock']>[1] = {}) {
  const asked = { lock: null as Lock | null, promise: tab.db.lock(name, options) }
  asked.promise.then(
    lock => {
      asked.lock = lock
    },
    () => {},
  )
  return asked
}

async function inLine(tabs: Tabs, count: number) {
  const line = []
  for (let i = 0; i < count; i++) {
    const tab = tabs.open()
    line.push({ tab, ...{ asked: ask(tab) } })
    await settled()
  }
  return line
}

test('one holds it at a time, in the order in which they asked', async () => {
  const line = await inLine(new Tabs(), 4)
  const revisions = []
  for (const { asked } of line) {
    const lock = await asked.promise
    await settled()
    expect(line.filter(other => other.asked.lock !== null && !other.asked.lock.signal.aborted)).toHaveLength(1)
    revisions.push(lock.revision)
    await lock.unlock()
  }
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b))
})

test('its key is that of etcd: the name, a slash, and the lease in hex digits', async () => {
  const { db, lease } = bound(new Tabs().open())
  const own = await lease(10)
  const lock = await db.lock('jobs', { lease: own })
  expect(lock.key).toBe(`jobs/${own.id.toString(16)}`)
  const kv = await db.get(lock.key)
  expect(kv).toMatchObject({ value: '', lease: own.id, createRevision: lock.revision })
})

test('who waits is woken by its predecessor alone', async () => {
  const line = await inLine(new Tabs(), 6)
  const before = line.map(({ tab }) => tab.wakeups)
  await (await line[0]?.asked.promise)?.unlock()
  await line[1]?.asked.promise
  await settled()
  expect(line.map(({ tab }, i) => tab.wakeups - (before[i] ?? 0))).toEqual([0, 1, 0, 0, 0, 0])
})

test('the holder crashes: the next one has it when the lease ends, and not before', async () => {
  const tabs = new Tabs()
  const [first, second] = await inLine(tabs, 2)
  if (first === undefined || second === undefined) throw new Error('nobody in line')
  tabs.crash(first.tab)
  await tabs.pass(10)
  expect(second.asked.lock).toBeNull()
  await tabs.pass(10)
  expect(second.asked.lock).not.toBeNull()
})

test('one in the middle dies: the one behind it waits for the one before, and nobody overtakes', async () => {
  const tabs = new Tabs()
  const [first, second, third] = await inLine(tabs, 3)
  if (first === undefined || second === undefined || third === undefined) throw new Error('nobody in line')
  tabs.crash(second.tab)
  await tabs.pass(20)
  expect(third.asked.lock).toBeNull()
  await first.asked.lock?.unlock()
  expect((await third.asked.promise).signal.aborted).toBe(false)
})

test('the lease is lost in line: the wait ends, and the key is out of the way', async () => {
  const tabs = new Tabs()
  const [first, second] = [tabs.open(), tabs.open()]
  const held = await first.db.lock('l')
  const lease = await second.lease(10)
  const waiting = errorOf(second.db.lock('l', { lease }))
  await settled()
  await first.connection.write({ op: 'leaseRevoke', lease: lease.id })
  await tabs.pass(4)
  expect(await waiting).toMatchObject({ code: 'LOST' })
  expect((await first.db.range({ prefix: 'l/' })).kvs.map(({ key }) => key)).toEqual([held.key])
})

test('a key deleted in line is noticed, and does not hold the lock later', async () => {
  const tabs = new Tabs()
  const [first, second] = await inLine(tabs, 2)
  if (first === undefined || second === undefined) throw new Error('nobody in line')
  const { kvs } = await first.tab.db.range({ prefix: 'l/' }, { sort: { target: 'create', order: 'descend' }, limit: 1 })
  await first.tab.db.delete(kvs[0]?.key ?? '')
  expect(await errorOf(second.asked.promise)).toMatchObject({ code: 'LOST' })
  await first.asked.lock?.unlock()
  await settled()
  expect(second.asked.lock).toBeNull()
})

test('the key is deleted under the holder: its signal aborts, and isHeld no longer holds', async () => {
  const tabs = new Tabs()
  const [holder, other] = [tabs.open(), tabs.open()]
  const lock = await holder.db.lock('l')
  const guarded = () => holder.db.txn().if(lock.isHeld()).then(put('work', 'done')).commit()
  expect(await guarded()).toMatchObject({ succeeded: true })
  await other.db.delete(lock.key)
  await settled()
  expect(lock.signal.reason).toMatchObject({ code: 'LOST' })
  expect(await guarded()).toMatchObject({ succeeded: false })
  await lock.unlock()
})

test('the lease ends under the holder: its signal aborts', async () => {
  const tabs = new Tabs()
  const { db, lease, connection } = bound(tabs.open())
  const own = await lease(10)
  const lock = await db.lock('l', { lease: own })
  await connection.write({ op: 'leaseRevoke', lease: own.id })
  await settled()
  expect(lock.signal.aborted).toBe(true)
})

test('one tab that asks twice waits for itself', async () => {
  const { db } = new Tabs().open()
  const first = await db.lock('l')
  let second: Lock | null = null
  const waiting = db.lock('l').then(lock => {
    second = lock
    return lock
  })
  await settled()
  expect(second).toBeNull()
  await first.unlock()
  expect((await waiting).revision).toBeGreaterThan(first.revision)
})

test('locks of one tab share a lease, and a second one is gone when it is not needed any more', async () => {
  const { db, connection } = new Tabs().open()
  const leases = async () => (await connection.read({ op: 'leases' }, false)).leases
  const [a, b] = await Promise.all([db.lock('a'), db.lock('b')])
  expect(await leases()).toHaveLength(1)
  const again = db.lock('a')
  await settled()
  expect(await leases()).toHaveLength(2)
  await Promise.all([a.unlock(), b.unlock()])
  await (await again).unlock()
  await settled()
  expect(await leases()).toHaveLength(1)
})

test('the shared lease is as long as the tab wants it', async () => {
  const { connection } = new Tabs().open()
  const db = new Namespace(connection, new KeySpace(new Uint8Array(), text()), new SessionLeases(connection, 7))
  const { key } = await db.lock('l')
  const { lease = 0 } = (await db.get(key)) ?? {}
  const timeToLive = await connection.read({ op: 'leaseTimeToLive', lease, keys: false }, false)
  expect(timeToLive.grantedTtlSeconds).toBe(7)
})

test('a lease of its own ends with the lock', async () => {
  const { db, connection } = new Tabs().open()
  const lock = await db.lock('l', { ttlSeconds: 7 })
  const { leases } = await connection.read({ op: 'leases' }, false)
  expect(leases).toHaveLength(1)
  await lock.unlock()
  await settled()
  expect((await connection.read({ op: 'leases' }, false)).leases).toEqual([])
})

test('a lease stands in one line only once', async () => {
  const { db, lease } = bound(new Tabs().open())
  const own = await lease(10)
  await db.lock('l', { lease: own })
  expect(await errorOf(db.lock('l', { lease: own }))).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'definite' })
})

test('a shared lease that was lost unnoticed is replaced', async () => {
  const tabs = new Tabs()
  const { db, connection } = tabs.open()
  await (await db.lock('a')).unlock()
  const { leases } = await connection.read({ op: 'leases' }, false)
  for (const lease of leases) await connection.write({ op: 'leaseRevoke', lease })
  const lock = await db.lock('a')
  expect(lock.signal.aborted).toBe(false)
})

test('aborting the wait takes the key out of the line', async () => {
  const tabs = new Tabs()
  const [first, second, third] = [tabs.open(), tabs.open(), tabs.open()]
  const held = await first.db.lock('l')
  const abort = new AbortController()
  const waiting = errorOf(second.db.lock('l', { signal: abort.signal }))
  await settled()
  const last = ask(third)
  await settled()
  abort.abort()
  expect(await waiting).toMatchObject({ name: 'AbortError', code: 'ABORTED' })
  await settled()
  expect((await first.db.range({ prefix: 'l/' })).count).toBe(2)
  await held.unlock()
  expect((await last.promise).signal.aborted).toBe(false)
})

test('aborted while the key was on its way, it leaves no key behind', async () => {
  const tabs = new Tabs()
  const { db, lease } = bound(tabs.open())
  const own = await lease(10)
  tabs.loseQuorum()
  const abort = new AbortController()
  const asking = errorOf(db.lock('l', { lease: own, signal: abort.signal }))
  await settled()
  abort.abort()
  expect(await asking).toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
  tabs.regainQuorum()
  await settled()
  expect((await db.range({ prefix: 'l/' })).count).toBe(0)
})

test('unlocking goes on when the wait for it is aborted', async () => {
  const tabs = new Tabs()
  const { db } = tabs.open()
  const lock = await db.lock('l')
  tabs.loseQuorum()
  expect(await errorOf(lock.unlock({ signal: AbortSignal.abort() }))).toMatchObject({
    code: 'ABORTED',
    outcome: 'unknown',
  })
  expect(lock.signal.aborted).toBe(true)
  tabs.regainQuorum()
  await settled()
  expect((await db.range({ prefix: 'l/' })).count).toBe(0)
})

test('tryLock takes a free lock and no other, and leaves no trace', async () => {
  const tabs = new Tabs()
  const [first, second] = [tabs.open(), tabs.open()]
  const held = await first.db.tryLock('l')
  const { header } = await first.db.range({ all: true })
  expect(await second.db.tryLock('l')).toBeNull()
  expect((await first.db.range({ all: true })).header).toEqual(header)
  await held?.unlock()
  await using again = await second.db.tryLock('l')
  expect(again?.revision).toBeGreaterThan(held?.revision ?? Number.POSITIVE_INFINITY)
})

test('a key that an etcd client put in line is waited for like any other', async () => {
  const tabs = new Tabs()
  const { db, lease } = bound(tabs.open())
  const theirs = await lease(60)
  await db.put('l/694d9a1b2c3d4e5f', '', { lease: theirs })
  expect(await db.tryLock('l')).toBeNull()
  const asked = ask(tabs.open())
  await settled()
  expect(asked.lock).toBeNull()
  await db.delete('l/694d9a1b2c3d4e5f')
  expect((await asked.promise).signal.aborted).toBe(false)
})

test('the member stops: who waits is told so, and who holds has lost it', async () => {
  const { db, connection } = new Tabs().open()
  const held = await db.lock('l')
  const waiting = errorOf(db.lock('l'))
  await settled()
  connection.fail(new FlotillaError('STOPPED', 'The database was closed.'))
  expect(await waiting).toMatchObject({ code: 'STOPPED' })
  expect(held.signal.aborted).toBe(true)
  expect(await errorOf(held.unlock())).toMatchObject({ code: 'STOPPED' })
})

test('a lock of a namespace is another lock, and guards transactions there', async () => {
  const tabs = new Tabs()
  const { db } = tabs.open()
  const cards = db.namespace('cards/')
  await using outer = await db.lock('l')
  await using inner = await cards.lock('l')
  expect(await db.get(`cards/${inner.key}`)).toMatchObject({ createRevision: inner.revision })
  const guarded = cards.txn().then(txn([inner.isHeld()], [put('a', '1')]))
  expect(await guarded.commit()).toMatchObject({ responses: [{ succeeded: true }] })
  expect(outer.signal.aborted).toBe(false)
})

test('disposing unlocks, and what hung on it can be told by its lease', async () => {
  const tabs = new Tabs()
  const { db, lease } = bound(tabs.open())
  const own = await lease(10)
  {
    await using lock = await db.lock('l', { lease: own })
    const held = await db.txn().if(leaseOf(lock.key).eq(own)).commit()
    expect(held.succeeded).toBe(true)
  }
  expect((await db.range({ prefix: 'l/' })).count).toBe(0)
  expect(own.signal.aborted).toBe(false)
})

function bound(tab: Tab) {
  return { db: tab.db, connection: tab.connection, lease: (ttlSeconds: number) => tab.lease(ttlSeconds) }
}
