import { DEFAULT_STORE_OPTIONS } from '../src/store/limits.ts'
import { Store } from '../src/store/store.ts'
import type { RangeRequest, WriteRequest } from '../src/store/types.ts'

/** Five million revisions of such values are about what the default quota holds. */
export const valueBytes = 32

/** Values come out of messages that hold many, and may not keep these alive. */
const message = new Uint8Array(64 * 1024).map((_, i) => i * 31)
/** Coprime to the number of keys, so that steps of it come to every key, far from the one before. */
const strideKeys = 7_919

/** A store, and the one client that writes to it. */
export class Load {
  readonly store = new Store({ quotaBytesMax: DEFAULT_STORE_OPTIONS.quotaBytesMax * 16 })
  readonly keys: number
  #seq = 0

  constructor(keys: number) {
    this.keys = keys
  }

  apply(request: WriteRequest): void {
    this.#seq++
    const result = this.store.apply({ clientId: '0'.repeat(32), seq: this.#seq, acked: this.#seq - 1, request })
    if (!result.ok) throw new Error(`${request.op}: ${result.message}`)
  }

  put(turn: number): void {
    this.apply(putOf(scatteredKey(turn, this.keys), writtenValue(turn)))
  }

  get(turn: number): void {
    const { kvs } = this.store.range(rangeOf(scatteredKey(turn, this.keys), null))
    if (kvs.length !== 1) throw new Error('a key is missing')
  }

  /** The hundred keys that share all but the last two digits. */
  getHundred(turn: number): void {
    const prefix = scatteredKey(turn, this.keys).slice(0, -2)
    const { kvs } = this.store.range(rangeOf(prefix, endOf(prefix)))
    if (kvs.length !== 100) throw new Error('not a hundred keys')
  }
}

/** As a string: the key of whoever keeps them in a map. */
export function scatteredText(turn: number, keys: number): string {
  return textOf((turn * strideKeys) % keys)
}

/** Each of the keys once in as many turns, in an order that is none. */
export function scatteredKey(turn: number, keys: number): Uint8Array {
  return new TextEncoder().encode(scatteredText(turn, keys))
}

export function textOf(number: number): string {
  return `key/${String(number).padStart(8, '0')}`
}

export function writtenValue(turn: number): Uint8Array {
  const at = (turn * 13) % (message.length - valueBytes)
  return message.subarray(at, at + valueBytes)
}

export function putOf(key: Uint8Array, value: Uint8Array): WriteRequest & { op: 'put' } {
  return { op: 'put', key, value, lease: 0, prevKv: false, ignoreValue: false, ignoreLease: false }
}

/** Where the keys with a prefix end. */
export function endOf(prefix: Uint8Array): Uint8Array {
  const end = prefix.slice()
  end[end.length - 1] = (end.at(-1) ?? 0) + 1
  return end
}

export function rangeOf(key: Uint8Array, end: Uint8Array | null): RangeRequest {
  const whole = {
    limit: 0,
    revision: 0,
    sortTarget: 'key',
    sortOrder: 'none',
    keysOnly: false,
    countOnly: false,
  } as const
  const bounds = { minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 }
  return { op: 'range', key, end, ...whole, ...bounds }
}
