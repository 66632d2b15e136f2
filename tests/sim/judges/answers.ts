import type { ClientResponse } from '../../../src/replica/types.ts'
import type { KeyValue, LeaseId, ReadResponse, ResponseOp, Revision, WriteResponse } from '../../../src/store/types.ts'
import { text } from '../clients/requests.ts'
import type { Version } from './versions.ts'

/** What the model answers, and what a member's answers are compared with: the same answer in the plainest form. */
export type Answer =
  | { readonly op: 'put'; readonly revision: Revision; readonly prev: Version | null }
  | { readonly op: 'delete'; readonly revision: Revision; readonly deleted: number; readonly prevs: readonly Version[] }
  | {
      readonly op: 'range'
      readonly revision: Revision
      readonly kvs: readonly Version[]
      readonly count: number
      readonly more: boolean
    }
  | {
      readonly op: 'txn'
      readonly revision: Revision
      readonly succeeded: boolean
      readonly answers: readonly Answer[]
    }
  | { readonly op: 'compact' | 'leaseRevoke'; readonly revision: Revision }
  | {
      readonly op: 'leaseGrant' | 'leaseKeepAlive'
      readonly revision: Revision
      readonly lease: LeaseId
      readonly ttlSeconds: number
    }
  | { readonly op: 'refusal'; readonly code: string }

/** A request that does not succeed, with the code that says why. */
export class Refusal {
  readonly code: string

  constructor(code: string) {
    this.code = code
  }
}

export function answerOf(response: ClientResponse): Answer {
  return response.ok ? plain(response.response) : { op: 'refusal', code: response.code }
}

function plain(response: WriteResponse | ReadResponse | ResponseOp): Answer {
  const { revision } = response.header
  switch (response.op) {
    case 'put':
      return { op: 'put', revision, prev: response.prevKv === null ? null : versionOf(response.prevKv) }
    case 'delete':
      return { op: 'delete', revision, deleted: response.deleted, prevs: response.prevKvs.map(versionOf) }
    case 'range':
      return { op: 'range', revision, kvs: response.kvs.map(versionOf), count: response.count, more: response.more }
    case 'txn':
      return { op: 'txn', revision, succeeded: response.succeeded, answers: response.responses.map(plain) }
    case 'compact':
    case 'leaseRevoke':
      return { op: response.op, revision }
    case 'leaseGrant':
    case 'leaseKeepAlive':
      return { op: response.op, revision, lease: response.lease, ttlSeconds: response.ttlSeconds }
    case 'leaseTimeToLive':
    case 'leases':
    case 'hashKv':
      throw new Error(`${response.op} is not compared in this form`)
  }
}

export function versionOf(kv: KeyValue): Version {
  return {
    key: text(kv.key),
    value: text(kv.value),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  }
}

/** Equal in everything. By hand, since it is asked of every answer there is. */
export function sameAnswer(a: Answer, b: Answer): boolean {
  if (a.op === 'refusal') return b.op === 'refusal' && a.code === b.code
  if (b.op === 'refusal' || a.revision !== b.revision) return false
  switch (a.op) {
    case 'put':
      return b.op === 'put' && sameVersion(a.prev, b.prev)
    case 'delete':
      return b.op === 'delete' && a.deleted === b.deleted && sameVersions(a.prevs, b.prevs)
    case 'range':
      return b.op === 'range' && a.count === b.count && a.more === b.more && sameVersions(a.kvs, b.kvs)
    case 'txn':
      if (b.op !== 'txn' || a.succeeded !== b.succeeded || a.answers.length !== b.answers.length) return false
      return a.answers.every((answer, i) => sameAnswer(answer, b.answers[i] ?? answer))
    case 'compact':
    case 'leaseRevoke':
      return a.op === b.op
    case 'leaseGrant':
    case 'leaseKeepAlive':
      return a.op === b.op && a.lease === b.lease && a.ttlSeconds === b.ttlSeconds
  }
}

export function sameVersion(a: Version | null, b: Version | null): boolean {
  if (a === null || b === null) return a === b
  if (a.key !== b.key || a.value !== b.value || a.create !== b.create) return false
  return a.mod === b.mod && a.version === b.version && a.lease === b.lease
}

export function sameVersions(a: readonly Version[], b: readonly Version[]): boolean {
  return a.length === b.length && a.every((version, i) => sameVersion(version, b[i] ?? null))
}

/** For a person. */
export function describeAnswer(answer: Answer): string {
  switch (answer.op) {
    case 'put':
      return `put @${answer.revision} prev ${describeVersion(answer.prev)}`
    case 'delete':
      return `delete @${answer.revision} of ${answer.deleted} prev ${describeVersions(answer.prevs)}`
    case 'range':
      return `range @${answer.revision} ${describeVersions(answer.kvs)} of ${answer.count}${answer.more ? ', and more' : ''}`
    case 'txn':
      return `txn @${answer.revision} ${answer.succeeded} [${answer.answers.map(describeAnswer).join('; ')}]`
    case 'compact':
    case 'leaseRevoke':
      return `${answer.op} @${answer.revision}`
    case 'leaseGrant':
    case 'leaseKeepAlive':
      return `${answer.op} @${answer.revision} ${answer.lease} for ${answer.ttlSeconds} s`
    case 'refusal':
      return answer.code
  }
}

export function describeVersion(kv: Version | null): string {
  if (kv === null) return 'none'
  return `${kv.key}=${kv.value}(create ${kv.create}, mod ${kv.mod}, version ${kv.version}, lease ${kv.lease})`
}

export function describeVersions(kvs: readonly Version[]): string {
  return kvs.length === 0 ? 'nothing' : kvs.map(describeVersion).join(',')
}
