import type {
  Command,
  Compare,
  KeyRange,
  LeaseId,
  PutRequest,
  RangeRequest,
  RequestOp,
  Revision,
  SystemCommand,
  TxnRequest,
  WriteRequest,
} from '../../../src/store/types.ts'
import { text } from '../clients/requests.ts'
import { type Answer, Refusal } from './answers.ts'
import { type Version, Versions } from './versions.ts'

interface Lease {
  readonly lease: LeaseId
  readonly ttlSeconds: number
  readonly renewals: number
}

/** One client, as far as its writes have happened. */
interface Session {
  /** Of each of its writes, in the order of their numbers. */
  readonly answers: Answer[]
  /** It has the answers up to this one, and the members need not remember them. */
  acked: number
}

/** A transaction's guards are evaluated before anything of it happens: this is what is left to do. */
interface Plan {
  readonly op: 'plan'
  readonly succeeded: boolean
  readonly ops: readonly (Exclude<RequestOp, TxnRequest> | Plan)[]
}

/**
 * What the committed log means, worked out a second time in the plainest way there is. It knows as much of the store's
 * semantics as the simulated clients use, and nothing of its code.
 */
export class Model {
  readonly versions = new Versions()
  compacted: Revision = 0
  readonly #sessions = new Map<string, Session>()
  readonly #leases = new Map<LeaseId, Lease>()
  #endedRenewals = 0
  readonly #leaseChanges = new Map<LeaseId, number>()
  /** Applied writes, as against repeated ones, and those that came before their predecessor. */
  writes = 0
  repeated = 0
  outOfTurn = 0

  get revision(): Revision {
    return this.versions.revision
  }

  apply(command: Command | SystemCommand): void {
    if (command.clientId === null) {
      this.#applySystem(command)
      return
    }
    const { clientId, seq, acked, request } = command
    let session = this.#sessions.get(clientId)
    if (session === undefined) {
      session = { answers: [], acked: 0 }
      this.#sessions.set(clientId, session)
    }
    const next = session.answers.length + 1
    session.acked = Math.max(session.acked, acked)
    if (seq < next) this.repeated += 1
    if (seq > next) this.outOfTurn += 1
    if (seq !== next) return
    this.writes += 1
    session.answers.push(this.#execute(request))
  }

  /** What a client must be told of its write, or null if it was not applied. */
  answerTo(clientId: string, seq: number): Answer | null {
    return this.#sessions.get(clientId)?.answers[seq - 1] ?? null
  }

  /** Whether the client has said that it needs no answer to its write any longer. */
  mayForget(clientId: string, seq: number): boolean {
    return seq <= (this.#sessions.get(clientId)?.acked ?? 0)
  }

  /** Every version of every key, and every deletion. */
  get changes(): readonly Version[] {
    return this.versions.changes
  }

  lease(id: LeaseId): Lease | null {
    return this.#leases.get(id) ?? null
  }

  /** How often a lease was granted, kept alive or ended. */
  leaseChanges(lease: LeaseId): number {
    return this.#leaseChanges.get(lease) ?? 0
  }

  get leases(): Iterable<Lease> {
    return this.#leases.values()
  }

  get leaseCount(): number {
    return this.#leases.size
  }

  /** The keys attached to a lease as of a revision, in order. */
  keysOf(lease: LeaseId, revision: Revision): string[] {
    const all = this.versions.rangeAt(everyKey, revision)
    return all.filter(version => version.lease === lease).map(({ key }) => key)
  }

  /** The answer of a member that is at `revision`. */
  range(request: RangeRequest, revision: Revision): Answer & { op: 'range' } {
    const found = this.versions.rangeAt(request, request.revision === 0 ? revision : request.revision)
    const { limit, sortTarget, sortOrder, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } =
      request
    if (sortOrder === 'none' && sortTarget !== 'key') throw new Error('the model sorts nothing without an order')
    let kvs = request.countOnly ? [] : found
    if (minModRevision > 0) kvs = kvs.filter(({ mod }) => mod >= minModRevision)
    if (maxModRevision > 0) kvs = kvs.filter(({ mod }) => mod <= maxModRevision)
    if (minCreateRevision > 0) kvs = kvs.filter(({ create }) => create >= minCreateRevision)
    if (maxCreateRevision > 0) kvs = kvs.filter(({ create }) => create <= maxCreateRevision)
    if (sortOrder !== 'none') {
      const sign = sortOrder === 'ascend' ? 1 : -1
      kvs = [...kvs].sort((a, b) => sign * order(a[sortTarget], b[sortTarget]))
    }
    const more = limit > 0 && kvs.length > limit
    if (more) kvs = kvs.slice(0, limit)
    if (request.keysOnly) kvs = kvs.map(kv => ({ ...kv, value: '' }))
    return { op: 'range', revision, kvs, count: found.length, more }
  }

  #execute(request: WriteRequest): Answer {
    try {
      const answer = this.#run(request)
      this.versions.commit()
      return answer
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.versions.rollback()
      return { op: 'refusal', code: error.code }
    }
  }

  #run(request: WriteRequest): Answer {
    switch (request.op) {
      case 'compact':
        if (request.revision <= this.compacted) throw new Refusal('COMPACTED')
        if (request.revision > this.revision) throw new Refusal('FUTURE_REVISION')
        this.compacted = request.revision
        return { op: 'compact', revision: this.revision }
      case 'leaseGrant': {
        const { op, lease } = request
        if (this.#leases.has(lease)) throw new Refusal('LEASE_EXISTS')
        const ttlSeconds = Math.max(request.ttlSeconds, leaseTtlSecondsMin)
        this.#setLease({ lease, ttlSeconds, renewals: this.#endedRenewals + 1 })
        return { op, revision: this.revision, lease, ttlSeconds }
      }
      case 'leaseKeepAlive': {
        const { lease, ttlSeconds, renewals } = this.#leased(request.lease)
        this.#setLease({ lease, ttlSeconds, renewals: renewals + 1 })
        return { op: request.op, revision: this.revision, lease, ttlSeconds }
      }
      case 'leaseRevoke':
        this.#end(this.#leased(request.lease))
        return { op: request.op, revision: this.versions.revisionInside }
      case 'put':
        this.#check(request)
        return this.#runOp(request)
      case 'txn': {
        const plan = this.#plan(request)
        this.#checkAll(plan)
        return this.#runOp(plan)
      }
      case 'delete':
        return this.#runOp(request)
    }
  }

  #applySystem({ request }: SystemCommand): void {
    switch (request.op) {
      case 'leaseExpire': {
        const lease = this.#leases.get(request.lease)
        if (lease?.renewals === request.renewals) this.#end(lease)
        this.versions.commit()
        return
      }
      case 'compact':
        if (request.revision <= this.revision) this.compacted = Math.max(this.compacted, request.revision)
        return
      case 'leaseCheckpoint':
        // When a lease ends is for time to judge, and nothing else depends on it.
        return
    }
  }

  /** What hangs on a lease is deleted together with it. */
  #end({ lease, renewals }: Lease): void {
    this.#endedRenewals = Math.max(this.#endedRenewals, renewals)
    this.#leases.delete(lease)
    this.#leaseChanged(lease)
    for (const key of this.keysOf(lease, this.revision)) this.versions.delete(key)
  }

  #leased(lease: LeaseId): Lease {
    const found = this.#leases.get(lease)
    if (found === undefined) throw new Refusal('LEASE_NOT_FOUND')
    return found
  }

  #setLease(lease: Lease): void {
    this.#leases.set(lease.lease, lease)
    this.#leaseChanged(lease.lease)
  }

  #leaseChanged(lease: LeaseId): void {
    this.#leaseChanges.set(lease, this.leaseChanges(lease) + 1)
  }

  #plan(request: TxnRequest): Plan {
    const succeeded = request.compare.every(compare => this.#holds(compare))
    const ops = succeeded ? request.success : request.failure
    return { op: 'plan', succeeded, ops: ops.map(op => (op.op === 'txn' ? this.#plan(op) : op)) }
  }

  /** All puts first, and then the ranges, as in etcd. */
  #checkAll(plan: Plan): void {
    const ops = flat(plan)
    for (const op of ops) if (op.op === 'put') this.#check(op)
    for (const op of ops) {
      if (op.op !== 'range' || op.revision === 0) continue
      if (op.revision > this.revision) throw new Refusal('FUTURE_REVISION')
      if (op.revision < this.compacted) throw new Refusal('COMPACTED')
    }
  }

  #check({ key, lease, ignoreValue, ignoreLease }: PutRequest): void {
    if (ignoreValue) throw new Error('the model knows no put that keeps the value: values are to be unique')
    if (ignoreLease && this.versions.existing(text(key)) === null) throw new Refusal('KEY_NOT_FOUND')
    if (lease !== 0) this.#leased(lease)
  }

  #runOp(op: Plan['ops'][number]): Answer {
    const { versions } = this
    switch (op.op) {
      case 'put': {
        const key = text(op.key)
        const before = versions.existing(key)
        versions.put(key, text(op.value), op.ignoreLease ? (before?.lease ?? 0) : op.lease)
        return { op: 'put', revision: versions.revisionInside, prev: op.prevKv ? before : null }
      }
      case 'delete': {
        const gone = versions.rangeAt(op, this.revision + 1)
        for (const { key } of gone) versions.delete(key)
        const prevs = op.prevKv ? gone : []
        return { op: 'delete', revision: versions.revisionInside, deleted: gone.length, prevs }
      }
      case 'range':
        return this.range(op, versions.revisionInside)
      case 'plan': {
        const answers = op.ops.map(inner => this.#runOp(inner))
        return { op: 'txn', revision: versions.revisionInside, succeeded: op.succeeded, answers }
      }
    }
  }

  /** Of a key that is not there all numbers are 0, and no comparison with its value holds. */
  #holds(compare: Compare): boolean {
    const found = this.versions.rangeAt(compare, this.revision)
    if (found.length > 0) return found.every(version => isAsCompared(compare, version))
    return compare.target !== 'value' && isAsCompared(compare, nothing)
  }
}

/** Shorter leases are given this much. */
const leaseTtlSecondsMin = 2

const everyKey: KeyRange = { key: Uint8Array.of(0), end: Uint8Array.of(0) }

const nothing: Version = { key: '', value: '', create: 0, mod: 0, version: 0, lease: 0 }

function isAsCompared(compare: Compare, version: Version): boolean {
  const difference =
    compare.target === 'value'
      ? order(version.value, text(compare.operand))
      : order(version[compare.target], compare.operand)
  switch (compare.result) {
    case '=':
      return difference === 0
    case '!=':
      return difference !== 0
    case '>':
      return difference > 0
    case '<':
      return difference < 0
  }
}

function flat({ ops }: Plan): Exclude<RequestOp, TxnRequest>[] {
  return ops.flatMap(op => (op.op === 'plan' ? flat(op) : [op]))
}

function order<T extends string | number>(a: T, b: T): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
