import type { HardState, MemberId, Term } from '../../../src/raft/types.ts'
import { Violation } from '../violation.ts'

interface Ballot {
  /** The newest term on the disk. */
  term: Term
  /** Whom the disk says this member voted for. Never forgotten: what a crash takes away, it gave all the same. */
  readonly votes: Map<Term, MemberId>
}

/** Who voted for whom, by what the disks hold, over all lives of the members (paper 5.2: one vote a term, and terms only rise). */
export class Votes {
  readonly #ballots = new Map<MemberId, Ballot>()

  /** A hard state became durable. */
  durable(member: MemberId, { term, vote }: HardState): void {
    let ballot = this.#ballots.get(member)
    if (ballot === undefined) {
      ballot = { term: 0, votes: new Map() }
      this.#ballots.set(member, ballot)
    }
    if (term < ballot.term) {
      throw new Violation('terms never go back', `${member} writes term ${term} over ${ballot.term}`)
    }
    ballot.term = term
    const before = ballot.votes.get(term) ?? vote
    if (before !== vote) throw new Violation('one vote a term', `${member}: ${before}, then ${vote} in ${term}`)
    if (vote !== 0) ballot.votes.set(term, vote)
  }

  termOf(member: MemberId): Term {
    return this.#ballots.get(member)?.term ?? 0
  }

  of(member: MemberId, term: Term): MemberId | null {
    return this.#ballots.get(member)?.votes.get(term) ?? null
  }

  /**
   * A candidate is told that it has a member's vote. With that on its disk the member will not vote otherwise, and neither will one
   * whose disk is past the term by then: of a turn that votes twice, in two terms, only the second vote is written.
   */
  told(member: MemberId, candidate: MemberId, term: Term): void {
    const ballot = this.#ballots.get(member)
    const vote = ballot?.votes.get(term)
    if (vote === candidate) return
    if (ballot === undefined || vote !== undefined || ballot.term <= term) {
      throw new Violation('a vote is durable before it is told', `${member} for ${candidate} in ${term}`)
    }
    ballot.votes.set(term, candidate)
  }
}
