import { compareBytes } from '../../../src/store/bytes.ts'
import type {
  Compare,
  KeyRange,
  KeyValue,
  RangeRequest,
  Revision,
  WatchEvent,
  WatchRequest,
} from '../../../src/store/types.ts'
import { bytes } from './requests.ts'

/** The naive model's state of one revision, and the questions that can be asked of it. */
export type State = ReadonlyMap<string, KeyValue>

export function inKeyOrder(state: State): KeyValue[] {
  return [...state.values()].sort((a, b) => compareBytes(a.key, b.key))
}

export function isIn({ key, end }: KeyRange, candidate: Uint8Array): boolean {
  if (end === null) return compareBytes(key, candidate) === 0
  const openEnd = end.length === 1 && end[0] === 0
  return compareBytes(key, candidate) <= 0 && (openEnd || compareBytes(candidate, end) < 0)
}

export function isWanted(request: WatchRequest, { type, kv }: WatchEvent): boolean {
  return isIn(request, kv.key) && !request.filters.includes(type)
}

export function deletion(name: string, modRevision: Revision): KeyValue {
  return { key: bytes(name), value: bytes(''), createRevision: 0, modRevision, version: 0, lease: 0 }
}

export function compareHolds(compare: Compare, kv: KeyValue): boolean {
  const order =
    compare.target === 'value'
      ? compareBytes(kv.value, compare.operand)
      : { version: kv.version, create: kv.createRevision, mod: kv.modRevision, lease: kv.lease }[compare.target] -
        compare.operand
  return { '=': order === 0, '!=': order !== 0, '<': order < 0, '>': order > 0 }[compare.result]
}

export function rangeOf(state: State, request: RangeRequest): { kvs: KeyValue[]; more: boolean; count: number } {
  const inRange = inKeyOrder(state).filter(kv => isIn(request, kv.key))
  const count = inRange.length
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  const bounded = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision].some(bound => bound !== 0)
  // Without an order or bounds, the limit comes before the sorting.
  let kvs =
    request.limit > 0 && request.sortOrder === 'none' && !bounded ? inRange.slice(0, request.limit + 1) : inRange
  kvs = kvs.filter(
    kv =>
      (minModRevision === 0 || kv.modRevision >= minModRevision) &&
      (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
      (minCreateRevision === 0 || kv.createRevision >= minCreateRevision) &&
      (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision),
  )
  const sign = request.sortOrder === 'descend' ? -1 : 1
  kvs = [...kvs].sort((a, b) => sign * order(request.sortTarget, a, b))
  if (request.countOnly) kvs = []
  const more = request.limit > 0 && kvs.length > request.limit
  if (more) kvs = kvs.slice(0, request.limit)
  if (request.keysOnly) kvs = kvs.map(kv => ({ ...kv, value: bytes('') }))
  return { kvs, more, count }
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
