/** How many peers that are not linked any more are remembered. */
const departedPeersMax = 256

/** What went to and came from one peer, over all the links there were to it. */
export class PeerTraffic {
  /** Frames handed to a channel, and frames that came: without what the engine or a relay puts around them. */
  sentBytes = 0
  receivedBytes = 0
  /** Messages that did not fit in the queue. */
  dropped = 0
  #linksUp = 0
  #meetings = 0

  /** How often it was linked again after it had been without any link. */
  get reconnects(): number {
    return Math.max(0, this.#meetings - 1)
  }

  get linked(): boolean {
    return this.#linksUp > 0
  }

  cameUp(): void {
    if (this.#linksUp === 0) this.#meetings++
    this.#linksUp++
  }

  wentDown(): void {
    this.#linksUp--
  }
}

export class Traffic {
  /** In the order they were first met. */
  readonly #peers = new Map<string, PeerTraffic>()

  of(peer: string): PeerTraffic {
    const known = this.#peers.get(peer)
    if (known !== undefined) return known
    this.#forgetSome()
    const traffic = new PeerTraffic()
    this.#peers.set(peer, traffic)
    return traffic
  }

  #forgetSome(): void {
    if (this.#peers.size < departedPeersMax) return
    for (const [peer, traffic] of this.#peers) {
      if (traffic.linked) continue
      this.#peers.delete(peer)
      return
    }
  }
}
