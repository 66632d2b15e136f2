import type { RawNode } from '../raft/raw-node.ts'
import { type ConfState, type Index, type MemberId, membersOf } from '../raft/types.ts'
import { type Chronicle, encodeReasons } from './events.ts'
import { type MembershipView, planMembership } from './membership.ts'
import type { ReplicaOptions } from './options.ts'
import type { Roster } from './roster.ts'
import type { Position } from './types.ts'

/**
 * Carries the membership plan out while this member leads: gathers what others ask for, proposes one change at a time and waits
 * until it is applied.
 */
export class MembershipDriver {
  readonly #raft: RawNode
  readonly #roster: Roster
  readonly #self: MemberId
  readonly #options: ReplicaOptions
  readonly #chronicle: Chronicle
  readonly #joining = new Set<MemberId>()
  readonly #leaving = new Map<MemberId, 'demote' | 'remove'>()
  /** When each of them last said so. */
  readonly #leaveAskedAt = new Map<MemberId, number>()
  /** Log index of the change under way; nothing new is proposed before it is applied. */
  #changeIndex = 0
  /** Of the newest change applied. */
  #appliedChange = 0
  #due = true
  #now = 0

  constructor(raft: RawNode, roster: Roster, self: MemberId, options: ReplicaOptions, chronicle: Chronicle) {
    this.#raft = raft
    this.#roster = roster
    this.#self = self
    this.#options = options
    this.#chronicle = chronicle
  }

  join(member: MemberId): void {
    if (this.#joining.size >= joiningMax && !this.#joining.has(member)) return
    this.#joining.add(member)
    this.#due = true
  }

  leave(member: MemberId, fate: 'demote' | 'remove'): void {
    this.#leaving.set(member, fate)
    this.#leaveAskedAt.set(member, this.#now)
    this.#due = true
  }

  /** It did not go, or is gone already. */
  stay(member: MemberId): void {
    this.#leaving.delete(member)
    this.#leaveAskedAt.delete(member)
    this.#due = true
  }

  /** A member that said it was going is linked again: it came back. */
  returned(member: MemberId): void {
    if (this.#leaving.get(member) === 'demote') this.stay(member)
    this.#due = true
  }

  /** There is no link to a member any more: it is not counted on. */
  parted(): void {
    this.#due = true
  }

  /** By the entry at that index. */
  configurationChanged(index: Index): void {
    this.#appliedChange = index
    this.#due = true
  }

  leaderChanged(leading: boolean): void {
    // A new leader first commits an entry of its own term (Raft single-server membership bug, raft-dev 2015).
    this.#changeIndex = leading ? this.#raft.status().lastIndex : 0
    this.#due = true
    if (leading) return
    this.#joining.clear()
    this.#chronicle.withheld(null)
  }

  tick(now: number): void {
    this.#now = now
    this.#due = true
    this.#dropStaleLeaves()
  }

  /** Silence, lag and wishes, as the plan wants to see them. */
  view(confState: ConfState, now: number): MembershipView {
    const { commit, progress } = this.#raft.status()
    return {
      self: this.#self,
      confState,
      joining: this.#joining,
      leaving: this.#leaving,
      isLinked: member => this.#roster.isLinked(member),
      silentTicks: member => this.#roster.silentTicks(member, now),
      absentTicks: member => this.#roster.absentTicks(member, now),
      lag: member => commit - (progress.get(member)?.match ?? 0),
    }
  }

  /** Returns true if it proposed something. */
  drive(confState: ConfState, applied: number, now: number): boolean {
    if (!this.#due || this.#raft.role !== 'leader' || applied < this.#changeIndex) return false
    this.#due = false
    const members = membersOf(confState)
    for (const member of members) this.#joining.delete(member)
    for (const member of [...this.#leaving.keys()]) if (!members.has(member)) this.stay(member)
    const { changes, withheld } = planMembership(this.view(confState, now), this.#options.membership)
    this.#chronicle.withheld(withheld)
    if (changes.length === 0) return false
    const context = encodeReasons(changes)
    if (this.#raft.proposeConfChange({ transition: 'auto', changes, context }) === 'dropped') return false
    this.#changeIndex = this.#raft.status().lastIndex
    return true
  }

  /**
   * A member that has applied entries but is in no configuration the leader knows was removed while it was away; raft says
   * nothing to those it does not know, so somebody must tell it. It then deletes its log, so what removed it must be known on
   * the leader's disk to be committed: a leader that came back without that knowledge would ask for its vote.
   */
  isForgotten(
    member: MemberId,
    position: Position,
    confState: ConfState,
    applied: Index,
    durableCommit: Index,
  ): boolean {
    if (this.#raft.role !== 'leader' || applied < this.#raft.commit || durableCommit < this.#appliedChange) return false
    if (membersOf(confState).has(member)) return false
    return position.applied > 0 && position.applied <= applied
  }

  /**
   * Whoever is leaving repeats it until it is gone; by then it is silent, which says the same. So a word that is not repeated is
   * no longer needed, and may be one that came late, when the member was already back.
   */
  #dropStaleLeaves(): void {
    for (const [member, askedAt] of this.#leaveAskedAt) {
      if (member !== this.#self && this.#now - askedAt > 2 * this.#options.membership.liveTicks) this.stay(member)
    }
  }
}

/** Strangers remembered while they wait to be let in; more simply ask again. */
const joiningMax = 1_000
