import type { RawNode } from '../raft/raw-node.ts'
import { type ConfState, type MemberId, NONE, type Term, votersOf } from '../raft/types.ts'
import { isEligible, type MembershipView, successor } from './membership.ts'
import type { MembershipDriver } from './membership-driver.ts'
import type { MembershipOptions } from './options.ts'
import type { Roster } from './roster.ts'
import type { Output } from './types.ts'

type Phase =
  | { readonly phase: 'staying' }
  | {
      readonly phase: 'leaving'
      readonly fate: 'demote' | 'remove'
      /** Who led when it last told the others, and when that was. */
      readonly toldUnder: MemberId
      readonly toldAt: number
    }

/**
 * How a member goes without costing the others anything: a leader first sees to a successor and hands leadership over; then the
 * new leader is asked to take the vote away; once a configuration without it is applied here, nothing depends on it.
 * A tab does all of this while its page holds the door, so it takes no step that a round trip could save.
 */
export class Departure {
  readonly #raft: RawNode
  readonly #membership: MembershipDriver
  readonly #roster: Roster
  readonly #self: MemberId
  readonly #options: MembershipOptions
  #phase: Phase = { phase: 'staying' }
  /** In which term it last led since it began to leave. */
  #ledIn: Term | null = null
  /** The owner was told that, as far as is known here, nothing depends on this member. It goes on saying so until it is stopped. */
  #announced = false
  /** The others were told that it leaves, and not yet that it does not. */
  #isToRetract = false

  constructor(raft: RawNode, membership: MembershipDriver, roster: Roster, self: MemberId, options: MembershipOptions) {
    this.#raft = raft
    this.#membership = membership
    this.#roster = roster
    this.#self = self
    this.#options = options
  }

  begin(fate: 'demote' | 'remove'): void {
    if (this.#phase.phase !== 'staying') return
    this.#phase = { phase: 'leaving', fate, toldUnder: NONE, toldAt: -tellAgainTicks }
    this.#ledIn = null
    this.#membership.leave(this.#self, fate)
  }

  /** Leadership that is on its way to another may still arrive there. */
  stay(): void {
    if (this.#phase.phase === 'staying') return
    this.#phase = { phase: 'staying' }
    this.#announced = false
    this.#isToRetract = true
    this.#membership.stay(this.#self)
  }

  /** On its way out, or out: a member that was removed because it asked for it must not ask to be let in again. */
  get isUnderWay(): boolean {
    return this.#phase.phase !== 'staying'
  }

  /** Takes the next step if there is one. Returns true if raft has something to do for it. */
  pursue(confState: ConfState, now: number, out: Output[]): boolean {
    const phase = this.#phase
    if (phase.phase !== 'leaving') {
      if (this.#isToRetract) this.#retract(out)
      return false
    }
    const hasVote = votersOf(confState).has(this.#self)
    // A leader that gave its own vote away is the first to know that it has; whoever got it has to know, too.
    const isSucceeded = this.#ledIn === null || this.#roster.isLedAfter(this.#ledIn)
    if (!hasVote && isSucceeded) this.#announce(out)
    // With nobody in reach there is nobody to hand anything to, and nobody who would notice. Viewers have no use for it.
    if (!this.#roster.reachesEditor) this.#announce(out)
    const leader = this.#raft.leader
    if (leader !== phase.toldUnder || now - phase.toldAt >= tellAgainTicks) {
      this.#phase = { ...phase, toldUnder: leader, toldAt: now }
      this.#tellEveryone(phase.fate, out)
    }
    if (leader !== this.#self) return false
    this.#ledIn = this.#raft.term
    return this.#handOver(this.#membership.view(confState, now), out)
  }

  #handOver(view: MembershipView, out: Output[]): boolean {
    // Whoever is out of reach now may come back; as long as this member runs, it is there to hand over to them.
    if (isAlone(view, this.#options)) this.#announce(out)
    const heir = successor(view, this.#options)
    if (heir === null || this.#raft.transferee !== NONE) return false
    this.#raft.transferLeader(heir)
    return true
  }

  /**
   * Not the leader alone: whoever leads next must know it already, or two members that are both leaving would hand
   * leadership to each other for ever.
   */
  #tellEveryone(fate: 'demote' | 'remove', out: Output[]): void {
    for (const to of this.#roster.connected)
      out.push({ kind: 'send', to, message: { kind: 'leave', member: this.#self, fate } })
  }

  /** Or nobody would hand anything to it before they have forgotten that it was leaving. */
  #retract(out: Output[]): void {
    this.#isToRetract = false
    for (const to of this.#roster.connected)
      out.push({ kind: 'send', to, message: { kind: 'join', member: this.#self } })
  }

  #announce(out: Output[]): void {
    if (this.#announced) return
    this.#announced = true
    out.push({ kind: 'left' })
  }
}

/** A leaving member says so again after this long. */
const tellAgainTicks = 4

/** Nobody is left who could go on without this member. */
function isAlone(view: MembershipView, options: MembershipOptions): boolean {
  const { voters, learners } = view.confState
  return [...voters, ...learners].every(member => member === view.self || !isEligible(member, view, options))
}
