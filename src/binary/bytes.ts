/**
 * Bytes in and out, with every bound checked. Integers are little-endian; terms, indexes and member ids take 8 bytes and
 * must be safe integers (53 bits).
 *
 * A writer is given its exact size beforehand, so a message is allocated once, or not at all where it is written into a `Scratch`, and
 * its payload copied once. A reader hands out views of what it reads and allocates nothing, so a length that lies costs nothing.
 */

/** The bytes are not what they claim to be. The only thing a `ByteReader` throws. */
export class BytesError extends Error {
  override readonly name = 'BytesError'
}

export const integerBytes = 8

const twoTo32 = 2 ** 32
const highMax = Math.floor(Number.MAX_SAFE_INTEGER / twoTo32)

/** Memory for what is written and copied elsewhere before the next is written: to allocate costs more than to write a small message. */
export class Scratch {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly view: DataView

  constructor(size: number) {
    this.bytes = new Uint8Array(size)
    this.view = new DataView(this.bytes.buffer)
  }
}

export class ByteWriter {
  readonly #bytes: Uint8Array<ArrayBuffer>
  readonly #view: DataView
  #position = 0

  /** What does not fit into the scratch has memory of its own. */
  constructor(size: number, scratch: Scratch | null = null) {
    if (scratch !== null && size <= scratch.bytes.length) {
      this.#bytes = scratch.bytes.subarray(0, size)
      this.#view = scratch.view
    } else {
      this.#bytes = new Uint8Array(size)
      this.#view = new DataView(this.#bytes.buffer)
    }
  }

  u8(value: number): void {
    if (!(value >= 0 && value <= 0xff)) throw new RangeError(`${value} is no byte`)
    this.#view.setUint8(this.#position, value)
    this.#position += 1
  }

  u32(value: number): void {
    if (!(value >= 0 && value < twoTo32)) throw new RangeError(`${value} is no unsigned 32-bit integer`)
    this.#view.setUint32(this.#position, value, true)
    this.#position += 4
  }

  /** A safe integer, not negative, so the ids of local threads (-1, -2) cannot slip onto a wire or a disk. */
  integer(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no safe integer >= 0`)
    const high = Math.floor(value / twoTo32)
    this.#view.setUint32(this.#position, value - high * twoTo32, true)
    this.#view.setUint32(this.#position + 4, high, true)
    this.#position += integerBytes
  }

  bytes(data: Uint8Array): void {
    this.#bytes.set(data, this.#position)
    this.#position += data.length
  }

  /** What was written. Throws if the size given was not the size written: then the two halves of a format disagree. */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.#position !== this.#bytes.length) {
      throw new RangeError(`wrote ${this.#position} bytes of ${this.#bytes.length}`)
    }
    return this.#bytes
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#bytes.length - this.#position
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  integer(): number {
    const at = this.#advance(integerBytes)
    const high = this.#view.getUint32(at + 4, true)
    if (high > highMax) throw new BytesError('integer above 53 bits')
    return high * twoTo32 + this.#view.getUint32(at, true)
  }

  boolean(): boolean {
    const value = this.u8()
    if (value > 1) throw new BytesError(`${value} is no boolean`)
    return value === 1
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length)
    return this.#bytes.subarray(at, at + length)
  }

  /** How many items follow; refused at once if that many, of at least `itemBytesMin` each, cannot fit in what is left. */
  count(itemBytesMin: number): number {
    const count = this.u32()
    if (count * itemBytesMin > this.remaining) throw new BytesError(`${count} items in ${this.remaining} bytes`)
    return count
  }

  /** Throws unless everything was read. */
  finish(): void {
    if (this.remaining > 0) throw new BytesError(`${this.remaining} bytes too many`)
  }

  #advance(length: number): number {
    const at = this.#position
    if (length > this.#bytes.length - at) throw new BytesError(`${length} bytes wanted, ${this.remaining} left`)
    this.#position = at + length
    return at
  }
}

/** Whether both hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false
  return true
}
