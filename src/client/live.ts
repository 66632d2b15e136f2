import type { WatchNotification } from '../replica/types.ts'
import type { Revision, WatchEvent as StoredEvent, WatchBatch } from '../store/types.ts'
import type { Connection, WatchHandle } from './connection.ts'
import { FlotillaError } from './errors.ts'
import type { KeySpace, KeyValue } from './keyspace.ts'
import { compareBytes, type RangeSpec } from './range.ts'
import { Observable, type Readable } from './readable.ts'
import { rangeRequest } from './requests.ts'
import { watchRequest } from './watch.ts'

/** What a range holds, as of one revision. */
export interface LiveRange<T> {
  /** In the order of the keys' bytes. An item that did not change stays the same object. */
  readonly items: readonly KeyValue<T>[]
  /** The revision `items` show; 0 until they were first read. */
  readonly revision: Revision
  /** Why `items` are no longer kept up to date: the member stopped, or a value could not be decoded. */
  readonly error: FlotillaError | null
}

type State =
  /** Nobody looks. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'reading'; readonly abort: AbortController }
  | { readonly kind: 'following'; readonly handle: WatchHandle }
  | { readonly kind: 'failed' }

/**
 * A query that stays answered: a snapshot of a range, then every revision's changes on top of it. Follows Svelte's store
 * contract, and works only while somebody subscribes.
 *
 * It shows what this tab's member has applied, so it answers without a quorum, too.
 */
export class Live<T> implements Readable<LiveRange<T>> {
  readonly #connection: Connection
  readonly #space: KeySpace<T>
  readonly #spec: RangeSpec
  readonly #view: Observable<LiveRange<T>> = new Observable<LiveRange<T>>({ items: [], revision: 0, error: null })
  #items: KeyValue<T>[] = []
  #state: State = { kind: 'idle' }

  /** By `live()` of a database or namespace. */
  constructor(connection: Connection, space: KeySpace<T>, spec: RangeSpec) {
    this.#connection = connection
    this.#space = space
    this.#spec = spec
  }

  subscribe(run: (value: LiveRange<T>) => void): () => void {
    const unsubscribe = this.#view.subscribe(run)
    if (this.#state.kind === 'idle') this.#read()
    return () => {
      unsubscribe()
      if (!this.#view.observed) this.#stop()
    }
  }

  #stop(): void {
    if (this.#state.kind === 'reading') this.#state.abort.abort()
    if (this.#state.kind === 'following') this.#state.handle.cancel()
    this.#state = { kind: 'idle' }
  }

  #read(): void {
    const abort = new AbortController()
    this.#state = { kind: 'reading', abort }
    this.#connection.read(rangeRequest(this.#space, this.#spec, {}), true, abort.signal).then(
      ({ kvs, header }) => {
        if (abort.signal.aborted) return
        this.#guard(() => {
          this.#items = kvs.map(kv => this.#space.keyValue(kv))
          this.#follow(header.revision)
          this.#show(header.revision)
        })
      },
      error => {
        if (!abort.signal.aborted) this.#fail(error)
      },
    )
  }

  #follow(revision: Revision): void {
    const request = watchRequest(this.#space, this.#spec, { startRevision: revision + 1 })
    const handle = this.#connection.watch(request, {
      notify: notification => this.#guard(() => this.#notify(handle, notification)),
      fail: error => this.#fail(error),
    })
    this.#state = { kind: 'following', handle }
  }

  #notify(handle: WatchHandle, notification: WatchNotification): void {
    switch (notification.kind) {
      case 'created':
      case 'progress':
        break
      case 'events':
        this.#apply(notification.batches)
        handle.credit(notification.batches.length)
        break
      case 'compacted':
        // Fell behind what is kept: what happened in between shows in a new snapshot.
        this.#read()
        break
      default:
        notification satisfies never
    }
  }

  #apply(batches: readonly WatchBatch[]): void {
    let revision = this.#view.value.revision
    for (const batch of batches) {
      if (batch.revision <= revision) throw new Error(`assertion failed: revision ${batch.revision} after ${revision}`)
      revision = batch.revision
      for (const event of batch.events) this.#applyEvent(event)
    }
    this.#show(revision)
  }

  #applyEvent({ type, kv }: StoredEvent): void {
    const { keyBytes } = this.#space.name(kv.key)
    const at = position(this.#items, keyBytes)
    const found = this.#items[at]
    const present = found !== undefined && compareBytes(found.keyBytes, keyBytes) === 0 ? 1 : 0
    if (type === 'put') this.#items.splice(at, present, this.#space.keyValue(kv))
    else this.#items.splice(at, present)
  }

  #show(revision: Revision): void {
    this.#view.set({ items: [...this.#items], revision, error: null })
  }

  /** Runs a step; what it throws ends the following and is shown, with the last good items. */
  #guard(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(cause: unknown): void {
    if (this.#state.kind === 'idle') return
    this.#stop()
    this.#state = { kind: 'failed' }
    const error = cause instanceof FlotillaError ? cause : new FlotillaError('INTERNAL', String(cause), { cause })
    this.#view.set({ ...this.#view.value, error })
  }
}

/** Where `key` stands, or would stand, in ordered `items`. */
function position<T>(items: readonly KeyValue<T>[], key: Uint8Array): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const item = items[middle]
    if (item !== undefined && compareBytes(item.keyBytes, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
