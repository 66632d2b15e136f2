import { expect, test } from 'vitest'
import { json } from '../../../src/client/codec.ts'
import { errorOf } from './fake-host.ts'
import { Tabs } from './tabs.ts'

async function filled(keys: number) {
  const tab = new Tabs().open()
  await Promise.all(Array.from({ length: keys }, (_, i) => tab.db.put(`k/${String(i).padStart(3, '0')}`, String(i))))
  return tab
}

test('gives every key once, in order, in pages of the size asked for', async () => {
  const { db } = await filled(25)
  const pages = []
  for await (const page of db.scan({ prefix: 'k/' }, { pageSize: 10 })) pages.push(page)
  expect(pages.map(({ kvs }) => kvs.length)).toEqual([10, 10, 5])
  expect(pages.flatMap(({ kvs }) => kvs.map(({ value }) => Number(value)))).toEqual(
    Array.from({ length: 25 }, (_, i) => i),
  )
})

test('a range that ends with a page has no empty page behind it, and one without keys has one', async () => {
  const { db } = await filled(20)
  const sizes = async (prefix: string) => {
    const found = []
    for await (const { kvs } of db.scan({ prefix }, { pageSize: 10 })) found.push(kvs.length)
    return found
  }
  expect(await sizes('k/')).toEqual([10, 10])
  expect(await sizes('none/')).toEqual([0])
})

test('all pages show the revision of the first, whatever is written meanwhile', async () => {
  const { db } = await filled(30)
  const { header } = await db.range({ all: true })
  const seen: string[] = []
  for await (const page of db.scan({ prefix: 'k/' }, { pageSize: 7 })) {
    expect(page.header).toEqual(header)
    seen.push(...page.kvs.map(({ value }) => value))
    await db.put('k/000', 'changed')
    await db.put('k/015x', 'inserted')
    await db.delete('k/029')
    await db.put('k/029', 'changed')
  }
  expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => String(i)))
})

test('compacted under it, it ends with the revision that can still be read', async () => {
  const { db, connection } = await filled(30)
  const scan = db.scan({ prefix: 'k/' }, { pageSize: 10 })
  await scan.next()
  const { header } = await db.put('k/000', 'x')
  await connection.write({ op: 'compact', revision: header.revision })
  const error = await errorOf(scan.next())
  expect(error).toMatchObject({ code: 'COMPACTED', compactRevision: header.revision })
  const again = db.scan({ prefix: 'k/' }, { pageSize: 100, revision: header.revision })
  expect((await again.next()).value?.kvs).toHaveLength(30)
})

test('a read of a compacted revision says the same', async () => {
  const { db, connection } = await filled(5)
  await connection.write({ op: 'compact', revision: 5 })
  expect(await errorOf(db.get('k/000', { revision: 3 }))).toMatchObject({ code: 'COMPACTED', compactRevision: 5 })
  expect(await db.get('k/000', { revision: 5 })).not.toBeNull()
})

test('works in a namespace, with its types, and without values', async () => {
  const { db } = await filled(0)
  const numbers = db.namespace('n/', { codec: json<number>() })
  for (let i = 0; i < 5; i++) await numbers.put(String(i), i)
  let sum = 0
  for await (const { kvs } of numbers.scan({ all: true }, { pageSize: 2 })) for (const { value } of kvs) sum += value
  expect(sum).toBe(10)
  const keys = []
  for await (const { kvs } of numbers.scan({ all: true }, { pageSize: 2, keysOnly: true })) keys.push(...kvs)
  expect(keys.map(({ key }) => key)).toEqual(['0', '1', '2', '3', '4'])
  expect(keys[0]).not.toHaveProperty('value')
})

test('a loop that is left asks for nothing more, and an abort ends it', async () => {
  const { db } = await filled(30)
  for await (const { kvs } of db.scan({ prefix: 'k/' }, { pageSize: 10 })) {
    expect(kvs).toHaveLength(10)
    break
  }
  const abort = new AbortController()
  const scan = db.scan({ prefix: 'k/' }, { pageSize: 10, signal: abort.signal })
  await scan.next()
  abort.abort()
  expect(await errorOf(scan.next())).toMatchObject({ code: 'ABORTED' })
  expect(await errorOf(db.scan({ all: true }, { pageSize: 0 }).next())).toMatchObject({ code: 'INVALID_ARGUMENT' })
})
