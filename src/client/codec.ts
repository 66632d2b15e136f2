import { FlotillaError } from './errors.ts'

/** How values of type `T` are kept as bytes. `decode(encode(value))` must equal `value`. */
export interface Codec<T> {
  /** Throws `INVALID_ARGUMENT` for what it cannot keep. */
  encode(value: T): Uint8Array
  /** Throws `INVALID_VALUE` for bytes that `encode` never makes. */
  decode(bytes: Uint8Array): T
}

const encoder = new TextEncoder()
// A byte order mark is part of the text here: what was put must be what is read.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const strictDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

/** UTF-8. Refuses lone surrogates, which UTF-8 cannot hold: two different strings would become the same bytes. */
export function encodeText(text: string): Uint8Array {
  if (typeof text !== 'string') throw new FlotillaError('INVALID_ARGUMENT', `Expected a string, got ${typeof text}.`)
  if (/\p{Surrogate}/u.test(text)) {
    throw new FlotillaError('INVALID_ARGUMENT', 'The string holds half of a surrogate pair, which UTF-8 cannot keep.')
  }
  return encoder.encode(text)
}

/** Never fails: bytes that are not UTF-8 show as U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** Strings as UTF-8: the default. */
export function text(): Codec<string> {
  return {
    encode: encodeText,
    decode: bytes => {
      try {
        return strictDecoder.decode(bytes)
      } catch (cause) {
        throw new FlotillaError('INVALID_VALUE', 'The value is not UTF-8 text; read it with bytes().', { cause })
      }
    },
  }
}

/** Bytes as they are. */
export function bytes(): Codec<Uint8Array> {
  return {
    encode: value => {
      if (!(value instanceof Uint8Array)) throw new FlotillaError('INVALID_ARGUMENT', 'Expected a Uint8Array.')
      // A view would be posted with all of the buffer it looks into.
      return value.slice()
    },
    decode: value => value,
  }
}

/** Whatever `JSON.stringify` keeps. The type is the caller's word: nothing is checked beyond the syntax. */
export function json<T>(): Codec<T> {
  return {
    encode: value => {
      const encoded = stringify(value)
      if (encoded === undefined) {
        throw new FlotillaError('INVALID_ARGUMENT', `JSON cannot hold a value of type ${typeof value}.`)
      }
      return encoder.encode(encoded)
    },
    decode: value => {
      try {
        return JSON.parse(strictDecoder.decode(value))
      } catch (cause) {
        throw new FlotillaError('INVALID_VALUE', 'The value is not JSON.', { cause })
      }
    },
  }
}

/** `JSON.stringify` is declared to always give a string; for undefined and functions it does not. */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new FlotillaError('INVALID_ARGUMENT', 'JSON cannot hold the value.', { cause })
  }
}
