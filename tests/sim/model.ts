import type {
  Command,
  Compare,
  KeyRange,
  LeaseId,
  RequestOp,
  Revision,
  SystemCommand,
  WatchRequest,
  WriteRequest,
} from '../../src/store/types.ts'
import { text } from './requests.ts'

/** One version of one key; `version` 0 is a deletion. */
export interface Version {
  readonly key: string
  readonly value: string
  readonly create: Revision
  readonly mod: Revision
  readonly version: number
  readonly lease: LeaseId
}

interface Lease {
  readonly lease: LeaseId
  readonly ttlSeconds: number
  readonly renewals: number
}

/** A request that does not succeed, with the code that says why. */
class Refusal {
  readonly code: string

  constructor(code: string) {
    this.code = code
  }
}

/**
 * What the committed log means, worked out a second time in the plainest way there is: every version of every key in a
 * list. It knows as much of the store's semantics as the simulated clients use, and nothing of its code.
 */
export class Model {
  revision: Revision = 1
  compacted: Revision = 0
  /** Every change, in order. */
  readonly #changes: Version[] = []
  readonly #latest = new Map<string, Version>()
  readonly #results = new Map<string, string[]>()
  readonly #leases = new Map<LeaseId, Lease>()
  #endedRenewals = 0
  readonly #leaseChanges = new Map<LeaseId, number>()
  /** Applied writes, as against repeated ones. */
  writes = 0
  repeated = 0

  apply(command: Command | SystemCommand): void {
    if (command.clientId === null) {
      this.#applySystem(command)
      return
    }
    const { clientId, seq, request } = command
    let results = this.#results.get(clientId)
    if (results === undefined) {
      results = []
      this.#results.set(clientId, results)
    }
    if (seq <= results.length) this.repeated += 1
    if (seq !== results.length + 1) return
    this.writes += 1
    results.push(this.#execute(request))
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

  /** The keys attached to a lease as of a revision. */
  keysOf(lease: LeaseId, revision: Revision): string {
    const attached = this.#stateAt(revision).filter(version => version.lease === lease)
    return sorted(attached)
      .map(({ key }) => key)
      .join(',')
  }

  /** What a client must be told of its write, or null if it was not applied. */
  resultOf(clientId: string, seq: number): string | null {
    return this.#results.get(clientId)?.[seq - 1] ?? null
  }

  /** The answer to a plain range, as of a revision. */
  rangeAt(keys: KeyRange, revision: Revision): string {
    return describeKvs(sorted(this.#stateAt(revision).filter(({ key }) => isIn(keys, key))))
  }

  #stateAt(revision: Revision): Version[] {
    const found = new Map<string, Version>()
    for (const change of this.#changes) {
      if (change.mod > revision) break
      found.set(change.key, change)
    }
    return [...found.values()].filter(({ version }) => version > 0)
  }

  modRevisionOf(key: string): Revision {
    return this.#existing(key)?.mod ?? 0
  }

  /** The next batch that a watcher is to be given from a revision on, or null if there is none yet. */
  nextBatch(request: WatchRequest, from: Revision): { revision: Revision; events: string } | null {
    let revision = 0
    const events: string[] = []
    for (let i = this.#firstChangeAt(from); i < this.#changes.length; i += 1) {
      const change = this.#changes[i]
      if (change === undefined || (revision !== 0 && change.mod !== revision)) break
      const type = change.version === 0 ? 'delete' : 'put'
      if (!isIn(request, change.key) || request.filters.includes(type)) continue
      revision = change.mod
      events.push(describeEvent(type, change))
    }
    return revision === 0 ? null : { revision, events: events.join(' ') }
  }

  /** The version of a key just before a revision, as an event's `prevKv` shows it. */
  before(key: string, revision: Revision): string {
    let found: Version | undefined
    for (const change of this.#changes) {
      if (change.mod >= revision) break
      if (change.key === key) found = change
    }
    return found === undefined || found.version === 0 ? 'none' : describeKv(found)
  }

  #firstChangeAt(revision: Revision): number {
    let low = 0
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#changes[middle]?.mod ?? 0) < revision) low = middle + 1
      else high = middle
    }
    return low
  }

  #execute(request: WriteRequest): string {
    const before = this.#changes.length
    const next = this.revision + 1
    try {
      const answer = this.#runWrite(request, next)
      if (this.#changes.length > before) this.revision = next
      return answer
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#undo(before)
      return error.code
    }
  }

  /** Takes back all changes but the first so many. */
  #undo(kept: number): void {
    const undone = this.#changes.splice(kept)
    if (undone.length === 0) return
    for (const { key } of undone) this.#latest.delete(key)
    for (const change of this.#changes) this.#latest.set(change.key, change)
  }

  #runWrite(request: WriteRequest, next: Revision): string {
    switch (request.op) {
      case 'compact':
        if (request.revision <= this.compacted) throw new Refusal('COMPACTED')
        if (request.revision > this.revision) throw new Refusal('FUTURE_REVISION')
        this.compacted = request.revision
        return `compact @${this.revision}`
      case 'leaseGrant': {
        const { lease, ttlSeconds } = request
        if (this.#leases.has(lease)) throw new Refusal('LEASE_EXISTS')
        this.#setLease({ lease, ttlSeconds, renewals: this.#endedRenewals + 1 })
        return `leaseGrant @${this.revision} ${lease} for ${ttlSeconds}`
      }
      case 'leaseKeepAlive': {
        const { lease, ttlSeconds, renewals } = this.#leased(request.lease)
        this.#setLease({ lease, ttlSeconds, renewals: renewals + 1 })
        return `leaseKeepAlive @${this.revision} ${lease} for ${ttlSeconds}`
      }
      case 'leaseRevoke':
        return `leaseRevoke @${this.#end(this.#leased(request.lease).lease, next)}`
      default:
        return this.#run(request, next)
    }
  }

  #applySystem({ request }: SystemCommand): void {
    switch (request.op) {
      case 'leaseExpire': {
        const { lease, renewals } = request
        if (this.#leases.get(lease)?.renewals === renewals) this.revision = this.#end(lease, this.revision + 1)
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

  /** Deletes what hangs on a lease, at the revision that is returned. */
  #end(lease: LeaseId, next: Revision): Revision {
    this.#endedRenewals = Math.max(this.#endedRenewals, this.#leases.get(lease)?.renewals ?? 0)
    this.#leases.delete(lease)
    this.#leaseChanged(lease)
    for (const version of sorted([...this.#latest.values()])) {
      if (version.version > 0 && version.lease === lease) this.#delete(version.key, next)
    }
    return this.#now(next)
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

  #run(request: RequestOp, next: Revision): string {
    switch (request.op) {
      case 'put': {
        const key = text(request.key)
        const previous = this.#existing(key)
        const shown = request.prevKv ? describePrevious(previous) : 'none'
        const create = previous?.create ?? next
        const { lease } = request
        if (lease !== 0) this.#leased(lease)
        const version = (previous?.version ?? 0) + 1
        this.#change({ key, value: text(request.value), create, mod: next, version, lease })
        return `put @${next} prev ${shown}`
      }
      case 'delete': {
        const gone = sorted([...this.#latest.values()].filter(({ key, version }) => version > 0 && isIn(request, key)))
        for (const { key } of gone) this.#delete(key, next)
        const revision = gone.length > 0 ? next : this.#now(next)
        return `delete @${revision} count ${gone.length} prev ${request.prevKv ? describeKvs(gone) : ''}`
      }
      case 'range': {
        const found = sorted([...this.#latest.values()].filter(({ key, version }) => version > 0 && isIn(request, key)))
        return `range @${this.#now(next)} ${describeKvs(found)}`
      }
      case 'txn': {
        const succeeded = request.compare.every(compare => this.#holds(compare))
        const answers = (succeeded ? request.success : request.failure).map(op => this.#run(op, next))
        return `txn @${this.#now(next)} ${succeeded} [${answers.join('; ')}]`
      }
    }
  }

  /** The revision seen from inside a transaction: the next one as soon as something was changed. */
  #now(next: Revision): Revision {
    return this.#changes.at(-1)?.mod === next ? next : this.revision
  }

  #holds(compare: Compare): boolean {
    if (compare.target !== 'mod' || compare.result !== '=' || compare.end !== null) {
      throw new Error('the model knows only guards on one key for its mod revision')
    }
    return this.modRevisionOf(text(compare.key)) === compare.operand
  }

  #existing(key: string): Version | undefined {
    const latest = this.#latest.get(key)
    return latest === undefined || latest.version === 0 ? undefined : latest
  }

  #delete(key: string, mod: Revision): void {
    this.#change({ key, value: '', create: 0, mod, version: 0, lease: 0 })
  }

  #change(version: Version): void {
    this.#changes.push(version)
    this.#latest.set(version.key, version)
  }
}

function sorted(versions: Version[]): Version[] {
  return versions.sort((a, b) => (a.key < b.key ? -1 : 1))
}

function isIn({ key, end }: KeyRange, name: string): boolean {
  const low = text(key)
  if (end === null) return name === low
  const high = text(end)
  return name >= low && (high === '\0' || name < high)
}

/** The model's answers and the store's are compared in this form. */
export function describeKv(kv: Version): string {
  return `${kv.key}=${kv.value}(create ${kv.create}, mod ${kv.mod}, version ${kv.version}, lease ${kv.lease})`
}

export function describeKvs(kvs: Version[]): string {
  return kvs.map(describeKv).join(',')
}

export function describeEvent(type: 'put' | 'delete', kv: Version): string {
  return `${type} ${describeKv(kv)}`
}

function describePrevious(previous: Version | undefined): string {
  return previous === undefined ? 'none' : describeKv(previous)
}
