import type {
  Compare,
  DeleteRequest,
  DeleteResponse,
  KeyRange,
  KeyValue,
  LeaseId,
  LeaseState,
  PutRequest,
  PutResponse,
  RangeRequest,
  RequestOp,
  ResponseOp,
  Revision,
  StoreErrorCode,
  SystemCommand,
  TxnRequest,
  TxnResponse,
  WatchEvent,
  WatchRequest,
  WriteRequest,
  WriteResponse,
} from '../../../src/store/types.ts'
import { hasKeyTwice } from './model-duplicates.ts'
import { compareHolds, deletion, inKeyOrder, isIn, isWanted, rangeOf, type State } from './model-range.ts'
import { bytes, text } from './requests.ts'

/** A transaction of which is known which branch runs. */
interface Resolved {
  readonly op: 'resolved'
  readonly succeeded: boolean
  readonly ops: readonly (Simple | Resolved)[]
}

type Simple = Exclude<RequestOp, TxnRequest>

class Refusal extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode) {
    super(code)
    this.code = code
  }
}

/**
 * The store as slowly as it can be said: the whole state of every revision, and lists that are filtered. It answers and refuses
 * as the store must, for requests of good form; quota and sessions it knows nothing of.
 */
export class Model {
  /** The state as of each revision; revision 1 is the empty store. */
  readonly #states: State[] = [new Map(), new Map()]
  readonly #events: WatchEvent[][] = [[], []]
  #leases: readonly LeaseState[] = []
  #endedRenewals = 0
  #compacted: Revision = -1
  #draft = new Map<string, KeyValue>()
  #draftEvents: WatchEvent[] = []

  get revision(): Revision {
    return this.#states.length - 1
  }

  get compactRevision(): Revision {
    return Math.max(0, this.#compacted)
  }

  /** In the order of their ids. */
  get leases(): readonly LeaseState[] {
    return [...this.#leases].sort((a, b) => a.lease - b.lease)
  }

  /** The keys whose newest key-value names the lease: there is no other record of what is attached. */
  attachedTo(lease: LeaseId): string[] {
    return [...this.keysAt(0).values()]
      .filter(kv => kv.lease === lease)
      .map(kv => text(kv.key))
      .sort()
  }

  keysAt(revision: Revision): State {
    return this.#states[revision === 0 ? this.revision : revision] ?? new Map()
  }

  /** Bytes of keys and values that can be read or watched, with 64 for each change and each lease. */
  get sizeBytes(): number {
    const changes = this.#events.slice(Math.max(0, this.#compacted)).flatMap(events => events.map(event => event.kv))
    const older = [...this.keysAt(Math.max(1, this.#compacted)).values()].filter(kv => kv.modRevision < this.#compacted)
    const sizes = [...changes, ...older].map(kv => kv.key.length + kv.value.length + 64)
    return sizes.reduce((sum, size) => sum + size, this.#leases.length * 64)
  }

  /** Runs a write as one revision, if it changes anything; all of it, or nothing. */
  apply(request: WriteRequest): WriteResponse | StoreErrorCode {
    try {
      const response = this.#answer(request)
      this.#commit()
      return response
    } catch (error) {
      this.#draft = new Map(this.keysAt(0))
      this.#draftEvents = []
      if (error instanceof Refusal) return error.code
      throw error
    }
  }

  applySystem({ request }: SystemCommand): void {
    if (request.op === 'compact') this.apply(request)
    if (request.op === 'leaseExpire' && this.#lease(request.lease)?.renewals === request.renewals) {
      this.apply({ op: 'leaseRevoke', lease: request.lease })
    }
    if (request.op === 'leaseCheckpoint') {
      for (const { lease, renewals, remainingSeconds } of request.checkpoints) {
        const known = this.#lease(lease)
        if (known?.renewals !== renewals) continue
        this.#setLease({ ...known, remainingSeconds: Math.min(known.remainingSeconds, remainingSeconds) })
      }
    }
  }

  read(request: RangeRequest): { kvs: KeyValue[]; more: boolean; count: number } | StoreErrorCode {
    if (request.revision > this.revision) return 'FUTURE_REVISION'
    if (request.revision > 0 && request.revision < this.#compacted) return 'COMPACTED'
    return rangeOf(this.keysAt(request.revision), request)
  }

  /** What a watcher gets to see, if it starts now: the events of each revision, for those that have any. */
  watch(request: WatchRequest): { revision: Revision; events: WatchEvent[] }[] | 'COMPACTED' {
    const start = request.startRevision === 0 ? this.revision + 1 : request.startRevision
    if (start < this.#compacted) return 'COMPACTED'
    return this.eventsFrom(request, start)
  }

  eventsFrom(request: WatchRequest, start: Revision): { revision: Revision; events: WatchEvent[] }[] {
    return this.#events
      .map((all, revision) => ({ revision, events: all.filter(event => isWanted(request, event)) }))
      .filter(({ revision, events }) => revision >= start && events.length > 0)
      .map(({ revision, events }) => ({
        revision,
        events: events.map(event => {
          const known = request.prevKv && revision - 1 >= this.#compacted
          return { ...event, prevKv: known ? event.prevKv : null }
        }),
      }))
  }

  #answer(request: WriteRequest): WriteResponse {
    const header = { revision: this.revision }
    switch (request.op) {
      case 'put':
        this.#checkLease(request)
        this.#checkExists(request)
        return this.#put(request)
      case 'delete':
        return this.#delete(request)
      case 'txn':
        return this.#txn(request)
      case 'compact':
        if (request.revision <= this.#compacted) throw new Refusal('COMPACTED')
        if (request.revision > this.revision) throw new Refusal('FUTURE_REVISION')
        this.#compacted = request.revision
        return { op: 'compact', header }
      case 'leaseGrant': {
        const { lease } = request
        if (this.#lease(lease) !== undefined) throw new Refusal('LEASE_EXISTS')
        const ttlSeconds = Math.max(2, request.ttlSeconds)
        this.#leases = [
          ...this.#leases,
          { lease, ttlSeconds, remainingSeconds: ttlSeconds, renewals: this.#endedRenewals + 1 },
        ]
        return { op: 'leaseGrant', header, lease, ttlSeconds }
      }
      case 'leaseRevoke': {
        const ended = this.#lease(request.lease)
        if (ended === undefined) throw new Refusal('LEASE_NOT_FOUND')
        this.#endedRenewals = Math.max(this.#endedRenewals, ended.renewals)
        for (const name of this.attachedTo(request.lease)) this.#take({ key: bytes(name), end: null })
        this.#leases = this.#leases.filter(({ lease }) => lease !== request.lease)
        return { op: 'leaseRevoke', header: { revision: this.#revisionInside } }
      }
      case 'leaseKeepAlive': {
        const known = this.#lease(request.lease)
        if (known === undefined) throw new Refusal('LEASE_NOT_FOUND')
        const { lease, ttlSeconds } = known
        this.#setLease({ ...known, remainingSeconds: ttlSeconds, renewals: known.renewals + 1 })
        return { op: 'leaseKeepAlive', header, lease, ttlSeconds }
      }
    }
  }

  /** All guards of the tree are decided first, then all that can fail on the branches that run, then it runs. */
  #txn(request: TxnRequest): TxnResponse {
    if (hasKeyTwice(request)) throw new Refusal('DUPLICATE_KEY')
    const resolved = this.#resolve(request)
    const ops = flatten(resolved)
    for (const op of ops) {
      if (op.op !== 'put') continue
      this.#checkExists(op)
      this.#checkLease(op)
    }
    for (const op of ops) {
      const answer = op.op === 'range' ? this.read(op) : null
      if (typeof answer === 'string') throw new Refusal(answer)
    }
    return this.#runAll(resolved)
  }

  #resolve(request: TxnRequest): Resolved {
    const succeeded = request.compare.every(compare => this.#holds(compare))
    const ops = succeeded ? request.success : request.failure
    return { op: 'resolved', succeeded, ops: ops.map(op => (op.op === 'txn' ? this.#resolve(op) : op)) }
  }

  #holds(compare: Compare): boolean {
    const inRange = [...this.keysAt(0).values()].filter(kv => isIn(compare, kv.key))
    if (inRange.length > 0) return inRange.every(kv => compareHolds(compare, kv))
    return compare.target !== 'value' && compareHolds(compare, deletion('', 0))
  }

  #checkExists(request: PutRequest): void {
    const keeps = request.ignoreValue || request.ignoreLease
    if (keeps && !this.#draft.has(text(request.key))) throw new Refusal('KEY_NOT_FOUND')
  }

  #checkLease({ lease }: PutRequest): void {
    if (lease !== 0 && this.#lease(lease) === undefined) throw new Refusal('LEASE_NOT_FOUND')
  }

  get #revisionInside(): Revision {
    return this.revision + (this.#draftEvents.length > 0 ? 1 : 0)
  }

  #runAll({ succeeded, ops }: Resolved): TxnResponse {
    const responses = ops.map(op => this.#run(op))
    return { op: 'txn', header: { revision: this.#revisionInside }, succeeded, responses }
  }

  #run(op: Simple | Resolved): ResponseOp {
    switch (op.op) {
      case 'range': {
        const state = op.revision === 0 ? this.#draft : this.keysAt(op.revision)
        return { op: 'range', header: { revision: this.#revisionInside }, ...rangeOf(state, op) }
      }
      case 'put':
        return this.#put(op)
      case 'delete':
        return this.#delete(op)
      case 'resolved':
        return this.#runAll(op)
    }
  }

  #put(op: PutRequest): PutResponse {
    this.#checkExists(op)
    const name = text(op.key)
    const before = this.#draft.get(name) ?? null
    const kv = {
      key: op.key,
      value: op.ignoreValue && before ? before.value : op.value,
      createRevision: before?.createRevision ?? this.revision + 1,
      modRevision: this.revision + 1,
      version: (before?.version ?? 0) + 1,
      lease: op.ignoreLease && before ? before.lease : op.lease,
    }
    this.#draft.set(name, kv)
    this.#event('put', kv)
    return { op: 'put', header: { revision: this.#revisionInside }, prevKv: op.prevKv ? before : null }
  }

  #delete(op: DeleteRequest): DeleteResponse {
    const gone = this.#take(op)
    const header = { revision: this.#revisionInside }
    return { op: 'delete', header, deleted: gone.length, prevKvs: op.prevKv ? gone : [] }
  }

  #take(range: KeyRange): KeyValue[] {
    const gone = inKeyOrder(this.#draft).filter(kv => isIn(range, kv.key))
    for (const { key } of gone) {
      this.#draft.delete(text(key))
      this.#event('delete', deletion(text(key), this.revision + 1))
    }
    return gone
  }

  #event(type: 'put' | 'delete', kv: KeyValue): void {
    const isNew = kv.version === 1
    this.#draftEvents.push({ type, kv, prevKv: isNew ? null : (this.keysAt(0).get(text(kv.key)) ?? null) })
  }

  #commit(): void {
    if (this.#draftEvents.length === 0) return
    this.#states.push(new Map(this.#draft))
    this.#events.push(this.#draftEvents)
    this.#draftEvents = []
  }

  #lease(id: LeaseId): LeaseState | undefined {
    return this.#leases.find(({ lease }) => lease === id)
  }

  #setLease(state: LeaseState): void {
    this.#leases = this.#leases.map(known => (known.lease === state.lease ? state : known))
  }
}

/** The operations that run, in their order. */
function flatten({ ops }: Resolved): Simple[] {
  return ops.flatMap(op => (op.op === 'resolved' ? flatten(op) : [op]))
}
