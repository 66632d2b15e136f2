/**
 * The store's own binary writing: what log entries and snapshots are made of. Integers are variable-length, byte strings
 * carry their length, and the reader checks every bound before it looks, so damaged bytes can only yield `DecodeError`.
 */

/** Bytes that are not what they should be: damaged, cut short, or of a newer version. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

export class Writer {
  #bytes: Uint8Array
  #length = 0

  /** A good guess of the final size avoids growing and copying. */
  constructor(capacityBytes: number) {
    this.#bytes = new Uint8Array(Math.max(capacityBytes, 16))
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  /** An integer in `[0, 2^53)`, 7 bits a byte, low bits first. */
  uint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned safe integer: ${value}`)
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#length++] = rest
  }

  /** Any safe integer. The sign is a bit of the first byte, as doubling (zigzag) would leave the safe range. */
  int(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${value}`)
    const magnitude = Math.abs(value)
    const rest = Math.floor(magnitude / 0x40)
    this.byte((magnitude % 0x40) | (value < 0 ? 0x40 : 0) | (rest > 0 ? 0x80 : 0))
    if (rest > 0) this.uint(rest)
  }

  uint32(value: number): void {
    this.#reserve(4)
    for (let shift = 0; shift < 32; shift += 8) this.#bytes[this.#length++] = (value >>> shift) & 0xff
  }

  /** Bytes without a length: the reader must know it. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  bytes(value: Uint8Array): void {
    this.uint(value.length)
    this.raw(value)
  }

  /** ASCII text only: error messages and the like. */
  ascii(value: string): void {
    this.uint(value.length)
    this.#reserve(value.length)
    for (let i = 0; i < value.length; i++) this.#bytes[this.#length++] = value.charCodeAt(i) & 0x7f
  }

  /** A text of chars up to 0xff, one byte each. */
  latin1(value: string): void {
    this.uint(value.length)
    this.#reserve(value.length)
    for (let i = 0; i < value.length; i++) this.#bytes[this.#length++] = value.charCodeAt(i)
  }

  get length(): number {
    return this.#length
  }

  /** What was written so far, as a view that the next write may invalidate. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** What was written, in a buffer of exactly its size: a larger one would be cloned and stored whole further on. */
  finish(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length)
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.view())
    this.#bytes = grown
  }
}

export class Reader {
  readonly #bytes: Uint8Array
  #position = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get remaining(): number {
    return this.#bytes.length - this.#position
  }

  byte(): number {
    const value = this.#bytes[this.#position]
    if (value === undefined) throw new DecodeError('cut short')
    this.#position++
    return value
  }

  /** Only the shortest form of a number is accepted, so that equal values are equal bytes. */
  uint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new DecodeError('integer out of range')
        if (byte === 0 && i > 0) throw new DecodeError('integer not in its shortest form')
        return value
      }
      scale *= 0x80
    }
    throw new DecodeError('integer out of range')
  }

  int(): number {
    const first = this.byte()
    const rest = first & 0x80 ? this.uint() : 0
    if (first & 0x80 && rest === 0) throw new DecodeError('integer not in its shortest form')
    const magnitude = rest * 0x40 + (first & 0x3f)
    if (!Number.isSafeInteger(magnitude)) throw new DecodeError('integer out of range')
    if (!(first & 0x40)) return magnitude
    if (magnitude === 0) throw new DecodeError('negative zero')
    return -magnitude
  }

  uint32(): number {
    let value = 0
    for (let shift = 0; shift < 32; shift += 8) value |= this.byte() << shift
    return value >>> 0
  }

  /** A view, not a copy. */
  raw(length: number): Uint8Array {
    if (length > this.remaining) throw new DecodeError('cut short')
    const start = this.#position
    this.#position += length
    return this.#bytes.subarray(start, start + length)
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    return this.raw(this.uint())
  }

  ascii(): string {
    const bytes = this.bytes()
    let text = ''
    for (const byte of bytes) {
      if (byte >= 0x80) throw new DecodeError('not ASCII')
      text += String.fromCharCode(byte)
    }
    return text
  }

  /** The length of a list whose elements take at least `elementBytesMin` each: a lying one cannot make us allocate. */
  count(elementBytesMin: number): number {
    const count = this.uint()
    if (count * elementBytesMin > this.remaining) throw new DecodeError('more elements than bytes')
    return count
  }

  end(): void {
    if (this.remaining > 0) throw new DecodeError('bytes left over')
  }
}
