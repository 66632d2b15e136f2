import type { DatabaseEvent } from '../../client/flotilla.ts'
import type { ClusterView, MemberRole } from '../cluster/view.ts'

/**
 * What a member was, as this tab saw it. `away`: out of reach. `asleep`: this tab's own, which saw nothing meanwhile. `gone`: no
 * longer a member.
 */
export type PastRole = MemberRole | 'away' | 'asleep' | 'gone'

/** From `at` until the next one. */
export interface Mark {
  readonly at: number
  readonly role: PastRole
}

/** Somebody's term, or nobody's, from `at` until the next one. */
export interface TermMark {
  readonly at: number
  readonly term: number
  /** 0: nobody leads. */
  readonly leader: number
}

/** The last minutes. Times are by `Date.now()`. */
export interface History {
  readonly since: number
  readonly members: ReadonlyMap<number, readonly Mark[]>
  readonly terms: readonly TermMark[]
}

export const historyMs = 3 * 60_000
/** Of one member: it takes a very unsteady one to change its role more than twice a second. */
const marksMax = 400
const membersMax = 200

export function emptyHistory(now: number): History {
  return { since: now, members: new Map(), terms: [] }
}

/** The same history if nothing changed. */
export function record(history: History, cluster: ClusterView, now: number): History {
  const present = new Map<number, PastRole>()
  for (const { member, connected, role } of cluster.members) present.set(member, connected ? role : 'away')
  const members = new Map(history.members)
  let changed = false
  for (const member of new Set([...present.keys(), ...members.keys()])) {
    const marks = members.get(member) ?? []
    const role = present.get(member) ?? 'gone'
    if (marks.at(-1)?.role === role) continue
    members.set(member, [...marks, { at: now, role }])
    changed = true
  }
  const leader = cluster.leader?.member ?? 0
  const last = history.terms.at(-1)
  const isSameTerm = last?.term === cluster.term && last.leader === leader
  if (!changed && (isSameTerm || cluster.term === 0)) return history
  const terms = isSameTerm ? history.terms : [...history.terms, { at: now, term: cluster.term, leader }]
  return trimmed({ ...history, members, terms }, now)
}

/** This tab's member told, when it woke, how long it had slept. */
export function slept(history: History, { member, at, asleepMs }: Extract<DatabaseEvent, { kind: 'woke' }>): History {
  const marks = history.members.get(member)
  const from = at - asleepMs
  const role = marks?.findLast(mark => mark.at <= at)?.role
  if (marks === undefined || role === undefined || role === 'asleep') return history
  const around: Mark[] = [
    ...marks.filter(mark => mark.at < from),
    { at: from, role: 'asleep' },
    { at, role },
    ...marks.filter(mark => mark.at > at),
  ]
  return { ...history, members: new Map(history.members).set(member, around) }
}

/** Without what is over for longer than `historyMs`. */
function trimmed(history: History, now: number): History {
  const from = now - historyMs
  const kept: [number, readonly Mark[]][] = []
  for (const [member, marks] of history.members) {
    const [first, ...later] = recent(marks, from)
    if (first?.role === 'gone' && later.length === 0 && first.at < from) continue
    kept.push([member, recent(marks, from).slice(-marksMax)])
  }
  return { ...history, members: new Map(kept.slice(-membersMax)), terms: recent(history.terms, from).slice(-marksMax) }
}

/** What holds at `from`, and all that came later. */
function recent<T extends { readonly at: number }>(marks: readonly T[], from: number): readonly T[] {
  const first = marks.findLastIndex(({ at }) => at <= from)
  return first > 0 ? marks.slice(first) : marks
}
