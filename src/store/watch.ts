import { type Change, firstAtOrAfter, isPut, type Span, spanHolds, spanOf } from './key-index.ts'
import { WATCH_INITIAL_CREDIT_BATCHES } from './limits.ts'
import type { Mvcc } from './mvcc.ts'
import type { Revision, WatchBatch, WatchEvent, WatchRequest } from './types.ts'

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

/** Watchers of the same range share one test of each change. */
interface RangeGroup {
  readonly span: Span
  readonly watchers: Set<Watcher>
}

export class Watches {
  readonly #watchers = new Map<number, Watcher>()
  readonly #byKey = new Map<string, Set<Watcher>>()
  readonly #byRange = new Map<string, RangeGroup>()
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
      next: request.startRevision <= 0 ? revision + 1 : request.startRevision,
      creditBatches: WATCH_INITIAL_CREDIT_BATCHES,
      state: 'synced',
    }
    this.#watchers.set(id, watcher)
    this.#index(watcher)
    if (watcher.next <= revision) this.#setState(watcher, 'ready')
  }

  remove(id: number): void {
    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return
    this.#watchers.delete(id)
    this.#setState(watcher, 'synced')
    const { span } = watcher
    if (span.kind === 'key') {
      const same = this.#byKey.get(span.key)
      same?.delete(watcher)
      if (same?.size === 0) this.#byKey.delete(span.key)
    } else {
      const group = this.#byRange.get(rangeName(span))
      group?.watchers.delete(watcher)
      if (group?.watchers.size === 0) this.#byRange.delete(rangeName(span))
    }
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

  /** Wakes those who want one of the changes, all of them just committed as `revision`. */
  wake(changes: readonly Change[], start: number, revision: Revision): void {
    if (this.#watchers.size === 0) return
    for (let i = start; i < changes.length; i++) {
      const text = changes[i]?.record.text
      if (text === undefined) break
      const exact = this.#byKey.get(text)
      if (exact !== undefined) for (const watcher of exact) this.#wake(watcher, revision)
      for (const { span, watchers } of this.#byRange.values()) {
        if (spanHolds(span, text)) for (const watcher of watchers) this.#wake(watcher, revision)
      }
    }
  }

  /** Everything that watchers lack and can take. */
  drain(mvcc: Mvcc): WatchDelivery[] {
    const deliveries: WatchDelivery[] = []
    if (mvcc.compactRevision !== this.#compactRevision) {
      this.#compactRevision = mvcc.compactRevision
      for (const watcher of this.#waiting) {
        if (watcher.next < mvcc.compactRevision) this.#setState(watcher, 'ready')
      }
    }
    for (const watcher of [...this.#ready]) {
      if (watcher.next < mvcc.compactRevision) {
        this.remove(watcher.id)
        deliveries.push({ id: watcher.id, compactRevision: mvcc.compactRevision })
        continue
      }
      const batches = this.#advance(watcher, mvcc)
      if (batches.length > 0) deliveries.push({ id: watcher.id, batches })
    }
    return deliveries
  }

  /** Moves a watcher to the end of the history, or to the first batch that it has no credit for. */
  #advance(watcher: Watcher, mvcc: Mvcc): WatchBatch[] {
    const { span } = watcher
    // A single key's changes are at hand; a range's have to be picked from the whole history.
    const changes = span.kind === 'key' ? (mvcc.record(span.key)?.changes ?? []) : mvcc.history
    const batches: WatchBatch[] = []
    let events: WatchEvent[] = []
    for (let i = firstAtOrAfter(changes, watcher.next); i < changes.length; i++) {
      const change = changes[i]
      if (change === undefined) break
      const revision = change.kv.modRevision
      if (wants(watcher, change)) {
        if (watcher.creditBatches === 0) {
          watcher.next = revision
          this.#setState(watcher, 'waiting')
          return batches
        }
        events.push(eventOf(watcher, change, mvcc.compactRevision))
      }
      if (events.length > 0 && changes[i + 1]?.kv.modRevision !== revision) {
        batches.push({ revision, events })
        events = []
        watcher.creditBatches--
      }
    }
    watcher.next = Math.max(watcher.next, mvcc.revision + 1)
    this.#setState(watcher, 'synced')
    return batches
  }

  #wake(watcher: Watcher, revision: Revision): void {
    if (watcher.state !== 'synced' || watcher.next > revision) return
    watcher.next = revision
    this.#setState(watcher, 'ready')
  }

  #index(watcher: Watcher): void {
    const { span } = watcher
    if (span.kind === 'key') {
      const same = this.#byKey.get(span.key)
      if (same === undefined) this.#byKey.set(span.key, new Set([watcher]))
      else same.add(watcher)
    } else {
      const group = this.#byRange.get(rangeName(span))
      if (group === undefined) this.#byRange.set(rangeName(span), { span, watchers: new Set([watcher]) })
      else group.watchers.add(watcher)
    }
  }

  #setState(watcher: Watcher, state: Watcher['state']): void {
    watcher.state = state
    this.#ready.delete(watcher)
    this.#waiting.delete(watcher)
    if (state === 'ready') this.#ready.add(watcher)
    if (state === 'waiting') this.#waiting.add(watcher)
  }
}

function wants(watcher: Watcher, { record, kv }: Change): boolean {
  return (isPut(kv) ? watcher.puts : watcher.deletes) && spanHolds(watcher.span, record.text)
}

/** The previous key-value is that of the previous revision (not of the same transaction), as far as it can still be read. */
function eventOf(watcher: Watcher, { record, kv }: Change, compactRevision: Revision): WatchEvent {
  const before = kv.modRevision - 1
  const prevKv = watcher.prevKv && before >= compactRevision ? record.at(before) : null
  return { type: isPut(kv) ? 'put' : 'delete', kv, prevKv }
}

/** Keys have only chars up to 0xff, so the separator cannot be part of one. */
function rangeName(span: Span & { kind: 'range' }): string {
  return `${span.low}\u0100${span.high ?? '\u0101'}`
}
