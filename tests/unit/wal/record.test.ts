import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BytesError } from '../../../src/binary/bytes.ts'
import { WalError } from '../../../src/replica/types.ts'
import { crc32c } from '../../../src/wal/crc32c.ts'
import {
  decodePart,
  decodeRecord,
  decodeSnapshot,
  encodePart,
  encodeRecord,
  encodeSnapshot,
  isUnfinishedRecord,
} from '../../../src/wal/record.ts'
import { bytes, entry, safeInteger, snapshot } from '../net/arbitraries.ts'

const record = fc.record({
  sequence: safeInteger,
  hardState: fc.record({ term: safeInteger, vote: safeInteger, commit: safeInteger }),
  entries: fc.array(entry, { maxLength: 8 }),
})

const snapshotRecord = fc.record({
  firstSequence: safeInteger,
  metadata: snapshot.map(({ metadata }) => metadata),
  generation: safeInteger,
  bytes: safeInteger,
})

const part = fc.record({ generation: safeInteger, number: safeInteger, data: bytes })

const sample = encodeRecord({
  sequence: 7,
  hardState: { term: 3, vote: 2, commit: 1 },
  entries: [{ term: 3, index: 2, type: 'normal', data: Uint8Array.of(1, 2, 3) }],
})

/** With the checksum made right again: what a later version of this code, or a bug, might have written. */
function resealed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice()
  copy[at] = value
  new DataView(copy.buffer).setUint32(0, crc32c(copy.subarray(4)), true)
  return copy
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice()
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

describe('crc32c', () => {
  test('agrees with the published vectors (RFC 3720, B.4)', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
    expect(crc32c(new Uint8Array(0))).toBe(0)
  })

  test('is the same whatever is left over after the steps of eight', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        let crc = 0xffffffff
        for (const byte of bytes) {
          crc ^= byte
          for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78
        }
        expect(crc32c(bytes)).toBe(~crc >>> 0)
      }),
    )
  })
})

describe('round trip', () => {
  test('log records', () => {
    fc.assert(fc.property(record, one => void expect(decodeRecord(encodeRecord(one))).toEqual(one)))
  })

  test('snapshot records', () => {
    fc.assert(fc.property(snapshotRecord, one => void expect(decodeSnapshot(encodeSnapshot(one))).toEqual(one)))
  })

  test('parts of snapshots', () => {
    fc.assert(fc.property(part, one => void expect(decodePart(encodePart(one))).toEqual(one)))
  })

  test('decoded entries are views of the record', () => {
    expect(decodeRecord(sample).entries[0]?.data.buffer).toBe(sample.buffer)
  })
})

describe('records of version 1, without a length', () => {
  const bytes = Uint8Array.from(
    Buffer.from(
      '24a487de0101070000000000000003000000000000000200000000000000010000000000000001000000000300000000000000020000000000000003000000010203',
      'hex',
    ),
  )

  test('are read', () => {
    expect(decodeRecord(bytes)).toEqual(decodeRecord(sample))
  })

  test('are never taken for unfinished when a bit of them is flipped', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) expect(isUnfinishedRecord(flipped(bytes, bit))).toBe(false)
  })
})

describe('snapshots of version 1, all in one value', () => {
  const bytes = Uint8Array.from(
    Buffer.from(
      'b48fe5b901020300000000000000060000000000000002000000000000000300000001000000000000000200000000000000030000000000000001000000040000000000000000000000000000000003000000070809',
      'hex',
    ),
  )

  test('are read', () => {
    const confState = { voters: [1, 2, 3], learners: [4], votersOutgoing: [], learnersNext: [], autoLeave: false }
    expect(decodeSnapshot(bytes)).toEqual({
      firstSequence: 3,
      metadata: { confState, index: 6, term: 2 },
      generation: 0,
      bytes: 3,
      data: Uint8Array.of(7, 8, 9),
    })
  })

  test('are read whole or not at all', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSnapshot(bytes.subarray(0, length))).toThrow(BytesError)
    }
    for (let bit = 0; bit < bytes.length * 8; bit++)
      expect(() => decodeSnapshot(flipped(bytes, bit))).toThrow(BytesError)
  })
})

describe('what was never finished is told from what was damaged', () => {
  test('every beginning of a record is unfinished', () => {
    for (let length = 0; length < sample.length; length++) {
      expect(isUnfinishedRecord(sample.subarray(0, length))).toBe(true)
    }
  })

  test('a whole record is finished, whichever bits of it are flipped', () => {
    expect(isUnfinishedRecord(sample)).toBe(false)
    for (let bit = 0; bit < sample.length * 8; bit++) {
      expect(isUnfinishedRecord(flipped(sample, bit))).toBe(false)
      for (let other = 0; other < bit; other++)
        expect(isUnfinishedRecord(flipped(flipped(sample, bit), other))).toBe(false)
    }
  })
})

describe('damage is told from what is merely unknown', () => {
  test('every truncation', () => {
    for (let length = 0; length < sample.length; length++) {
      expect(() => decodeRecord(sample.subarray(0, length))).toThrow(BytesError)
    }
  })

  test('every single flipped bit', () => {
    for (let bit = 0; bit < sample.length * 8; bit++) {
      expect(() => decodeRecord(flipped(sample, bit))).toThrow(BytesError)
    }
  })

  test('a byte too many', () => {
    const longer = new Uint8Array(sample.length + 1)
    longer.set(sample)
    expect(() => decodeRecord(longer)).toThrow(BytesError)
    expect(() => decodeRecord(resealed(longer, sample.length, 0))).toThrow(BytesError)
  })

  test('lengths that lie behind a right checksum', () => {
    fc.assert(
      fc.property(fc.integer({ min: 6, max: sample.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        try {
          decodeRecord(resealed(sample, at, value))
        } catch (error) {
          expect(error).toBeInstanceOf(BytesError)
        }
      }),
    )
  })

  test('an unknown version is no damage', () => {
    expect(() => decodeRecord(resealed(sample, 4, 3))).toThrow(WalError)
    expect(() => decodeRecord(resealed(sample, 4, 0))).toThrow(WalError)
  })

  test('a snapshot where a record belongs is no damage either', () => {
    fc.assert(
      fc.property(snapshotRecord, one => void expect(() => decodeRecord(encodeSnapshot(one))).toThrow(WalError)),
    )
    expect(() => decodeSnapshot(sample)).toThrow(WalError)
  })
})
