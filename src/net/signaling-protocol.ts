/**
 * The wire protocol between a page and the signaling server: JSON text frames over WebSocket, one message each.
 * The server passes on directed messages between the peers of a room and reads nothing in them.
 */

export const SIGNALING_PATH = '/signal'
export const SIGNALING_VERSION = 1
/** Frames above this end their sender's connection, with WebSocket close code 1009. */
export const signalingFrameBytesMax = 64 * 1024
export const roomNameCharsMax = 128

export type ToServer =
  /** First, and once. */
  | { readonly type: 'join'; readonly version: number; readonly room: string }
  /** `payload` is opaque to the server. */
  | { readonly type: 'send'; readonly to: string; readonly payload: string }
  /** Answered by `pong`: a page cannot see WebSocket pings, so this is how it finds out that its connection is dead. */
  | { readonly type: 'ping' }

export type FromServer =
  /** You are `id` in this room; `peers` were here before you. */
  | { readonly type: 'welcome'; readonly id: string; readonly peers: readonly string[] }
  | { readonly type: 'joined'; readonly id: string }
  /** These were here before, on another instance of the server that could not be reached then: greet them as those of a welcome. */
  | { readonly type: 'found'; readonly peers: readonly string[] }
  | { readonly type: 'left'; readonly id: string }
  | { readonly type: 'message'; readonly from: string; readonly payload: string }
  /** The peer addressed by the last `send` to `to` is not here. */
  | { readonly type: 'unreachable'; readonly to: string }
  | { readonly type: 'pong' }
  /** The last word on a connection: the server closes it right after. */
  | { readonly type: 'error'; readonly code: SignalingErrorCode; readonly message: string }

export type SignalingErrorCode = 'BAD_FRAME' | 'ROOM_FULL' | 'SERVER_FULL' | 'VERSION'
