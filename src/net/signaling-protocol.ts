/**
 * The wire protocol between a page and the signaling server: JSON text frames over WebSocket, one message each.
 * The server passes on directed messages between the peers of a room and reads nothing in them.
 */

export const SIGNALING_PATH = '/signal'
export const SIGNALING_VERSION = 1
/** Frames above this end their sender's connection. */
export const signalingFrameBytesMax = 64 * 1024

export type ToServer =
  | { readonly type: 'join'; readonly version: number; readonly room: string }
  /** `payload` is opaque to the server. */
  | { readonly type: 'send'; readonly to: string; readonly payload: string }

export type FromServer =
  /** You are `id` in this room; `peers` were here before you. */
  | { readonly type: 'welcome'; readonly id: string; readonly peers: readonly string[] }
  | { readonly type: 'joined'; readonly id: string }
  | { readonly type: 'left'; readonly id: string }
  | { readonly type: 'message'; readonly from: string; readonly payload: string }
  /** The peer addressed by the last `send` to `to` is not here. */
  | { readonly type: 'unreachable'; readonly to: string }
  | { readonly type: 'error'; readonly code: SignalingErrorCode; readonly message: string }

export type SignalingErrorCode = 'BAD_FRAME' | 'TOO_LARGE' | 'ROOM_FULL' | 'SERVER_FULL' | 'VERSION'
