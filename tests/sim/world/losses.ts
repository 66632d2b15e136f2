import { decodeConfChange } from '../../../src/raft/conf-change.ts'
import type { Index, MemberId } from '../../../src/raft/types.ts'
import type { WalWrite } from '../../../src/replica/types.ts'
import type { SimulatedMember } from './member.ts'

/**
 * Whether the cluster can do without a member's log for good. A majority that is gone is a lost cluster and no bug, so whoever
 * wants to take a log away asks here first. No is always a safe answer.
 */
export class Losses {
  /** The newest entry in any log that changes the membership, whether or not it will ever be committed. */
  #newestChange: { readonly index: Index; readonly isJoint: boolean } = { index: 0, isJoint: false }

  /** A member issued a write to its disk. */
  persisted({ entries }: WalWrite): void {
    for (const { type, index, data } of entries) {
      if (type === 'normal' || index < this.#newestChange.index) continue
      this.#newestChange = { index, isJoint: decodeConfChange(data).changes.length > 1 }
    }
  }

  /** `leader`: the one that others follow; `isThere`: whether a member still has its log. */
  allow(victim: MemberId, leader: SimulatedMember | undefined, isThere: (member: MemberId) => boolean): boolean {
    const status = leader?.replica?.status()
    // Only who leads with the newest configuration in force, and no other under way, knows whose votes count.
    if (status === undefined || !status.quorum || status.applied < this.#newestChange.index) return false
    if (this.#newestChange.isJoint) return false
    const voters = status.members.filter(({ state }) => state === 'voter').map(({ member }) => member)
    const left = voters.filter(member => member !== victim && isThere(member))
    return 2 * left.length > voters.length
  }
}
