import { expect, test } from 'vitest'
import { Database, type DatabaseStatus, type SignalingState } from '../../../src/client/database.ts'
import { Observable } from '../../../src/client/readable.ts'
import { aloneStatus, errorOf, FakeHost, sent } from './fake-host.ts'
import { harmlessFaults } from './harmless-faults.ts'

function setUp() {
  const host = new FakeHost()
  const signaling = new Observable<SignalingState>('connecting')
  const closes: string[] = []
  const db = new Database({
    connection: host.connection,
    role: 'editor',
    invite: 'flotilla1-x',
    viewerInvite: 'flotilla1v-x',
    clusterId: 'c',
    status: aloneStatus,
    signaling,
    faults: harmlessFaults(),
    metrics: async () => 'etcd_server_has_leader 1\n',
    exportData: async () => ({ ok: true, value: new Blob(['backup']) }),
    leave: async () => {
      closes.push('left')
    },
    close: async () => {
      closes.push('closed')
    },
  })
  return { host, signaling, closes, db }
}

test('a database knows who it is', () => {
  expect(setUp().db).toMatchObject({ invite: 'flotilla1-x', clusterId: 'c', member: 7 })
})

test('its status brings together what the member, the page and the failure say', () => {
  const { host, signaling, db } = setUp()
  const seen: DatabaseStatus[] = []
  db.statusStore.subscribe(status => seen.push(status))
  expect(seen).toEqual([{ ...aloneStatus, signaling: 'connecting', failure: null, interruption: null }])
  signaling.set('connected')
  host.connection.receive({ type: 'status', status: { ...aloneStatus, adopted: [9] } })
  expect(db.status()).toEqual({
    ...aloneStatus,
    adopted: [9],
    signaling: 'connected',
    failure: null,
    interruption: null,
  })
  host.fail('NOSPACE')
  expect(db.status()).toMatchObject({ adopted: [9], signaling: 'connected', failure: { code: 'NOSPACE' } })
  expect(seen.at(-1)).toBe(db.status())
})

test('compact goes through the log', async () => {
  const { host, db } = setUp()
  const compacted = db.compact(12)
  await sent()
  expect(host.commands[0]?.request).toEqual({ op: 'compact', revision: 12 })
  host.respond(host.last().id, { op: 'compact', header: { revision: 20 } })
  expect(await compacted).toEqual({ header: { revision: 20 } })
  expect(await errorOf(db.compact(-1))).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('closing happens once and ends what is under way', async () => {
  const { closes, db } = setUp()
  const watch = db.watch({ all: true })
  const read = errorOf(db.get('a'))
  await sent()
  await Promise.all([db.close(), db.close()])
  expect(closes).toEqual(['closed'])
  expect(await read).toMatchObject({ code: 'STOPPED' })
  expect(await errorOf(watch.next())).toMatchObject({ code: 'STOPPED' })
  expect(await errorOf(db.put('a', 'x'))).toMatchObject({ code: 'STOPPED', outcome: 'definite' })
})

test('leaving the scope of `await using` closes', async () => {
  const { closes, db } = setUp()
  {
    await using scoped = db
    expect(scoped.status().failure).toBeNull()
  }
  expect(closes).toEqual(['closed'])
})

test('a subscriber that throws spoils nothing for the others', async () => {
  const { host, db } = setUp()
  const thrown: unknown[] = []
  const onThrown = (error: unknown) => thrown.push(error)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', onThrown)
  try {
    let first = true
    db.statusStore.subscribe(() => {
      if (!first) throw new Error('mine')
      first = false
    })
    let seen = 0
    db.statusStore.subscribe(() => {
      seen++
    })
    host.connection.receive({ type: 'status', status: aloneStatus })
    expect(seen).toBe(2)
    await new Promise(resolve => setImmediate(resolve))
    expect(thrown).toMatchObject([{ message: 'mine' }])
  } finally {
    process.off('uncaughtException', onThrown)
    for (const listener of others) process.on('uncaughtException', listener)
  }
})
