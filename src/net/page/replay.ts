/** So many numbers behind the highest may still come: two ways to one peer (server, browser) are not equally fast. */
const windowEnvelopes = 1_024
const sendersMax = 4_096

/**
 * Which of each sender's envelopes have come, told by their numbers: the sliding window of DTLS (RFC 6347, 4.1.2.6). What is too old
 * to tell counts as come. Of more senders than `sendersMax` the one longest unheard is forgotten.
 */
export class ReplayGuard {
  readonly #senders = new Map<string, Window>()

  knows(sender: string): boolean {
    return this.#senders.has(sender)
  }

  /** Whether this is the first time. */
  admit(sender: string, sequence: number): boolean {
    const window = this.#senders.get(sender) ?? new Window()
    if (!window.admit(sequence)) return false
    this.#senders.delete(sender)
    this.#senders.set(sender, window)
    for (const longest of this.#senders.keys()) {
      if (this.#senders.size <= sendersMax) break
      this.#senders.delete(longest)
    }
    return true
  }
}

class Window {
  #highest = 0
  /** The lowest bit is that of `#highest`. */
  #come = 0n

  admit(sequence: number): boolean {
    const ahead = sequence - this.#highest
    if (ahead > 0) {
      const kept = ahead < windowEnvelopes ? BigInt.asUintN(windowEnvelopes, this.#come << BigInt(ahead)) : 0n
      this.#come = kept | 1n
      this.#highest = sequence
      return true
    }
    if (-ahead >= windowEnvelopes) return false
    const bit = 1n << BigInt(-ahead)
    if ((this.#come & bit) !== 0n) return false
    this.#come |= bit
    return true
  }
}
