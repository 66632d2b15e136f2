import { coarseAddress } from './client-address.ts'
import type { Log } from './log.ts'

/** Networks counted apart between two reports; the rest go without a name. */
const networksMax = 100
/** Named in a report. */
const networksNamed = 3

/** Who was turned away and why, as one line now and then: a flood must not fill the log as well. */
export class Refusals {
  readonly #log: Log
  readonly #reasons = new Map<string, number>()
  readonly #networks = new Map<string, number>()

  constructor(log: Log) {
    this.#log = log
  }

  /** `network` as of `networkOf`. */
  count(reason: string, network: string): void {
    increment(this.#reasons, reason)
    const coarse = coarseAddress(network.replace(/\/64$/, ''))
    if (this.#networks.size < networksMax || this.#networks.has(coarse)) increment(this.#networks, coarse)
  }

  report(): void {
    if (this.#reasons.size === 0) return
    const busiest = [...this.#networks].sort(([, a], [, b]) => b - a).slice(0, networksNamed)
    const fields = { reasons: Object.fromEntries(this.#reasons), networks: Object.fromEntries(busiest) }
    this.#reasons.clear()
    this.#networks.clear()
    this.#log.info(fields, 'connections were refused or ended')
  }
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
