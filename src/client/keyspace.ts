import type { KeyRange, LeaseId, Revision, KeyValue as StoredKeyValue } from '../store/types.ts'
import { type Codec, decodeText } from './codec.ts'
import { FlotillaError } from './errors.ts'
import { requestBytesMax } from './limits.ts'
import { type Key, keyBytes, keyRange, type RangeSpec, rawBytes } from './range.ts'

/** Where a key stands, without its value. */
export interface KeyVersion {
  /** Relative to the namespace it was read through. Bytes that are not UTF-8 show as U+FFFD. */
  readonly key: string
  /** The same key, exactly. */
  readonly keyBytes: Uint8Array
  /** Revision of the write that created this key since it was last deleted. */
  readonly createRevision: Revision
  /** Revision of the last change. */
  readonly modRevision: Revision
  /** 1 for a new key, one more for every put since. */
  readonly version: number
  /** The lease that holds it; 0 if none does. */
  readonly lease: LeaseId
}

export interface KeyValue<T> extends KeyVersion {
  readonly value: T
}

/** A prefix that keys are relative to, and a codec for what is kept under them. */
export class KeySpace<T> {
  readonly #base: Uint8Array
  readonly #codec: Codec<T>

  constructor(base: Uint8Array, codec: Codec<T>) {
    this.#base = base
    this.#codec = codec
  }

  key(key: Key): Uint8Array {
    return keyBytes(this.#base, key)
  }

  range(spec: RangeSpec): KeyRange {
    return keyRange(this.#base, spec)
  }

  value(value: T): Uint8Array {
    const encoded = this.#codec.encode(value)
    if (encoded.length > requestBytesMax) throw tooLarge(encoded.length)
    return encoded
  }

  decode(value: Uint8Array): T {
    return this.#codec.decode(value)
  }

  keyValue(kv: StoredKeyValue): KeyValue<T> {
    return { ...this.keyVersion(kv), value: this.decode(kv.value) }
  }

  keyVersion(kv: StoredKeyValue): KeyVersion {
    const { keyBytes, key } = this.name(kv.key)
    return {
      key,
      keyBytes,
      createRevision: kv.createRevision,
      modRevision: kv.modRevision,
      version: kv.version,
      lease: kv.lease,
    }
  }

  /** A stored key as it is called here. */
  name(stored: Uint8Array): { readonly key: string; readonly keyBytes: Uint8Array } {
    const keyBytes = stored.subarray(this.#base.length)
    return { key: decodeText(keyBytes), keyBytes }
  }

  within<U>(prefix: Key, codec: Codec<U>): KeySpace<U> {
    const own = rawBytes(prefix)
    const base = new Uint8Array(this.#base.length + own.length)
    base.set(this.#base)
    base.set(own, this.#base.length)
    return new KeySpace(base, codec)
  }

  get codec(): Codec<T> {
    return this.#codec
  }
}

export function tooLarge(bytes: number): FlotillaError {
  const mebibytes = (size: number) => `${(size / 1024 / 1024).toFixed(2)} MiB`
  return new FlotillaError(
    'REQUEST_TOO_LARGE',
    `One request may carry ${mebibytes(requestBytesMax)} of keys and values; this one has ${mebibytes(bytes)}.`,
  )
}
