import type { KeyRange } from '../store/types.ts'
import { withAbort } from './abortable.ts'
import { Attempt, type Isolation } from './attempt.ts'
import type { Codec } from './codec.ts'
import type { Connection } from './connection.ts'
import { FlotillaError } from './errors.ts'
import type { KeySpace } from './keyspace.ts'
import type { Abortable } from './namespace.ts'
import type { LeaseRef } from './operations.ts'
import type { Key, RangeSpec } from './range.ts'
import { count, deleteRequest, putRequest } from './requests.ts'

export interface TransactOptions extends Abortable {
  /** `serializableSnapshot` if not given. */
  readonly isolation?: Isolation
  /** How often the function is run at most, 50 if not given; then it is a `CONFLICT`. */
  readonly attemptsMax?: number
}

/** A key and its value, as a transaction sees them; what it wrote itself has no revision yet. */
export interface Entry<T> {
  readonly key: string
  readonly keyBytes: Uint8Array
  readonly value: T
}

const defaultAttemptsMax = 50

/**
 * The keys as of one revision, and what this transaction has done to them. For one run of its function: afterwards every
 * method throws `INVALID_ARGUMENT`.
 */
export class Transaction<T> {
  readonly #attempt: Attempt
  readonly #space: KeySpace<T>

  /** By `transact()` of a database or namespace. */
  constructor(attempt: Attempt, space: KeySpace<T>) {
    this.#attempt = attempt
    this.#space = space
  }

  /** `undefined` if there is no such key. */
  async get(key: Key): Promise<T | undefined> {
    const value = await this.#attempt.get(this.#space.key(key))
    return value === null ? undefined : this.#space.decode(value)
  }

  /** The transaction depends on every key it saw, and on no other having come between them. */
  async range(range: RangeSpec, options: { readonly limit?: number } = {}): Promise<readonly Entry<T>[]> {
    const bytes: KeyRange = this.#space.range(range)
    const items = await this.#attempt.range(bytes, count('limit', options.limit))
    return items.map(({ key, value }) => ({ ...this.#space.name(key), value: this.#space.decode(value) }))
  }

  put(key: Key, value: T, options: { readonly lease?: LeaseRef } = {}): void {
    this.#attempt.write(putRequest(this.#space, key, value, options))
  }

  /** Deletes one key. */
  delete(key: Key): void {
    this.#attempt.write(deleteRequest(this.#space, { key }, {}))
  }

  /** The same transaction, for the keys under `prefix`. */
  namespace(prefix: Key): Transaction<T>
  namespace<U>(prefix: Key, options: { readonly codec: Codec<U> }): Transaction<U>
  namespace<U>(prefix: Key, options?: { readonly codec: Codec<U> }): Transaction<T> | Transaction<U> {
    if (options === undefined) return new Transaction(this.#attempt, this.#space.within(prefix, this.#space.codec))
    return new Transaction(this.#attempt, this.#space.within(prefix, options.codec))
  }
}

/** Runs until nothing it depends on was changed in between by others. */
export async function transact<T, R>(
  connection: Connection,
  space: KeySpace<T>,
  run: (transaction: Transaction<T>) => R | Promise<R>,
  options: TransactOptions,
): Promise<R> {
  const { isolation = 'serializableSnapshot' } = options
  const attemptsMax = count('attemptsMax', options.attemptsMax ?? defaultAttemptsMax)
  for (let attempts = 0; attempts < attemptsMax; attempts++) {
    const attempt = new Attempt(connection, options)
    try {
      const result = await withAbort(Promise.resolve(run(new Transaction(attempt, space))), options.signal)
      attempt.end()
      if (!attempt.stale && (await attempt.commit(isolation))) return result
    } catch (error) {
      if (!attempt.stale) throw error
    } finally {
      attempt.end()
    }
  }
  throw new FlotillaError('CONFLICT', `Others changed what the transaction read, ${attemptsMax} times over.`)
}
