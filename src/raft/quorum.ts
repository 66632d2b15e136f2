import { assert, present } from './assert.ts'
import type { Index, MemberId } from './types.ts'

/** What each member is known to have. `undefined` is "nothing heard", and counts as 0. */
export interface AckedIndexer {
  ackedIndex(member: MemberId): Index | undefined
}

export type VoteResult = 'pending' | 'lost' | 'won'

/** More than half of a set of members (Raft paper 5.2 and 5.3: elections and commitment both rest on this). */
export class MajorityQuorum {
  /** Ascending. */
  readonly members: readonly MemberId[]
  readonly #set: ReadonlySet<MemberId>
  /** Reused by every count, so that counting a commit allocates nothing. */
  readonly #scratch: Float64Array

  constructor(members: Iterable<MemberId> = []) {
    this.#set = new Set(members)
    this.members = [...this.#set].sort((a, b) => a - b)
    this.#scratch = new Float64Array(this.members.length)
  }

  has(member: MemberId): boolean {
    return this.#set.has(member)
  }

  get size(): number {
    return this.members.length
  }

  /** Members needed to decide anything. */
  get needed(): number {
    return Math.floor(this.members.length / 2) + 1
  }

  /**
   * The largest index that a majority has acknowledged. The empty quorum commits everything (`Infinity`), so that a joint
   * quorum with one empty half behaves like the other half.
   */
  committedIndex(acked: AckedIndexer): Index {
    const { members } = this
    if (members.length === 0) return Number.POSITIVE_INFINITY
    const sorted = this.#scratch
    for (let i = 0; i < members.length; i++) {
      sorted[i] = acked.ackedIndex(present(members[i], 'quorum: member list has a hole')) ?? 0
    }
    sorted.sort()
    return present(sorted[members.length - this.needed], 'quorum: majority out of range')
  }

  /** Votes of strangers do not count. The empty quorum always wins, for the same reason it commits everything. */
  voteResult(votes: ReadonlyMap<MemberId, boolean>): VoteResult {
    if (this.members.length === 0) return 'won'
    let granted = 0
    let missing = 0
    for (const member of this.members) {
      const vote = votes.get(member)
      if (vote === undefined) missing++
      else if (vote) granted++
    }
    if (granted >= this.needed) return 'won'
    return granted + missing >= this.needed ? 'pending' : 'lost'
  }

  toString(): string {
    return `(${this.members.join(' ')})`
  }
}

const EMPTY_QUORUM = new MajorityQuorum()

/**
 * Two majorities that must both agree while one configuration passes into the next (Raft thesis 4.3, joint consensus).
 * Outside of such a passage `outgoing` is empty.
 */
export class JointQuorum {
  readonly incoming: MajorityQuorum
  readonly outgoing: MajorityQuorum
  /** Members of either half, ascending. */
  readonly members: readonly MemberId[]

  constructor(incoming: MajorityQuorum, outgoing: MajorityQuorum = EMPTY_QUORUM) {
    this.incoming = incoming
    this.outgoing = outgoing
    this.members =
      outgoing.size === 0 ? incoming.members : new MajorityQuorum([...incoming.members, ...outgoing.members]).members
  }

  get isJoint(): boolean {
    return this.outgoing.size > 0
  }

  has(member: MemberId): boolean {
    return this.incoming.has(member) || this.outgoing.has(member)
  }

  committedIndex(acked: AckedIndexer): Index {
    const index = Math.min(this.incoming.committedIndex(acked), this.outgoing.committedIndex(acked))
    assert(index >= 0, 'quorum: negative index acknowledged')
    return index
  }

  voteResult(votes: ReadonlyMap<MemberId, boolean>): VoteResult {
    const incoming = this.incoming.voteResult(votes)
    const outgoing = this.outgoing.voteResult(votes)
    if (incoming === outgoing) return incoming
    // One half lost decides it; otherwise one half is still open and the other cannot decide alone.
    return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending'
  }

  toString(): string {
    return this.isJoint ? `${this.incoming}&&${this.outgoing}` : this.incoming.toString()
  }
}
