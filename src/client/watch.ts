import type { WatchNotification } from '../replica/types.ts'
import type { Header, Revision, WatchEvent as StoredEvent, WatchBatch, WatchRequest } from '../store/types.ts'
import { compacted } from './compacted.ts'
import type { Connection, WatchHandle } from './connection.ts'
import type { FlotillaError } from './errors.ts'
import type { KeySpace, KeyValue } from './keyspace.ts'
import type { RangeSpec } from './range.ts'
import { count } from './requests.ts'

export interface WatchOptions {
  /** First revision wanted, inclusive, which may be one to come; without it, from the next one on. */
  readonly startRevision?: Revision
  /** Give with each event what was there before. */
  readonly prevKv?: boolean
  /** Kinds of event not wanted. */
  readonly filters?: readonly ('put' | 'delete')[]
  /** Ends the watch. */
  readonly signal?: AbortSignal
}

export type WatchEvent<T> =
  | { readonly type: 'put'; readonly kv: KeyValue<T>; readonly prevKv: KeyValue<T> | null }
  | { readonly type: 'delete'; readonly kv: DeletedKey; readonly prevKv: KeyValue<T> | null }

export interface DeletedKey {
  readonly key: string
  readonly keyBytes: Uint8Array
  /** The revision that deleted it. */
  readonly modRevision: Revision
}

/** All that one revision did to the keys watched, in the order it did it; or, without events, how far the watch is. */
export interface WatchResponse<T> {
  readonly header: Header
  readonly events: readonly WatchEvent<T>[]
}

/**
 * What happens to some keys, revision by revision, none left out and none twice. Begins when it is made, not when it is
 * first asked. A consumer that is slow holds up nobody: the member keeps its place and sends on as it catches up.
 *
 * Ends with the signal, with `return()` (so when a loop is left), or with an error: `COMPACTED`, with `compactRevision`,
 * when the revisions wanted are no longer kept.
 */
export class Watch<T> implements AsyncIterableIterator<WatchResponse<T>>, AsyncDisposable {
  readonly #space: KeySpace<T>
  readonly #signal: AbortSignal | undefined
  readonly #batches: WatchBatch[] = []
  readonly #consumers: Consumer<T>[] = []
  #state: { kind: 'open'; handle: WatchHandle } | { kind: 'failed'; error: FlotillaError } | { kind: 'ended' }

  /** By `watch()` of a database or namespace. */
  constructor(connection: Connection, space: KeySpace<T>, spec: RangeSpec, options: WatchOptions) {
    this.#space = space
    this.#signal = options.signal
    const request = watchRequest(space, spec, options)
    if (this.#signal?.aborted) {
      this.#state = { kind: 'ended' }
      return
    }
    const handle = connection.watch(request, {
      notify: notification => this.#notify(notification),
      fail: error => this.#fail(error),
    })
    this.#state = { kind: 'open', handle }
    this.#signal?.addEventListener('abort', this.#end, { once: true })
  }

  next(): Promise<IteratorResult<WatchResponse<T>, undefined>> {
    return new Promise((resolve, reject) => {
      this.#consumers.push({ resolve, reject })
      this.#deliver()
    })
  }

  /**
   * Has a response without events come, in its turn: all events up to its revision, inclusive, have been given. To start from
   * there another time, when nothing has happened to the keys for long.
   */
  requestProgress(): void {
    if (this.#state.kind === 'open') this.#state.handle.progress()
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#end()
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #notify(notification: WatchNotification): void {
    switch (notification.kind) {
      case 'created':
        break
      case 'events':
        this.#batches.push(...notification.batches)
        this.#deliver()
        break
      case 'progress':
        this.#batches.push({ revision: notification.revision, events: [] })
        this.#deliver()
        break
      case 'compacted':
        this.#fail(compacted(notification.compactRevision))
        break
      default:
        notification satisfies never
    }
  }

  /** Gives waiting consumers what there is: first the events, then the end. */
  #deliver(): void {
    while (this.#consumers.length > 0) {
      const batch = this.#state.kind === 'ended' ? undefined : this.#batches.shift()
      if (batch === undefined && this.#state.kind === 'open') return
      const consumer = this.#consumers.shift()
      if (consumer === undefined) return
      if (batch !== undefined) this.#consume(batch, consumer)
      else if (this.#state.kind === 'failed') consumer.reject(this.#takeError(this.#state.error))
      else consumer.resolve({ done: true, value: undefined })
    }
  }

  #consume(batch: WatchBatch, consumer: Consumer<T>): void {
    if (this.#state.kind === 'open' && batch.events.length > 0) this.#state.handle.credit(1)
    try {
      const events = batch.events.map(event => watchEvent(this.#space, event))
      consumer.resolve({ done: false, value: { header: { revision: batch.revision }, events } })
    } catch (error) {
      // A revision that cannot be given must not be stepped over.
      this.#end()
      consumer.reject(error)
    }
  }

  /** An error is told once; after it the watch is over. */
  #takeError(error: FlotillaError): FlotillaError {
    this.#state = { kind: 'ended' }
    return error
  }

  #fail(error: FlotillaError): void {
    if (this.#state.kind !== 'open') return
    this.#state = { kind: 'failed', error }
    this.#signal?.removeEventListener('abort', this.#end)
    this.#deliver()
  }

  readonly #end = (): void => {
    if (this.#state.kind === 'open') this.#state.handle.cancel()
    this.#state = { kind: 'ended' }
    this.#signal?.removeEventListener('abort', this.#end)
    this.#batches.length = 0
    this.#deliver()
  }
}

interface Consumer<T> {
  resolve(result: IteratorResult<WatchResponse<T>, undefined>): void
  reject(error: unknown): void
}

export function watchRequest<T>(space: KeySpace<T>, spec: RangeSpec, options: WatchOptions): WatchRequest {
  return {
    ...space.range(spec),
    startRevision: count('startRevision', options.startRevision),
    prevKv: options.prevKv ?? false,
    filters: options.filters ?? [],
  }
}

function watchEvent<T>(space: KeySpace<T>, { type, kv, prevKv }: StoredEvent): WatchEvent<T> {
  const before = prevKv === null ? null : space.keyValue(prevKv)
  if (type === 'put') return { type, kv: space.keyValue(kv), prevKv: before }
  return { type, kv: { ...space.name(kv.key), modRevision: kv.modRevision }, prevKv: before }
}
