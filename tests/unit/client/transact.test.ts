import fc from 'fast-check'
import { expect, test } from 'vitest'
import { json } from '../../../src/client/codec.ts'
import type { Namespace } from '../../../src/client/namespace.ts'
import type { Transaction } from '../../../src/client/transact.ts'
import { errorOf } from './fake-host.ts'
import { settled, Tabs } from './tabs.ts'

function twoTabs() {
  const tabs = new Tabs()
  return { tabs, a: tabs.open().db, b: tabs.open().db, compact: tabs.open().connection }
}

/** Runs a transaction in which, the first time, something else happens between what it reads and what it writes. */
function interrupted<R>(
  db: Namespace<string>,
  run: (tx: Transaction<string>) => R | Promise<R>,
  other: () => Promise<unknown>,
) {
  let runs = 0
  const result = db.transact(async tx => {
    runs += 1
    const value = await run(tx)
    if (runs === 1) await other()
    return value
  })
  return result.then(value => ({ value, runs }))
}

test('reads, writes and gives back what its function does, as one revision', async () => {
  const { a } = twoTabs()
  await a.put('from', '5')
  await a.put('to', '1')
  const moved = await a.transact(async tx => {
    const [from, to] = await Promise.all([tx.get('from'), tx.get('to')])
    tx.put('from', String(Number(from) - 2))
    tx.put('to', String(Number(to) + 2))
    return 2
  })
  expect(moved).toBe(2)
  const { kvs } = await a.range({ all: true })
  expect(kvs).toMatchObject([
    { key: 'from', value: '3', modRevision: 4 },
    { key: 'to', value: '3', modRevision: 4 },
  ])
})

test('no increment is lost among many at once', async () => {
  const { tabs, a } = twoTabs()
  const increments = 20
  const increment = (db: Namespace<string>) =>
    db.transact(async tx => tx.put('n', String(Number((await tx.get('n')) ?? 0) + 1)))
  await Promise.all(Array.from({ length: increments }, () => increment(tabs.open().db)))
  expect(await a.get('n')).toMatchObject({ value: String(increments), version: increments })
})

test('write skew: two that each read what the other writes do not both pass', async () => {
  const { a, b } = twoTabs()
  await a.put('alice', 'on call')
  await a.put('bob', 'on call')
  // Each may leave if the other stays.
  const leave = (me: string, other: string) => async (tx: Transaction<string>) => {
    if ((await tx.get(other)) !== 'on call') return false
    tx.put(me, 'off')
    return true
  }
  const { value } = await interrupted(a, leave('alice', 'bob'), () => b.transact(leave('bob', 'alice')))
  expect(value).toBe(false)
  expect(await a.get('alice')).toMatchObject({ value: 'on call' })
})

for (const [what, change] of [
  ['a key that comes into a range that was read', (db: Namespace<string>) => db.put('r/b', 'new')],
  ['a key that goes from it', (db: Namespace<string>) => db.delete('r/a')],
  ['a key that changes in it', (db: Namespace<string>) => db.put('r/a', 'other')],
  ['a key that is replaced in it', (db: Namespace<string>) => db.delete('r/a').then(() => db.put('r/a', '1'))],
] as const) {
  test(`${what} makes it run again`, async () => {
    const { a, b } = twoTabs()
    await a.put('r/a', '1')
    const { value, runs } = await interrupted(
      a,
      async tx => {
        const entries = await tx.range({ prefix: 'r/' })
        tx.put('sum', entries.map(({ value }) => value).join())
        return entries.length
      },
      () => change(b),
    )
    const { kvs } = await a.range({ prefix: 'r/' })
    expect({ value, runs }).toEqual({ value: kvs.length, runs: 2 })
    expect(await a.get('sum')).toMatchObject({ value: kvs.map(({ value }) => value).join() })
  })
}

test('into an empty range, too, nothing comes unseen', async () => {
  const { a, b } = twoTabs()
  const book = async (tx: Transaction<string>) => {
    if ((await tx.range({ prefix: 'seat/' })).length > 0) return false
    tx.put('seat/a', 'mine')
    return true
  }
  const { value } = await interrupted(a, book, () => b.put('seat/b', 'theirs'))
  expect(value).toBe(false)
})

test('what lies behind a limited range may change', async () => {
  const { a, b } = twoTabs()
  for (const key of ['q/1', 'q/2', 'q/3']) await a.put(key, key)
  const take = async (tx: Transaction<string>) => {
    const [first] = await tx.range({ prefix: 'q/' }, { limit: 1 })
    tx.delete(first?.key ?? 'none')
    return first?.key ?? ''
  }
  expect(await interrupted(a, take, () => b.put('q/3', 'changed'))).toEqual({ value: 'q/1', runs: 1 })
  expect(await interrupted(a, take, () => b.put('q/0', 'before'))).toEqual({ value: 'q/0', runs: 2 })
})

test('it reads its own writes, in ranges too', async () => {
  const { a } = twoTabs()
  for (const key of ['k/a', 'k/b', 'k/d', 'k/e']) await a.put(key, 'old')
  const seen = await a.transact(async tx => {
    tx.put('k/c', 'mine')
    tx.put('k/a', 'mine')
    tx.delete('k/b')
    const all = await tx.range({ prefix: 'k/' })
    const first = await tx.range({ prefix: 'k/' }, { limit: 3 })
    tx.delete('k/c')
    const values = [await tx.get('k/a'), await tx.get('k/b'), await tx.get('k/c'), await tx.get('k/d')]
    return { all: all.map(({ key, value }) => `${key}=${value}`), first: first.map(({ key }) => key), values }
  })
  expect(seen).toEqual({
    all: ['k/a=mine', 'k/c=mine', 'k/d=old', 'k/e=old'],
    first: ['k/a', 'k/c', 'k/d'],
    values: ['mine', undefined, undefined, 'old'],
  })
  expect((await a.range({ prefix: 'k/' })).kvs.map(({ key, value }) => `${key}=${value}`)).toEqual([
    'k/a=mine',
    'k/d=old',
    'k/e=old',
  ])
})

test('two reads never show two revisions, even if it will run again', async () => {
  const { a, b } = twoTabs()
  const putBoth = (db: Namespace<string>, value: string) =>
    db.transact(tx => {
      for (const key of ['x', 'y']) tx.put(key, value)
    })
  await putBoth(a, '1')
  const pairs: (string | undefined)[][] = []
  await a.transact(async tx => {
    const x = await tx.get('x')
    if (pairs.length === 0) await putBoth(b, '2')
    pairs.push([x, await tx.get('y')])
    tx.put('z', 'seen')
  })
  expect(pairs).toEqual([
    ['1', '1'],
    ['2', '2'],
  ])
})

test('reads alone need no commit, and are of one revision', async () => {
  const { a, b } = twoTabs()
  await a.put('x', '1')
  const { runs } = await interrupted(
    a,
    tx => tx.get('x'),
    () => b.put('x', '2'),
  )
  expect(runs).toBe(1)
})

test('a key that is only written conflicts under snapshot isolation, and is written over under the other', async () => {
  const { a, b } = twoTabs()
  const runs = { serializableSnapshot: 0, serializable: 0 }
  for (const isolation of ['serializableSnapshot', 'serializable'] as const) {
    await a.transact(
      async tx => {
        await tx.get('read')
        runs[isolation] += 1
        if (runs[isolation] === 1) await b.put('blind', 'theirs')
        tx.put('blind', 'mine')
      },
      { isolation },
    )
    expect(await a.get('blind')).toMatchObject({ value: 'mine' })
  }
  expect(runs).toEqual({ serializableSnapshot: 2, serializable: 1 })
})

test('it gives up after so many runs, without effect', async () => {
  const { a, b } = twoTabs()
  let runs = 0
  const error = await errorOf(
    a.transact(
      async tx => {
        await tx.get('hot')
        await b.put('hot', String(++runs))
        tx.put('mine', 'x')
      },
      { attemptsMax: 3 },
    ),
  )
  expect(error).toMatchObject({ code: 'CONFLICT', outcome: 'definite' })
  expect(runs).toBe(3)
  expect(await a.get('mine')).toBeNull()
})

test('what the function throws ends it without effect', async () => {
  const { a } = twoTabs()
  const oops = new Error('oops')
  expect(
    await errorOf(
      a.transact(async tx => {
        tx.put('k', 'x')
        throw oops
      }),
    ),
  ).toBe(oops)
  expect(
    await errorOf(
      a.transact(() => {
        throw oops
      }),
    ),
  ).toBe(oops)
  expect(await a.get('k')).toBeNull()
})

test('aborted, it does nothing, even if its function never ends', async () => {
  const { a } = twoTabs()
  const abort = new AbortController()
  const error = errorOf(
    a.transact(
      async tx => {
        tx.put('k', 'x')
        queueMicrotask(() => abort.abort())
        await new Promise(() => {})
      },
      { signal: abort.signal },
    ),
  )
  expect(await error).toMatchObject({ code: 'ABORTED', outcome: 'definite' })
  await settled()
  expect(await a.get('k')).toBeNull()
})

test('after its function has returned, nothing is taken any more', async () => {
  const { a } = twoTabs()
  const kept = await a.transact(tx => ({ tx }))
  expect(() => kept.tx.put('k', 'x')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  expect(await errorOf(kept.tx.get('k'))).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('a revision that is compacted under it makes it run again, whatever its function made of the error', async () => {
  const { a, b, compact } = twoTabs()
  await a.put('x', '1')
  let runs = 0
  const value = await a.transact(async tx => {
    runs += 1
    await tx.get('x')
    if (runs === 1) {
      const { header } = await b.put('y', '2')
      await compact.write({ op: 'compact', revision: header.revision })
    }
    const y = await tx.get('y').catch(() => 'swallowed')
    tx.put('z', y ?? '')
    return y
  })
  expect({ runs, value }).toEqual({ runs: 2, value: '2' })
  expect(await a.get('z')).toMatchObject({ value: '2', version: 1 })
})

test('more than a transaction can guard is refused', async () => {
  const { a } = twoTabs()
  for (let i = 0; i < 130; i++) await a.put(`k/${i}`, 'x')
  const error = await errorOf(
    a.transact(async tx => {
      await tx.range({ prefix: 'k/' })
      tx.put('sum', 'x')
    }),
  )
  expect(error).toMatchObject({ code: 'TOO_MANY_OPS', message: expect.stringContaining('132') })
})

test('several namespaces, each with its types, in one transaction', async () => {
  const { a } = twoTabs()
  const carts = a.namespace('cart/', { codec: json<string[]>() })
  await carts.transact(async tx => {
    tx.put('ann', [...((await tx.get('ann')) ?? []), 'apple'])
    tx.namespace('n/', { codec: json<number>() }).put('items', 1)
  })
  const { kvs } = await a.range({ all: true })
  expect(kvs).toMatchObject([
    { key: 'cart/ann', value: '["apple"]', modRevision: 2 },
    { key: 'cart/n/items', value: '1', modRevision: 2 },
  ])
})

test('any mix of transactions on few keys leaves what some order of them, one by one, would leave', async () => {
  const key = fc.constantFrom('a', 'b', 'c')
  const step = fc.oneof(
    fc.record({ kind: fc.constant('copy' as const), from: key, to: key }),
    fc.record({ kind: fc.constant('sum' as const), to: key }),
    fc.record({ kind: fc.constant('delete' as const), to: key }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async steps => {
      const tabs = new Tabs()
      const order: number[] = []
      const watcher = tabs.open().db
      await watcher.put('a', '1')
      await Promise.all(
        steps.map((step, i) =>
          tabs.open().db.transact(async tx => {
            if (step.kind === 'copy') tx.put(step.to, `${(await tx.get(step.from)) ?? ''}.`)
            if (step.kind === 'sum')
              tx.put(step.to, (await tx.range({ from: 'a', to: 'd' })).map(e => e.value).join('+'))
            if (step.kind === 'delete' && (await tx.get(step.to)) !== undefined) tx.delete(step.to)
            // Each transaction writes a key that says when it happened.
            tx.put(`order/${i}`, String(i))
          }),
        ),
      )
      const happened = await watcher.range({ prefix: 'order/' }, { sort: { target: 'mod', order: 'ascend' } })
      for (const { value } of happened.kvs) order.push(Number(value))
      const model = new Map([['a', '1']])
      for (const i of order) {
        const step = steps[i]
        if (step?.kind === 'copy') model.set(step.to, `${model.get(step.from) ?? ''}.`)
        if (step?.kind === 'sum') model.set(step.to, ['a', 'b', 'c'].flatMap(key => model.get(key) ?? []).join('+'))
        if (step?.kind === 'delete') model.delete(step.to)
      }
      const { kvs } = await watcher.range({ from: 'a', to: 'd' })
      expect(Object.fromEntries(kvs.map(({ key, value }) => [key, value]))).toEqual(Object.fromEntries(model))
    }),
    { numRuns: 50 },
  )
})
