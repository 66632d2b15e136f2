import type { KeyValue as StoredKeyValue } from '../store/types.ts'
import { createRevision, type NumberCompare } from './compare.ts'
import type { Connection } from './connection.ts'
import { FlotillaError } from './errors.ts'
import type { KeySpace } from './keyspace.ts'
import { put, range } from './operations.ts'
import { Place } from './place.ts'
import { keyText } from './range.ts'
import { rangeRequest } from './requests.ts'
import type { SessionLeases, Tenure, TenureOptions } from './session-leases.ts'
import { Txn } from './txn.ts'

/** Where locks, elections and registrations are kept, and with what. */
export interface Grounds<T> {
  readonly connection: Connection
  readonly space: KeySpace<T>
  readonly leases: SessionLeases
}

/**
 * A line that one stands in with a key, in the order in which the keys were created: etcd's recipe (`concurrency` in its client),
 * key by key, so that its clients and these stand in one line. The key is `name/` and the lease's id in hex digits.
 */
export class Queue<T> {
  readonly grounds: Grounds<T>
  /** What all its keys begin with. As in etcd, other queues' keys among them if their names go on like this. */
  readonly prefix: string

  constructor(grounds: Grounds<T>, name: string) {
    if (typeof name !== 'string' || name === '') {
      throw new FlotillaError('INVALID_ARGUMENT', 'A lock or an election has a name that is not empty.')
    }
    this.grounds = grounds
    this.prefix = `${name}/`
  }

  /** Takes the last place. */
  async enter(value: T, options: TenureOptions): Promise<{ readonly place: Place<T>; readonly first: boolean }> {
    return this.#withTenure(options, async tenure => {
      const key = this.#key(tenure)
      const joined = await this.#txn()
        .if(createRevision(key).eq(0))
        .then(
          put(key, value, { lease: tenure.lease }),
          range({ prefix: this.prefix }, { ...firstCreated, keysOnly: true }),
        )
        .commit(options)
      if (!joined.succeeded) throw standsAlready(key)
      const [, { kvs }] = joined.responses
      const place = new Place(this, key, joined.header.revision, tenure)
      return { place, first: kvs[0]?.key === key }
    })
  }

  /** Takes a place only if it is the first. */
  async enterEmpty(value: T, options: TenureOptions): Promise<Place<T> | null> {
    return this.#withTenure(options, async tenure => {
      const key = this.#key(tenure)
      const joined = await this.#txn()
        .if(isEmpty(this.prefix))
        .then(put(key, value, { lease: tenure.lease }))
        .commit(options)
      if (joined.succeeded) return new Place(this, key, joined.header.revision, tenure)
      tenure.release()
      return null
    })
  }

  /** Who stands first. */
  async first(options: {
    readonly serializable?: boolean
    readonly signal?: AbortSignal
  }): Promise<StoredKeyValue | null> {
    const { connection, space } = this.grounds
    const request = rangeRequest(space, { prefix: this.prefix }, firstCreated)
    const { kvs } = await connection.read(request, options.serializable ?? false, options.signal)
    return kvs[0] ?? null
  }

  #key({ lease }: Tenure): string {
    return this.prefix + lease.id.toString(16)
  }

  #txn(): Txn<T> {
    return new Txn(this.grounds.connection, this.grounds.space, [], [], [])
  }

  async #withTenure<R>(options: TenureOptions, enter: (tenure: Tenure) => Promise<R>): Promise<R> {
    for (;;) {
      const { connection, space, leases } = this.grounds
      const tenure = await leases.take(keyText(space.key(this.prefix)), options)
      try {
        return await enter(tenure)
      } catch (error) {
        if (!(error instanceof FlotillaError)) throw error
        if (error.outcome === 'unknown') {
          // Writes happen in order: whatever becomes of the entry, this comes after it.
          const leave = { op: 'delete', ...space.range(this.#key(tenure)), prevKv: false } as const
          connection.write(leave).then(tenure.release, () => {})
        } else {
          tenure.release()
        }
        if (error.code !== 'LEASE_NOT_FOUND') throw error
        tenure.lease.lose()
        // It had been lost unnoticed; the next one is new.
        if (!tenure.shared) throw error
      }
    }
  }
}

const firstCreated = { sort: { target: 'create', order: 'ascend' }, limit: 1 } as const

/** Of no key at all it is true that it was created at 0. */
function isEmpty(prefix: string): NumberCompare {
  return createRevision({ prefix }).eq(0)
}

function standsAlready(key: string): FlotillaError {
  return new FlotillaError('INVALID_ARGUMENT', `There is a key ${key} already: a lease stands in a line only once.`)
}
