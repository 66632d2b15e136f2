import { type Configuration, EMPTY_CONFIGURATION } from './configuration.ts'
import { Inflights } from './inflights.ts'
import type { Progress } from './progress.ts'
import type { AckedIndexer, VoteResult } from './quorum.ts'
import type { Index, MemberId } from './types.ts'

/** Progress by member, in ascending order of ids, so that everything that walks it is deterministic. */
export type ProgressMap = ReadonlyMap<MemberId, Progress>

/** The configuration in force, with what is known of each of its members. */
export class ProgressTracker implements AckedIndexer {
  readonly #inflightMessagesMax: number
  readonly #inflightBytesMax: number
  configuration: Configuration = EMPTY_CONFIGURATION
  progress: ProgressMap = new Map()
  readonly #votes = new Map<MemberId, boolean>()

  constructor(inflightMessagesMax: number, inflightBytesMax: number) {
    this.#inflightMessagesMax = inflightMessagesMax
    this.#inflightBytesMax = inflightBytesMax
  }

  newInflights(): Inflights {
    return new Inflights(this.#inflightMessagesMax, this.#inflightBytesMax)
  }

  ackedIndex(member: MemberId): Index | undefined {
    return this.progress.get(member)?.match
  }

  /** What a quorum has on disk. Only entries of the leader's own term may be committed by this count (paper 5.4.2). */
  committedIndex(): Index {
    return this.configuration.voters.committedIndex(this)
  }

  /** Whether a quorum of voters was heard from since the last check (thesis 6.2). */
  quorumActive(): boolean {
    const active = new Map<MemberId, boolean>()
    for (const [member, progress] of this.progress) {
      if (!progress.isLearner) active.set(member, progress.recentActive)
    }
    return this.configuration.voters.voteResult(active) === 'won'
  }

  resetVotes(): void {
    this.#votes.clear()
  }

  /** The first vote of a member counts; repetitions are ignored. */
  recordVote(member: MemberId, granted: boolean): void {
    if (!this.#votes.has(member)) this.#votes.set(member, granted)
  }

  hasVoted(member: MemberId): boolean {
    return this.#votes.has(member)
  }

  tallyVotes(): { granted: number; rejected: number; result: VoteResult } {
    let granted = 0
    let rejected = 0
    for (const [member, progress] of this.progress) {
      if (progress.isLearner) continue
      const vote = this.#votes.get(member)
      if (vote === true) granted++
      else if (vote === false) rejected++
    }
    return { granted, rejected, result: this.configuration.voters.voteResult(this.#votes) }
  }
}
