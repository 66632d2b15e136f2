import type { PendingWrites } from './writes.ts'

/**
 * When writes are proposed again. A proposal may have been lost on its way, or with a leader; it may also just be slow, behind what a
 * slow follower has yet to confirm, and then every copy makes it slower for all. So silence is taken for loss ever later.
 */
export class Repetition {
  readonly #writes: PendingWrites
  readonly #retryTicks: number
  /** How often in a row silence was taken for loss, up to a bound. */
  #silences = 0
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
    this.#silences = 0
    this.#repeat()
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

  /** What a leader took in is in its log, and stays there for as long as it leads: `isLeading` needs no patience. */
  tick(now: number, isLeading: boolean): void {
    if (this.#writes.size === 0) this.#silences = 0
    const since = this.#writes.waitingSince
    const isSilent = !isLeading && since !== null && now - since >= this.#retryTicks * 2 ** this.#silences
    if (isSilent) this.#silences = Math.min(this.#silences + 1, silencesMax)
    if (isSilent || (this.#gapAt !== null && now > this.#gapAt)) this.#repeat()
  }

  #repeat(): void {
    this.#gapAt = null
    this.count += this.#writes.repropose()
  }
}

/** Sixteen seconds in a tab, between the last proposals of a write that nobody answers. */
const silencesMax = 3
