import type { Random } from '../sim/random.ts'
import { type Corpus, concat, type Decoder } from './decoder.ts'

/** No input is longer, but for what a corpus holds. */
const inputBytesMax = 256 * 1024
const randomBytesMax = 300
const mutationsMax = 4

export interface Input {
  readonly bytes: Uint8Array
  readonly how: 'random' | 'valid' | 'mutated'
  /** A number in it was set to an extreme: what it asks for is weighed against the input. */
  readonly isExtreme: boolean
}

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array

/** Draws one input. */
export function drawInput(
  random: Random,
  { valid, odd = [] }: Corpus,
  decoder: Pick<Decoder, 'reseal' | 'words'>,
): Input {
  const roll = random.next()
  if (roll < 0.05 || valid.length + odd.length === 0)
    return { bytes: randomBytes(random), how: 'random', isExtreme: false }
  if (roll < 0.1 && valid.length > 0)
    return { bytes: new Uint8Array(pick(random, valid)), how: 'valid', isExtreme: false }
  const sources = valid.length === 0 || (odd.length > 0 && random.chance(0.4)) ? odd : valid
  let bytes = pick(random, sources)
  let isExtreme = false
  for (let left = random.integer(1, mutationsMax); left > 0; left--) {
    const mutation = pickMutation(random, decoder.words)
    isExtreme ||= mutation === extreme
    bytes = mutation(bytes, random, pick(random, sources))
    if (bytes.length > inputBytesMax) bytes = bytes.subarray(0, inputBytesMax)
  }
  // As it would come: in a buffer of its own.
  const own = new Uint8Array(bytes)
  if (decoder.reseal !== undefined && random.chance(0.75)) decoder.reseal(own)
  return { bytes: own, how: 'mutated', isExtreme }
}

function pickMutation(random: Random, words: readonly Uint8Array[] | undefined): Mutation {
  if (words !== undefined && random.chance(0.4)) return (bytes, random) => insert(bytes, random, pick(random, words))
  return random.pick(mutations)
}

const flip: Mutation = (bytes, random) => {
  const copy = bytes.slice()
  for (let left = random.integer(1, 8); left > 0; left--) {
    const at = random.integer(0, copy.length - 1)
    copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(0, 7))
  }
  return copy
}

/** Near the front more often than not: there are the kinds, counts and lengths. */
const setByte: Mutation = (bytes, random) => {
  const copy = bytes.slice()
  const end = random.chance(0.5) ? Math.min(copy.length, 16) : copy.length
  copy[random.integer(0, end - 1)] = random.chance(0.5) ? random.integer(0, 24) : random.integer(0, 255)
  return copy
}

/** 16, 32 and 64 bits in both orders, and numbers of variable length. */
const extremes: readonly Uint8Array[] = [
  ...['ffff', '8000', '0080', 'ffffffff', 'fffffffe', '00000080', '80000000', 'ffffff7f', '7fffffff', '00000000'],
  ...[
    '0000004000000000',
    'ffffffffffff1f00',
    '001fffffffffffff',
    '0000000001000000',
    'ffffffffffffffff',
    '0000000000002000',
  ],
  ...['ffffffff0f', '8080808010', 'ffffffffffffff0f', 'ffffffffffffffffff', '808080808080808001'],
].map(hex => Uint8Array.from(Buffer.from(hex, 'hex')))

const extreme: Mutation = (bytes, random) => {
  const number = pick(random, extremes)
  const at = random.integer(0, Math.max(0, bytes.length - number.length))
  const copy = bytes.slice()
  copy.set(number.subarray(0, copy.length - at), at)
  return copy
}

const truncate: Mutation = (bytes, random) => bytes.slice(0, random.integer(0, bytes.length))

const extend: Mutation = (bytes, random) => concat([bytes, randomBytes(random).subarray(0, random.integer(1, 40))])

/** The front of one and the end of another. */
const splice: Mutation = (bytes, random, other) =>
  concat([bytes.subarray(0, random.integer(0, bytes.length)), other.subarray(random.integer(0, other.length))])

/** A piece many times over. */
const repeat: Mutation = (bytes, random) => {
  const start = random.integer(0, bytes.length)
  const piece = bytes.subarray(start, start + random.integer(1, 64))
  const times = random.chance(0.02) ? random.integer(100, 2_000) : random.integer(1, 8)
  const pieces = Array.from({ length: times }, () => piece)
  return concat([bytes.subarray(0, start), ...pieces, bytes.subarray(start)])
}

/** Another, whole, inside of this one. */
const nest: Mutation = (bytes, random, other) => insert(bytes, random, other)

const remove: Mutation = (bytes, random) => {
  const start = random.integer(0, bytes.length)
  return concat([bytes.subarray(0, start), bytes.subarray(start + random.integer(1, 16))])
}

const mutations = [flip, setByte, extreme, extreme, truncate, extend, splice, repeat, nest, remove] as const

function insert(bytes: Uint8Array, random: Random, what: Uint8Array): Uint8Array {
  const at = random.integer(0, bytes.length)
  return concat([bytes.subarray(0, at), what, bytes.subarray(at)])
}

function randomBytes(random: Random): Uint8Array {
  const bytes = new Uint8Array(random.integer(0, random.chance(0.5) ? 24 : randomBytesMax))
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.integer(0, 255)
  return bytes
}

function pick(random: Random, items: readonly Uint8Array[]): Uint8Array {
  return random.pick(items) ?? new Uint8Array()
}
