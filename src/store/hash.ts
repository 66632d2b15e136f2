import type { KeyValue } from './types.ts'

/**
 * A 32-bit rolling hash for noticing that two members' states differ, or that a snapshot was damaged. It guards against
 * accidents, not against an adversary: whoever can write entries is a member anyway.
 */

export const HASH_SEED = 0x811c9dc5

/** Mixes a number (its low 32 bits, and what is above them) into the hash. */
export function mixNumber(hash: number, value: number): number {
  const high = Math.floor(value / 0x1_0000_0000)
  const mixed = mixWord(hash, value | 0)
  return high === 0 ? mixed : mixWord(mixed, high | 0)
}

/** Mixes the length and the bytes, four at a time. */
export function mixBytes(hash: number, bytes: Uint8Array): number {
  let mixed = mixWord(hash, bytes.length)
  const whole = bytes.length & ~3
  let i = 0
  for (; i < whole; i += 4) {
    const word =
      (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24)
    mixed = mixWord(mixed, word)
  }
  for (; i < bytes.length; i++) mixed = mixWord(mixed, bytes[i] ?? 0)
  return mixed
}

/** Mixes the length and the char codes. */
export function mixText(hash: number, text: string): number {
  let mixed = mixWord(hash, text.length)
  for (let i = 0; i < text.length; i++) mixed = mixWord(mixed, text.charCodeAt(i))
  return mixed
}

/** Mixes all of a key-value. */
export function mixKeyValue(hash: number, kv: KeyValue): number {
  const mixed = mixBytes(mixBytes(hash, kv.key), kv.value)
  return mixNumber(mixNumber(mixNumber(mixNumber(mixed, kv.modRevision), kv.createRevision), kv.version), kv.lease)
}

/** Multiply, add, fold the high half into the low one: every step is a bijection of `hash`, so no difference gets lost. */
function mixWord(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e3779b1) + 0x7f4a7c15
  return (product ^ (product >>> 15)) >>> 0
}
