import { existsSync, readFileSync } from 'node:fs'

/** Linux: how long this thread has been running, and has waited for a core, in nanoseconds. */
const schedule = '/proc/thread-self/schedstat'
const isLinux = existsSync(schedule)

/** How often the waiting time is read; between, a long call is blamed for all of it. */
const callsPerReading = 64
/** Calls shorter than this are nobody's concern. */
const pauseMs = 5

/** The longest of many calls: for so long nothing else can happen on their thread. */
export class Pauses {
  #calls = 0
  #waitedMs = 0
  #longestMs = 0

  /** In milliseconds; without the time in which other programs had the core, where the system says it. */
  get longestMs(): number {
    return this.#longestMs
  }

  time<T>(call: () => T): T {
    if (this.#calls++ % callsPerReading === 0) this.#waitedMs = waitedMs()
    const began = performance.now()
    const result = call()
    const took = performance.now() - began
    if (took > Math.max(pauseMs, this.#longestMs)) {
      const waited = waitedMs()
      this.#longestMs = Math.max(this.#longestMs, took - (waited - this.#waitedMs))
      this.#waitedMs = waited
    } else if (took < pauseMs) {
      this.#longestMs = Math.max(this.#longestMs, took)
    }
    return result
  }
}

function waitedMs(): number {
  return isLinux ? Number(readFileSync(schedule, 'utf8').split(' ')[1]) / 1e6 : 0
}
