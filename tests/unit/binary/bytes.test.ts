import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, BytesError, ByteWriter, equalBytes } from '../../../src/binary/bytes.ts'

describe('integers', () => {
  test('every safe integer comes back', () => {
    const edges = [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER]
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat()), value => {
        const writer = new ByteWriter(8)
        writer.integer(value)
        expect(new ByteReader(writer.finish()).integer()).toBe(value)
      }),
    )
  })

  test.each([-1, -2, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('%d is not written', value => {
    expect(() => new ByteWriter(8).integer(value)).toThrow(RangeError)
  })

  test('out of range values of the smaller kinds are not written', () => {
    const writer = new ByteWriter(8)
    for (const value of [-1, 256, Number.NaN]) expect(() => writer.u8(value)).toThrow(RangeError)
    for (const value of [-1, 2 ** 32, Number.NaN]) expect(() => writer.u32(value)).toThrow(RangeError)
  })

  test('8 bytes above 53 bits are not read', () => {
    expect(() => new ByteReader(Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0)).integer()).toThrow(BytesError)
    expect(() => new ByteReader(new Uint8Array(8).fill(0xff)).integer()).toThrow(BytesError)
  })
})

describe('a writer', () => {
  test('must be filled to the size it was given, and no further', () => {
    const short = new ByteWriter(2)
    short.u8(1)
    expect(() => short.finish()).toThrow(RangeError)
    short.u8(2)
    expect(short.finish()).toEqual(Uint8Array.of(1, 2))
    expect(() => short.u8(3)).toThrow(RangeError)
    expect(() => short.bytes(Uint8Array.of(3))).toThrow(RangeError)
  })
})

describe('a reader', () => {
  test('reads its part of a larger buffer, and hands out views of it', () => {
    const buffer = Uint8Array.of(9, 9, 1, 2, 3, 4, 9)
    const reader = new ByteReader(buffer.subarray(2, 6))
    expect(reader.u8()).toBe(1)
    const view = reader.bytes(3)
    expect(view).toEqual(Uint8Array.of(2, 3, 4))
    expect(view.buffer).toBe(buffer.buffer)
    reader.finish()
  })

  test('never reads past its end, and says when something is left', () => {
    const bytes = Uint8Array.of(1, 0, 0)
    for (const read of [
      (reader: ByteReader) => reader.u32(),
      (reader: ByteReader) => reader.integer(),
      (reader: ByteReader) => reader.bytes(4),
      (reader: ByteReader) => reader.bytes(0xffffffff),
      (reader: ByteReader) => reader.count(1),
      (reader: ByteReader) => reader.finish(),
    ]) {
      expect(() => read(new ByteReader(bytes))).toThrow(BytesError)
    }
  })

  test('believes no count of items that cannot be there', () => {
    const bytes = Uint8Array.of(3, 0, 0, 0, 7, 7, 7, 7, 7)
    expect(new ByteReader(bytes).count(1)).toBe(3)
    expect(() => new ByteReader(bytes).count(2)).toThrow(BytesError)
  })

  test('takes only 0 and 1 for a boolean', () => {
    expect(new ByteReader(Uint8Array.of(1)).boolean()).toBe(true)
    expect(() => new ByteReader(Uint8Array.of(2)).boolean()).toThrow(BytesError)
  })
})

test('bytes are equal by what they hold, whatever buffer they are views of', () => {
  const whole = Uint8Array.of(9, 1, 2, 3, 1, 2, 4)
  expect(equalBytes(whole, whole)).toBe(true)
  expect(equalBytes(whole.subarray(1, 3), whole.subarray(4, 6))).toBe(true)
  expect(equalBytes(whole.subarray(1, 4), whole.subarray(4, 7))).toBe(false)
  expect(equalBytes(whole.subarray(1, 3), whole.subarray(1, 4))).toBe(false)
  expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true)
})
