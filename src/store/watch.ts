import { type ChangeId, NO_CHANGE, type Slot } from './change-log.ts'
import { type Span, spanHolds, spanOf } from './key-index.ts'
import { WATCH_INITIAL_CREDIT_BATCHES } from './limits.ts'
import { type Mvcc, NOTHING } from './mvcc.ts'
import type { KeyValue, Revision, WatchBatch, WatchEvent, WatchRequest } from './types.ts'
import { WatchIndex } from './watch-index.ts'

/**
 * Changes that one drain looks at: what it has not come to by then, it leaves to the next. A watcher of little, from long ago,
 * would otherwise hold up all else while it reads through the history: some 10 ms by this.
 */
const DRAIN_CHANGES_MAX = 100_000

/** Changes of a watched key that are looked up at once. */
const KEY_PAGE_CHANGES = 256

/** What one watcher is given by one drain: the next batches it wants, or the end, as revisions it wants were compacted away. */
export type WatchDelivery =
  | { readonly id: number; readonly batches: readonly WatchBatch[] }
  | { readonly id: number; readonly compactRevision: Revision }

/**
 * A watcher is a cursor over the history, so one that is slow costs no memory: it lags, and reads on from where it is.
 * - `synced`: it has been given all there is. The index wakes it when a change it wants is made.
 * - `ready`: there may be more for it, and it can take more.
 * - `waiting`: there is more for it, and it has no credit.
 */
interface Watcher {
  readonly id: number
  readonly span: Span
  readonly prevKv: boolean
  readonly puts: boolean
  readonly deletes: boolean
  /** The first revision it may still be given; when `waiting`, exactly the next one it will be given. */
  next: Revision
  creditBatches: number
  state: 'synced' | 'ready' | 'waiting'
}

export class Watches {
  readonly #watchers = new Map<number, Watcher>()
  readonly #index = new WatchIndex<Watcher>()
  readonly #ready = new Set<Watcher>()
  readonly #waiting = new Set<Watcher>()
  /** Up to where those waiting were last looked over for any that must end. */
  #compactRevision: Revision = 0

  get size(): number {
    return this.#watchers.size
  }

  /** Watchers that lack something and have no credit. */
  get slow(): number {
    return this.#waiting.size
  }

  /** Throws if the id is taken: ids are the caller's. */
  add(id: number, request: WatchRequest, revision: Revision): void {
    if (this.#watchers.has(id)) throw new Error(`watch ${id} exists`)
    // As in etcd, an empty key stands for the smallest one, since watching is not refused on account of keys.
    const key = request.key.length === 0 ? Uint8Array.of(0) : request.key
    const watcher: Watcher = {
      id,
      span: spanOf({ key, end: request.end }),
      prevKv: request.prevKv,
      puts: !request.filters.includes('put'),
      deletes: !request.filters.includes('delete'),
      next: request.startRevision === 0 ? revision + 1 : request.startRevision,
      creditBatches: WATCH_INITIAL_CREDIT_BATCHES,
      state: 'synced',
    }
    this.#watchers.set(id, watcher)
    this.#index.add(watcher.span, watcher)
    if (watcher.next <= revision) this.#setState(watcher, 'ready')
  }

  remove(id: number): void {
    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return
    this.#watchers.delete(id)
    this.#setState(watcher, 'synced')
    this.#index.remove(watcher.span, watcher)
  }

  /** Whether a watcher has been given all there is. */
  isSynced(id: number): boolean {
    return this.#watchers.get(id)?.state === 'synced'
  }

  credit(id: number, batches: number): void {
    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return
    watcher.creditBatches += batches
    if (watcher.state === 'waiting' && watcher.creditBatches > 0) this.#setState(watcher, 'ready')
  }

  /** The state was replaced by that of another revision; nobody was woken for what lies between. */
  moveOn(from: Revision, to: Revision): void {
    for (const watcher of this.#watchers.values()) {
      if (watcher.state !== 'synced') continue
      watcher.next = Math.max(watcher.next, from + 1)
      if (watcher.next <= to) this.#setState(watcher, 'ready')
    }
  }

  /** Wakes those who want one of the changes from `start` on, all of them just committed as one revision. */
  wake(mvcc: Mvcc, start: ChangeId): void {
    if (this.#watchers.size === 0) return
    const { log, revision } = mvcc
    for (let id = start; id < log.end; id++) {
      this.#index.forEach(mvcc.textOf(log.slot(id)), watcher => {
        if (watcher.state !== 'synced' || watcher.next > revision) return
        watcher.next = revision
        this.#setState(watcher, 'ready')
      })
    }
  }

  /** What watchers lack and can take, up to a bound: `hasReady` tells whether it was met. */
  drain(mvcc: Mvcc): WatchDelivery[] {
    const deliveries: WatchDelivery[] = []
    if (mvcc.compactRevision !== this.#compactRevision) {
      this.#compactRevision = mvcc.compactRevision
      for (const watcher of this.#waiting) {
        if (watcher.next < mvcc.compactRevision) this.#setState(watcher, 'ready')
      }
    }
    const reading = new Reading(mvcc)
    for (const watcher of [...this.#ready]) {
      if (reading.changesLeft <= 0) break
      if (watcher.next < mvcc.compactRevision) {
        this.remove(watcher.id)
        deliveries.push({ id: watcher.id, compactRevision: mvcc.compactRevision })
        continue
      }
      const batches: WatchBatch[] = []
      this.#setState(watcher, reading.advance(watcher, batches))
      if (batches.length > 0) deliveries.push({ id: watcher.id, batches })
    }
    return deliveries
  }

  /** One that is ready again goes behind the others that are. */
  #setState(watcher: Watcher, state: Watcher['state']): void {
    if (watcher.state === 'ready') this.#ready.delete(watcher)
    if (watcher.state === 'waiting') this.#waiting.delete(watcher)
    watcher.state = state
    if (state === 'ready') this.#ready.add(watcher)
    if (state === 'waiting') this.#waiting.add(watcher)
  }
}

/** One drain's way through the history. Watchers of the same changes are given the same events. */
class Reading {
  readonly #mvcc: Mvcc
  readonly #events = new Map<ChangeId, WatchEvent>()
  readonly #eventsWithPrevious = new Map<ChangeId, WatchEvent>()
  #start: { readonly revision: Revision; readonly id: ChangeId } = { revision: 0, id: NO_CHANGE }
  changesLeft = DRAIN_CHANGES_MAX

  constructor(mvcc: Mvcc) {
    this.#mvcc = mvcc
  }

  /**
   * Moves a watcher to the end of the history, to the first batch that it has no credit for, or as far as this drain goes. Returns
   * its state then.
   */
  advance(watcher: Watcher, batches: WatchBatch[]): Watcher['state'] {
    const { log, revision } = this.#mvcc
    let events: WatchEvent[] = []
    let last: Revision = 0
    for (const id of this.#changesFrom(watcher)) {
      const modRevision = log.modRevision(id)
      if (modRevision !== last && this.changesLeft <= 0) {
        watcher.next = modRevision
        return 'ready'
      }
      this.changesLeft--
      last = modRevision
      if (!this.#isWanted(watcher, id)) continue
      if (batches.at(-1)?.revision !== modRevision) {
        if (watcher.creditBatches === 0) {
          watcher.next = modRevision
          return 'waiting'
        }
        watcher.creditBatches--
        events = []
        batches.push({ revision: modRevision, events })
      }
      events.push(this.#event(id, watcher.prevKv))
    }
    watcher.next = Math.max(watcher.next, revision + 1)
    return 'synced'
  }

  /** What a watcher has yet to look at: a single key's changes are at hand, a range's have to be picked from the whole history. */
  #changesFrom({ span, next }: Watcher): Iterable<ChangeId> {
    return span.kind === 'key' ? this.#changesOfKey(span.key, next) : this.#changesOfAll(next)
  }

  *#changesOfAll(revision: Revision): Generator<ChangeId> {
    const { log } = this.#mvcc
    // Those woken by the same write begin at the same place.
    if (this.#start.revision !== revision) this.#start = { revision, id: log.firstAtOrAfter(revision) }
    for (let { id } = this.#start; id < log.end; id++) yield id
  }

  *#changesOfKey(key: string, revision: Revision): Generator<ChangeId> {
    const { log } = this.#mvcc
    const slot = this.#mvcc.slotOf(key)
    const newest = slot === undefined ? NO_CHANGE : this.#mvcc.newestOf(slot)
    if (newest === NO_CHANGE || log.modRevision(newest) < revision) return
    let oldest: ChangeId | undefined = log.oldestAfter(revision - 1, newest)
    while (oldest !== undefined) {
      const page: ChangeId[] = log.between(oldest, newest, KEY_PAGE_CHANGES + 1)
      oldest = page.length > KEY_PAGE_CHANGES ? page.pop() : undefined
      yield* page
    }
  }

  #isWanted({ puts, deletes, span }: Watcher, id: ChangeId): boolean {
    const { log } = this.#mvcc
    if (!(log.version(id) > 0 ? puts : deletes)) return false
    return span.kind === 'key' || spanHolds(span, this.#mvcc.textOf(log.slot(id)))
  }

  #event(id: ChangeId, prevKv: boolean): WatchEvent {
    const events = prevKv ? this.#eventsWithPrevious : this.#events
    const known = events.get(id)
    if (known !== undefined) return known
    const slot = this.#mvcc.log.slot(id)
    const kv = this.#mvcc.keyValue(slot, id)
    const event: WatchEvent = {
      type: kv.version > 0 ? 'put' : 'delete',
      kv,
      // What makes a key has nothing before it, even if the same transaction deleted the key first.
      prevKv: prevKv && kv.version !== 1 ? this.#previous(slot, kv.modRevision - 1) : null,
    }
    events.set(id, event)
    return event
  }

  /** That of the previous revision (not of the same transaction), as far as it can still be read. */
  #previous(slot: Slot, revision: Revision): KeyValue | null {
    if (revision < this.#mvcc.compactRevision) return null
    const state = this.#mvcc.at(slot, revision)
    return state === NOTHING ? null : this.#mvcc.keyValue(slot, state)
  }
}
