import type { Codec } from './codec.ts'
import type { Connection } from './connection.ts'
import type { KeySpace, KeyValue, KeyVersion } from './keyspace.ts'
import { Live } from './live.ts'
import type {
  DeleteOptions,
  DeleteResult,
  GetOptions,
  IgnoreValueOptions,
  PutOptions,
  PutResult,
  RangeOptions,
  RangeResult,
} from './operations.ts'
import type { Key, RangeSpec } from './range.ts'
import {
  deleteRequest,
  deleteResult,
  getResult,
  keysResult,
  putRequest,
  putResult,
  rangeRequest,
  rangeResult,
} from './requests.ts'
import { Txn } from './txn.ts'
import { Watch, type WatchOptions } from './watch.ts'

/**
 * For a write, aborting ends the wait and not the write, which may still happen (`ABORTED`, `outcome: 'unknown'`), unless
 * it was not sent yet (`'definite'`). A read is given up.
 */
export interface Abortable {
  readonly signal?: AbortSignal
}

export interface Consistency {
  /**
   * Answer from what this tab's member has applied: at once, and without a quorum, but maybe old. Otherwise a read
   * is linearizable: it sees every write that was acknowledged, in any tab, before the read began.
   */
  readonly serializable?: boolean
}

/**
 * Keys under one prefix, with values of one type. Keys given and gotten are relative to the prefix.
 *
 * Without a quorum, writes and linearizable reads wait for one; give a `signal` to wait no longer than that. Every method
 * may throw `EMPTY_KEY`, `INVALID_ARGUMENT` and `REQUEST_TOO_LARGE` for its arguments, `STOPPED` (or why it stopped) when the
 * member no longer runs, and `INVALID_VALUE` when a stored value is not of this namespace's codec.
 */
export class Namespace<T> {
  readonly #connection: Connection
  readonly #space: KeySpace<T>

  /** By `namespace()`. */
  constructor(connection: Connection, space: KeySpace<T>) {
    this.#connection = connection
    this.#space = space
  }

  put(key: Key, value: undefined, options: IgnoreValueOptions & Abortable): Promise<PutResult<T>>
  put(key: Key, value: T, options?: PutOptions & Abortable & { readonly ignoreValue?: false }): Promise<PutResult<T>>
  async put(key: Key, value: T | undefined, options: PutOptions & Abortable = {}): Promise<PutResult<T>> {
    const request = putRequest(this.#space, key, value, options)
    return putResult(this.#space, await this.#connection.write(request, options.signal))
  }

  /** `null` if there is no such key. */
  async get(key: Key, options: GetOptions & Consistency & Abortable = {}): Promise<KeyValue<T> | null> {
    const request = rangeRequest(this.#space, { key }, options)
    return getResult(this.#space, await this.#read(request, options))
  }

  range(
    range: RangeSpec,
    options: RangeOptions & Consistency & Abortable & { readonly keysOnly: true },
  ): Promise<RangeResult<KeyVersion>>
  range(
    range: RangeSpec,
    options?: RangeOptions & Consistency & Abortable & { readonly keysOnly?: false },
  ): Promise<RangeResult<KeyValue<T>>>
  async range(
    range: RangeSpec,
    options: RangeOptions & Consistency & Abortable = {},
  ): Promise<RangeResult<KeyVersion> | RangeResult<KeyValue<T>>> {
    const response = await this.#read(rangeRequest(this.#space, range, options), options)
    return options.keysOnly ? keysResult(this.#space, response) : rangeResult(this.#space, response)
  }

  /** Deletes a key, or all keys of a range, as one revision. Deleting nothing makes no revision. */
  async delete(range: RangeSpec, options: DeleteOptions & Abortable = {}): Promise<DeleteResult<T>> {
    const request = deleteRequest(this.#space, range, options)
    return deleteResult(this.#space, await this.#connection.write(request, options.signal))
  }

  txn(): Txn<T> {
    return new Txn(this.#connection, this.#space, [], [], [])
  }

  watch(range: RangeSpec, options: WatchOptions = {}): Watch<T> {
    return new Watch(this.#connection, this.#space, range, options)
  }

  /** A range that is kept up to date while somebody subscribes; a Svelte store. */
  live(range: RangeSpec): Live<T> {
    return new Live(this.#connection, this.#space, range)
  }

  /** The keys under `prefix`, behind this namespace's own; of the same values unless `codec` says otherwise. */
  namespace(prefix: Key): Namespace<T>
  namespace<U>(prefix: Key, options: { readonly codec: Codec<U> }): Namespace<U>
  namespace<U>(prefix: Key, options?: { readonly codec: Codec<U> }): Namespace<T> | Namespace<U> {
    if (options === undefined) return new Namespace(this.#connection, this.#space.within(prefix, this.#space.codec))
    return new Namespace(this.#connection, this.#space.within(prefix, options.codec))
  }

  #read(request: ReturnType<typeof rangeRequest>, options: Consistency & Abortable) {
    return this.#connection.read(request, options.serializable ?? false, options.signal)
  }
}
