import type { KeyRange } from '../store/types.ts'
import { encodeText } from './codec.ts'
import { FlotillaError } from './errors.ts'

/** A key: a string is its UTF-8 bytes. Never empty. */
export type Key = string | Uint8Array

/** Keys are ordered by their bytes. `to` is exclusive; without it, all keys from `from` on. */
export type RangeSpec =
  | Key
  | { readonly key: Key }
  | { readonly prefix: Key }
  | { readonly from: Key; readonly to?: Key }
  | { readonly all: true }

/** As `end`: no bound. As `key`: the smallest key there is. (etcd's encoding.) */
const unbounded: Uint8Array = Uint8Array.of(0)

/** The bytes of `key` behind those of `base`. */
export function keyBytes(base: Uint8Array, key: Key): Uint8Array {
  const own = rawBytes(key)
  if (own.length === 0) throw new FlotillaError('EMPTY_KEY', 'A key must not be empty.')
  return concat(base, own)
}

/** The keys under `base` that `spec` names. A range never leaves its base. */
export function keyRange(base: Uint8Array, spec: RangeSpec): KeyRange {
  if (typeof spec === 'string' || spec instanceof Uint8Array) return { key: keyBytes(base, spec), end: null }
  if (typeof spec !== 'object' || spec === null) throw unknownRange()
  if ('key' in spec) return { key: keyBytes(base, spec.key), end: null }
  if ('prefix' in spec) return prefixRange(concat(base, rawBytes(spec.prefix)))
  if ('all' in spec && spec.all === true) return prefixRange(base)
  if ('from' in spec) return boundedRange(base, spec.from, spec.to)
  throw unknownRange()
}

function boundedRange(base: Uint8Array, from: Key, to: Key | undefined): KeyRange {
  const first = concat(base, rawBytes(from))
  const key = first.length === 0 ? unbounded : first
  if (to === undefined) return { key, end: prefixEnd(base) }
  const end = concat(base, rawBytes(to))
  // Beyond being a mistake, an end of [] or [0] would mean something else to the store.
  if (compareBytes(key, end) >= 0) throw new FlotillaError('INVALID_ARGUMENT', 'A range must end after it begins.')
  return { key, end }
}

function prefixRange(prefix: Uint8Array): KeyRange {
  return { key: prefix.length === 0 ? unbounded : prefix, end: prefixEnd(prefix) }
}

/** The first key after all those that begin with `prefix`. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  for (let last = prefix.length - 1; last >= 0; last--) {
    const byte = prefix[last]
    if (byte === undefined || byte === 0xff) continue
    const end = prefix.slice(0, last + 1)
    end[last] = byte + 1
    return end
  }
  return unbounded
}

/** The order of keys. JavaScript's `<` compares UTF-16 units, which puts emoji before U+FFxx; bytes do not. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** A key as a string of one char a byte, for maps and sets: JavaScript's order of these is the order of keys. */
export function keyText(key: Uint8Array): string {
  let text = ''
  for (const byte of key) text += String.fromCharCode(byte)
  return text
}

export function rawBytes(key: Key): Uint8Array {
  if (typeof key === 'string') return encodeText(key)
  if (key instanceof Uint8Array) return key
  throw new FlotillaError('INVALID_ARGUMENT', `A key is a string or a Uint8Array, not ${typeof key}.`)
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}

function unknownRange(): FlotillaError {
  return new FlotillaError('INVALID_ARGUMENT', 'A range is a key, { key }, { prefix }, { from, to } or { all: true }.')
}
