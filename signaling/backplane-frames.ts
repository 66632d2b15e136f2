import { signalingIdChars as idChars } from '../src/net/signaling-protocol.ts'

/** What instances say to each other. The bytes are the scripts' to write as well, see redis-scripts.ts. */
export type BackplaneFrame =
  | { readonly type: 'joined' | 'left'; readonly room: string; readonly id: string }
  | { readonly type: 'unreachable'; readonly room: string; readonly from: string; readonly to: string }
  | {
      readonly type: 'deliver'
      readonly room: string
      readonly from: string
      readonly to: string
      readonly payload: string | Uint8Array
    }

/** The first byte. */
export const frameTypes = { joined: 1, left: 2, unreachable: 3, text: 4, bytes: 5 } as const

export function encodeUnreachable(room: string, from: string, to: string): Buffer {
  return Buffer.concat([Buffer.of(frameTypes.unreachable), Buffer.from(from + to + room)])
}

/** [type][from][to][length of the room's name: 2 bytes][room][payload] */
export function encodeDelivery(room: string, from: string, to: string, payload: string | Uint8Array): Buffer {
  const text = typeof payload === 'string'
  const name = Buffer.from(room)
  const head = Buffer.alloc(1 + 2 * idChars + 2)
  head[0] = text ? frameTypes.text : frameTypes.bytes
  head.write(from + to, 1, 'latin1')
  head.writeUInt16BE(name.length, 1 + 2 * idChars)
  return Buffer.concat([head, name, text ? Buffer.from(payload) : payload])
}

/** Null for what another version may say. */
export function decodeFrame(bytes: Buffer): BackplaneFrame | null {
  const id = (at: number) => bytes.toString('latin1', 1 + at * idChars, 1 + (at + 1) * idChars)
  const headBytes = (ids: number) => 1 + ids * idChars
  switch (bytes[0]) {
    case frameTypes.joined:
    case frameTypes.left: {
      if (bytes.length <= headBytes(1)) return null
      const type = bytes[0] === frameTypes.joined ? 'joined' : 'left'
      return { type, id: id(0), room: bytes.toString('utf8', headBytes(1)) }
    }
    case frameTypes.unreachable:
      if (bytes.length <= headBytes(2)) return null
      return { type: 'unreachable', from: id(0), to: id(1), room: bytes.toString('utf8', headBytes(2)) }
    case frameTypes.text:
    case frameTypes.bytes: {
      const roomAt = headBytes(2) + 2
      if (bytes.length < roomAt) return null
      const payloadAt = roomAt + bytes.readUInt16BE(headBytes(2))
      if (payloadAt === roomAt || bytes.length < payloadAt) return null
      const payload = bytes[0] === frameTypes.text ? bytes.toString('utf8', payloadAt) : bytes.subarray(payloadAt)
      return { type: 'deliver', from: id(0), to: id(1), room: bytes.toString('utf8', roomAt, payloadAt), payload }
    }
    default:
      return null
  }
}
