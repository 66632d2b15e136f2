import type { LinksClock } from '../net/worker/links.ts'
import type { EpochMs } from './protocol.ts'

/** Length of one tick of every replica in this worker. */
export const tickMs = 50
/** A gap in the clock longer than this is a freeze: the ticks it held are not replayed one by one. */
const freezeMs = 2_000

/**
 * Calls back once for each tick that has passed, or `onJump` when the worker was stopped for long (frozen tab, sleeping
 * machine, debugger). Worker timers keep their rate in hidden tabs. Returns a function that stops it.
 */
export function startClock(onTicks: (ticks: number) => void, onJump: () => void): () => void {
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    const elapsed = now - last
    if (elapsed > freezeMs) {
      last = now
      onJump()
      return
    }
    const ticks = Math.floor(elapsed / tickMs)
    if (ticks === 0) return
    // What is left over counts towards the next tick, so that the clock does not drift.
    last += ticks * tickMs
    onTicks(ticks)
  }, tickMs / 2)
  return () => clearInterval(timer)
}

/** The real clock, for the links. */
export const linksClock: LinksClock = {
  now: () => performance.now(),
  every(ms, callback) {
    const timer = setInterval(callback, ms)
    return () => clearInterval(timer)
  },
}

export function epochNowMs(): EpochMs {
  return performance.timeOrigin + performance.now()
}
