/** Tellings in one turn of the event loop, at some microseconds each; what comes on top waits for the next. */
const tellingsPerTurnMax = 1_024
/** Pieces of news that wait. Who misses that a peer went learns of it when it sends to that one and is told `unreachable`. */
const waitingMax = 20_000

/**
 * Who went, and who was found, told to everybody in a room. When hundreds leave a room of a thousand at once that is hundreds of thousands
 * of tellings; so they take turns with all else that the server does, and nobody in another room waits for more than a turn. Where few are to
 * be told it is done at once.
 */
export class News {
  #waiting: (() => number)[] = []
  #next = 0
  #left = tellingsPerTurnMax
  #scheduled = false

  /** `tell` gives how many it told. */
  spread(tell: () => number): void {
    if (this.#waiting.length - this.#next >= waitingMax) return
    this.#waiting.push(tell)
    this.#work()
  }

  #work(): void {
    while (this.#left > 0) {
      const tell = this.#waiting[this.#next]
      if (tell === undefined) break
      this.#next++
      this.#left -= tell()
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting = []
      this.#next = 0
    }
    if (this.#scheduled || this.#left === tellingsPerTurnMax) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#left = tellingsPerTurnMax
      this.#work()
    })
  }
}
