import type { MemberId } from '../../../src/raft/types.ts'
import { isInformed } from '../../../src/worker/votes.ts'
import type { SimulatedMember } from './member.ts'

type Fate = 'demote' | 'remove'

interface Loan {
  readonly orphan: SimulatedMember
  /** The member of the tab whose worker runs the orphan, too; it shares that one's fate. */
  readonly host: SimulatedMember
  readonly fate: Fate
}

/** Who shares a browser, and so a disk, with whom, and which member without a tab is lent a voice by whose worker. */
export class Siblings {
  readonly #browsers = new Map<MemberId, number>()
  readonly #loans = new Map<MemberId, Loan>()

  moveIn(member: MemberId, browser: number): void {
    this.#browsers.set(member, browser)
  }

  moveOut(member: MemberId): void {
    this.#browsers.delete(member)
    this.#loans.delete(member)
  }

  browserOf(member: MemberId): number {
    return this.#browsers.get(member) ?? 0
  }

  areSiblings(a: MemberId, b: MemberId): boolean {
    return this.browserOf(a) === this.browserOf(b)
  }

  isLent(member: MemberId): boolean {
    return this.#loans.has(member)
  }

  lend(orphan: SimulatedMember, host: SimulatedMember, fate: Fate): void {
    this.#loans.set(orphan.id, { orphan, host, fate })
  }

  takeBack(orphan: MemberId): void {
    this.#loans.delete(orphan)
  }

  lentBy(host: SimulatedMember): SimulatedMember[] {
    return this.#loansOf(host).map(({ orphan }) => orphan)
  }

  /** Which of those it lends a voice the host would let go of now. */
  settledBy(host: SimulatedMember): SimulatedMember[] {
    const loans = this.#loansOf(host)
    if (loans.length === 0 || host.isFrozen) return []
    const seen = host.replica?.status()
    if (seen === undefined || !isInformed(seen)) return []
    const settled = loans.filter(({ orphan, fate }) => {
      if ((orphan.replica?.position.commit ?? 0) > seen.applied) return false
      const listed = seen.members.find(({ member }) => member === orphan.id)
      return fate === 'remove' ? listed === undefined : listed?.state !== 'voter'
    })
    return settled.map(({ orphan }) => orphan)
  }

  #loansOf(host: SimulatedMember): Loan[] {
    if (this.#loans.size === 0) return []
    return [...this.#loans.values()].filter(loan => loan.host === host)
  }
}
