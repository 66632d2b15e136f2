import { FlotillaError } from './errors.ts'
import { freezeMsMax } from './limits.ts'
import type { Network } from './network.ts'
import type { Supervisor } from './supervisor.ts'
import type { WorkerHost } from './worker-host.ts'

type FaultyControl = Pick<WorkerHost['control'], 'stepDown' | 'suspend' | 'cutLink' | 'mendLink'>

/** What the faults act on. */
export interface FaultsParts {
  readonly network: Pick<Network, 'connect' | 'disconnect'>
  readonly worker: Pick<Supervisor, 'crash'> & { ask<T>(question: (control: FaultyControl) => Promise<T>): Promise<T> }
}

/**
 * What happens to tabs all day, at the push of a button: for tests, demonstrations and the curious. Nothing here can lose a
 * write that was acknowledged; it takes no more than browsers take.
 */
export class Faults {
  readonly #parts: FaultsParts

  constructor(parts: FaultsParts) {
    this.#parts = parts
  }

  /**
   * Hands leadership to the voter that is furthest with its log. Resolves when that has taken over; false if this member does
   * not lead, there is no other voter in reach, or none took over.
   */
  stepDown(): Promise<boolean> {
    return this.#parts.worker.ask(control => control.stepDown())
  }

  /**
   * Ends this tab's connections, to the other tabs and to the signaling server, as a pulled cable does but noticed at once.
   * They stay away, through a restart of the worker too, until `connect` or a reload.
   */
  disconnect(): void {
    this.#parts.network.disconnect()
  }

  /** Takes back `disconnect`. */
  connect(): void {
    this.#parts.network.connect()
  }

  /**
   * Loses the link with one peer (`status().links` has the names), and each new one with it, until `mend` or another worker: as when
   * two devices cannot reach each other and a third reaches both. Resolves when it is lost.
   */
  async cut(peer: string): Promise<void> {
    await this.#parts.worker.ask(control => control.cutLink(peer))
  }

  /** Takes back `cut`. The peers connect again when they next try. */
  async mend(peer: string): Promise<void> {
    await this.#parts.worker.ask(control => control.mendLink(peer))
  }

  /**
   * Stops the worker's thread for so many milliseconds, 600,000 at most, as a browser that freezes a hidden tab and a machine that
   * sleeps do. The page goes on; what it asks for waits. Resolves when the worker runs again.
   */
  async freeze(ms: number): Promise<void> {
    if (!(ms > 0 && ms <= freezeMsMax)) {
      throw new FlotillaError(
        'INVALID_ARGUMENT',
        `A freeze lasts more than 0 and at most ${freezeMsMax} ms, not ${ms}.`,
      )
    }
    await this.#parts.worker.ask(control => control.suspend(ms))
  }

  /**
   * Ends the worker without a word, as a crash or a lack of memory does. Another takes its place and opens the same member.
   * More than five in a minute are taken for a fault that restarting does not mend, and the database fails (`WORKER_UNAVAILABLE`).
   */
  killWorker(): void {
    this.#parts.worker.crash()
  }
}
