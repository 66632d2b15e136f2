import { EMPTY_BYTES, ownBytes } from './bytes.ts'

/**
 * Values up to this long are packed, longer ones kept as they came. An array of bytes of its own takes some 250 bytes of
 * memory beside its content, and the collector's time; to copy so little when it is read takes less than to make the
 * array.
 */
const PACKED_VALUE_BYTES_MAX = 1024

const AREA_BYTES_MIN = 1024

/** A fixed number of rows with a value in each: the memory of a chunk of changes or keys. */
export class ValueCells {
  readonly #starts: Uint32Array
  readonly #lengths: Uint32Array
  readonly #long = new Map<number, Uint8Array>()
  #packed: Uint8Array = EMPTY_BYTES
  /** How far the packed bytes are written, and how many of them belong to a row. */
  #packedEnd = 0
  #packedLive = 0

  constructor(rows: number) {
    this.#starts = new Uint32Array(rows)
    this.#lengths = new Uint32Array(rows)
  }

  length(row: number): number {
    return this.#lengths[row] ?? 0
  }

  /** The value, in a buffer of its own or one that is mostly its own: it may be kept, and cloned by the browser. */
  get(row: number): Uint8Array {
    const value = this.view(row)
    return value.length > PACKED_VALUE_BYTES_MAX ? value : value.slice()
  }

  /** The value, to be looked at before the next change. */
  view(row: number): Uint8Array {
    const length = this.length(row)
    if (length > PACKED_VALUE_BYTES_MAX) return this.#long.get(row) ?? missing()
    const start = this.#starts[row] ?? 0
    return this.#packed.subarray(start, start + length)
  }

  set(row: number, value: Uint8Array): void {
    this.clear(row)
    if (value.length > PACKED_VALUE_BYTES_MAX) {
      this.#long.set(row, ownBytes(value))
    } else {
      if (this.#packedEnd + value.length > this.#packed.length) this.#repack(value.length)
      this.#packed.set(value, this.#packedEnd)
      this.#starts[row] = this.#packedEnd
      this.#packedEnd += value.length
      this.#packedLive += value.length
    }
    this.#lengths[row] = value.length
  }

  clear(row: number): void {
    const length = this.length(row)
    if (length > PACKED_VALUE_BYTES_MAX) this.#long.delete(row)
    else this.#packedLive -= length
    this.#lengths[row] = 0
  }

  /** No row will be set any longer: gives back the room kept for more. */
  seal(): void {
    this.#packed = this.#packed.slice(0, this.#packedEnd)
  }

  /** Moves what is live together, with room for as much again. */
  #repack(bytes: number): void {
    const packed = new Uint8Array(Math.max(AREA_BYTES_MIN, (this.#packedLive + bytes) * 2))
    let end = 0
    for (const [row, length] of this.#lengths.entries()) {
      if (length === 0 || length > PACKED_VALUE_BYTES_MAX) continue
      packed.set(this.view(row), end)
      this.#starts[row] = end
      end += length
    }
    if (end !== this.#packedLive) throw new Error('packed values were miscounted')
    this.#packed = packed
    this.#packedEnd = end
  }
}

function missing(): never {
  throw new Error('a long value is missing')
}
