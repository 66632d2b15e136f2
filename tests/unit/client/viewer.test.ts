import { expect, test } from 'vitest'
import { text } from '../../../src/client/codec.ts'
import { modRevision } from '../../../src/client/compare.ts'
import { Connection } from '../../../src/client/connection.ts'
import { KeySpace } from '../../../src/client/keyspace.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import { get, put } from '../../../src/client/operations.ts'
import { SessionLeases } from '../../../src/client/session-leases.ts'
import type { ToHost } from '../../../src/worker/protocol.ts'

/** A viewer's page, with all that it has said to its worker. */
function viewersPage(): { readonly db: Namespace<string>; readonly said: ToHost[]; readonly connection: Connection } {
  const connection = new Connection({ role: 'viewer' })
  const said: ToHost[] = []
  connection.attach(message => said.push(message))
  const db = new Namespace(connection, new KeySpace(new Uint8Array(), text()), new SessionLeases(connection))
  return { db, said, connection }
}

const denied = { code: 'PERMISSION_DENIED', outcome: 'definite' }

test.each<[string, (db: Namespace<string>) => Promise<unknown>]>([
  ['put', db => db.put('a', '1')],
  ['delete', db => db.delete('a')],
  ['a transaction that writes', db => db.txn().then(put('a', '1')).commit()],
  ['a transaction that writes if its condition does not hold', db => db.txn().else(put('a', '1')).commit()],
  ['a software transaction that writes', db => db.transact(async tx => tx.put('a', '1'))],
  ['lock', db => db.lock('l')],
  ['campaign', db => db.election('e').campaign('me')],
  ['register', db => db.service('s').register('me')],
])('%s is refused at once, and the worker hears nothing of it', async (_, write) => {
  const { db, said } = viewersPage()
  await expect(write(db)).rejects.toMatchObject(denied)
  expect(said.filter(({ type }) => type !== 'cancel')).toEqual([])
})

test('a transaction that only reads is a read', async () => {
  const { db, said, connection } = viewersPage()
  const result = db.txn().if(modRevision('a').gt(0)).then(get('a')).else(get('b')).commit()
  await Promise.resolve()
  const [message] = said
  if (message?.type !== 'requests') throw new Error('nothing was asked')
  const [{ id, request } = { id: 0, request: null }] = message.requests
  expect(request).toMatchObject({ kind: 'read', serializable: false, request: { op: 'txn' } })
  const header = { revision: 7 }
  const range = { op: 'range', header, kvs: [], more: false, count: 0 } as const
  const response = { op: 'txn', header, succeeded: false, responses: [range] } as const
  connection.receive({ type: 'turn', responses: [{ id, response: { ok: true, response } }], notifications: [] })
  expect(await result).toEqual({ succeeded: false, header, responses: [null] })
})
