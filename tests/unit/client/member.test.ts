import { expect, test } from 'vitest'
import { text } from '../../../src/client/codec.ts'
import { modRevision, version } from '../../../src/client/compare.ts'
import { KeySpace } from '../../../src/client/keyspace.ts'
import { requestBytesMax } from '../../../src/client/limits.ts'
import type { LiveRange } from '../../../src/client/live.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import { del, get, put } from '../../../src/client/operations.ts'
import { errorOf } from './fake-host.ts'
import { LoneMember } from './lone-member.ts'

/** The client and a real member: what the one says must mean something to the other. */
function openMember() {
  return new Namespace(new LoneMember().connection, new KeySpace(new Uint8Array(), text()))
}

test('what is put is read, watched and counted in revisions', async () => {
  const db = openMember()
  const watch = db.watch({ all: true })
  expect(await db.put('a', '1')).toEqual({ header: { revision: 2 }, prevKv: null })
  expect(await db.put('a', '2', { prevKv: true })).toMatchObject({ header: { revision: 3 }, prevKv: { value: '1' } })
  expect(await db.get('a')).toMatchObject({ value: '2', createRevision: 2, modRevision: 3, version: 2 })
  expect(await db.get('a', { revision: 2 })).toMatchObject({ value: '1' })
  expect(await db.get('b')).toBeNull()
  expect(await errorOf(db.get('a', { revision: 9 }))).toMatchObject({ code: 'FUTURE_REVISION', outcome: 'definite' })
  expect(await db.delete('a')).toMatchObject({ header: { revision: 4 }, deleted: 1 })
  expect(await db.delete('a')).toMatchObject({ header: { revision: 4 }, deleted: 0 })
  for (const expected of [
    { header: { revision: 2 }, events: [{ type: 'put', kv: { key: 'a', value: '1' } }] },
    { header: { revision: 3 }, events: [{ type: 'put', kv: { key: 'a', value: '2' } }] },
    { header: { revision: 4 }, events: [{ type: 'delete', kv: { key: 'a', modRevision: 4 } }] },
  ]) {
    expect(await watch.next()).toMatchObject({ value: expected })
  }
})

test('of two who saw the same revision, one wins', async () => {
  const db = openMember()
  const { header } = await db.put('a', 'base')
  const [first, second] = await Promise.all(
    ['x', 'y'].map(value =>
      db.txn().if(modRevision('a').eq(header.revision)).then(put('a', value)).else(get('a')).commit(),
    ),
  )
  expect(first).toMatchObject({ succeeded: true, header: { revision: 3 } })
  expect(second).toMatchObject({ succeeded: false, header: { revision: 3 }, responses: [{ value: 'x' }] })
})

test('a transaction is one revision, with all its results', async () => {
  const db = openMember()
  await db.put('old', '1')
  const watch = db.watch({ all: true })
  const txn = db
    .txn()
    .if(version('new').eq(0))
    .then(put('new', '2'), get('new'), del('old', { prevKv: true }))
  const { responses } = await txn.commit()
  expect(responses).toMatchObject([{ prevKv: null }, { value: '2' }, { deleted: 1, prevKvs: [{ key: 'old' }] }])
  const { value } = await watch.next()
  expect(value).toMatchObject({ header: { revision: 3 }, events: [{ type: 'put' }, { type: 'delete' }] })
})

test('many writes at once all happen, once and in order', async () => {
  const db = openMember()
  const writes = 3_000
  const results = await Promise.all(Array.from({ length: writes }, (_, i) => db.put('counter', String(i))))
  expect(results.map(({ header }) => header.revision)).toEqual(Array.from({ length: writes }, (_, i) => i + 2))
  expect(await db.get('counter')).toMatchObject({ value: String(writes - 1), version: writes })
})

test('a watch that lags behind for long is given everything in the end', async () => {
  const db = openMember()
  const watch = db.watch('k')
  const revisions = 1_000
  for (let i = 0; i < revisions; i++) await db.put('k', String(i))
  for (let i = 0; i < revisions; i++) {
    expect(await watch.next()).toMatchObject({
      value: { header: { revision: i + 2 }, events: [{ kv: { value: String(i) } }] },
    })
  }
})

test('a live range is right by the time a write is acknowledged', async () => {
  const db = openMember()
  await db.put('list/b', '1')
  let shown: LiveRange<string> | undefined
  const loaded = new Promise<void>(resolve => {
    db.namespace('list/')
      .live({ all: true })
      .subscribe(value => {
        shown = value
        if (value.revision > 0) resolve()
      })
  })
  await loaded
  for (const [key, revision] of [
    ['a', 3],
    ['c', 4],
  ] as const) {
    await db.put(`list/${key}`, 'x')
    expect(shown).toMatchObject({ revision, error: null })
  }
  await db.delete({ prefix: 'list/' })
  expect(shown).toEqual({ items: [], revision: 5, error: null })
})

test('a value the store finds just too large is refused by it, and the next write goes on', async () => {
  const db = openMember()
  const refused = await errorOf(db.put('k', 'x'.repeat(requestBytesMax - 1)))
  expect(refused).toMatchObject({ code: 'REQUEST_TOO_LARGE', outcome: 'definite' })
  expect(await db.put('k', 'x')).toMatchObject({ header: { revision: 2 } })
})

test('a duplicate key is refused by the store, and the next write goes on', async () => {
  const db = openMember()
  const refused = await errorOf(db.txn().then(put('k', '1'), put('k', '2')).commit())
  expect(refused).toMatchObject({ code: 'DUPLICATE_KEY', outcome: 'definite' })
  expect(await db.put('k', 'x')).toMatchObject({ header: { revision: 2 } })
})
