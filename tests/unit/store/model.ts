import { compareBytes } from '../../../src/store/bytes.ts'
import type {
  Compare,
  KeyRange,
  KeyValue,
  RangeRequest,
  RequestOp,
  Revision,
  TxnRequest,
  WatchEvent,
} from '../../../src/store/types.ts'
import { bytes, text } from './requests.ts'

/**
 * The store as slowly as it can be said: the whole state of every revision, and lists that are filtered. It knows nothing of
 * errors or duplicate keys; callers ask it only for what the store has accepted.
 */
type State = ReadonlyMap<string, KeyValue>

export class Model {
  /** The state as of each revision; revision 1 is the empty store. */
  readonly #states: State[] = [new Map(), new Map()]
  readonly #events: WatchEvent[][] = [[], []]
  #draft = new Map<string, KeyValue>()
  #draftEvents: WatchEvent[] = []

  get revision(): Revision {
    return this.#states.length - 1
  }

  /** Runs a write as one revision, if it changes anything. */
  apply(op: RequestOp): void {
    this.#run(op.op === 'txn' ? this.#resolve(op) : op)
    if (this.#draftEvents.length === 0) return
    this.#states.push(new Map(this.#draft))
    this.#events.push(this.#draftEvents)
    this.#draftEvents = []
  }

  keysAt(revision: Revision): State {
    return this.#states[revision === 0 ? this.revision : revision] ?? new Map()
  }

  range(request: RangeRequest): { kvs: KeyValue[]; more: boolean; count: number } {
    const inRange = [...this.keysAt(request.revision).values()].filter(kv => holds(request, kv.key))
    inRange.sort((a, b) => compareBytes(a.key, b.key))
    const count = inRange.length
    const bounded = [
      request.minModRevision,
      request.maxModRevision,
      request.minCreateRevision,
      request.maxCreateRevision,
    ].some(bound => bound !== 0)
    // Without an order or bounds, the limit comes before the sorting.
    let kvs =
      request.limit > 0 && request.sortOrder === 'none' && !bounded ? inRange.slice(0, request.limit + 1) : inRange
    kvs = kvs.filter(
      kv =>
        (request.minModRevision === 0 || kv.modRevision >= request.minModRevision) &&
        (request.maxModRevision === 0 || kv.modRevision <= request.maxModRevision) &&
        (request.minCreateRevision === 0 || kv.createRevision >= request.minCreateRevision) &&
        (request.maxCreateRevision === 0 || kv.createRevision <= request.maxCreateRevision),
    )
    const sign = request.sortOrder === 'descend' ? -1 : 1
    kvs = [...kvs].sort((a, b) => sign * order(request.sortTarget, a, b))
    if (request.countOnly) kvs = []
    const more = request.limit > 0 && kvs.length > request.limit
    if (more) kvs = kvs.slice(0, request.limit)
    if (request.keysOnly) kvs = kvs.map(kv => ({ ...kv, value: bytes('') }))
    return { kvs, more, count }
  }

  /** What a watcher of a range gets to see from a revision on: the events of each, for those that have any. */
  watch(keyRange: KeyRange, startRevision: Revision): { revision: Revision; events: WatchEvent[] }[] {
    return this.#events
      .map((all, revision) => ({ revision, events: all.filter(event => holds(keyRange, event.kv.key)) }))
      .filter(({ revision, events }) => revision >= startRevision && events.length > 0)
  }

  /** All guards of the tree are decided before anything runs. */
  #resolve(request: TxnRequest): TxnRequest {
    const succeeded = request.compare.every(compare => this.#holds(compare))
    const ops = (succeeded ? request.success : request.failure).map(op => (op.op === 'txn' ? this.#resolve(op) : op))
    return { op: 'txn', compare: [], success: ops, failure: [] }
  }

  #holds(compare: Compare): boolean {
    const inRange = [...this.#draft.values()].filter(kv => holds(compare, kv.key))
    if (inRange.length > 0) return inRange.every(kv => compareHolds(compare, kv))
    return compare.target !== 'value' && compareHolds(compare, deletion('', 0))
  }

  #run(op: RequestOp): void {
    const revision = this.revision + 1
    if (op.op === 'txn') for (const inner of op.success) this.#run(inner)
    if (op.op === 'put') {
      const name = text(op.key)
      const before = this.#draft.get(name)
      const kv = {
        key: op.key,
        value: op.ignoreValue && before !== undefined ? before.value : op.value,
        createRevision: before?.createRevision ?? revision,
        modRevision: revision,
        version: (before?.version ?? 0) + 1,
        lease: 0,
      }
      this.#draft.set(name, kv)
      this.#event('put', kv)
    }
    if (op.op === 'delete') {
      const gone = [...this.#draft.keys()].filter(name => holds(op, bytes(name))).sort()
      for (const name of gone) {
        this.#draft.delete(name)
        this.#event('delete', deletion(name, revision))
      }
    }
  }

  #event(type: 'put' | 'delete', kv: KeyValue): void {
    this.#draftEvents.push({ type, kv, prevKv: this.keysAt(this.revision).get(text(kv.key)) ?? null })
  }
}

function deletion(name: string, modRevision: Revision): KeyValue {
  return { key: bytes(name), value: bytes(''), createRevision: 0, modRevision, version: 0, lease: 0 }
}

function holds({ key, end }: KeyRange, candidate: Uint8Array): boolean {
  if (end === null) return compareBytes(key, candidate) === 0
  const openEnd = end.length === 1 && end[0] === 0
  return compareBytes(key, candidate) <= 0 && (openEnd || compareBytes(candidate, end) < 0)
}

function compareHolds(compare: Compare, kv: KeyValue): boolean {
  const order =
    compare.target === 'value'
      ? compareBytes(kv.value, compare.operand)
      : { version: kv.version, create: kv.createRevision, mod: kv.modRevision, lease: kv.lease }[compare.target] -
        compare.operand
  return { '=': order === 0, '!=': order !== 0, '<': order < 0, '>': order > 0 }[compare.result]
}

function order(target: RangeRequest['sortTarget'], a: KeyValue, b: KeyValue): number {
  const ties = {
    key: compareBytes(a.key, b.key),
    version: a.version - b.version,
    create: a.createRevision - b.createRevision,
    mod: a.modRevision - b.modRevision,
    value: compareBytes(a.value, b.value),
  }
  return ties[target]
}
