import { type ConfState, type MemberId, membersOf } from '../raft/types.ts'
import { type Input, type PeerMessage, roleOf } from '../replica/types.ts'
import { Damaged } from './damaged.ts'
import type { HostedMember } from './hosted-member.ts'
import { claim, type Identity } from './identity.ts'
import { type Belonging, listOwn, orphansHostedMax, resume } from './opening.ts'
import type { OutboxEntry, TabEvent } from './protocol.ts'
import { Siblings } from './siblings.ts'
import { votersKnown } from './votes.ts'

/** Members that the cluster has removed and that this worker waits with until they are told so. One at a time would do. */
const retiringMax = 2
/** A leader tells them in a round trip or two. If none does in 30 s, somebody else may try. */
const retiringTicksMax = 600

/** The worker, as far as orphans are concerned: where they live, and who knows what they still matter for. */
export interface Household {
  readonly belonging: Belonging
  /** The member of this worker's own page. */
  readonly primary: HostedMember
  readonly has: (member: MemberId) => boolean
  readonly moveIn: (member: HostedMember) => void
  readonly moveOut: (member: HostedMember) => void
  readonly push: (member: HostedMember, input: Input) => void
  /** Sends a message to a member, wherever it is, in the name of `primary`. */
  readonly say: (to: MemberId, message: PeerMessage) => void
  /** Takes over writes that an orphan's page was not answered. Resolves when they are durable here. */
  readonly inherit: (entries: readonly OutboxEntry[]) => Promise<void>
  /** Who is lent a voice has changed, and what happened to whom. */
  readonly onEvent: (member: MemberId, event: TabEvent) => void
}

/**
 * The care of members of this browser whose tabs are gone. One that may have a vote is lent a voice until it has given it up. One
 * that the cluster has removed is told so, and its log deleted. The others are left alone: their tabs may come back.
 */
export class Orphans {
  readonly #household: Household
  readonly #siblings: Siblings
  readonly #damaged: Damaged
  /** Hosted until they have given up their vote, and then left to whoever opens them again. */
  readonly #lent = new Set<HostedMember>()
  /** Hosted until they are told that they were removed, for so many ticks more. */
  readonly #retiring = new Map<HostedMember, number>()
  /** Resolve to whether all that an orphan's page was not answered is durable here. */
  readonly #inherited = new Map<HostedMember, Promise<boolean>>()
  /** Voters looked for in this browser since a leader was last heard. */
  readonly #sought = new Set<MemberId>()
  /** The configuration that this browser was last searched by, for members that are not in it. */
  #searchedBy: ConfState | null = null
  #searching = false
  /** Nobody told them, or their logs do not open. Not tried again before the configuration changes. */
  readonly #givenUp = new Set<MemberId>()
  #stopped = false

  constructor(household: Household) {
    this.#household = household
    this.#siblings = new Siblings(household.belonging, identity => this.#orphaned(identity))
    this.#damaged = new Damaged(household)
  }

  /** Somebody speaks for that member, in a tab of this browser or of another. */
  heard(member: MemberId): void {
    if (!this.#household.has(member)) this.#siblings.heard(member)
  }

  stop(): void {
    this.#stopped = true
    this.#siblings.stop()
  }

  /** Something that can be seen of a member of this worker has changed. */
  follow(): void {
    this.#seekVotes()
    const { configuration } = this.#household.primary.replica
    if (configuration === this.#searchedBy || !this.#isInformed) return
    this.#searchedBy = configuration
    this.#givenUp.clear()
    void this.#search()
  }

  tick(ticks: number): void {
    for (const [member, left] of this.#retiring) {
      if (left > ticks) this.#retiring.set(member, left - ticks)
      else this.#giveUp(member)
    }
    if (this.#isInformed) this.#damaged.tick(ticks)
  }

  /**
   * Its tab is gone and this worker was handed its member. With its vote handed over it is nobody's business until its tab
   * comes back. A tab that crashed, or had no time, left a vote that others may depend on. A tab too new to know who votes takes
   * every member for a voter.
   */
  async #orphaned(identity: Identity): Promise<void> {
    const { member } = identity
    const mayVote = () => roleOf(member) === 'editor' && (this.#votersKnown()?.has(member) ?? true)
    const isStranger = this.#isInformed && !this.#isListed(member)
    if (!this.#stopped && mayVote() && this.#lent.size < orphansHostedMax) {
      // Before its log is open: if it led, the others have waited long enough.
      this.#household.push(this.#household.primary, { kind: 'peerEnded', member })
      const opened = await this.#open(identity)
      // Of a tab that was closed in good order the last news may have come meanwhile.
      if (opened !== null && !mayVote()) opened.close().catch(() => {})
      else if (opened !== null) this.lend(opened)
    } else if (!this.#stopped && isStranger && this.#retiring.size < retiringMax) {
      const opened = await this.#open(identity)
      if (opened !== null) this.#retire(opened)
    } else {
      identity.release()
    }
  }

  /** Null if there is nobody to speak for: the log cannot be opened, or the worker has stopped meanwhile. */
  async #open(identity: Identity): Promise<HostedMember | null> {
    try {
      const member = await resume(this.#household.belonging, identity)
      if (member === 'damaged') this.mourn(identity)
      else if (!this.#stopped) return member
      else await member.close()
    } catch {
      // It gives nobody a voice, and whoever opens it next may be told why.
      this.#givenUp.add(identity.member)
    }
    return null
  }

  lend(member: HostedMember): void {
    this.#lent.add(member)
    this.#takeIn(member)
    this.#household.onEvent(member.id, { kind: 'adopted' })
  }

  /** Its log is damaged, so nobody speaks for it any more; but the cluster may still count on it. */
  mourn(identity: Identity): void {
    this.#damaged.add(identity)
  }

  #takeIn(member: HostedMember): void {
    // It is to know that it leaves before it hears of anyone: so it does not ask for their votes ahead of those who stay.
    this.#household.push(member, { kind: 'leave', fate: 'demote' })
    this.#household.moveIn(member)
    this.#inherited.set(member, this.#takeOverOutbox(member))
  }

  /** What an orphan's page was not answered is sent from here. Should both keep it for a while, it happens once all the same. */
  async #takeOverOutbox({ outbox }: HostedMember): Promise<boolean> {
    if (outbox.recovered.length === 0) return true
    try {
      await this.#household.inherit(outbox.recovered)
      await outbox.change({ added: [], removed: outbox.recovered })
      return true
    } catch {
      return false
    }
  }

  /**
   * Without a leader no vote is replaced, so every one counts. One whose tab went when nobody here knew of it is found when
   * somebody comes to know: each is looked for once, and then its lock is queued for.
   */
  #seekVotes(): void {
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
   * Looks for logs in this browser of members that the cluster does not know, or no longer. A few at a time, and the rest when they are
   * done with. One whose tab is open holds its lock.
   */
  async #search(): Promise<void> {
    if (this.#searching) return
    this.#searching = true
    try {
      const { belonging, has } = this.#household
      for (const member of await listOwn(belonging)) {
        if (this.#stopped || !this.#isInformed || this.#retiring.size >= retiringMax) return
        if (has(member) || this.#givenUp.has(member) || this.#isListed(member)) continue
        const identity = this.#damaged.has(member) ? null : await claim(belonging.clusterId, member)
        if (identity !== null) await this.#orphaned(identity)
      }
    } catch {
      // Without a list of logs there is nothing to clear up.
    } finally {
      this.#searching = false
    }
  }

  /**
   * The cluster has removed it, as far as is known here. It must hear so from a leader that will not forget it again, or is it still
   * needed; see `MembershipDriver.isForgotten`. One that was never let in is needed by nobody.
   */
  #retire(member: HostedMember): void {
    const isHosted = this.#household.has(member.id)
    if (!member.isBlank) {
      this.#retiring.set(member, retiringTicksMax)
      if (!isHosted) this.#takeIn(member)
      return
    }
    if (isHosted) this.#household.moveOut(member)
    else this.#inherited.set(member, this.#takeOverOutbox(member))
    void this.#bury(member)
  }

  #giveUp(member: HostedMember): void {
    this.#givenUp.add(member.id)
    this.#letGo(member)
    void this.#search()
  }

  /**
   * Whether a lent member still has a vote is for the cluster to say, and for those who know at least as much as it does: its own log
   * may end before the entry that made it a voter. It then stays in the cluster, out of reach, until a tab opens it again.
   */
  letGoOfVoteless(): void {
    if (this.#lent.size === 0 || !this.#isInformed) return
    const { applied } = this.#household.primary.replica.status()
    const voters = this.#votersKnown()
    for (const member of this.#lent) {
      if (voters?.has(member.id) || member.replica.status().commit > applied) continue
      if (!this.#isListed(member.id)) {
        this.#lent.delete(member)
        this.#retire(member)
        continue
      }
      this.#letGo(member)
      this.#household.onEvent(member.id, { kind: 'released' })
    }
  }

  /** The cluster has removed it. */
  removed(member: HostedMember): void {
    this.#moveOut(member)
    void this.#bury(member)
  }

  /** A log that fails is let go of, name and all: an orphan that cannot go on is no worse than one nobody adopted. */
  failed(member: HostedMember): void {
    this.#letGo(member)
  }

  /** Its log stays, for whoever opens it next. */
  #letGo(member: HostedMember): void {
    this.#moveOut(member)
    this.#inherited.delete(member)
    member.close().catch(() => {})
  }

  /** Should that fail, an orphan is left, which is found again. */
  async #bury(member: HostedMember): Promise<void> {
    const isInherited = (await this.#inherited.get(member)) ?? false
    this.#inherited.delete(member)
    try {
      await (isInherited ? member.destroy() : member.close())
      if (isInherited) this.#household.onEvent(member.id, { kind: 'retired' })
    } catch {
      this.#givenUp.add(member.id)
    }
    void this.#search()
  }

  #moveOut(member: HostedMember): void {
    this.#lent.delete(member)
    this.#retiring.delete(member)
    this.#household.moveOut(member)
  }

  get #isInformed(): boolean {
    const { id, replica } = this.#household.primary
    return replica.hasQuorum && this.#isListed(id)
  }

  /** Whether the cluster counts on a member in any way, as far as is known here. */
  #isListed(member: MemberId): boolean {
    return membersOf(this.#household.primary.replica.configuration).has(member)
  }

  #votersKnown(): ReadonlySet<MemberId> | null {
    return votersKnown(
      this.#household.primary.replica.status(),
      [...this.#lent].map(({ replica }) => replica.status()),
    )
  }
}
