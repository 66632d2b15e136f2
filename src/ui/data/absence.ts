import { derived, type Readable } from 'svelte/store'
import type { ClusterView, MemberView } from '../cluster/view.ts'

/** Who is missing, and since when, as far as this page knows. Times are by `Date.now()`. */
export interface Absence {
  /** When the majority went missing; null while it is there. */
  readonly lostSince: number | null
  /** When each member was last in reach. Who was not since the page was loaded is not in it. */
  readonly lastHeard: ReadonlyMap<number, number>
}

export const noAbsence: Absence = { lostSince: null, lastHeard: new Map() }

export function noteAbsence(absence: Absence, { quorum, members }: ClusterView, now: number): Absence {
  const gone = (quorum === 'lost' || quorum === 'electing') && absence.lostSince !== null
  const lostSince = gone ? absence.lostSince : quorum === 'lost' ? now : null
  const lastHeard = new Map(absence.lastHeard)
  for (const { member, connected } of members) if (connected) lastHeard.set(member, now)
  return { lostSince, lastHeard }
}

export function watchAbsence(cluster: Readable<ClusterView>, now: () => number = Date.now): Readable<Absence> {
  let absence = noAbsence
  return derived(cluster, view => {
    absence = noteAbsence(absence, view, now())
    return absence
  })
}

/** The voters whose return would bring the majority back. */
export function missingVoters({ members }: ClusterView): MemberView[] {
  return members.filter(({ votes, connected }) => votes && !connected)
}
