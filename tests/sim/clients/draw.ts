import type {
  Compare,
  KeyRange,
  LeaseId,
  RangeRequest,
  ReadRequest,
  RequestOp,
  Revision,
  WatchRequest,
  WriteRequest,
} from '../../../src/store/types.ts'
import type { Model } from '../judges/model.ts'
import type { Version } from '../judges/versions.ts'
import type { Random } from '../random.ts'
import type { ClientConfig } from './client-config.ts'
import { bytes, deletion, oneKey, prefixed, put, putIfUnchanged, range, watch } from './requests.ts'

/** What a client asks for: drawn so that some of it succeeds and some fails, on few keys and leases that all clients share. */
export class Draw {
  readonly #random: Random
  readonly #config: ClientConfig
  readonly #model: Model
  /** Whose values these are: no two clients have one in common. */
  readonly #author: string
  #values = 0
  /** What this page has seen last of each key, which may no longer be so. */
  readonly #believed = new Map<string, Version>()

  constructor(random: Random, config: ClientConfig, model: Model, author: string) {
    this.#random = random
    this.#config = config
    this.#model = model
    this.#author = author
  }

  believes(version: Version): void {
    this.#believed.set(version.key, version)
  }

  write(): WriteRequest {
    if (this.#random.chance(this.#config.compactProbability)) {
      return { op: 'compact', revision: Math.max(1, this.#model.revision - this.#random.integer(-1, 20)) }
    }
    const prevKv = this.#random.chance(0.3)
    const { leaseWeight } = this.#config
    switch (this.#random.weighted({ put: 6, putIfUnchanged: 3, delete: 1, txn: 2, lease: leaseWeight })) {
      case 'put':
        return this.#put(this.#key(), prevKv)
      case 'putIfUnchanged': {
        const key = this.#key()
        return putIfUnchanged(key, this.#known(key)?.mod ?? 0, this.value())
      }
      case 'delete':
        return deletion(this.#random.chance(0.2) ? this.#range() : oneKey(this.#key()), { prevKv })
      case 'txn':
        return this.#txn()
      case 'lease':
        return this.#leaseWrite()
    }
  }

  read(): RangeRequest {
    const request = range(this.#random.chance(0.6) ? oneKey(this.#key()) : this.#range())
    switch (this.#random.weighted({ now: 6, past: 2, future: 0.3, limited: 1, sorted: 1, bounded: 0.5, bare: 1 })) {
      case 'now':
        return request
      case 'past':
        return { ...request, revision: this.#past(30) }
      case 'future':
        return { ...request, revision: this.#model.revision + this.#random.integer(1, 20) }
      case 'limited':
        return {
          ...request,
          limit: this.#random.integer(1, 3),
          revision: this.#random.chance(0.3) ? this.#past(10) : 0,
        }
      case 'sorted': {
        const sortTarget = this.#random.pick(['key', 'version', 'create', 'mod', 'value'] as const)
        const sortOrder = this.#random.pick(['ascend', 'descend'] as const)
        return { ...request, sortTarget, sortOrder, limit: this.#random.integer(0, 3) }
      }
      case 'bounded':
        return { ...request, minModRevision: this.#past(30), maxCreateRevision: this.#past(10) }
      case 'bare':
        return this.#random.chance(0.5) ? { ...request, keysOnly: true } : { ...request, countOnly: true }
    }
  }

  /** Reads of other things than keys. */
  sideRead(): ReadRequest {
    switch (this.#random.weighted({ timeToLive: 4, leases: 1, hashKv: 0.5 })) {
      case 'timeToLive':
        return { op: 'leaseTimeToLive', lease: this.#lease(), keys: this.#random.chance(0.7) }
      case 'leases':
        return { op: 'leases' }
      case 'hashKv':
        return { op: 'hashKv', revision: 0 }
    }
  }

  watch(): WatchRequest {
    const start = this.#random.weighted({ now: 6, past: 3, beginning: 0.5, future: 0.5 })
    const startRevision = {
      now: 0,
      past: this.#past(50),
      beginning: 1,
      future: this.#model.revision + this.#random.integer(1, 10),
    }[start]
    return watch(this.#random.chance(0.5) ? oneKey(this.#key()) : this.#range(), {
      startRevision,
      prevKv: this.#random.chance(0.3),
      filters: this.#random.pick([[], [], ['put'], ['delete']] as const),
    })
  }

  /** Every value is written once, so a value tells the write it came from. */
  value(): string {
    this.#values += 1
    return `${this.#author}.${this.#values}.`.padEnd(this.#random.integer(0, this.#config.valueBytesMax), '.')
  }

  #put(key: string, prevKv: boolean): RequestOp & { op: 'put' } {
    if (this.#random.chance(0.1)) return put(key, this.value(), { prevKv, ignoreLease: true })
    return put(key, this.value(), { prevKv, lease: this.#attachment() })
  }

  /** Guards that say what may be so, and different things to do if it is and if it is not. */
  #txn(): WriteRequest {
    const guards = Array.from({ length: this.#random.integer(0, 2) }, () => this.#guard())
    const success = this.#operations(1)
    return { op: 'txn', compare: guards, success, failure: guards.length === 0 ? [] : this.#operations(1) }
  }

  /** Of no key twice, which would be refused. */
  #operations(depth: number): RequestOp[] {
    const [first, second] = [this.#key(), this.#key()]
    const operations: RequestOp[] = [put(first, this.value(), { lease: this.#attachment() }), range(prefixed('key'))]
    if (this.#random.chance(0.5))
      operations.push(put(`${first}/copy`, this.value(), { prevKv: this.#random.chance(0.3) }))
    if (second !== first && this.#random.chance(0.3)) {
      operations.push(this.#random.chance(0.5) ? this.#put(second, true) : deletion(oneKey(second), { prevKv: true }))
    }
    if (this.#random.chance(0.1)) operations.unshift({ ...this.read(), sortTarget: 'key', sortOrder: 'none' })
    if (depth > 0 && this.#random.chance(0.1)) {
      const inner = `${first}/inner`
      const [succeeded, failed] = [put(inner, this.value()), deletion(oneKey(inner), { prevKv: true })]
      operations.push({
        op: 'txn',
        compare: [this.#guard()],
        success: [succeeded],
        failure: [failed, range(oneKey(inner))],
      })
    }
    return this.#random.chance(0.1) ? [range(this.#range())] : operations
  }

  #guard(): Compare {
    const key = this.#key()
    const known = this.#known(key)
    const result = this.#random.pick(['=', '=', '=', '!=', '>', '<'] as const)
    if (this.#random.chance(0.1)) return { ...prefixed('key'), target: 'create', result, operand: 0 }
    switch (this.#random.weighted({ mod: 3, version: 1, create: 1, lease: 1, value: 2 })) {
      case 'value':
        return { ...oneKey(key), target: 'value', result, operand: bytes(known?.value ?? 'none') }
      case 'lease':
        return { ...oneKey(key), target: 'lease', result, operand: known?.lease ?? 0 }
      case 'mod':
        return { ...oneKey(key), target: 'mod', result, operand: known?.mod ?? 0 }
      case 'version':
        return { ...oneKey(key), target: 'version', result, operand: known?.version ?? 0 }
      case 'create':
        return { ...oneKey(key), target: 'create', result, operand: known?.create ?? 0 }
    }
  }

  /** What this page believes of a key, or what is true now. */
  #known(key: string): Version | null {
    const believed = this.#random.chance(0.5) ? this.#believed.get(key) : undefined
    return believed ?? this.#model.versions.existing(key)
  }

  #leaseWrite(): WriteRequest {
    const lease = this.#lease()
    switch (this.#random.weighted({ grant: 2, keepAlive: 6, revoke: 0.5 })) {
      case 'grant':
        return { op: 'leaseGrant', lease, ttlSeconds: this.#random.integer(1, leaseTtlSecondsMax) }
      case 'keepAlive':
        return { op: 'leaseKeepAlive', lease }
      case 'revoke':
        return { op: 'leaseRevoke', lease }
    }
  }

  /** A few that all clients share, so that they end and begin under each other's hands. */
  #lease(): LeaseId {
    return this.#random.integer(1, sharedLeases)
  }

  /** Mostly of one that exists; of one that does not, the write is refused. */
  #attachment(): LeaseId {
    if (this.#random.chance(0.6)) return 0
    const lease = this.#lease()
    return this.#model.lease(lease) !== null || this.#random.chance(0.1) ? lease : 0
  }

  #range(): KeyRange {
    switch (this.#random.weighted({ keys: 5, everything: 1, some: 2 })) {
      case 'keys':
        return prefixed('key')
      case 'everything':
        return prefixed('')
      case 'some':
        return { key: bytes(this.#key()), end: bytes('key7') }
    }
  }

  #key(): string {
    return `key${this.#random.integer(0, this.#config.keys - 1)}`
  }

  #past(revisions: number): Revision {
    return Math.max(1, this.#model.revision - this.#random.integer(0, revisions))
  }
}

/** Leases with lower ids are anyone's; those above belong to whoever holds a lock with them. */
export const sharedLeases = 5
const leaseTtlSecondsMax = 5
