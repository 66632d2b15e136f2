import type { LinksClock } from '../net/worker/links.ts'
import type { EpochMs } from './protocol.ts'

/** Length of one tick of every replica in this worker. */
export const tickMs = 50
/** A gap longer than this is a freeze: the ticks it held are not replayed one by one. */
export const freezeMs = 2_000
/**
 * After a shorter stall, ticks come in portions of this, well below an election timeout: what others said meanwhile is waiting to be
 * read, and has its turn in between. A leader that was given all of a second at once would miss answers that are already here.
 */
export const ticksAtOnceMax = 5

export interface ClockOptions {
  /** Called with the number of ticks that have passed, one at least. */
  readonly onTicks: (ticks: number) => void
  /** The worker was stopped for that long: frozen tab, sleeping machine, debugger. No ticks are given for it. */
  readonly onJump: (jump: Jump) => void
  readonly time?: TimeSource
}

export interface Jump {
  readonly asleepMs: number
  /** The part of it that `performance.now()` has missed. */
  readonly missedMs: number
}

export interface TimeSource {
  /** Milliseconds, never going back; may stand still while the machine sleeps. */
  readonly monotonicMs: () => number
  /** Milliseconds by the wall clock, which may be set. */
  readonly wallMs: () => number
}

/**
 * The time of the members of this worker. It asks two clocks: `performance.now()` stands still while a machine sleeps, on Linux
 * and macOS (https://github.com/w3c/hr-time/issues/115), and a wall clock may be set. So time is what the first says, and a wall
 * clock far ahead of it is a sleep. If it was set forward instead, a leader gives up its leadership for nothing.
 */
export class Clock {
  readonly #options: ClockOptions
  readonly #time: TimeSource
  /** By both clocks, when it last looked. */
  #monotonicMs: number
  #wallMs: number
  /** Passed, and not given as ticks yet. */
  #owedMs = 0
  #timer: ReturnType<typeof setInterval> | null = null

  constructor(options: ClockOptions) {
    this.#options = options
    this.#time = options.time ?? { monotonicMs: () => performance.now(), wallMs: () => Date.now() }
    this.#monotonicMs = this.#time.monotonicMs()
    this.#wallMs = this.#time.wallMs()
  }

  /** From now on it looks by itself. Timers of workers keep their rate in hidden tabs. */
  start(): void {
    this.#timer = setInterval(() => this.look(), tickMs / 2)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  /**
   * Says what time has passed. To be called before anything that arrives is taken in: after a freeze, messages may come before
   * the timer does.
   */
  look(): void {
    const monotonicMs = this.#time.monotonicMs()
    const wallMs = this.#time.wallMs()
    const elapsedMs = monotonicMs - this.#monotonicMs
    const missedMs = Math.max(0, wallMs - this.#wallMs - elapsedMs)
    // The two clocks run apart a little, and are set to each other all the time; only what they miss in one go is a sleep.
    this.#monotonicMs = monotonicMs
    this.#wallMs = wallMs
    if (elapsedMs + missedMs > freezeMs) {
      this.#owedMs = 0
      this.#options.onJump({ asleepMs: elapsedMs + missedMs, missedMs })
      return
    }
    // A worker that never catches up counts slowly instead: all that is counted may come late.
    this.#owedMs = Math.min(this.#owedMs + elapsedMs, freezeMs)
    const ticks = Math.min(Math.floor(this.#owedMs / tickMs), ticksAtOnceMax)
    if (ticks === 0) return
    this.#owedMs -= ticks * tickMs
    this.#options.onTicks(ticks)
  }
}

/** The real clock, for the links. */
export const linksClock: LinksClock = {
  now: () => performance.now(),
  every(ms, callback) {
    const timer = setInterval(callback, ms)
    return () => clearInterval(timer)
  },
}

/** True as soon as a condition holds, which is looked at once a tick; false if it has not for `msMax`. */
export async function comesTrue(condition: () => boolean, msMax: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < msMax; waitedMs += tickMs) {
    await new Promise(resolve => setTimeout(resolve, tickMs))
    if (condition()) return true
  }
  return false
}

export function epochNowMs(): EpochMs {
  return performance.timeOrigin + performance.now()
}
