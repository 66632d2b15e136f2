import type { Database } from '../../src/client/flotilla.ts'
import { keyOf, type ManyAtOnce, manyAtOnce, type OneByOne, oneByOne, valueBytes } from '../loads.ts'

/**
 * Brought into the app's page by the benchmark: the loads, run against the page's own database, and timed by the page's clock.
 */
export class TabLoads {
  readonly #value = 'v'.repeat(valueBytes)
  #writer: Promise<void> | null = null
  #closingAt = 0
  /** When writes were acknowledged since `startWriting`. */
  #acknowledged: number[] = []

  puts(load: OneByOne): Promise<number[]> {
    return oneByOne(number => database().put(keyOf(number), this.#value), load)
  }

  reads(load: OneByOne): Promise<number[]> {
    return oneByOne(number => database().get(keyOf(number)), load)
  }

  putsPerSecond(load: ManyAtOnce): Promise<number> {
    return manyAtOnce(number => database().put(keyOf(number), this.#value), load)
  }

  /** Writes one after the other until another member than `leader` leads; `closing` is to be called before `leader` goes. */
  startWriting(leader: number): void {
    this.#acknowledged = []
    this.#closingAt = Number.POSITIVE_INFINITY
    this.#writer = this.#write(leader)
  }

  /** From now on the leader may be gone at any time. */
  closing(): void {
    this.#closingAt = performance.now()
  }

  /**
   * Milliseconds from `closing` to the acknowledgement that ended the longest pause in this tab's writes. Writes that the old
   * leader still saw through do not count as the next one.
   */
  async failover(): Promise<number> {
    await this.#writer
    let last = this.#closingAt
    let longest = { pause: 0, endedAt: last }
    for (const at of this.#acknowledged) {
      if (at <= last) continue
      if (at - last > longest.pause) longest = { pause: at - last, endedAt: at }
      last = at
    }
    return longest.endedAt - this.#closingAt
  }

  async #write(leader: number): Promise<void> {
    for (let number = 0; ; number += 1) {
      await database().put(keyOf(number), this.#value)
      this.#acknowledged.push(performance.now())
      // The status may come a little late, never early.
      const leads = database().status().replica.leader
      if (leads !== leader && leads !== 0) return
    }
  }
}

function database(): Database {
  if (window.flotilla === undefined) throw new Error('the database is not open')
  return window.flotilla.db
}

declare global {
  interface Window {
    /** The app's handle for the console. */
    flotilla?: { readonly db: Database }
    bench: TabLoads
  }
}

window.bench = new TabLoads()
