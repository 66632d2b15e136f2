import type { KeyRange } from './types.ts'

/** Byte strings: order, equality, ownership, and the form in which keys are held inside the store. */

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0)

/** All keys there can be, in the form of a request. */
export const EVERY_KEY: KeyRange = { key: Uint8Array.of(0), end: Uint8Array.of(0) }

/** Arguments of one `fromCharCode` call; engines limit them, and the stack is small in a worker. */
const CHARS_PER_CALL_MAX = 4096

/** Unsigned lexicographic order, as etcd compares keys and values: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/**
 * A key as a string of one char per byte. Engines keep such strings at one byte per char, hash and compare them natively,
 * and JavaScript's `<` on them is the byte order of the keys. (No text encoding is involved: keys need not be UTF-8, and
 * TextDecoder's "latin1" is really windows-1252.)
 */
export function keyText(key: Uint8Array): string {
  if (key.length <= CHARS_PER_CALL_MAX) return charsOf(key)
  let text = ''
  for (let start = 0; start < key.length; start += CHARS_PER_CALL_MAX) {
    text += charsOf(key.subarray(start, start + CHARS_PER_CALL_MAX))
  }
  return text
}

/** The key that a text of `keyText` stands for, in a buffer of its own. */
export function keyBytes(text: string): Uint8Array {
  const key = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) key[i] = text.charCodeAt(i)
  return key
}

function charsOf(bytes: Uint8Array): string {
  // `apply` takes any array-like; its type only knows arrays, and copying into one would cost more than the call.
  return String.fromCharCode.apply(null, bytes as unknown as number[])
}

/**
 * Bytes that the state may keep for long. A small view into a large buffer (one value out of a whole message or log record)
 * would hold all of it in memory for as long as the value lives, so it is copied; a view that is most of its buffer is kept.
 */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return EMPTY_BYTES
  return bytes.length * 2 > bytes.buffer.byteLength ? bytes : bytes.slice()
}
