import { compareBytes, EMPTY_BYTES } from './bytes.ts'
import type { Mvcc } from './mvcc.ts'
import type { KeyValue, RangeRequest, RangeResponse, SortTarget } from './types.ts'

/**
 * Answers a read from the committed state, or from inside a transaction. Throws `COMPACTED` or `FUTURE_REVISION`.
 *
 * The order of the steps is etcd's and shows: bounds on revisions do not change `count`; and a `sortTarget` other than the
 * key without a `sortOrder` sorts only what `limit` left (plus one), ascending.
 */
export function range(mvcc: Mvcc, request: RangeRequest): RangeResponse {
  if (request.revision > 0) mvcc.checkReadable(request.revision)
  const kvs: KeyValue[] = []
  const enough = wantsAll(request) ? Number.MAX_SAFE_INTEGER : request.limit + 1
  let count = 0
  mvcc.forEach(request, request.revision, kv => {
    count++
    if (!request.countOnly && kvs.length < enough) kvs.push(kv)
  })
  const filtered = hasBounds(request) ? kvs.filter(kv => isWithinBounds(kv, request)) : kvs
  sort(filtered, request)
  const more = request.limit > 0 && filtered.length > request.limit
  if (more) filtered.length = request.limit
  return {
    op: 'range',
    header: { revision: mvcc.revisionInside },
    kvs: request.keysOnly ? filtered.map(kv => ({ ...kv, value: EMPTY_BYTES })) : filtered,
    more,
    count,
  }
}

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

function isWithinBounds(kv: KeyValue, request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  return (
    (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
    (minModRevision === 0 || kv.modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || kv.createRevision >= minCreateRevision)
  )
}

/** Sorts in place; equals stay in key order. The keys come in ascending order. */
function sort(kvs: KeyValue[], { sortTarget, sortOrder }: RangeRequest): void {
  if (sortTarget === 'key') {
    if (sortOrder === 'descend') kvs.reverse()
    return
  }
  const compare = ASCENDING[sortTarget]
  kvs.sort(sortOrder === 'descend' ? (a, b) => compare(b, a) : compare)
}

const ASCENDING: Record<Exclude<SortTarget, 'key'>, (a: KeyValue, b: KeyValue) => number> = {
  version: (a, b) => a.version - b.version,
  create: (a, b) => a.createRevision - b.createRevision,
  mod: (a, b) => a.modRevision - b.modRevision,
  value: (a, b) => compareBytes(a.value, b.value),
}
