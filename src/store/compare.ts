import { compareBytes, EMPTY_BYTES } from './bytes.ts'
import { type Mvcc, tombstone } from './mvcc.ts'
import type { Compare, KeyValue } from './types.ts'

/**
 * Whether a guard holds now: for every key of its range or, if there is none, for a key of which all is zero. Only a value
 * is different: no comparison with a value that is not there holds, not even `!=` (as in etcd).
 */
export function holds(mvcc: Mvcc, compare: Compare): boolean {
  let found = false
  let all = true
  mvcc.forEach(compare, 0, kv => {
    found = true
    all &&= holdsFor(compare, kv)
  })
  if (found) return all
  return compare.target !== 'value' && holdsFor(compare, tombstone(EMPTY_BYTES, 0))
}

function holdsFor(compare: Compare, kv: KeyValue): boolean {
  const order = orderOf(compare, kv)
  switch (compare.result) {
    case '=':
      return order === 0
    case '!=':
      return order !== 0
    case '>':
      return order > 0
    case '<':
      return order < 0
  }
}

/** Negative, zero or positive as the key-value's side is less than, equal to or greater than the operand. */
function orderOf(compare: Compare, kv: KeyValue): number {
  switch (compare.target) {
    case 'value':
      return compareBytes(kv.value, compare.operand)
    case 'version':
      return kv.version - compare.operand
    case 'create':
      return kv.createRevision - compare.operand
    case 'mod':
      return kv.modRevision - compare.operand
    case 'lease':
      return kv.lease - compare.operand
  }
}
