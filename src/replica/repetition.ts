import type { PendingWrites } from './writes.ts'

/**
 * When writes are proposed again. A proposal may have been lost on its way, or with a leader, or refused by one that has its hands full.
 * It may also just be slow, behind what a slow follower has yet to confirm, and then every copy makes it slower for all.
 */
export class Repetition {
  readonly #writes: PendingWrites
  readonly #retryTicks: number
  #gapAt: number | null = null
  #lastGapAt = Number.NEGATIVE_INFINITY
  /** Writes that were proposed more than once, since the member was opened. */
  count = 0

  constructor(writes: PendingWrites, retryTicks: number) {
    this.#writes = writes
    this.#retryTicks = retryTicks
  }

  /** What was proposed to another leader, or in another term, may be gone with it. */
  leaderChanged(): void {
    this.#repeat()
  }

  /** Somebody is out of reach, and what went by way of its tab may be lost. Said once, with the next tick, for all that go together. */
  memberLost(now: number): void {
    this.#gapAt = now
  }

  /**
   * An earlier write of a client was lost on its way to the leader, as a later one that came through tells: all go again, in order. Of
   * the copies that are under way others may tell the same; they are not listened to before this had time to come to something.
   */
  gapMet(now: number): void {
    if (now - this.#lastGapAt < this.#retryTicks) return
    this.#lastGapAt = now
    this.#gapAt = now
  }

  /**
   * Silence counts as loss, of each write after its own time: later ones, of which there may be no end, must not put it off. Not so for
   * one that leads: what it took in is in its log, and stays there for as long as it does.
   */
  tick(now: number, isLeading: boolean): void {
    const since = this.#writes.waitingSince
    const isSilent = !isLeading && since !== null && now - since >= this.#retryTicks
    if (isSilent || (this.#gapAt !== null && now > this.#gapAt)) this.#repeat()
  }

  #repeat(): void {
    this.#gapAt = null
    this.count += this.#writes.repropose()
  }
}
