import { newMessage } from '../raft/message.ts'
import type { RawNode } from '../raft/raw-node.ts'
import { type ConfState, type MemberId, NONE, type Term } from '../raft/types.ts'
import type { Departure } from './departure.ts'
import type { Roster } from './roster.ts'

/**
 * When a member asks for votes before raft's election timeout is over: because there is nobody to wait for, or because it knows from
 * its links that the leader is gone. The timeout remains as the fallback.
 */
export class Campaign {
  readonly #raft: RawNode
  readonly #roster: Roster
  readonly #departure: Departure
  readonly #self: MemberId
  readonly #random: () => number
  #at: number | null = null
  /** In which term the only voter would begin to lead, if it is one. */
  #dueIn: Term | null

  constructor(raft: RawNode, roster: Roster, departure: Departure, self: MemberId, random: () => number) {
    this.#raft = raft
    this.#roster = roster
    this.#departure = departure
    this.#self = self
    this.#random = random
    this.#dueIn = raft.term
  }

  /** The only voter has nobody to wait for: not when it is opened, nor when a leader that was leaving gave it its vote. */
  configurationChanged(): void {
    this.#dueIn = this.#raft.term
  }

  /**
   * When all that was known to be committed is applied. Returns true if raft has something to do for it. The leader that gave its vote
   * away may still be heard, which ends a campaign; so it begins anew, until it is won or there is another term.
   */
  wake(confState: ConfState): boolean {
    const { role, term } = this.#raft
    if (term !== this.#dueIn) return false
    if (role === 'leader' || !isSoleVoter(confState, this.#self)) {
      this.#dueIn = null
      return false
    }
    if (role !== 'follower') return false
    this.#raft.campaign()
    return true
  }

  /**
   * At once, and though others still believe in their leader: as if it had handed over to this member with its last word, which whoever
   * holds its name may say for it.
   */
  inPlaceOf(leader: MemberId): void {
    this.#raft.step(newMessage('MsgTimeoutNow', this.#self, leader, this.#raft.term))
  }

  /** A pre-vote soon, at a moment of chance so that not all ask at once: it asks the others whether they have lost the leader, too. */
  soon({ voters }: ConfState, now: number): void {
    const reachable = voters.filter(voter => voter === this.#self || this.#roster.connected.has(voter))
    if (!voters.includes(this.#self) || reachable.length <= voters.length / 2) return
    // Whoever is about to go would have to hand over at once. It asks only if none of those who stay gets to lead.
    const headStartTicks = this.#departure.isUnderWay ? spreadTicks : 0
    this.#at ??= now + 1 + headStartTicks + Math.floor(this.#random() * spreadTicks)
  }

  tick(now: number): void {
    if (this.#at === null || now < this.#at) return
    this.#at = null
    // Votes that are under way would be lost with the term they were asked for in.
    if (this.#raft.leader === NONE && this.#raft.role !== 'candidate') this.#raft.campaign()
  }
}

/** Pre-votes after a lost connection are spread over this many ticks. */
const spreadTicks = 4

function isSoleVoter({ voters, votersOutgoing }: ConfState, member: MemberId): boolean {
  return voters.length === 1 && voters[0] === member && votersOutgoing.length === 0
}
