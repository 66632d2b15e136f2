import { type MemberId, membersOf } from '../raft/types.ts'
import { roleOf } from '../replica/types.ts'
import { deleteWal } from '../wal/idb-wal.ts'
import { rescueOutbox } from '../wal/rescue.ts'
import type { Identity } from './identity.ts'
import type { Household } from './orphans.ts'

/** A word of leaving that is not repeated within two seconds is no longer believed. */
const leaveAgainTicks = 20

interface DamagedLog {
  readonly identity: Identity
  /** Resolves to whether all that could be read of its outbox is durable elsewhere. */
  readonly inherited: Promise<boolean>
}

/**
 * Members of this browser whose logs are damaged. What they promised cannot be known any more, so nobody speaks for them again. But
 * somebody can say in their place that they are gone, so that the cluster need not find out by their silence; and when it no
 * longer counts on them, their logs are deleted.
 */
export class Damaged {
  readonly #household: Household
  readonly #logs = new Map<MemberId, DamagedLog>()
  #ticks = 0

  constructor(household: Household) {
    this.#household = household
  }

  has(member: MemberId): boolean {
    return this.#logs.has(member)
  }

  add(identity: Identity): void {
    this.#logs.set(identity.member, { identity, inherited: this.#rescue(identity) })
    this.#ticks = 0
  }

  /** So many ticks have passed, and it is known who the cluster counts on. */
  tick(ticks: number): void {
    if (this.#logs.size === 0) return
    this.#ticks -= ticks
    if (this.#ticks > 0) return
    this.#ticks = leaveAgainTicks
    const { replica } = this.#household.primary
    const { leader } = replica.status()
    for (const [member, log] of this.#logs) {
      if (!membersOf(replica.configuration).has(member)) void this.#bury(log)
      // A viewer is believed nothing about others, and nobody waits for the vote of one.
      else if (roleOf(member) === 'editor') this.#household.say(leader, { kind: 'leave', member, fate: 'remove' })
    }
  }

  async #rescue({ member }: Identity): Promise<boolean> {
    const { clusterId } = this.#household.belonging
    const { entries, incomplete } = await rescueOutbox({ clusterId, member })
    this.#household.onEvent(member, { kind: 'damaged', rescuedWrites: entries.length, lostWrites: incomplete })
    try {
      if (entries.length > 0) await this.#household.inherit(entries)
      return true
    } catch {
      return false
    }
  }

  /** Should that fail, the log is found again by whoever searches next. */
  async #bury({ identity, inherited }: DamagedLog): Promise<void> {
    const { member, release } = identity
    this.#logs.delete(member)
    try {
      if (!(await inherited)) return
      await deleteWal({ clusterId: this.#household.belonging.clusterId, member })
      this.#household.onEvent(member, { kind: 'retired' })
    } catch {
      // See above.
    } finally {
      release()
    }
  }
}
