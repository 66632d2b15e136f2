import { type ConfState, type MemberId, membersOf, type Term, votersOf } from '../raft/types.ts'
import { type MemberStatus, type Position, roleOf } from './types.ts'

/** What this member knows of the others by hearing from them, apart from the log: who is linked, who spoke when. */
export class Roster {
  readonly #self: MemberId
  readonly #connected = new Set<MemberId>()
  readonly #heardAt = new Map<MemberId, number>()
  readonly #positions = new Map<MemberId, Position>()
  #countingSince = 0
  #liveTicks = 0
  /** Rises with every change a person would see. */
  version = 0

  constructor(self: MemberId) {
    this.#self = self
  }

  get connected(): ReadonlySet<MemberId> {
    return this.#connected
  }

  up(member: MemberId, now: number): void {
    this.#connected.add(member)
    this.#heardAt.set(member, now)
    this.version += 1
  }

  down(member: MemberId): void {
    this.#connected.delete(member)
    this.version += 1
  }

  heard(member: MemberId, now: number): void {
    this.#heardAt.set(member, now)
  }

  place(member: MemberId, position: Position): void {
    const last = this.#positions.get(member)
    this.#positions.set(member, position)
    if (last === undefined || !isSame(last, position)) this.version += 1
  }

  /** Whether somebody linked has said that it leads in a later term. */
  isLedAfter(term: Term): boolean {
    for (const [member, position] of this.#positions) {
      if (position.role === 'leader' && position.term > term && this.#connected.has(member)) return true
    }
    return false
  }

  /** At most `max` of those linked, everyone in turn: what is told to so few at a time costs the same however many there are. */
  takeTurns(max: number): MemberId[] {
    const next = [...this.#connected].slice(0, max)
    for (const member of next) {
      this.#connected.delete(member)
      this.#connected.add(member)
    }
    return next
  }

  get reachesEditor(): boolean {
    for (const member of this.#connected) if (roleOf(member) === 'editor') return true
    return false
  }

  isLinked(member: MemberId): boolean {
    return member === this.#self || this.#connected.has(member)
  }

  /**
   * A new leader starts to count silence: members it is linked to are given a fresh start, the others are at once not
   * counted on, but keep what they have for the usual time.
   */
  startCounting(now: number, liveTicks: number): void {
    this.#countingSince = now
    this.#liveTicks = liveTicks
  }

  /** Since it was heard, or since counting began. */
  silentTicks(member: MemberId, now: number): number {
    if (member === this.#self) return 0
    const start = this.#countingSince - (this.#connected.has(member) ? 0 : this.#liveTicks + 1)
    return now - Math.max(start, this.#heardAt.get(member) ?? start)
  }

  /** Since it was heard, by whoever led, or since this member was opened. */
  absentTicks(member: MemberId, now: number): number {
    return member === this.#self ? 0 : now - (this.#heardAt.get(member) ?? 0)
  }

  /** Forget members that are neither linked nor in the configuration, so that the maps stay as small as the cluster. */
  retain(confState: ConfState): void {
    const members = membersOf(confState)
    for (const map of [this.#heardAt, this.#positions]) {
      for (const member of [...map.keys()]) {
        if (!members.has(member) && !this.#connected.has(member)) map.delete(member)
      }
    }
    this.version += 1
  }

  table(confState: ConfState, own: Position): MemberStatus[] {
    const voters = votersOf(confState)
    return [...membersOf(confState)]
      .sort((a, b) => a - b)
      .map(member => ({
        member,
        state: voters.has(member) ? ('voter' as const) : ('learner' as const),
        connected: this.isLinked(member),
        position: member === this.#self ? own : (this.#positions.get(member) ?? null),
      }))
  }
}

function isSame(a: Position, b: Position): boolean {
  return a.role === b.role && a.term === b.term && a.commit === b.commit && a.applied === b.applied
}
