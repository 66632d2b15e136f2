import { expect, test } from 'vitest'
import { Store } from '../../../src/store/store.ts'
import { bytes, del, everything, OPEN_END, pairs, put, range, Writer } from './requests.ts'

function setUp(): { store: Store; writer: Writer } {
  const store = new Store()
  return { store, writer: new Writer(store) }
}

test('a new store is at revision 1, and the first write makes 2', () => {
  const { store, writer } = setUp()
  expect(store.revision).toBe(1)
  expect(writer.ok(put('k', 'v')).header.revision).toBe(2)
  expect(store.revision).toBe(2)
})

test('version counts from the creation, the create revision stays, the mod revision follows, and a deletion resets', () => {
  const { store, writer } = setUp()
  writer.ok(put('k', '1'))
  writer.ok(put('k', '2'))
  expect(store.range(range('k')).kvs).toMatchObject([{ createRevision: 2, modRevision: 3, version: 2 }])
  writer.ok(del('k'))
  writer.ok(put('k', '3'))
  expect(store.range(range('k')).kvs).toMatchObject([{ createRevision: 5, modRevision: 5, version: 1 }])
})

test('deleting what is not there makes no revision', () => {
  const { store, writer } = setUp()
  writer.ok(put('k', 'v'))
  expect(writer.ok(del('nothing'))).toEqual({ op: 'delete', header: { revision: 2 }, deleted: 0, prevKvs: [] })
  expect(store.revision).toBe(2)
})

test('deleting a range is one revision, and says what was deleted', () => {
  const { store, writer } = setUp()
  for (const key of ['a', 'b', 'c']) writer.ok(put(key, key))
  const response = writer.ok(del('a', 'c', true))
  expect(response.deleted).toBe(2)
  expect(pairs(response.prevKvs)).toEqual(['a=a', 'b=b'])
  expect(response.header.revision).toBe(5)
  expect(pairs(store.range(everything()).kvs)).toEqual(['c=c'])
})

test('a put gives the previous key-value when asked for', () => {
  const { writer } = setUp()
  expect(writer.ok(put('k', '1', { prevKv: true })).prevKv).toBeNull()
  expect(writer.ok(put('k', '2', { prevKv: true })).prevKv).toMatchObject({ value: bytes('1'), modRevision: 2 })
  expect(writer.ok(put('k', '3')).prevKv).toBeNull()
})

test('a put can keep the value, but not of a key that is not there', () => {
  const { store, writer } = setUp()
  expect(writer.code(put('k', '', { ignoreValue: true }))).toBe('KEY_NOT_FOUND')
  expect(writer.code(put('k', 'v', { ignoreLease: true }))).toBe('KEY_NOT_FOUND')
  writer.ok(put('k', 'v'))
  writer.ok(put('k', '', { ignoreValue: true }))
  expect(store.range(range('k')).kvs).toMatchObject([{ value: bytes('v'), version: 2 }])
})

test('a lease that does not exist is refused', () => {
  const { store, writer } = setUp()
  expect(writer.code(put('k', 'v', { lease: 7 }))).toBe('LEASE_NOT_FOUND')
  expect(store.revision).toBe(1)
})

test('keys order by unsigned bytes, whatever they hold', () => {
  const { store, writer } = setUp()
  const keys = ['\0', '\0\0', 'a', 'a\0', 'aa', 'b', '\x7f', '\x80', '\xff', '\xff\0', '\xff\xff']
  for (const key of [...keys].reverse()) writer.ok(put(key, ''))
  expect(store.range(everything()).kvs.map(kv => kv.key)).toEqual(keys.map(bytes))
  expect(store.range(range('\x7f', OPEN_END)).count).toBe(5)
  expect(store.range(range('a', 'b')).count).toBe(3)
})

test('an inverted or empty range holds nothing', () => {
  const { store, writer } = setUp()
  writer.ok(put('b', ''))
  expect(store.range(range('c', 'a')).count).toBe(0)
  expect(store.range(range('b', 'b')).count).toBe(0)
  expect(writer.ok(del('c', 'a')).deleted).toBe(0)
})

test('keys far longer than one call can convert work', () => {
  const { store, writer } = setUp()
  const long = 'x'.repeat(128 * 1024)
  writer.ok(put(`${long}2`, 'v'))
  expect(store.range(range(`${long}1`, `${long}3`)).kvs[0]?.key.length).toBe(long.length + 1)
})

test('a stored value is not touched when the message it came in is', () => {
  const { store, writer } = setUp()
  const message = new Uint8Array(1000)
  const value = message.subarray(10, 20).fill(1)
  writer.ok({ ...put('k', ''), value })
  message.fill(9)
  expect(store.range(range('k')).kvs[0]?.value).toEqual(new Uint8Array(10).fill(1))
  expect(store.range(range('k')).kvs[0]?.value.buffer.byteLength).toBe(10)
})
