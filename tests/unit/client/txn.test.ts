import { expect, expectTypeOf, test } from 'vitest'
import { json, text } from '../../../src/client/codec.ts'
import { createRevision, modRevision, value, version } from '../../../src/client/compare.ts'
import { KeySpace, type KeyValue, type KeyVersion } from '../../../src/client/keyspace.ts'
import { requestBytesMax, txnOperationsMax } from '../../../src/client/limits.ts'
import { Namespace } from '../../../src/client/namespace.ts'
import {
  type DeleteResult,
  del,
  get,
  type PutResult,
  put,
  type RangeResult,
  range,
} from '../../../src/client/operations.ts'
import type { WriteResponse } from '../../../src/store/types.ts'
import { bytes, errorOf, FakeHost, putResponse, rangeResponse, sent, storedKv } from './fake-host.ts'

interface Todo {
  readonly done: boolean
}

function setUp() {
  const host = new FakeHost()
  const db = new Namespace(host.connection, new KeySpace(new Uint8Array(), text()))
  return { host, db, todos: db.namespace('todo/', { codec: json<Todo>() }) }
}

const header = { revision: 5 }

test('a transaction is one request, in the keys and values of its namespace', async () => {
  const { host, todos } = setUp()
  const txn = todos
    .txn()
    .if(modRevision('a').eq(3), version({ prefix: 'b' }).gt(0), createRevision('c').lt(9))
    .if(value('a').ne({ done: true }))
    .then(put('a', { done: true }, { prevKv: true }), del({ prefix: 'b' }))
    .else(get('a'))
  expect(host.posted).toEqual([])
  void txn.commit()
  await sent()
  const [command] = host.commands
  expect(command?.request).toMatchObject({
    op: 'txn',
    compare: [
      { key: bytes('todo/a'), end: null, target: 'mod', result: '=', operand: 3 },
      { key: bytes('todo/b'), end: bytes('todo/c'), target: 'version', result: '>', operand: 0 },
      { key: bytes('todo/c'), end: null, target: 'create', result: '<', operand: 9 },
      { key: bytes('todo/a'), end: null, target: 'value', result: '!=', operand: bytes('{"done":true}') },
    ],
    success: [
      { op: 'put', key: bytes('todo/a'), value: bytes('{"done":true}'), prevKv: true },
      { op: 'delete', key: bytes('todo/b'), end: bytes('todo/c'), prevKv: false },
    ],
    failure: [{ op: 'range', key: bytes('todo/a'), end: null }],
  })
})

test('the results have the types of the operations, branch by branch', async () => {
  const { host, todos } = setUp()
  const committed = todos
    .txn()
    .if(version('a').eq(0))
    .then(put('a', { done: false }), get('a'), range({ all: true }), del('b'))
    .else(get('a'), range({ all: true }, { keysOnly: true }))
    .commit()
  await sent()
  const stored = storedKv('todo/a', '{"done":false}', 5)
  const response: WriteResponse = {
    op: 'txn',
    header,
    succeeded: true,
    responses: [
      { op: 'put', header, prevKv: null },
      rangeResponse([stored]),
      rangeResponse([stored]),
      { op: 'delete', header, deleted: 1, prevKvs: [] },
    ],
  }
  host.respond(host.last().id, response)
  const result = await committed
  if (result.succeeded) {
    expectTypeOf(result.responses).toEqualTypeOf<
      [PutResult<Todo>, KeyValue<Todo> | null, RangeResult<KeyValue<Todo>>, DeleteResult<Todo>]
    >()
    const [written, read, all, deleted] = result.responses
    expect(written).toEqual({ header, prevKv: null })
    expect(read).toMatchObject({ key: 'a', value: { done: false }, modRevision: 5, version: 1 })
    expect(all).toMatchObject({ count: 1, more: false, kvs: [{ key: 'a' }] })
    expect(deleted).toEqual({ header, deleted: 1, prevKvs: [] })
  } else {
    expectTypeOf(result.responses).toEqualTypeOf<[KeyValue<Todo> | null, RangeResult<KeyVersion>]>()
  }
  expect(result).toMatchObject({ succeeded: true, header })
})

test('that the conditions did not hold is a value', async () => {
  const { host, todos } = setUp()
  const committed = todos
    .txn()
    .if(version('a').eq(0))
    .then(put('a', { done: true }))
    .else(get('a'))
    .commit()
  await sent()
  host.respond(host.last().id, { op: 'txn', header, succeeded: false, responses: [rangeResponse([])] })
  expect(await committed).toEqual({ succeeded: false, header, responses: [null] })
})

test('values are of the namespace, which the compiler sees', () => {
  const { todos } = setUp()
  // @ts-expect-error: a string is no Todo
  todos.txn().then(put('a', 'text'))
  // @ts-expect-error: a string is no Todo
  todos.txn().if(value('a').eq('text'))
})

test('a transaction in the making is never changed', async () => {
  const { host, db } = setUp()
  const first = db.txn().then(put('a', '1'))
  first.if(version('a').eq(0))
  first.else(get('a'))
  first.then(put('b', '2'))
  void first.commit()
  await sent()
  expect(host.commands[0]?.request).toMatchObject({ compare: [], success: [{ key: bytes('a') }], failure: [] })
})

test('a transaction that is awaited without commit says so', async () => {
  const { host, db } = setUp()
  const forgotten: unknown = db.txn().then(put('a', '1'))
  const awaited = async () => await forgotten
  expect(await errorOf(awaited())).toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('commit'),
  })
  expect(host.posted).toEqual([])
})

test('what the store would refuse is refused before it is sent', async () => {
  const { host, db } = setUp()
  const many = Array.from({ length: txnOperationsMax + 1 }, (_, i) => get(`k${i}`))
  expect(
    await errorOf(
      db
        .txn()
        .else(...many)
        .commit(),
    ),
  ).toMatchObject({ code: 'TOO_MANY_OPS', outcome: 'definite' })
  const half = 'x'.repeat(requestBytesMax / 2)
  const big = db.txn().then(put('a', half), put('b', half))
  expect(await errorOf(big.commit())).toMatchObject({ code: 'REQUEST_TOO_LARGE', outcome: 'definite' })
  expect(await errorOf(db.txn().then(put('', 'x')).commit())).toMatchObject({ code: 'EMPTY_KEY' })
  // @ts-expect-error: what callers without types may pass
  expect(await errorOf(db.txn().then({ kind: 'push' }).commit())).toMatchObject({ code: 'INVALID_ARGUMENT' })
  await sent()
  expect(host.posted).toEqual([])
})

test('an answer of another shape than the question is never passed on', async () => {
  const { host, db } = setUp()
  void db.txn().then(put('a', '1')).commit()
  await sent()
  expect(() => host.respond(host.last().id, putResponse(2))).toThrow('assertion')
})
