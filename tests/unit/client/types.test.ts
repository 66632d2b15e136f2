import { expect, expectTypeOf, test } from 'vitest'
import {
  type Compare,
  createRevision,
  type DeleteResult,
  del,
  type Entry,
  get,
  json,
  type KeyValue,
  type KeyVersion,
  type Lease,
  type LiveRange,
  type Lock,
  lease,
  type Operation,
  type PutResult,
  put,
  type RangeResult,
  range,
  type ScanPage,
  type Seat,
  txn,
  value,
  version,
  type WatchResponse,
} from '../../../src/client/flotilla.ts'
import { Tabs } from './tabs.ts'

/** What the compiler knows of an answer, and that it is so. */

interface Todo {
  readonly done: boolean
}

function open() {
  const { db } = new Tabs().open()
  return { db, todos: db.namespace('todo/', { codec: json<Todo>() }) }
}

test('an answer is of the type of its namespace', async () => {
  const { db, todos } = open()
  expectTypeOf(await todos.put('a', { done: true })).toEqualTypeOf<PutResult<Todo>>()
  expectTypeOf(await todos.get('a')).toEqualTypeOf<KeyValue<Todo> | null>()
  expectTypeOf(await todos.range({ all: true })).toEqualTypeOf<RangeResult<KeyValue<Todo>>>()
  expectTypeOf(await todos.range({ all: true }, { keysOnly: true })).toEqualTypeOf<RangeResult<KeyVersion>>()
  expectTypeOf(await todos.delete('a')).toEqualTypeOf<DeleteResult<Todo>>()
  expectTypeOf(await db.get('a')).toEqualTypeOf<KeyValue<string> | null>()
  expectTypeOf(todos.namespace('x/')).toEqualTypeOf(todos)
  // @ts-expect-error: a Todo is asked for
  await todos.put('a', 'text').catch(() => {})
  // @ts-expect-error: nothing to put
  expect(await todos.put('a', undefined).catch(({ code }) => code)).toBe('INVALID_ARGUMENT')
  await todos.put('a', undefined, { ignoreValue: true }).catch(() => {})
})

test('pages, responses and live ranges are, too', async () => {
  const { todos } = open()
  for await (const page of todos.scan({ all: true })) expectTypeOf(page).toEqualTypeOf<ScanPage<KeyValue<Todo>>>()
  for await (const page of todos.scan({ all: true }, { keysOnly: true })) {
    expectTypeOf(page).toEqualTypeOf<ScanPage<KeyVersion>>()
  }
  todos.live({ all: true }).subscribe(view => expectTypeOf(view).toEqualTypeOf<LiveRange<Todo>>())()
  await using watch = todos.watch({ all: true })
  expectTypeOf(watch.next()).toEqualTypeOf<Promise<IteratorResult<WatchResponse<Todo>, undefined>>>()
})

test('a transaction answers by its operations, however deep', async () => {
  const { todos } = open()
  const nested = txn([version('a').gt(0)], [get('a'), del('a')], [put('a', { done: true }), range({ all: true })])
  const result = await todos.txn().if(version('a').eq(0)).then(nested, get('a')).else(nested).commit()
  if (result.succeeded) {
    const [inner, after] = result.responses
    expectTypeOf(after).toEqualTypeOf<KeyValue<Todo> | null>()
    expect(inner.succeeded).toBe(false)
    if (inner.succeeded) expectTypeOf(inner.responses).toEqualTypeOf<[KeyValue<Todo> | null, DeleteResult<Todo>]>()
    else {
      expectTypeOf(inner.responses).toEqualTypeOf<[PutResult<Todo>, RangeResult<KeyValue<Todo>>]>()
      expect(inner.responses[1].kvs).toMatchObject([{ key: 'a', value: { done: true } }])
    }
  } else {
    expectTypeOf(result.responses).toExtend<[{ readonly succeeded: boolean }]>()
  }
  const without = await todos
    .txn()
    .then(txn([], [put('b', { done: false })]))
    .commit()
  if (without.succeeded && !without.responses[0].succeeded)
    expectTypeOf(without.responses[0].responses).toEqualTypeOf<[]>()
  expect(without).toMatchObject({ responses: [{ succeeded: true, responses: [{ prevKv: null }] }] })
})

test('what is of another type is refused at any depth', () => {
  const { todos } = open()
  // @ts-expect-error: a string is no Todo
  todos.txn().then(txn([], [put('a', 'text')]))
  // @ts-expect-error: a string is no Todo
  todos.txn().then(txn([value('a').eq('text')], []))
  // @ts-expect-error: a string is no Todo
  todos.txn().else(txn([], [txn([], [], [put('a', 'text')])]))
  // @ts-expect-error: a revision is a number
  todos.txn().if(createRevision('a').eq('3'))
  expectTypeOf(lease('a').eq(7)).toExtend<Compare<Todo>>()
  expectTypeOf(put('a', undefined, { ignoreValue: true })).toExtend<Operation<Todo>>()
})

test('a software transaction gives back what its function does, and reads by namespace', async () => {
  const { db, todos } = open()
  const done = await todos.transact(async tx => {
    expectTypeOf(await tx.get('a')).toEqualTypeOf<Todo | undefined>()
    expectTypeOf(await tx.range({ all: true })).toEqualTypeOf<readonly Entry<Todo>[]>()
    expectTypeOf(await tx.namespace('n/', { codec: json<number>() }).get('a')).toEqualTypeOf<number | undefined>()
    // @ts-expect-error: a string is no Todo
    expect(() => tx.put('a', undefined)).toThrow()
    return 7
  })
  expectTypeOf(done).toBeNumber()
  expectTypeOf(await db.transact(() => 'at once')).toBeString()
})

test('what is held has an end, and a lease is given as such or by its id', async () => {
  const { db, todos } = open()
  await using lock = await db.lock('l')
  expectTypeOf(lock).toEqualTypeOf<Lock>()
  expectTypeOf(await db.tryLock('l')).toEqualTypeOf<Lock | null>()
  await using seat = await todos.election('e').campaign({ done: true })
  expectTypeOf(seat).toEqualTypeOf<Seat<Todo>>()
  expectTypeOf(await todos.election('e').leader()).toEqualTypeOf<KeyValue<Todo> | null>()
  expectTypeOf<Parameters<typeof db.put>[2]>().toExtend<
    { readonly lease?: Lease | number | { readonly id: number } } | undefined
  >()
  const election = todos.election('e')
  // @ts-expect-error: a campaign has a value
  expect(await election.campaign().catch(({ code }) => code)).toBe('INVALID_ARGUMENT')
})
