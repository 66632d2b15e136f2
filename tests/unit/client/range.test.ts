import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareBytes, keyBytes, keyRange, prefixEnd, type RangeSpec } from '../../../src/client/range.ts'
import { bytes, thrownBy } from './fake-host.ts'

const root = new Uint8Array()
const todo = bytes('todo/')
const someBytes = fc.uint8Array({ maxLength: 6 })
const someKey = fc.uint8Array({ minLength: 1, maxLength: 6 })

function contains({ key, end }: { key: Uint8Array; end: Uint8Array | null }, candidate: Uint8Array): boolean {
  if (end === null) return compareBytes(candidate, key) === 0
  if (compareBytes(candidate, key) < 0) return false
  return (end.length === 1 && end[0] === 0) || compareBytes(candidate, end) < 0
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, i) => key[i] === byte)
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap(part => [...part]))
}

test('a prefix is exactly the keys that begin with it', () => {
  fc.assert(
    fc.property(someBytes, someKey, (prefix, key) => {
      expect(contains(keyRange(root, { prefix }), key)).toBe(startsWith(key, prefix))
      const longer = concat(prefix, key)
      expect(contains(keyRange(root, { prefix }), longer)).toBe(true)
    }),
  )
})

test('the end of a prefix carries over bytes that cannot grow', () => {
  expect(prefixEnd(Uint8Array.of(1, 0xff, 0xff))).toEqual(Uint8Array.of(2))
  expect(prefixEnd(Uint8Array.of(0xff, 0xff))).toEqual(Uint8Array.of(0))
  expect(prefixEnd(root)).toEqual(Uint8Array.of(0))
})

test('each kind of range is in the encoding of etcd', () => {
  expect(keyRange(root, 'a')).toEqual({ key: bytes('a'), end: null })
  expect(keyRange(root, Uint8Array.of(0xfe))).toEqual({ key: Uint8Array.of(0xfe), end: null })
  expect(keyRange(root, { key: 'a' })).toEqual({ key: bytes('a'), end: null })
  expect(keyRange(root, { prefix: 'a' })).toEqual({ key: bytes('a'), end: bytes('b') })
  expect(keyRange(root, { from: 'a', to: 'c' })).toEqual({ key: bytes('a'), end: bytes('c') })
  expect(keyRange(root, { from: 'a' })).toEqual({ key: bytes('a'), end: Uint8Array.of(0) })
  expect(keyRange(root, { from: '' })).toEqual({ key: Uint8Array.of(0), end: Uint8Array.of(0) })
  expect(keyRange(root, { all: true })).toEqual({ key: Uint8Array.of(0), end: Uint8Array.of(0) })
})

test('no range of a namespace reaches beyond it', () => {
  const spec: fc.Arbitrary<RangeSpec> = fc.oneof(
    someKey,
    someBytes.map(prefix => ({ prefix })),
    someBytes.map(from => ({ from })),
    fc
      .tuple(someBytes, someBytes)
      .filter(([from, to]) => compareBytes(from, to) < 0)
      .map(([from, to]) => ({ from, to })),
    fc.constant({ all: true } as const),
  )
  fc.assert(
    fc.property(spec, spec => {
      const { key, end } = keyRange(todo, spec)
      expect(startsWith(key, todo)).toBe(true)
      // The last bound within is the first key behind: 'todo/' with its last byte one higher.
      if (end !== null) expect(compareBytes(end, bytes('todo0'))).toBeLessThanOrEqual(0)
      if (end !== null) expect(compareBytes(end, key)).toBeGreaterThan(0)
    }),
  )
  expect(keyRange(todo, { all: true })).toEqual({ key: todo, end: bytes('todo0') })
  expect(keyRange(todo, { from: 'b' })).toEqual({ key: bytes('todo/b'), end: bytes('todo0') })
})

test('a namespace keeps the order and the difference of the keys in it', () => {
  fc.assert(
    fc.property(someKey, someKey, (a, b) => {
      expect(Math.sign(compareBytes(keyBytes(todo, a), keyBytes(todo, b)))).toBe(Math.sign(compareBytes(a, b)))
    }),
  )
})

test('keys order by their bytes, not by UTF-16 units', () => {
  const [halfwidth, emoji] = ['\uff5e', '\u{1f600}']
  expect(halfwidth < emoji).toBe(false)
  expect(compareBytes(bytes(halfwidth), bytes(emoji))).toBeLessThan(0)
})

test('what names no key is refused with a code', () => {
  expect(thrownBy(() => keyBytes(root, ''))).toMatchObject({ code: 'EMPTY_KEY', outcome: 'definite' })
  expect(thrownBy(() => keyBytes(todo, ''))).toMatchObject({ code: 'EMPTY_KEY' })
  expect(thrownBy(() => keyBytes(root, new Uint8Array()))).toMatchObject({ code: 'EMPTY_KEY' })
  expect(thrownBy(() => keyBytes(root, '\ud800'))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  for (const spec of [{}, { all: false }, 7, null, undefined, { prefix: 7 }, { key: null }]) {
    // @ts-expect-error: what callers without types may pass
    expect(thrownBy(() => keyRange(root, spec))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  }
})

test('a range that ends before it begins is refused, for its end could mean something else to the store', () => {
  for (const spec of [
    { from: 'b', to: 'a' },
    { from: 'a', to: 'a' },
    { from: 'a', to: '' },
    { from: '', to: '' },
    { from: 'a', to: '\0' },
    { from: '', to: '\0' },
  ]) {
    expect(thrownBy(() => keyRange(root, spec))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  }
})
