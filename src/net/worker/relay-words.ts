import { ByteReader, BytesError, ByteWriter } from '../../binary/bytes.ts'

/**
 * What the two ends of a relayed link say to each other, before it is sealed: kind u8, then
 *
 *     open    heard u8: whether the other end was heard already
 *     raft    a frame of the raft channel
 *     bulk    a frame of the bulk channel
 *     taken   u32 raft, u32 bulk: bytes of frames that were taken in since the last such word
 *     close
 */
export type RelayWord =
  | { readonly kind: 'open'; readonly heard: boolean }
  | { readonly kind: RelayLane; readonly frame: Uint8Array }
  | ({ readonly kind: 'taken' } & Record<RelayLane, number>)
  | { readonly kind: 'close' }

export type RelayLane = 'raft' | 'bulk'

const OPEN = 1
const RAFT = 2
const BULK = 3
const TAKEN = 4
const CLOSE = 5

export function encodeRelayWord(word: RelayWord): Uint8Array<ArrayBuffer> {
  switch (word.kind) {
    case 'open':
      return Uint8Array.of(OPEN, word.heard ? 1 : 0)
    case 'raft':
    case 'bulk': {
      const bytes = new Uint8Array(1 + word.frame.length)
      bytes[0] = word.kind === 'raft' ? RAFT : BULK
      bytes.set(word.frame, 1)
      return bytes
    }
    case 'taken': {
      const writer = new ByteWriter(9)
      writer.u8(TAKEN)
      writer.u32(word.raft)
      writer.u32(word.bulk)
      return writer.finish()
    }
    case 'close':
      return Uint8Array.of(CLOSE)
  }
}

/** Null for what is none. A frame is a view of the bytes given. */
export function decodeRelayWord(bytes: Uint8Array): RelayWord | null {
  try {
    const reader = new ByteReader(bytes)
    const word = readWord(reader, reader.u8())
    reader.finish()
    return word
  } catch (error) {
    if (error instanceof BytesError) return null
    throw error
  }
}

function readWord(reader: ByteReader, kind: number): RelayWord {
  switch (kind) {
    case OPEN:
      return { kind: 'open', heard: reader.boolean() }
    case RAFT:
      return { kind: 'raft', frame: reader.bytes(reader.remaining) }
    case BULK:
      return { kind: 'bulk', frame: reader.bytes(reader.remaining) }
    case TAKEN:
      return { kind: 'taken', raft: reader.u32(), bulk: reader.u32() }
    case CLOSE:
      return { kind: 'close' }
    default:
      throw new BytesError(`unknown word ${kind}`)
  }
}
