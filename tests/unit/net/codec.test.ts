import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeLinkFrame,
  encodeLinkFrame,
  encodePeerMessage,
  type LinkFrame,
  snapshotChunkBytesMax,
} from '../../../src/net/codec.ts'
import { peerNameBytesMax } from '../../../src/net/routed.ts'
import { newMessage } from '../../../src/raft/message.ts'
import { LOCAL_APPEND_THREAD, type Message } from '../../../src/raft/types.ts'
import { linkFrame, localTypes, raftMessage } from './arbitraries.ts'

const append: Message = {
  ...newMessage('MsgApp', 2, 1, 3),
  logTerm: 2,
  index: 7,
  entries: [{ term: 3, index: 8, type: 'normal', data: Uint8Array.of(1, 2, 3) }],
  commit: 7,
}

/** Offsets in an encoded raft message, from the layout in codec.ts. */
const RAFT_TYPE_AT = 18
const RAFT_FLAGS_AT = 19
const CONTEXT_LENGTH_AT = 18 + 66
const ENTRY_COUNT_AT = CONTEXT_LENGTH_AT + 4

function encodeRaft(message: Message): Uint8Array<ArrayBuffer> {
  return encodePeerMessage(message.from, message.to, { kind: 'raft', message })
}

function withU32(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice()
  new DataView(copy.buffer).setUint32(at, value, true)
  return copy
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice()
  copy[at] = value
  return copy
}

describe('round trip', () => {
  test('every link frame comes back as it was', () => {
    fc.assert(
      fc.property(linkFrame, frame => {
        expect(decodeLinkFrame(encodeLinkFrame(frame))).toEqual({ ok: true, value: frame })
      }),
      { numRuns: 500 },
    )
  })

  test('the largest member id, term and index survive', () => {
    const max = Number.MAX_SAFE_INTEGER
    const message = { ...append, from: max, to: max, term: max, index: max, commit: max }
    const frame: LinkFrame = { kind: 'peer', from: max, to: max, message: { kind: 'raft', message } }
    expect(decodeLinkFrame(encodeLinkFrame(frame))).toEqual({ ok: true, value: frame })
  })

  test('decoding works in the middle of a larger buffer', () => {
    const encoded = encodeRaft(append)
    const larger = new Uint8Array(encoded.length + 20).fill(0xee)
    larger.set(encoded, 10)
    const decoded = decodeLinkFrame(larger.subarray(10, 10 + encoded.length))
    expect(decoded).toEqual({
      ok: true,
      value: { kind: 'peer', from: 1, to: 2, message: { kind: 'raft', message: append } },
    })
  })

  test('decoded payloads are views of the bytes received', () => {
    const encoded = encodeRaft(append)
    const decoded = decodeLinkFrame(encoded)
    if (!decoded.ok || decoded.value.kind !== 'peer' || decoded.value.message.kind !== 'raft') throw new Error('decode')
    expect(decoded.value.message.message.entries[0]?.data.buffer).toBe(encoded.buffer)
  })

  test('an encoded message owns its buffer whole, so the buffer can be transferred', () => {
    const encoded = encodeRaft(append)
    expect(encoded.byteOffset).toBe(0)
    expect(encoded.buffer.byteLength).toBe(encoded.length)
  })
})

describe('what must not be sent', () => {
  test.each(localTypes)('%s is refused by the sender', type => {
    expect(() => encodeRaft({ ...append, type })).toThrow(RangeError)
  })

  test('responses to local storage are refused', () => {
    expect(() => encodeRaft({ ...append, responses: [append] })).toThrow(RangeError)
  })

  test('a message to a local storage thread is refused', () => {
    expect(() => encodeRaft({ ...append, to: LOCAL_APPEND_THREAD })).toThrow(RangeError)
  })

  test('a snapshot that is whole is refused, and so is a part that is too large', () => {
    const confState = { voters: [1], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
    const metadata = { confState, index: 3, term: 2 }
    const data = new Uint8Array(snapshotChunkBytesMax + 1)
    expect(() => encodeRaft({ ...append, snapshot: { metadata, data } })).toThrow(RangeError)
    const part = (data: Uint8Array) =>
      encodePeerMessage(1, 2, {
        kind: 'snapshotChunk',
        chunk: { term: 3, metadata, checksum: 7, bytes: data.length, offset: 0, data, round: 1 },
      })
    expect(() => part(data)).toThrow(RangeError)
    const largest = part(data.subarray(1))
    expect(decodeLinkFrame(largest).ok).toBe(true)
    // The length of the data stands right before it.
    expect(decodeLinkFrame(withU32(largest, largest.length - snapshotChunkBytesMax - 4, data.length))).toEqual({
      ok: false,
      reason: `${data.length} bytes of a snapshot`,
    })
  })

  test('an overlong peer name is refused', () => {
    const peer = 'x'.repeat(peerNameBytesMax + 1)
    expect(() => encodeLinkFrame({ kind: 'hello', protocol: 1, peer, members: [] })).toThrow(RangeError)
  })
})

describe('a name in a hello', () => {
  const encoded = encodeLinkFrame({ kind: 'hello', protocol: 1, peer: 'abc', members: [] })
  const nameAt = 18 + 4 + 4

  test('keeps a mark of byte order that it begins with', () => {
    const frame: LinkFrame = { kind: 'hello', protocol: 1, peer: '\ufeffabc', members: [] }
    expect(decodeLinkFrame(encodeLinkFrame(frame))).toEqual({ ok: true, value: frame })
  })

  test('that is no UTF-8 is refused, and not read as another', () => {
    expect(decodeLinkFrame(withByte(encoded, nameAt, 0xff)).ok).toBe(false)
  })
})

describe('bad bytes', () => {
  test('no truncation of a frame decodes', () => {
    fc.assert(
      fc.property(linkFrame, frame => {
        const encoded = encodeLinkFrame(frame)
        for (let length = 0; length < encoded.length; length++) {
          expect(decodeLinkFrame(encoded.subarray(0, length)).ok).toBe(false)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('a byte too many is refused', () => {
    fc.assert(
      fc.property(linkFrame, frame => {
        const encoded = encodeLinkFrame(frame)
        const longer = new Uint8Array(encoded.length + 1)
        longer.set(encoded)
        expect(decodeLinkFrame(longer).ok).toBe(false)
      }),
    )
  })

  test('flipped bits and noise never throw, and what still decodes encodes again', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 7 })), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(linkFrame, flips, (frame, bits) => {
        const encoded = encodeLinkFrame(frame)
        for (const [at, bit] of bits) {
          const index = at % encoded.length
          encoded[index] = (encoded[index] ?? 0) ^ (1 << bit)
        }
        const decoded = decodeLinkFrame(encoded)
        if (decoded.ok) {
          const again = decodeLinkFrame(encodeLinkFrame(decoded.value))
          expect(again).toEqual(decoded)
        }
      }),
      { numRuns: 2000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), noise => {
        decodeLinkFrame(noise)
      }),
    )
  })

  test('a count or length that lies is refused at once', () => {
    const encoded = encodeRaft(append)
    for (const at of [CONTEXT_LENGTH_AT, ENTRY_COUNT_AT, ENTRY_COUNT_AT + 4 + 17]) {
      for (const lie of [0xffffffff, 0x7fffffff, encoded.length]) {
        expect(decodeLinkFrame(withU32(encoded, at, lie)).ok).toBe(false)
      }
    }
  })

  test('an integer above 53 bits is refused', () => {
    expect(decodeLinkFrame(withByte(encodeRaft(append), 9, 0x20)).ok).toBe(false)
  })

  test('another version is refused by name', () => {
    expect(decodeLinkFrame(withByte(encodeRaft(append), 0, 1))).toEqual({ ok: false, reason: 'wire version 1' })
  })

  test('codes that are not on the wire are refused', () => {
    const encoded = encodeRaft(append)
    // A stranger must not be able to make a member campaign (MsgHup) or believe its own disk (MsgStorageAppendResp).
    for (const code of [0, 6, 15, 16, 200, 255]) {
      expect(decodeLinkFrame(withByte(encoded, RAFT_TYPE_AT, code)).ok).toBe(false)
    }
    expect(decodeLinkFrame(withByte(encoded, RAFT_FLAGS_AT, 2)).ok).toBe(false)
    for (const type of [0, 7, 15, 23, 255]) {
      expect(decodeLinkFrame(withByte(encodeLinkFrame({ kind: 'bye' }), 1, type)).ok).toBe(false)
    }
  })

  test('whatever decodes is no local message', () => {
    fc.assert(
      fc.property(raftMessage, fc.nat({ max: 255 }), (message, code) => {
        const decoded = decodeLinkFrame(withByte(encodeRaft(message), RAFT_TYPE_AT, code))
        if (!decoded.ok || decoded.value.kind !== 'peer' || decoded.value.message.kind !== 'raft') return
        expect(localTypes).not.toContain(decoded.value.message.message.type)
      }),
    )
  })
})
