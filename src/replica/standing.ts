import type { RawNode } from '../raft/raw-node.ts'
import { type Index, type MemberId, membersOf, NONE, type Role, type Term, votersOf } from '../raft/types.ts'
import type { Applied } from './applied.ts'
import type { Roster } from './roster.ts'
import type { MemberState, Position, ReplicaStatus } from './types.ts'

/** What `statusChanged` is about. */
interface Report {
  readonly role: Role
  readonly term: Term
  readonly leader: MemberId
  readonly applied: Index
  readonly quorum: boolean
  readonly pendingWrites: number
  readonly version: number
}

/** How a member stands, as it tells its owner and the other members. */
export class Standing {
  readonly #self: MemberId
  readonly #raft: RawNode
  readonly #applied: Applied
  readonly #roster: Roster
  readonly #electionTicks: number
  #leaderHeardAt = 0
  #reported: Report = {
    role: 'follower',
    term: -1,
    leader: NONE,
    applied: 0,
    quorum: false,
    pendingWrites: 0,
    version: 0,
  }

  constructor(self: MemberId, around: { raft: RawNode; applied: Applied; roster: Roster; electionTicks: number }) {
    this.#self = self
    this.#raft = around.raft
    this.#applied = around.applied
    this.#roster = around.roster
    this.#electionTicks = around.electionTicks
  }

  leaderHeard(now: number): void {
    this.#leaderHeardAt = now
  }

  get position(): Position {
    const { role, term, commit } = this.#raft
    return { role, term, commit, applied: this.#applied.index }
  }

  get state(): MemberState | 'joining' {
    const { confState } = this.#applied
    if (votersOf(confState).has(this.#self)) return 'voter'
    return membersOf(confState).has(this.#self) ? 'learner' : 'joining'
  }

  status(now: number, pendingWrites: number): ReplicaStatus {
    const { position } = this
    return {
      ...position,
      member: this.#self,
      leader: this.#raft.leader,
      state: this.state,
      quorum: this.hasQuorum(now),
      revision: this.#applied.store.revision,
      members: this.#roster.table(this.#applied.confState, position),
      pendingWrites,
    }
  }

  /** Whether anything a person would want to see has changed since this was last asked: after every turn, so it makes nothing. */
  takeChange(now: number, pendingWrites: number): boolean {
    const { role, term, leader } = this.#raft
    const applied = this.#applied.index
    const quorum = this.hasQuorum(now)
    const { version } = this.#roster
    const last = this.#reported
    const isSame =
      last.role === role &&
      last.term === term &&
      last.leader === leader &&
      last.applied === applied &&
      last.quorum === quorum &&
      last.pendingWrites === pendingWrites &&
      last.version === version
    if (isSame) return false
    this.#reported = { role, term, leader, applied, quorum, pendingWrites, version }
    return true
  }

  /** As far as is known here, a quorum can be reached. */
  hasQuorum(now: number): boolean {
    const { leader } = this.#raft
    if (leader === NONE) return false
    // A learner never calls an election, so it would believe in a lost leader for ever.
    return leader === this.#self || now - this.#leaderHeardAt <= 2 * this.#electionTicks
  }
}
