import { expect, test } from 'vitest'
import { json } from '../../../src/client/codec.ts'
import type { KeyValue } from '../../../src/client/keyspace.ts'
import { errorOf } from './fake-host.ts'
import { settled, Tabs, useTestTime } from './tabs.ts'

useTestTime()

/** What an observer was given so far. */
function observed(observing: AsyncGenerator<KeyValue<string>, void, undefined>) {
  const seen: string[] = []
  const done = (async () => {
    for await (const leader of observing) seen.push(leader.value)
  })()
  return { seen, done }
}

test('who came first leads, then the next in order', async () => {
  const tabs = new Tabs()
  const names = ['a', 'b', 'c']
  const campaigns = []
  for (const name of names) {
    campaigns.push(tabs.open().db.election('e').campaign(name))
    await settled()
  }
  const { db } = tabs.open()
  for (const [i, campaign] of campaigns.entries()) {
    const seat = await campaign
    expect(await db.election('e').leader()).toMatchObject({
      value: names[i],
      key: seat.key,
      createRevision: seat.revision,
    })
    await seat.resign()
  }
  expect(await db.election('e').leader()).toBeNull()
})

test('a leader that crashes is followed when its lease ends', async () => {
  const tabs = new Tabs()
  const first = tabs.open()
  await first.db.election('e').campaign('a', { ttlSeconds: 5 })
  const second = tabs.open().db.election('e').campaign('b')
  await settled()
  tabs.crash(first)
  await tabs.pass(8)
  expect(await (await second).isHeld()).toMatchObject({ target: 'create' })
})

test('proclaiming changes the value under the same seat; after losing it that is refused', async () => {
  const tabs = new Tabs()
  const { db } = tabs.open()
  const election = db.election('e')
  const seat = await election.campaign('a')
  await seat.proclaim('a2')
  expect(await election.leader()).toMatchObject({ value: 'a2', createRevision: seat.revision, version: 2 })
  await tabs.open().db.delete(seat.key)
  await settled()
  expect(seat.signal.aborted).toBe(true)
  expect(await errorOf(seat.proclaim('a3'))).toMatchObject({ code: 'LOST', outcome: 'definite' })
  expect(await election.leader()).toBeNull()
})

test('proclaiming keeps the lease', async () => {
  const { db } = new Tabs().open()
  const seat = await db.election('e').campaign('a')
  const before = await db.get(seat.key)
  await seat.proclaim('b')
  expect((await db.get(seat.key))?.lease).toBe(before?.lease)
  expect(before?.lease).toBeGreaterThan(0)
})

test('observers see every leader and every proclamation, in order, and nobody who only waits', async () => {
  const tabs = new Tabs()
  const abort = new AbortController()
  const early = observed(tabs.open().db.election('e').observe({ signal: abort.signal }))
  const campaigns = []
  for (const name of ['a', 'b', 'c', 'd']) {
    campaigns.push(tabs.open().db.election('e').campaign(name))
    await settled()
  }
  const [a, b, c, d] = campaigns
  await (await a)?.proclaim('a2')
  const late = observed(tabs.open().db.election('e').observe({ signal: abort.signal }))
  await settled()
  // One that waits goes, and is never seen.
  const goes = new AbortController()
  const waiting = errorOf(tabs.open().db.election('e').campaign('x', { signal: goes.signal }))
  await settled()
  goes.abort()
  for (const campaign of [a, b, c, d]) await (await campaign)?.resign()
  await settled()
  abort.abort()
  await Promise.all([early.done, late.done, waiting])
  expect(early.seen).toEqual(['a', 'a2', 'b', 'c', 'd'])
  expect(late.seen).toEqual(['a2', 'b', 'c', 'd'])
})

test('leaders that follow each other faster than an observer looks are all given', async () => {
  const tabs = new Tabs()
  const [observer, runner] = [tabs.open(), tabs.open()]
  const observing = observer.db.election('e').observe()
  const first = await runner.db.election('e').campaign('0')
  expect(await observing.next()).toMatchObject({ value: { value: '0' } })
  await first.resign()
  for (let i = 1; i < 20; i++) await (await runner.db.election('e').campaign(String(i))).resign()
  for (let i = 1; i < 20; i++) expect(await observing.next()).toMatchObject({ value: { value: String(i) } })
  await observing.return()
})

test('an observer that finds its revisions compacted goes on from who leads now', async () => {
  const tabs = new Tabs()
  const [observer, runner] = [tabs.open(), tabs.open()]
  const observing = observer.db.election('e').observe()
  const seat = await runner.db.election('e').campaign('0')
  expect(await observing.next()).toMatchObject({ value: { value: '0' } })
  // More than a watch is given unasked, so that it is behind.
  for (let i = 1; i <= 300; i++) await seat.proclaim(String(i))
  const { header } = await runner.db.range({ prefix: 'e/' })
  await runner.connection.write({ op: 'compact', revision: header.revision })
  let last: string | undefined
  while (last !== '300') last = (await observing.next()).value?.value
  await seat.proclaim('301')
  expect(await observing.next()).toMatchObject({ value: { value: '301' } })
  await observing.return()
})

test('values are of the namespace', async () => {
  const tabs = new Tabs()
  const typed = tabs.open().db.namespace('n/', { codec: json<{ url: string }>() })
  const seat = await typed.election('e').campaign({ url: 'x' })
  const leader = await tabs.open().db.namespace('n/', { codec: json<{ url: string }>() }).election('e').leader()
  expect(leader).toMatchObject({ key: seat.key, value: { url: 'x' } })
})

test('an aborted campaign is out of the line', async () => {
  const tabs = new Tabs()
  const seat = await tabs.open().db.election('e').campaign('a')
  const abort = new AbortController()
  const second = errorOf(tabs.open().db.election('e').campaign('b', { signal: abort.signal }))
  await settled()
  abort.abort()
  expect(await second).toMatchObject({ code: 'ABORTED' })
  await seat.resign()
  await settled()
  expect(await tabs.open().db.election('e').leader()).toBeNull()
})
