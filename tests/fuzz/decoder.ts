import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'

/** What a decoder made of an input: a value, or the refusal that it declares. Anything else escaped. */
export type Verdict = 'taken' | 'refused'

export interface Corpus {
  /** To be taken as they are. */
  readonly valid: readonly Uint8Array[]
  /** Well-formed on the outside, with anything inside. */
  readonly odd?: readonly Uint8Array[]
}

/** One decoder under test. All of its inputs are bytes; one of texts reads them as UTF-8. */
export interface Decoder {
  readonly name: string
  /** Its part of all inputs is this in proportion to the others': what is slow to take gets fewer. */
  readonly weight: number
  /** What inputs are made of, drawn from a seed. Throws `Broken` if a value does not come back as it was encoded. */
  corpus(seed: number): Corpus | Promise<Corpus>
  /** Makes checksums right again, in place: behind them is what no accident would find. */
  reseal?(bytes: Uint8Array): void
  /** Words of its language, put in here and there. */
  readonly words?: readonly Uint8Array[]
  /** Catches what the decoder declares and nothing else. Throws `Broken` for a value that it should not have given. */
  take(bytes: Uint8Array): Verdict | Promise<Verdict>
}

/** A promise of a decoder that does not hold. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

/** Values drawn for one corpus. */
const corpusValues = 64

export function drawn<T>(arbitrary: fc.Arbitrary<T>, seed: number): T[] {
  return fc.sample(arbitrary, { seed, numRuns: corpusValues })
}

/** A value that is none, for decoders that say so by returning it. */
export const refused: unique symbol = Symbol('refused')

export interface Codec<T> {
  read(bytes: Uint8Array): T | typeof refused
  write(value: T): Uint8Array
  /** The errors that it declares; none if it is to return whatever the bytes. */
  declares?(error: unknown): boolean
}

/** Values that are encoded, each of which has to come back. */
export function encoded<T>(codec: Codec<T>, arbitrary: fc.Arbitrary<T>, seed: number): Uint8Array[] {
  return drawn(arbitrary, seed).map(value => {
    const bytes = codec.write(value)
    const back = codec.read(bytes)
    // What fast-check draws has no prototype; a clone has the usual one.
    if (back === refused || !isDeepStrictEqual(structuredClone(back), structuredClone(value)))
      throw new Broken(`does not come back: ${JSON.stringify(value)}`)
    return bytes
  })
}

/** Takes an input, and holds that what was read can be written, and is then read as the same. */
export function takeStable<T>(codec: Codec<T>, bytes: Uint8Array): Verdict {
  const value = readOrRefuse(codec, bytes)
  if (value === refused) return 'refused'
  if (!isDeepStrictEqual(codec.read(codec.write(value)), value))
    throw new Broken('read, written and read again, it is another')
  return 'taken'
}

/** Takes an input, and holds that it is the only form of what was read. */
export function takeCanonical<T>(codec: Codec<T>, bytes: Uint8Array): Verdict {
  const value = readOrRefuse(codec, bytes)
  if (value === refused) return 'refused'
  if (Buffer.compare(codec.write(value), bytes) !== 0) throw new Broken('another form of the same value')
  return 'taken'
}

export function readOrRefuse<T>({ read, declares }: Codec<T>, bytes: Uint8Array): T | typeof refused {
  try {
    return read(bytes)
  } catch (error) {
    if (declares?.(error) === true) return refused
    throw error
  }
}

/** For what is read in several values: each with its length before it. One that lies is cut off at the end. */
export function joinSeries(parts: readonly Uint8Array[]): Uint8Array {
  return concat(parts.flatMap(part => [lengthOf(part), part]))
}

/** Not a Buffer, whose `slice` shares its bytes. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** What comes after so many is left out: the time that an input takes is to be one decoder's, and not that of thousands. */
const seriesMax = 100

export function splitSeries(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Uint8Array[] = []
  for (let at = 0; at + 4 <= bytes.length && parts.length < seriesMax; ) {
    const start = at + 4
    at = Math.min(bytes.length, start + view.getUint32(at, true))
    parts.push(bytes.subarray(start, at))
  }
  return parts
}

function lengthOf(part: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(part.length)
  return bytes
}

export const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const jsonOf = (value: unknown): Uint8Array => bytesOf(JSON.stringify(value))

/** What JSON can say and a program may not expect. */
export const jsonWords: readonly Uint8Array[] = [
  ...[
    'null',
    'true',
    '{}',
    '[]',
    '""',
    '0',
    '-0',
    '-1',
    '1e999',
    '-1e999',
    '0.5',
    '9007199254740993',
    '"\\ud800"',
    ',',
  ],
  ...['"__proto__":', '"constructor":', '"toString":', '"length":', '{"type":', '\u0000', '\ufeff', '['.repeat(9_000)],
  `${'{"a":'.repeat(5_000)}`,
].map(bytesOf)

/** An object of these fields, each now and then missing or of any other kind. */
export function oddObject(
  fields: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<Record<string, unknown>> {
  const model = Object.entries(fields).map(([name, field]) => [
    name,
    fc.oneof({ weight: 6, arbitrary: field }, { weight: 1, arbitrary: fc.jsonValue() }),
  ])
  return fc.record(Object.fromEntries(model), { requiredKeys: [] })
}
