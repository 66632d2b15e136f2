import { expect, expectTypeOf, test } from 'vitest'
import { bytes as bytesCodec, json, text } from '../../../src/client/codec.ts'
import { KeySpace, type KeyValue } from '../../../src/client/keyspace.ts'
import { requestBytesMax } from '../../../src/client/limits.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import { bytes, errorOf, FakeHost, putResponse, rangeResponse, sent, storedKv } from './fake-host.ts'

function setUp() {
  const host = new FakeHost()
  return { host, db: new Namespace(host.connection, new KeySpace(new Uint8Array(), text())) }
}

test('put sends bytes and gives back the revision and what was there', async () => {
  const { host, db } = setUp()
  const written = db.put('ключ', 'значение', { prevKv: true })
  await sent()
  expect(host.commands[0]?.request).toMatchObject({
    op: 'put',
    key: bytes('ключ'),
    value: bytes('значение'),
    prevKv: true,
    lease: 0,
  })
  host.respond(host.last().id, { op: 'put', header: { revision: 4 }, prevKv: storedKv('ключ', 'old', 3, 2) })
  expect(await written).toEqual({
    header: { revision: 4 },
    prevKv: {
      key: 'ключ',
      keyBytes: bytes('ключ'),
      value: 'old',
      createRevision: 2,
      modRevision: 3,
      version: 2,
      lease: 0,
    },
  })
})

test('get gives the key or null', async () => {
  const { host, db } = setUp()
  const read = db.get('a', { revision: 3, serializable: true })
  await sent()
  const { request } = host.last()
  expect(request).toMatchObject({ kind: 'read', serializable: true, request: { end: null, revision: 3 } })
  host.respond(host.last().id, rangeResponse([storedKv('a', 'x')]))
  expect(await read).toMatchObject({ key: 'a', value: 'x' })

  const missing = db.get('b')
  await sent()
  expect(host.last().request).toMatchObject({ serializable: false, request: { revision: 0 } })
  host.respond(host.last().id, rangeResponse([]))
  expect(await missing).toBeNull()
})

test('range passes its options on and tells what there is', async () => {
  const { host, db } = setUp()
  const read = db.range(
    { prefix: 'a' },
    { limit: 2, sort: { target: 'mod', order: 'descend' }, minModRevision: 1, maxCreateRevision: 9 },
  )
  await sent()
  expect(host.last().request).toMatchObject({
    request: {
      limit: 2,
      sortTarget: 'mod',
      sortOrder: 'descend',
      minModRevision: 1,
      maxModRevision: 0,
      minCreateRevision: 0,
      maxCreateRevision: 9,
    },
  })
  host.respond(host.last().id, { ...rangeResponse([storedKv('a1', 'x')]), more: true, count: 7 })
  const result = await read
  expectTypeOf(result.kvs).toEqualTypeOf<readonly KeyValue<string>[]>()
  expect(result).toMatchObject({ header: { revision: 5 }, more: true, count: 7, kvs: [{ key: 'a1', value: 'x' }] })
})

test('keysOnly reads no values, so no codec stumbles over them', async () => {
  const { host, db } = setUp()
  const read = db.namespace('n/', { codec: json() }).range({ all: true }, { keysOnly: true })
  await sent()
  host.respond(host.last().id, rangeResponse([storedKv('n/a', '')]))
  const { kvs } = await read
  expect(kvs).toEqual([{ key: 'a', keyBytes: bytes('a'), createRevision: 2, modRevision: 2, version: 1, lease: 0 }])
})

test('delete takes a key or a range', async () => {
  const { host, db } = setUp()
  const deleted = db.delete({ prefix: 'a' }, { prevKv: true })
  await sent()
  expect(host.commands[0]?.request).toMatchObject({ op: 'delete', key: bytes('a'), end: bytes('b'), prevKv: true })
  host.respond(host.last().id, {
    op: 'delete',
    header: { revision: 6 },
    deleted: 1,
    prevKvs: [storedKv('a', 'x')],
  })
  expect(await deleted).toMatchObject({ header: { revision: 6 }, deleted: 1, prevKvs: [{ key: 'a', value: 'x' }] })
})

test('namespaces nest, and keep their codec unless given another', async () => {
  const { host, db } = setUp()
  const outer = db.namespace('a/', { codec: json<number>() })
  void outer.namespace('b/').put('k', 7)
  void outer.namespace('b/', { codec: bytesCodec() }).put(Uint8Array.of(0xff), Uint8Array.of(1))
  await sent()
  expect(host.commands.map(({ request }) => request)).toMatchObject([
    { key: bytes('a/b/k'), value: bytes('7') },
    { key: Uint8Array.of(...bytes('a/b/'), 0xff), value: Uint8Array.of(1) },
  ])
})

test('a key that is not UTF-8 is still there, exactly, as bytes', async () => {
  const { host, db } = setUp()
  const read = db.namespace('n/').range({ all: true })
  await sent()
  host.respond(host.last().id, rangeResponse([{ ...storedKv('', 'x'), key: Uint8Array.of(...bytes('n/'), 0xff) }]))
  expect((await read).kvs).toMatchObject([{ key: '\ufffd', keyBytes: Uint8Array.of(0xff) }])
})

test('bad arguments are definite errors, and nothing is sent', async () => {
  const { host, db } = setUp()
  const cases: [Promise<unknown>, string][] = [
    [db.put('', 'x'), 'EMPTY_KEY'],
    [db.get(''), 'EMPTY_KEY'],
    [db.delete(''), 'EMPTY_KEY'],
    [db.put('k', 'x'.repeat(requestBytesMax + 1)), 'REQUEST_TOO_LARGE'],
    [db.put('k', 'x'.repeat(requestBytesMax)), 'REQUEST_TOO_LARGE'],
    [db.put('k', '\udc00'), 'INVALID_ARGUMENT'],
    // @ts-expect-error: what callers without types may pass
    [db.put('k', undefined), 'INVALID_ARGUMENT'],
    [db.get('k', { revision: -1 }), 'INVALID_ARGUMENT'],
    [db.get('k', { revision: 1.5 }), 'INVALID_ARGUMENT'],
    [db.range({ all: true }, { limit: Number.NaN }), 'INVALID_ARGUMENT'],
    [db.range({ all: true }, { minModRevision: Number.POSITIVE_INFINITY }), 'INVALID_ARGUMENT'],
  ]
  for (const [call, code] of cases) expect(await errorOf(call)).toMatchObject({ code, outcome: 'definite' })
  await sent()
  expect(host.posted).toEqual([])
})

/** What the store counts for a put beside its key and value. */
const operationBytes = 16

test('a value that fills a request to the last byte is sent', async () => {
  const { host, db } = setUp()
  const written = db.put('k', 'x'.repeat(requestBytesMax - operationBytes - 1))
  await sent()
  host.respond(host.last().id, putResponse(2))
  await written
})

test('a stored value of another codec is an error of the read', async () => {
  const { host, db } = setUp()
  const read = errorOf(db.namespace('', { codec: json() }).get('a'))
  await sent()
  host.respond(host.last().id, rangeResponse([storedKv('a', 'not json')]))
  expect(await read).toMatchObject({ code: 'INVALID_VALUE', outcome: 'definite' })
})
