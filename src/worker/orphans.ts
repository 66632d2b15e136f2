import type { MemberId } from '../raft/types.ts'
import type { Input } from '../replica/types.ts'
import type { HostedMember } from './hosted-member.ts'
import type { Identity } from './identity.ts'
import { type Belonging, resume } from './opening.ts'
import type { OutboxEntry } from './protocol.ts'
import { Siblings } from './siblings.ts'
import { isInformed, votersKnown } from './votes.ts'

/** The worker, as far as orphans are concerned: where they live, and who knows what they still matter for. */
export interface Household {
  readonly belonging: Belonging
  /** The member of this worker's own page. */
  readonly primary: HostedMember
  readonly has: (member: MemberId) => boolean
  readonly moveIn: (member: HostedMember) => void
  readonly moveOut: (member: HostedMember) => void
  readonly push: (member: HostedMember, input: Input) => void
  /** Takes over writes that an orphan's page was not answered. Resolves when they are durable here. */
  readonly inherit: (entries: readonly OutboxEntry[]) => Promise<void>
  /** Who is lent a voice has changed. */
  readonly onChange: () => void
}

/**
 * The care of members of this browser whose tabs are gone: each gets a voice here for as long as it may have a vote that others
 * depend on.
 */
export class Orphans {
  readonly #household: Household
  readonly #siblings: Siblings
  /** Hosted until they have given up their vote, and then left to whoever opens them again. */
  readonly #lent = new Set<HostedMember>()
  /** Voters looked for in this browser since a leader was last heard. */
  readonly #sought = new Set<MemberId>()
  #stopped = false

  constructor(household: Household) {
    this.#household = household
    this.#siblings = new Siblings(household.belonging.clusterId, identity => this.#orphaned(identity))
  }

  /** Somebody speaks for that member, in a tab of this browser or of another. */
  heard(member: MemberId): void {
    if (!this.#household.has(member)) this.#siblings.heard(member)
  }

  stop(): void {
    this.#stopped = true
    this.#siblings.stop()
  }

  /**
   * A sibling's tab is gone, and this worker was handed its member. With its vote handed over it is nobody's business until its tab
   * comes back. A tab that crashed, or had no time, left a vote that others may depend on: it gets a voice here
   * until the vote is given up. A tab too new to know who votes takes every member for a voter.
   */
  async #orphaned(identity: Identity): Promise<void> {
    if (this.#stopped || !(this.#votersKnown()?.has(identity.member) ?? true)) {
      identity.release()
      return
    }
    // Before its log is open: if it led, the others have waited long enough.
    this.#household.push(this.#household.primary, { kind: 'peerEnded', member: identity.member })
    try {
      const member = await resume(this.#household.belonging, identity)
      if (this.#stopped) return await member.close()
      this.lend(member)
    } catch {
      // A log that cannot be opened gives nobody a voice.
    }
  }

  lend(member: HostedMember): void {
    this.#lent.add(member)
    this.#household.moveIn(member)
    this.#household.push(member, { kind: 'leave', fate: 'demote' })
    this.#household.onChange()
    this.#takeOverOutbox(member)
  }

  /** What an orphan's page was not answered is sent from here. Should both keep it for a while, it happens once all the same. */
  #takeOverOutbox({ outbox }: HostedMember): void {
    if (outbox.recovered.length === 0) return
    this.#household
      .inherit(outbox.recovered)
      .then(() => outbox.change({ added: [], removed: outbox.recovered }))
      .catch(() => {})
  }

  /**
   * Without a leader no vote is replaced, so every one counts. One whose tab went when nobody here knew of it is found when
   * somebody comes to know: each is looked for once, and then its lock is queued for.
   */
  seekVotes(): void {
    if (this.#household.primary.replica.hasQuorum) {
      this.#sought.clear()
      return
    }
    for (const voter of this.#votersKnown() ?? []) {
      if (this.#household.has(voter) || this.#sought.has(voter)) continue
      this.#sought.add(voter)
      this.#siblings.heard(voter)
    }
  }

  /**
   * Whether a lent member still has a vote is for the cluster to say, and for those who know at least as much as it does: its own log
   * may end before the entry that made it a voter. It then stays in the cluster, out of reach, until a tab opens it again.
   */
  letGoOfVoteless(): void {
    if (this.#lent.size === 0) return
    const status = this.#household.primary.replica.status()
    if (!isInformed(status)) return
    const voters = this.#votersKnown()
    for (const member of this.#lent) {
      if (voters?.has(member.id) || member.replica.status().commit > status.applied) continue
      this.#moveOut(member)
      member.close().catch(() => {})
      this.#household.onChange()
    }
  }

  /** The cluster has removed it. */
  removed(member: HostedMember): void {
    this.#moveOut(member)
    // A failure to delete the log leaves an orphan, which is told the same when a tab opens it.
    member.destroy().catch(() => {})
  }

  /** An orphan that cannot go on is no worse than one nobody adopted. */
  failed(member: HostedMember): void {
    this.#moveOut(member)
  }

  #moveOut(member: HostedMember): void {
    this.#lent.delete(member)
    this.#household.moveOut(member)
  }

  #votersKnown(): ReadonlySet<MemberId> | null {
    return votersKnown(
      this.#household.primary.replica.status(),
      [...this.#lent].map(({ replica }) => replica.status()),
    )
  }
}
