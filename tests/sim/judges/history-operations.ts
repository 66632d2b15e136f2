import type { LeaseId } from '../../../src/store/types.ts'
import type { SequentialModel } from '../../linearizability/model.ts'

/** Keys that lie side by side in the order of all keys: from a place up to another, which is not among them. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** Names what was written to a key by whom; 0 is no key. */
export type VersionId = number

export interface Guard extends Span {
  /** Null if it is not known, as for a version that the log does not hold. */
  readonly holds: (version: VersionId) => boolean | null
}

/** What an answer says of the state it was given in. */
export type Observation =
  | ({ readonly do: 'shows'; readonly versions: readonly VersionId[] } & Span)
  | ({ readonly do: 'counts'; readonly present: number } & Span)
  | { readonly do: 'compares'; readonly guards: readonly Guard[]; readonly outcome: boolean }

export type Effect =
  | { readonly do: 'put'; readonly at: number; readonly version: VersionId }
  | ({ readonly do: 'delete' } & Span)
  | { readonly do: 'end'; readonly lease: LeaseId }

/** One way through a request: what it sees and does, one after the other. */
export type Path = readonly (Observation | Effect)[]

/** An operation takes the first of its paths that the state allows; one that was answered took the path that it has. */
export interface Operation {
  /** For a person. */
  readonly name: () => string
  readonly paths: readonly Path[]
}

/** The version of every key in order, a character each: a state that is its own key, and cheap to change. */
export type KeysState = string

export function keysModel(
  keys: number,
  leaseOf: (version: VersionId) => LeaseId,
): SequentialModel<KeysState, Operation> {
  return {
    initial: '\0'.repeat(keys),
    step: (state, { paths }) => {
      for (const path of paths) {
        const next = follow(path, state, leaseOf)
        if (next !== null) return next
      }
      return null
    },
    key: state => state,
    isRead: ({ paths }) => paths.every(path => !path.some(isEffect)),
    identity: () => null,
  }
}

export function isEffect(part: Observation | Effect): part is Effect {
  return part.do === 'put' || part.do === 'delete' || part.do === 'end'
}

function follow(path: Path, before: KeysState, leaseOf: (version: VersionId) => LeaseId): KeysState | null {
  let state = before
  for (const part of path) {
    switch (part.do) {
      case 'shows':
        for (let at = part.from; at < part.to; at += 1) {
          if (state.charCodeAt(at) !== part.versions[at - part.from]) return null
        }
        break
      case 'counts':
        if (presentIn(state, part) !== part.present) return null
        break
      case 'compares':
        if (!mayCompare(part.guards, state, part.outcome)) return null
        break
      case 'put':
        state = state.slice(0, part.at) + String.fromCharCode(part.version) + state.slice(part.at + 1)
        break
      case 'delete':
        state = state.slice(0, part.from) + '\0'.repeat(part.to - part.from) + state.slice(part.to)
        break
      case 'end':
        state = state.replace(/[^\0]/g, held => (leaseOf(held.charCodeAt(0)) === part.lease ? '\0' : held))
        break
    }
  }
  return state
}

function presentIn(state: KeysState, { from, to }: Span): number {
  let present = 0
  for (let at = from; at < to; at += 1) if (state.charCodeAt(at) !== 0) present += 1
  return present
}

/** Whether the guards, taken together, may have held (or, for an `outcome` of false, may not). */
function mayCompare(guards: readonly Guard[], state: KeysState, outcome: boolean): boolean {
  const results = guards.map(guard => compare(guard, state))
  if (results.includes(false)) return !outcome
  return outcome || results.includes(null)
}

/** For every key that is there; if none is, then as for a key whose numbers are all 0. */
function compare({ from, to, holds }: Guard, state: KeysState): boolean | null {
  const results: (boolean | null)[] = []
  for (let at = from; at < to; at += 1) if (state.charCodeAt(at) !== 0) results.push(holds(state.charCodeAt(at)))
  if (results.length === 0) results.push(holds(0))
  if (results.includes(false)) return false
  return results.includes(null) ? null : true
}

/**
 * What an operation means for one key alone, if it is looked at as one that knows of no other: all that it says of that key and
 * does to it, and nothing that depends on others. If the whole is linearizable, so is each key by itself. One of several
 * paths may have been taken; they become operations of their own, which is more than was allowed and never less.
 */
export function forKey({ name, paths }: Operation, key: number): Operation[] {
  return paths.flatMap(path => {
    const own = path.flatMap(part => partForKey(part, key) ?? [])
    return own.length === 0 ? [] : [{ name, paths: [own] }]
  })
}

function partForKey(part: Observation | Effect, key: number): Observation | Effect | null {
  const span = { from: key, to: key + 1 }
  switch (part.do) {
    case 'shows':
      return isIn(part, key) ? { ...part, ...span, versions: [part.versions[key - part.from] ?? 0] } : null
    case 'counts': {
      const isAllOrNone = part.present === 0 || part.present === part.to - part.from
      return isIn(part, key) && isAllOrNone ? { ...part, ...span, present: Math.min(part.present, 1) } : null
    }
    case 'compares': {
      const guards = part.guards.filter(({ from, to }) => from === key && to === key + 1)
      // That not all of them held says something of this key only if there was no other.
      if (!part.outcome && guards.length < part.guards.length) return null
      return guards.length === 0 ? null : { ...part, guards }
    }
    case 'put':
      return part.at === key ? part : null
    case 'delete':
      return isIn(part, key) ? { ...part, ...span } : null
    case 'end':
      return part
  }
}

function isIn({ from, to }: Span, key: number): boolean {
  return key >= from && key < to
}
