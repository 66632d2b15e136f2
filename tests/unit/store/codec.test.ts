import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Writer as BinaryWriter, DecodeError, Reader } from '../../../src/store/binary.ts'
import { decodeCommand, encodeCommand, encodeSystemCommand } from '../../../src/store/command-codec.ts'
import { LEASE_CHECKPOINTS_MAX } from '../../../src/store/limits.ts'
import { Store } from '../../../src/store/store.ts'
import { anyCommand, systemCommand } from './arbitraries.ts'
import { applyAny, clientId, encodeAny, expire, grant, put, system, txn } from './requests.ts'

const COMMAND = { clientId: clientId(1), seq: 1, acked: 0 }

test('every command comes back as it was', () => {
  fc.assert(
    fc.property(fc.oneof(anyCommand, systemCommand), command => {
      expect(decodeCommand(encodeAny(command))).toEqual(command)
    }),
  )
})

test('equal commands are equal bytes in a buffer of exactly their size', () => {
  const encoded = encodeCommand({ ...COMMAND, request: put('key', 'value') })
  expect(encoded).toEqual(encodeCommand({ ...COMMAND, request: put('key', 'value') }))
  expect(encoded.buffer.byteLength).toBe(encoded.length)
})

test('the format of the log does not change unnoticed', () => {
  const encoded = encodeCommand({
    clientId: clientId(0xab),
    seq: 300,
    acked: 2,
    request: put('k', 'v', { prevKv: true }),
  })
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  expect(hex(encoded)).toBe(`01${clientId(0xab)}ac02020101016b017600`)
  expect(hex(encodeCommand({ ...COMMAND, request: grant(5, 7) }))).toBe(`01${clientId(1)}0100060507`)
  expect(hex(encodeSystemCommand(expire(5, 2)))).toBe('02090502')
})

test('values are views of the entry, not copies', () => {
  const encoded = encodeCommand({ ...COMMAND, request: put('key', 'value') })
  const { request } = decodeCommand(encoded)
  expect(request).toMatchObject({ op: 'put' })
  if (request.op === 'put') expect(request.value.buffer).toBe(encoded.buffer)
})

describe('damaged commands are a DecodeError and nothing else', () => {
  const commands = fc.oneof({ weight: 3, arbitrary: anyCommand }, systemCommand)

  /** What is still a command after all must at least be one that a store can apply. */
  function expectHarmless(bytes: Uint8Array): void {
    try {
      applyAny(new Store(), decodeCommand(bytes))
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
    }
  }

  test('cut anywhere', () => {
    fc.assert(
      fc.property(commands, fc.nat(), (command, at) => {
        const encoded = encodeAny(command)
        expect(() => decodeCommand(encoded.subarray(0, at % encoded.length))).toThrow(DecodeError)
      }),
    )
  })

  test('with bytes left over', () => {
    const encoded = encodeCommand({ ...COMMAND, request: put('k', 'v') })
    expect(() => decodeCommand(Uint8Array.of(...encoded, 0))).toThrow(DecodeError)
  })

  test('with any byte changed, or all of them', () => {
    fc.assert(
      fc.property(commands, fc.nat(), fc.integer({ min: 1, max: 255 }), (command, at, change) => {
        const encoded = encodeAny(command)
        const position = at % encoded.length
        encoded[position] = (encoded[position] ?? 0) ^ change
        expectHarmless(encoded)
      }),
      { numRuns: 1000 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), expectHarmless), { numRuns: 1000 })
  })

  test('that lie about a length are refused before anything is allocated', () => {
    const head = encodeCommand({ ...COMMAND, request: txn([]) }).subarray(0, -3)
    const lyingCount = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
    expect(() => decodeCommand(Uint8Array.of(...head, ...lyingCount))).toThrow('more elements than bytes')
    const lyingLength = encodeCommand({ ...COMMAND, request: put('', '') }).subarray(0, -3)
    expect(() => decodeCommand(Uint8Array.of(...lyingLength, ...lyingCount))).toThrow('cut short')
  })

  test('that hold more checkpoints than one command may', () => {
    const checkpoints = (count: number) =>
      system({
        op: 'leaseCheckpoint',
        checkpoints: Array.from({ length: count }, () => ({ lease: 1, renewals: 1, remainingSeconds: 1 })),
      })
    const most = encodeSystemCommand(checkpoints(LEASE_CHECKPOINTS_MAX))
    expect(decodeCommand(most)).toEqual(checkpoints(LEASE_CHECKPOINTS_MAX))
    expect(() => encodeSystemCommand(checkpoints(LEASE_CHECKPOINTS_MAX + 1))).toThrow(RangeError)
    const forged = Uint8Array.of(...most, 1, 1, 1)
    expect([forged[2], forged[3]]).toEqual([0xe8, 0x07])
    forged[2] = 0xe9
    expect(() => decodeCommand(forged)).toThrow('too many checkpoints')
  })

  test('that are of no known kind, or of a kind that is not theirs', () => {
    const encoded = encodeCommand({ ...COMMAND, request: grant(5, 7) })
    expect(() => decodeCommand(Uint8Array.of(3, ...encoded.subarray(1)))).toThrow('unknown command format')
    // A leader's command in a client's place, and the other way around.
    expect(() => decodeCommand(Uint8Array.of(...encoded.subarray(0, -3), 9, 5, 7))).toThrow('unknown request 9')
    expect(() => decodeCommand(Uint8Array.of(2, 6, 5, 7))).toThrow('unknown system request 6')
    const nested = encodeCommand({ ...COMMAND, request: txn([put('', '')]) })
    expect([...nested.subarray(-8)]).toEqual([0, 1, 1, 0, 0, 0, 0, 0])
    const leaseInside = Uint8Array.of(...nested.subarray(0, -6), 7, 5, 0)
    expect(() => decodeCommand(leaseInside)).toThrow('leaseRevoke inside a transaction')
  })

  test('nested without end', () => {
    const head = encodeCommand({ ...COMMAND, request: txn([]) }).subarray(0, -4)
    const nested = new Uint8Array(30_000)
    for (let i = 0; i < nested.length; i += 3) nested.set([3, 0, 1], i)
    expect(() => decodeCommand(Uint8Array.of(...head, ...nested))).toThrow('nested too deep')
  })
})

test('what cannot be a command cannot be encoded', () => {
  const request = put('k', 'v')
  expect(() => encodeCommand({ ...COMMAND, clientId: 'short', request })).toThrow(RangeError)
  expect(() => encodeCommand({ ...COMMAND, clientId: 'Z'.repeat(32), request })).toThrow(RangeError)
  expect(() => encodeCommand({ ...COMMAND, seq: 2 ** 53, request })).toThrow(RangeError)
  expect(() => encodeCommand({ ...COMMAND, seq: 3, acked: 3, request })).toThrow(RangeError)
  expect(() => encodeCommand({ ...COMMAND, request: { ...request, lease: 1.5 } })).toThrow(RangeError)
})

test('a reader never reads past its end', () => {
  const reader = new Reader(Uint8Array.of(1, 2, 3))
  expect(() => reader.raw(4)).toThrow(DecodeError)
  expect(reader.raw(3)).toEqual(Uint8Array.of(1, 2, 3))
  expect(() => reader.byte()).toThrow(DecodeError)
  expect(() => reader.uint32()).toThrow(DecodeError)
})

describe('integers', () => {
  function written(write: (writer: BinaryWriter) => void): Uint8Array {
    const writer = new BinaryWriter(0)
    write(writer)
    return writer.finish()
  }

  test('of the whole safe range come back, and take few bytes if they are small', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeNat(), (signed, unsigned) => {
        const reader = new Reader(
          written(writer => {
            writer.int(signed)
            writer.uint(unsigned)
            writer.uint32(unsigned % 2 ** 32)
          }),
        )
        expect([reader.int(), reader.uint(), reader.uint32()]).toEqual([signed, unsigned, unsigned % 2 ** 32])
        reader.end()
      }),
    )
    for (const small of [0, 1, -1, 63, -63]) expect(written(writer => writer.int(small))).toHaveLength(1)
    for (const edge of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      expect(new Reader(written(writer => writer.int(edge))).int()).toBe(edge)
    }
  })

  test('have one form only', () => {
    expect(() => new Reader(Uint8Array.of(0x80, 0)).uint()).toThrow(DecodeError)
    expect(() => new Reader(Uint8Array.of(0x80, 0)).int()).toThrow(DecodeError)
    expect(() => new Reader(Uint8Array.of(0x40)).int()).toThrow(DecodeError)
    expect(() => new Reader(new Uint8Array(9).fill(0xff)).uint()).toThrow(DecodeError)
    expect(() => new Reader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)).uint()).toThrow(DecodeError)
  })
})
