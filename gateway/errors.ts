import { status as Status } from '@grpc/grpc-js'
import type { ClientResponse } from '../src/replica/types.ts'
import { StoreError } from '../src/store/types.ts'

type Refusal = Extract<ClientResponse, { ok: false }>

/** A call's bad end, as gRPC has it: etcd's code and etcd's text wherever etcd has the error. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly code: Status
  readonly details: string

  constructor(code: Status, details: string) {
    super(details)
    this.code = code
    this.details = details
  }
}

const codes: Record<Refusal['code'], Status> = {
  COMPACTED: Status.OUT_OF_RANGE,
  FUTURE_REVISION: Status.OUT_OF_RANGE,
  LEASE_TTL_TOO_LARGE: Status.OUT_OF_RANGE,
  EMPTY_KEY: Status.INVALID_ARGUMENT,
  KEY_NOT_FOUND: Status.INVALID_ARGUMENT,
  DUPLICATE_KEY: Status.INVALID_ARGUMENT,
  TOO_MANY_OPS: Status.INVALID_ARGUMENT,
  REQUEST_TOO_LARGE: Status.INVALID_ARGUMENT,
  VALUE_PROVIDED: Status.INVALID_ARGUMENT,
  LEASE_PROVIDED: Status.INVALID_ARGUMENT,
  INVALID_SORT_OPTION: Status.INVALID_ARGUMENT,
  INVALID_ARGUMENT: Status.INVALID_ARGUMENT,
  NOSPACE: Status.RESOURCE_EXHAUSTED,
  LEASE_NOT_FOUND: Status.NOT_FOUND,
  LEASE_EXISTS: Status.FAILED_PRECONDITION,
  UNAVAILABLE: Status.UNAVAILABLE,
  STOPPED: Status.UNAVAILABLE,
  // The gateway numbers its writes and repeats none, so these would be its own mistake.
  GAP: Status.INTERNAL,
  SESSION_EXPIRED: Status.INTERNAL,
  RESULT_FORGOTTEN: Status.INTERNAL,
}

export function refused({ code, message }: Pick<Refusal, 'code' | 'message'>): CallError {
  return new CallError(codes[code], message)
}

/** For what was thrown on the way to an answer. */
export function toCallError(error: unknown): CallError {
  if (error instanceof CallError) return error
  if (error instanceof StoreError) return refused(error)
  return new CallError(Status.INTERNAL, error instanceof Error ? error.message : String(error))
}

export function invalidArgument(details: string): CallError {
  return new CallError(Status.INVALID_ARGUMENT, details)
}

/** The cluster did not get to it in time. A write may have happened, or may still. */
export function timedOut(): CallError {
  return new CallError(Status.UNAVAILABLE, 'etcdserver: request timed out')
}

export function tooManyRequests(): CallError {
  return new CallError(Status.RESOURCE_EXHAUSTED, 'etcdserver: too many requests')
}

export function notLeader(): CallError {
  return new CallError(Status.FAILED_PRECONDITION, 'etcdserver: not leader')
}

export function badLeaderTransferee(): CallError {
  return new CallError(Status.FAILED_PRECONDITION, 'etcdserver: bad leader transferee')
}

export function leaderTransferTimedOut(): CallError {
  return new CallError(Status.UNAVAILABLE, 'etcdserver: request timed out, leader transfer took too long')
}

export function stopped(): CallError {
  return new CallError(Status.UNAVAILABLE, 'etcdserver: server stopped')
}
