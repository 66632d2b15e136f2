/**
 * Runs `turn` once at the end of the task in which it was asked for, however often that was. What one task brings (a page's batch of
 * requests, a peer's frame) shares a turn: one Ready, one write to the log, one frame per peer. The batches are made by those
 * who send them. A task of its own for the turn, to gather from several, gained nothing in rate and cost time, see
 * `docs/performance.md`.
 */
export class Turns {
  readonly #turn: () => void
  #due = false
  #stopped = false

  constructor(turn: () => void) {
    this.#turn = turn
  }

  schedule(): void {
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      if (!this.#stopped) this.#turn()
    })
  }

  stop(): void {
    this.#stopped = true
  }
}
