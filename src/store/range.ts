import { compareBytes } from './bytes.ts'
import type { Slot } from './change-log.ts'
import type { Mvcc, StateId } from './mvcc.ts'
import type { KeyValue, RangeRequest, RangeResponse, SortTarget } from './types.ts'

/**
 * Answers a read from the committed state, or from inside a transaction. Throws `COMPACTED` or `FUTURE_REVISION`.
 *
 * The order of the steps is etcd's and shows: bounds on revisions do not change `count`; and a `sortTarget` other than the
 * key without a `sortOrder` sorts only what `limit` left (plus one), ascending.
 */
export function range(mvcc: Mvcc, request: RangeRequest): RangeResponse {
  if (request.revision > 0) mvcc.checkReadable(request.revision)
  const found: Found[] = []
  const enough = wantsAll(request) ? Number.MAX_SAFE_INTEGER : request.limit + 1
  if (!request.countOnly) {
    mvcc.forEachState(request, request.revision, (slot, state) => found.push({ slot, state }) < enough)
  }
  const count = mvcc.count(request, request.revision)
  const filtered = hasBounds(request)
    ? found.filter(({ slot, state }) => isWithinBounds(mvcc.numbersOf(slot, state), request))
    : found
  sort(mvcc, filtered, request)
  const more = request.limit > 0 && filtered.length > request.limit
  if (more) filtered.length = request.limit
  const kvs = filtered.map(({ slot, state }) =>
    request.keysOnly ? mvcc.keyOnly(slot, state) : mvcc.keyValue(slot, state),
  )
  return { op: 'range', header: { revision: mvcc.revisionInside }, kvs, more, count }
}

/** A key-value that may be part of the answer: key and value are copied only if it is. */
interface Found {
  readonly slot: Slot
  readonly state: StateId
}

type Revisions = Pick<KeyValue, 'createRevision' | 'modRevision'>

/** Whether the limit can only be applied at the end. */
function wantsAll(request: RangeRequest): boolean {
  return request.limit <= 0 || request.sortOrder !== 'none' || hasBounds(request)
}

function hasBounds(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  )
}

function isWithinBounds(kv: Revisions, request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  return (
    (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
    (minModRevision === 0 || kv.modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || kv.createRevision >= minCreateRevision)
  )
}

/** Sorts in place; equals stay in key order. The keys come in ascending order. */
function sort(mvcc: Mvcc, found: Found[], { sortTarget, sortOrder }: RangeRequest): void {
  if (sortTarget === 'key') {
    if (sortOrder === 'descend') found.reverse()
    return
  }
  const compare = ascending(mvcc, sortTarget)
  found.sort(sortOrder === 'descend' ? (a, b) => compare(b, a) : compare)
}

function ascending(mvcc: Mvcc, target: Exclude<SortTarget, 'key'>): (a: Found, b: Found) => number {
  if (target === 'value') {
    return (a, b) => compareBytes(mvcc.valueView(a.slot, a.state), mvcc.valueView(b.slot, b.state))
  }
  const field = FIELDS[target]
  return (a, b) => mvcc.numbersOf(a.slot, a.state)[field] - mvcc.numbersOf(b.slot, b.state)[field]
}

const FIELDS = { version: 'version', create: 'createRevision', mod: 'modRevision' } as const
