/**
 * The wire protocol between a tab and the signaling server, over WebSocket: JSON text frames, one message each, and binary
 * frames for what is relayed. The server passes both on inside a room, to one addressee each, and reads nothing in them.
 *
 * Who joins `as: 'peer'` is told who the room's other peers are, greets whom it will, and exchanges `send` for `message`; the others are
 * told when it has left. Of who joins `as: 'relay'` nobody is told: its id travels inside sealed messages, and it exchanges binary
 * frames with other relays of the room, see `encodeRelayFrame`. Both are welcomed, told `unreachable`, and may `ping`.
 */

export const SIGNALING_PATH = '/signal'
export const SIGNALING_VERSION = 2
export const roomNameCharsMax = 128
export const ticketCharsMax = 256
/** Ids are given by the server: 9 random bytes, base64url. */
export const signalingIdChars = 12
/** A frame of 64 KiB and what its seal adds. */
export const relayPayloadBytesMax = 64 * 1024 + 64
export const relayFrameBytesMax = signalingIdChars + relayPayloadBytesMax
/** Frames above this, text or bytes, end their sender's connection, with WebSocket close code 1009. */
export const signalingFrameBytesMax = relayFrameBytesMax

/** The longest wait that a server which closes may ask for. A timer given some weeks or more would fire at once. */
const retryMsMax = 60 * 60_000

export type JoinAs = 'peer' | 'relay'

export type ToServer =
  /** First, and once; the rest only after `welcome`. `ticket` where the server asks for one, see docs/server.md. */
  | {
      readonly type: 'join'
      readonly version: number
      readonly room: string
      readonly as: JoinAs
      readonly ticket?: string
    }
  /** `payload` is opaque to the server. From peers only. */
  | { readonly type: 'send'; readonly to: string; readonly payload: string }
  /** Answered by `pong`: a page cannot see WebSocket pings, so this is how it finds out that its connection is dead. */
  | { readonly type: 'ping' }
  /** Answered by `turn`, with credentials that are valid for their whole time from now. */
  | { readonly type: 'turn' }

export type FromServer =
  /** You are `id` in this room; `peers` were here before you (none for a relay). */
  | {
      readonly type: 'welcome'
      readonly id: string
      readonly peers: readonly string[]
      readonly turn: TurnServer | null
    }
  /** These were here before, on another instance of the server that could not be reached then: greet them as those of a welcome. */
  | { readonly type: 'found'; readonly peers: readonly string[] }
  | { readonly type: 'left'; readonly id: string }
  | { readonly type: 'message'; readonly from: string; readonly payload: string }
  /** The one addressed by an earlier `send` or relay frame is not here. */
  | { readonly type: 'unreachable'; readonly to: string }
  | { readonly type: 'pong' }
  | { readonly type: 'turn'; readonly turn: TurnServer | null }
  /** The server is shut down: connect again after `retryMs`, elsewhere if there is more than one address. */
  | { readonly type: 'closing'; readonly retryMs: number }
  /** The last word on a connection: the server closes it right after. */
  | { readonly type: 'error'; readonly code: SignalingErrorCode; readonly message: string }

/** A TURN server with short-lived credentials; null where the server has none to give. */
export interface TurnServer {
  readonly urls: readonly string[]
  readonly username: string
  readonly credential: string
  /** How long from when this was said. What is allocated by then stays; a new allocation needs new ones. */
  readonly ttlSeconds: number
}

const errorCodes = ['BAD_FRAME', 'ROOM_FULL', 'SERVER_FULL', 'VERSION', 'BAD_TICKET', 'RATE_LIMITED'] as const

export type SignalingErrorCode = (typeof errorCodes)[number]

/** Null for what this version does not know. The server is trusted with who is there, not with being well. */
export function decodeFromServer(data: unknown): FromServer | null {
  if (typeof data !== 'string') return null
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { type, id, peers, from, to, payload, code, message, turn, retryMs } = value as Record<string, unknown>
  switch (type) {
    case 'welcome':
      if (typeof id !== 'string' || !Array.isArray(peers)) return null
      return { type, id, peers: peers.filter(peer => typeof peer === 'string'), turn: decodeTurn(turn) }
    case 'found':
      return Array.isArray(peers) ? { type, peers: peers.filter(peer => typeof peer === 'string') } : null
    case 'left':
      return typeof id === 'string' ? { type, id } : null
    case 'message':
      return typeof from === 'string' && typeof payload === 'string' ? { type, from, payload } : null
    case 'unreachable':
      return typeof to === 'string' ? { type, to } : null
    case 'pong':
      return { type }
    case 'turn':
      return { type, turn: decodeTurn(turn) }
    case 'closing':
      return typeof retryMs === 'number' && retryMs >= 0 && retryMs <= retryMsMax ? { type, retryMs } : null
    case 'error': {
      const known = errorCodes.find(each => each === code)
      return known === undefined || typeof message !== 'string' ? null : { type, code: known, message }
    }
    default:
      return null
  }
}

/** What is not a TURN server is none: a page does without rather than not connect at all. */
function decodeTurn(value: unknown): TurnServer | null {
  if (typeof value !== 'object' || value === null) return null
  const { urls, username, credential, ttlSeconds } = value as Record<string, unknown>
  if (!Array.isArray(urls) || urls.length === 0 || !urls.every(isTurnUrl)) return null
  if (typeof username !== 'string' || typeof credential !== 'string') return null
  // JSON can say 1e999.
  if (typeof ttlSeconds !== 'number' || !(ttlSeconds > 0) || !Number.isFinite(ttlSeconds)) return null
  return { urls, username, credential, ttlSeconds }
}

/** RTCPeerConnection throws at an address of any other kind, and with it would fall every connection. */
const turnUrl = /^turns?:(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?(\?transport=(udp|tcp))?$/i

function isTurnUrl(url: unknown): url is string {
  return typeof url === 'string' && turnUrl.test(url)
}

/** A relay frame: an id, 12 bytes of ASCII, then the payload. To the server the id is the addressee's, from it the sender's. */
export function encodeRelayFrame(id: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  if (id.length !== signalingIdChars) throw new RangeError(`an id has ${signalingIdChars} characters, not ${id.length}`)
  const frame = new Uint8Array(signalingIdChars + payload.length)
  for (let at = 0; at < signalingIdChars; at++) frame[at] = id.charCodeAt(at)
  frame.set(payload, signalingIdChars)
  return frame
}

/** Null if it is too short or too long to be one, or begins with no id. `payload` is a view of the same bytes. */
export function decodeRelayFrame(frame: Uint8Array): { id: string; payload: Uint8Array } | null {
  if (frame.length < signalingIdChars || frame.length > relayFrameBytesMax) return null
  const id = String.fromCharCode(...frame.subarray(0, signalingIdChars))
  return /^[\w-]+$/.test(id) ? { id, payload: frame.subarray(signalingIdChars) } : null
}
