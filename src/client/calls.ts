import type { ClientResponse, RequestId, WatchNotification } from '../replica/types.ts'
import type {
  Command,
  ReadRequest,
  ReadResponse,
  Revision,
  WatchRequest,
  WriteRequest,
  WriteResponse,
} from '../store/types.ts'
import { FlotillaError } from './errors.ts'

/** What a `Connection` has been asked for and has not seen the end of. */
export type Call = ReadCall | WriteCall | WatchCall

export interface ReadCall {
  readonly kind: 'read'
  readonly id: RequestId
  readonly request: ReadRequest
  readonly serializable: boolean
  readonly settle: Settle<ReadResponse>
}

/** What to do with a write while there is no quorum: keep it for when there is one, or refuse it. */
export type Offline = 'queue' | 'fail'

export interface WriteCall {
  readonly kind: 'write'
  readonly id: RequestId
  readonly request: WriteRequest
  readonly bytes: number
  readonly offline: Offline
  /** When it was asked for, by `Date.now()`. */
  readonly at: number
  readonly settle: Settle<WriteResponse>
  /** The request with its number, from when it is first sent. */
  command: Command | null
  /** Refused for want of its predecessor, and sent under a new number once: a second time would be a bug. */
  renumbered: boolean
  /** In the outbox: it outlives this page. */
  durable: boolean
}

export interface WatchCall {
  readonly kind: 'watch'
  readonly id: RequestId
  readonly request: WatchRequest
  readonly sink: WatchSink
  /** The first revision that was not given yet; null until it is known where the watch begins. */
  next: Revision | null
  /** Its owner waits to be told how far it is. */
  progressDue: boolean
}

/** Where a watch's news go. After `fail` there are none. */
export interface WatchSink {
  notify(notification: WatchNotification): void
  fail(error: FlotillaError): void
}

export interface Settle<R> {
  resolve(response: R): void
  reject(error: FlotillaError): void
}

export type Refusal = Extract<ClientResponse, { ok: false }>

/** The answer that belongs to a request. */
export type ResponseTo<R extends WriteRequest> = Extract<WriteResponse, { op: R['op'] }>
export type ReadResponseTo<R extends ReadRequest> = Extract<ReadResponse, { op: R['op'] }>

export function answersWrite<R extends WriteRequest>(
  request: R,
  response: WriteResponse | ReadResponse,
): response is ResponseTo<R> {
  return response.op === request.op
}

export function answersRead<R extends ReadRequest>(
  request: R,
  response: WriteResponse | ReadResponse,
): response is ReadResponseTo<R> {
  return response.op === request.op
}

/** The refusal did not come out of the log, so the write's number was not used up, or may not have been. */
export function losesNumber(response: Refusal): boolean {
  return response.code === 'UNAVAILABLE' || response.code === 'STOPPED' || isOutOfSequence(response)
}

/** The cluster misses an earlier write of this session, or has forgotten the session. */
export function isOutOfSequence(response: Refusal): boolean {
  return response.code === 'GAP' || response.code === 'SESSION_EXPIRED'
}

/** A watch that goes on where it was: nothing it gave is given again, and nothing is left out. */
export function resumed({ request, next }: WatchCall): WatchRequest {
  return next === null ? request : { ...request, startRevision: next }
}

/** What a watch was told moves on what it is to be given next. */
export function follow(call: WatchCall, notification: WatchNotification): void {
  switch (notification.kind) {
    case 'created':
      call.next = call.request.startRevision > 0 ? call.request.startRevision : notification.revision + 1
      return
    case 'events':
      call.next = (notification.batches.at(-1)?.revision ?? (call.next ?? 1) - 1) + 1
      return
    case 'progress':
      call.progressDue = false
      call.next = Math.max(call.next ?? 0, notification.revision + 1)
      return
    case 'compacted':
      return
    default:
      notification satisfies never
  }
}

export function toError(response: Refusal): FlotillaError {
  return new FlotillaError(response.code, response.message, { outcome: response.outcome })
}

export function withUnknownOutcome(error: FlotillaError): FlotillaError {
  return new FlotillaError(error.code, error.message, { outcome: 'unknown', cause: error })
}
