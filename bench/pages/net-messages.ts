/** How messages are sent: one of them at a time is a frame of its own, several of them share frames as those of a turn do. */
export interface NetLoad {
  /** Of the message's payload. What goes around it is the same on both sides. */
  readonly bytes: number
  readonly messages: number
  readonly perTurn: number
  /** Small ones are sent as appends, large ones as parts of a snapshot. */
  readonly as: 'append' | 'snapshot'
  /** Messages under way at most; the receiver says so when it has had half as many more. */
  readonly window: number
}

/** What one load took. */
export interface NetResult {
  readonly ms: number
  readonly frames: number
  readonly wireBytes: number
}

export type ToNetWorker =
  | { readonly kind: 'links'; readonly port: MessagePort; readonly self: number }
  | { readonly kind: 'raw'; readonly channel: RTCDataChannel }
  /** Answered when the member of the other tab can be reached, and the raw channel is open. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'run'; readonly over: 'links' | 'raw'; readonly load: NetLoad }

/** To `ready` and `run`. */
export type FromNetWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly result: NetResult }
  /** A starved tab can lose its link. */
  | { readonly kind: 'failed'; readonly message: string }
