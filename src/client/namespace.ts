import type { RangeRequest, RangeResponse } from '../store/types.ts'
import { type Codec, text } from './codec.ts'
import { explainRead } from './compacted.ts'
import { Config } from './config.ts'
import type { Connection, WriteOptions } from './connection.ts'
import { Election } from './election.ts'
import type { KeySpace, KeyValue, KeyVersion } from './keyspace.ts'
import { Live } from './live.ts'
import { type Lock, lock, tryLock } from './lock.ts'
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
import type { Grounds } from './queue.ts'
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
import { type ScanOptions, type ScanPage, scan, scanPageKeys } from './scan.ts'
import { Service } from './service.ts'
import { SessionLeases, type TenureOptions } from './session-leases.ts'
import { type Transaction, type TransactOptions, transact } from './transact.ts'
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
 * Without a quorum, writes and linearizable reads wait for one, the writes in an outbox that outlives the page (see `offline`);
 * give a `signal` to wait no longer than that. Every method
 * may throw `EMPTY_KEY`, `INVALID_ARGUMENT` and `REQUEST_TOO_LARGE` for its arguments, `STOPPED` (or why it stopped) when the
 * member no longer runs, and `INVALID_VALUE` when a stored value is not of this namespace's codec.
 */
export class Namespace<T> {
  readonly #connection: Connection
  readonly #space: KeySpace<T>
  readonly #leases: SessionLeases

  /** By `namespace()`. All namespaces of a database share its leases. */
  constructor(connection: Connection, space: KeySpace<T>, leases = new SessionLeases(connection)) {
    this.#connection = connection
    this.#space = space
    this.#leases = leases
  }

  put(key: Key, value: undefined, options: IgnoreValueOptions & WriteOptions): Promise<PutResult<T>>
  put(key: Key, value: T, options?: PutOptions & WriteOptions & { readonly ignoreValue?: false }): Promise<PutResult<T>>
  async put(key: Key, value: T | undefined, options: PutOptions & WriteOptions = {}): Promise<PutResult<T>> {
    const request = putRequest(this.#space, key, value, options)
    return putResult(this.#space, await this.#connection.write(request, options))
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

  /**
   * A range of any size, page by page, as it was at one revision: that of the first page. Errors: `COMPACTED`, with
   * `compactRevision`, when that revision is compacted before the end is reached.
   */
  scan(range: RangeSpec, options: ScanOptions & { readonly keysOnly: true }): AsyncGenerator<ScanPage<KeyVersion>, void>
  scan(
    range: RangeSpec,
    options?: ScanOptions & { readonly keysOnly?: false },
  ): AsyncGenerator<ScanPage<KeyValue<T>>, void>
  scan(
    range: RangeSpec,
    options: ScanOptions = {},
  ): AsyncGenerator<ScanPage<KeyVersion>, void> | AsyncGenerator<ScanPage<KeyValue<T>>, void> {
    const { pageSize: limit = scanPageKeys } = options
    const request = rangeRequest(this.#space, range, { ...options, limit })
    const read = (page: RangeRequest) => this.#read(page, options)
    if (options.keysOnly) return scan(request, read, kv => this.#space.keyVersion(kv))
    return scan(request, read, kv => this.#space.keyValue(kv))
  }

  /** Deletes a key, or all keys of a range, as one revision. Deleting nothing makes no revision. */
  async delete(range: RangeSpec, options: DeleteOptions & WriteOptions = {}): Promise<DeleteResult<T>> {
    const request = deleteRequest(this.#space, range, options)
    return deleteResult(this.#space, await this.#connection.write(request, options))
  }

  txn(): Txn<T> {
    return new Txn(this.#connection, this.#space, [], [], [])
  }

  /**
   * A software transaction: runs a function that reads and writes, and makes what it wrote one revision, if nobody has
   * changed what it depends on since its first read; else runs it again. So it may run several times, and what it does
   * beside `transaction` happens as often. What it throws ends it, without effect.
   *
   * Errors: `CONFLICT` after `attemptsMax` runs, and those of a transaction: it may depend on 128 keys and ranges.
   */
  transact<R>(run: (transaction: Transaction<T>) => R | Promise<R>, options: TransactOptions = {}): Promise<R> {
    return transact(this.#connection, this.#space, run, options)
  }

  watch(range: RangeSpec, options: WatchOptions = {}): Watch<T> {
    return new Watch(this.#connection, this.#space, range, options)
  }

  /** A range that is kept up to date while somebody subscribes; a Svelte store. */
  live(range: RangeSpec): Live<T> {
    return new Live(this.#connection, this.#space, range)
  }

  /**
   * Waits for its turn, in the order in which all asked; aborting takes it out of the line. Compatible with etcd's locks.
   * As there, every key that begins with the name and a slash stands in the line: keep nothing else under it.
   *
   * Errors: `LOST` if the lease ends, or the key in line is deleted, before its turn has come.
   */
  lock(name: string, options: TenureOptions = {}): Promise<Lock> {
    return lock(this.#grounds(text()), name, options)
  }

  /** Null if somebody holds it, or waits for it. */
  tryLock(name: string, options: TenureOptions = {}): Promise<Lock | null> {
    return tryLock(this.#grounds(text()), name, options)
  }

  /** Compatible with etcd's elections; for names, as for locks'. */
  election(name: string): Election<T> {
    return new Election(this.#grounds(this.#space.codec), name)
  }

  /** Who offers `name`; for names, as for locks'. */
  service(name: string): Service<T> {
    return new Service(this.#grounds(this.#space.codec), name)
  }

  config(key: Key): Config<T> {
    return new Config(this, key)
  }

  /** The keys under `prefix`, behind this namespace's own; of the same values unless `codec` says otherwise. */
  namespace(prefix: Key): Namespace<T>
  namespace<U>(prefix: Key, options: { readonly codec: Codec<U> }): Namespace<U>
  namespace<U>(prefix: Key, options?: { readonly codec: Codec<U> }): Namespace<T> | Namespace<U> {
    if (options === undefined) return this.#within(prefix, this.#space.codec)
    return this.#within(prefix, options.codec)
  }

  #within<U>(prefix: Key, codec: Codec<U>): Namespace<U> {
    return new Namespace(this.#connection, this.#space.within(prefix, codec), this.#leases)
  }

  #grounds<U>(codec: Codec<U>): Grounds<U> {
    return { connection: this.#connection, space: this.#space.within('', codec), leases: this.#leases }
  }

  async #read(request: RangeRequest, options: Consistency & Abortable): Promise<RangeResponse> {
    try {
      return await this.#connection.read(request, options.serializable ?? false, options.signal)
    } catch (error) {
      throw await explainRead(this.#connection, request.revision, error)
    }
  }
}
