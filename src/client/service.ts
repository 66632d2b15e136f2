import type { KeyValue } from './keyspace.ts'
import { Live } from './live.ts'
import type { Abortable, Consistency } from './namespace.ts'
import type { Place } from './place.ts'
import { type Grounds, Queue } from './queue.ts'
import { rangeRequest, rangeResult } from './requests.ts'
import type { TenureOptions } from './session-leases.ts'
import { Watch, type WatchOptions } from './watch.ts'

/** Who offers something now: each under a key of its own, which goes when its tab does. */
export class Service<T> {
  readonly #queue: Queue<T>

  /** By `service()` of a database or namespace. */
  constructor(grounds: Grounds<T>, name: string) {
    this.#queue = new Queue(grounds, name)
  }

  /** Resolves when all can see it. */
  async register(endpoint: T, options: TenureOptions = {}): Promise<Registration<T>> {
    const { place } = await this.#queue.enter(endpoint, options)
    return new Registration(place)
  }

  /** All that are registered, one's own among them: told by its key. */
  async endpoints(options: Consistency & Abortable = {}): Promise<readonly KeyValue<T>[]> {
    const { connection, space } = this.#queue.grounds
    const request = rangeRequest(space, this.#range, {})
    return rangeResult(space, await connection.read(request, options.serializable ?? false, options.signal)).kvs
  }

  /** Everyone that comes, changes or goes. */
  watch(options: WatchOptions = {}): Watch<T> {
    return new Watch(this.#queue.grounds.connection, this.#queue.grounds.space, this.#range, options)
  }

  /** All that are registered, as a Svelte store. */
  live(): Live<T> {
    return new Live(this.#queue.grounds.connection, this.#queue.grounds.space, this.#range)
  }

  get #range() {
    return { prefix: this.#queue.prefix }
  }
}

/** One entry of a service, until it is taken back or its lease is lost. */
export class Registration<T> implements AsyncDisposable {
  readonly #place: Place<T>

  /** By `register()`. */
  constructor(place: Place<T>) {
    this.#place = place
  }

  /** Relative to the namespace, as in `endpoints()`. */
  get key(): string {
    return this.#place.key
  }

  /** Aborts, with a `LOST` error, when the entry is gone: time to register again. */
  get signal(): AbortSignal {
    return this.#place.signal
  }

  /** Errors: `LOST` if the entry is gone. */
  async update(endpoint: T, options: Abortable = {}): Promise<void> {
    await this.#place.replace(endpoint, options)
  }

  /** Takes the entry back. That it was gone is no error. */
  async deregister(options: Abortable = {}): Promise<void> {
    await this.#place.leave(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.deregister()
  }
}
