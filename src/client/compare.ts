import type { CompareResult, Revision } from '../store/types.ts'
import type { LeaseRef } from './operations.ts'
import type { RangeSpec } from './range.ts'
import { leaseId } from './requests.ts'

/**
 * A condition of a transaction, for values of type `T`. Over a range of keys it must hold for every key there is; a
 * single key that is not there counts with version and revisions 0.
 */
export type Compare<T> = NumberCompare | ValueCompare<T>

export interface NumberCompare {
  readonly target: 'version' | 'create' | 'mod' | 'lease'
  readonly range: RangeSpec
  readonly result: CompareResult
  readonly operand: number
}

export interface ValueCompare<T> {
  readonly target: 'value'
  readonly range: RangeSpec
  readonly result: CompareResult
  readonly operand: T
}

interface Comparisons<V, C> {
  eq(operand: V): C
  ne(operand: V): C
  gt(operand: V): C
  lt(operand: V): C
}

/** Puts since the key was created: 0 if it does not exist. */
export function version(range: RangeSpec): Comparisons<number, NumberCompare> {
  return comparisons(result => operand => ({ target: 'version', range, result, operand }))
}

/** The revision that created the key: 0 if it does not exist. */
export function createRevision(range: RangeSpec): Comparisons<Revision, NumberCompare> {
  return comparisons(result => operand => ({ target: 'create', range, result, operand }))
}

/** The revision that last changed the key: 0 if it does not exist. */
export function modRevision(range: RangeSpec): Comparisons<Revision, NumberCompare> {
  return comparisons(result => operand => ({ target: 'mod', range, result, operand }))
}

/** The lease that holds the key, given as such or by its id: 0 if there is none, or no key. */
export function lease(range: RangeSpec): Comparisons<LeaseRef, NumberCompare> {
  return comparisons(result => operand => ({ target: 'lease', range, result, operand: leaseId(operand) }))
}

/** The value, as the bytes its codec makes of it: order is that of bytes, and a key that does not exist compares false. */
export function value(range: RangeSpec): {
  eq<T>(operand: T): ValueCompare<T>
  ne<T>(operand: T): ValueCompare<T>
  gt<T>(operand: T): ValueCompare<T>
  lt<T>(operand: T): ValueCompare<T>
} {
  const compare =
    (result: CompareResult) =>
    <T>(operand: T): ValueCompare<T> => ({ target: 'value', range, result, operand })
  return { eq: compare('='), ne: compare('!='), gt: compare('>'), lt: compare('<') }
}

function comparisons<V, C>(by: (result: CompareResult) => (operand: V) => C): Comparisons<V, C> {
  return { eq: by('='), ne: by('!='), gt: by('>'), lt: by('<') }
}
