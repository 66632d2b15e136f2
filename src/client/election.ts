import type { Revision } from '../store/types.ts'
import type { NumberCompare } from './compare.ts'
import { FlotillaError } from './errors.ts'
import type { KeyValue } from './keyspace.ts'
import type { Abortable, Consistency } from './namespace.ts'
import type { Place } from './place.ts'
import { type Grounds, Queue } from './queue.ts'
import { rangeRequest } from './requests.ts'
import type { TenureOptions } from './session-leases.ts'
import { Watch } from './watch.ts'

/** One leads at a time, with a value for all to see; the others wait in the order in which they came. */
export class Election<T> {
  readonly #queue: Queue<T>

  /** By `election()` of a database or namespace. */
  constructor(grounds: Grounds<T>, name: string) {
    this.#queue = new Queue(grounds, name)
  }

  /** Resolves when this one leads. Aborting takes it out of the line. */
  async campaign(value: T, options: TenureOptions = {}): Promise<Seat<T>> {
    const { place, first } = await this.#queue.enter(value, options)
    if (!first) await place.awaitTurn(options.signal)
    return new Seat(place)
  }

  /** Who leads, and with what value; null if nobody does. */
  async leader(options: Consistency & Abortable = {}): Promise<KeyValue<T> | null> {
    const first = await this.#queue.first(options)
    return first === null ? null : this.#queue.grounds.space.keyValue(first)
  }

  /**
   * The leader there is, then every later one in order, and every value that one proclaims. Only what is compacted
   * before it was given is left out.
   */
  async *observe(options: Abortable = {}): AsyncGenerator<KeyValue<T>, void, undefined> {
    const { signal } = options
    let shown: KeyValue<T> | null = null
    while (!signal?.aborted) {
      try {
        for await (const leader of this.#follow(signal)) {
          // The one shown may stand first in the next snapshot, too.
          if (shown?.key !== leader.key || shown.modRevision !== leader.modRevision) yield leader
          shown = leader
        }
      } catch (error) {
        if (signal?.aborted) return
        if (!(error instanceof FlotillaError) || error.code !== 'COMPACTED') throw error
      }
    }
  }

  /** From a snapshot of the queue on, whoever stands first in it after each revision. */
  async *#follow(signal: AbortSignal | undefined): AsyncGenerator<KeyValue<T>, void, undefined> {
    const { connection, space } = this.#queue.grounds
    const all = { prefix: this.#queue.prefix }
    const { header, kvs } = await connection.read(rangeRequest(space, all, {}), false, signal)
    const queue = new Map(kvs.map(kv => space.keyValue(kv)).map(kv => [kv.key, kv]))
    const since = { startRevision: header.revision + 1 }
    await using watch = new Watch(connection, space, all, signal === undefined ? since : { ...since, signal })
    let first = firstOf(queue)
    if (first !== undefined) yield first
    for await (const { events } of watch) {
      for (const { type, kv } of events) {
        if (type === 'put') queue.set(kv.key, kv)
        else queue.delete(kv.key)
      }
      const now = firstOf(queue)
      if (now !== undefined && now !== first) yield now
      first = now
    }
  }
}

/** The leader's own, until it resigns or loses it. */
export class Seat<T> implements AsyncDisposable {
  readonly #place: Place<T>

  /** By `campaign()`. */
  constructor(place: Place<T>) {
    this.#place = place
  }

  get key(): string {
    return this.#place.key
  }

  /** The fencing token: every later leader has a greater one. */
  get revision(): Revision {
    return this.#place.revision
  }

  /** Aborts, with a `LOST` error, when the seat is lost, because its lease ended or its key was deleted; and when it resigns. */
  get signal(): AbortSignal {
    return this.#place.signal
  }

  /** For the `if` of a transaction, in the namespace of the election: that this one leads still. */
  isHeld(): NumberCompare {
    return this.#place.isHeld()
  }

  /** Shows another value. Errors: `LOST` if it leads no longer. */
  async proclaim(value: T, options: Abortable = {}): Promise<void> {
    await this.#place.replace(value, options)
  }

  /** Leaves the seat to the next. That it was lost is no error. */
  async resign(options: Abortable = {}): Promise<void> {
    await this.#place.leave(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.resign()
  }
}

function firstOf<T>(queue: ReadonlyMap<string, KeyValue<T>>): KeyValue<T> | undefined {
  let first: KeyValue<T> | undefined
  for (const kv of queue.values()) if (first === undefined || kv.createRevision < first.createRevision) first = kv
  return first
}
