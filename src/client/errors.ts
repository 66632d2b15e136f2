import type { Revision, StoreErrorCode } from '../store/types.ts'
import type { HostErrorCode } from '../worker/protocol.ts'

/** `definite`: it did not and will not happen. `unknown`: it may have happened, or may still. */
export type Outcome = 'definite' | 'unknown'

export type ErrorCode =
  | StoreErrorCode
  | HostErrorCode
  /** No quorum, no member to ask, or too many reads that wait for an answer. */
  | 'UNAVAILABLE'
  /** No quorum, and so many writes are waiting for one already that no more are kept. */
  | 'OUTBOX_FULL'
  /** This tab was let in by a viewer's invite, and what it asked for would change something. */
  | 'PERMISSION_DENIED'
  /** The caller's `AbortSignal` ended the wait. */
  | 'ABORTED'
  | 'INVALID_INVITE'
  /** The cluster that was to be recovered is alive. */
  | 'QUORUM_REACHABLE'
  /** A member in reach knows more than this browser does. */
  | 'MEMBER_AHEAD'
  /** Nobody can be heard without the signaling server, so whether there is a quorum cannot be told. */
  | 'SIGNALING_UNREACHABLE'
  /** A lease ended, or a key was taken away, under who held on to it: a lock or a seat that is no longer one's own. */
  | 'LOST'
  /** Others kept changing what a transaction read, as often as it was run. */
  | 'CONFLICT'
  /** A stored value is not what the codec expects. */
  | 'INVALID_VALUE'
  | 'INSECURE_CONTEXT'
  | 'WORKER_UNAVAILABLE'
  | 'WEBRTC_UNAVAILABLE'

/** The one error of this package. Tell cases apart by `code`; whether a write can be repeated, by `outcome`. */
export class FlotillaError extends Error {
  readonly code: ErrorCode
  readonly outcome: Outcome
  /** With `COMPACTED` from a read, a scan or a watch: the oldest revision that can still be read. */
  readonly compactRevision: Revision | null

  constructor(
    code: ErrorCode,
    message: string,
    options: { outcome?: Outcome; compactRevision?: Revision; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    // Code written for fetch knows an aborted wait by this name.
    this.name = code === 'ABORTED' ? 'AbortError' : 'FlotillaError'
    this.code = code
    this.outcome = options.outcome ?? 'definite'
    this.compactRevision = options.compactRevision ?? null
  }
}

export function aborted(signal: AbortSignal, outcome: Outcome): FlotillaError {
  const message =
    outcome === 'definite'
      ? 'Aborted before anything happened.'
      : 'The wait was aborted; the write itself may have happened or may still happen.'
  return new FlotillaError('ABORTED', message, { outcome, cause: signal.reason })
}
