/**
 * Runs `turn` once, soon, however often it was asked for. The turn is a task of its own, behind those that are already
 * queued, so that everything that has arrived by then shares it: one Ready, one write to the log, one message per peer.
 */
export class Turns {
  readonly #channel = new MessageChannel()
  #due = false

  constructor(turn: () => void) {
    this.#channel.port1.onmessage = () => {
      this.#due = false
      turn()
    }
  }

  schedule(): void {
    if (this.#due) return
    this.#due = true
    this.#channel.port2.postMessage(null)
  }

  stop(): void {
    this.#channel.port1.onmessage = null
    this.#channel.port1.close()
  }
}
