import { FlotillaError } from './errors.ts'
import { freezeMsMax } from './limits.ts'
import type { Network } from './network.ts'
import type { WorkerHost } from './worker-host.ts'

type FaultyHost = Pick<WorkerHost, 'ended' | 'crash'> & {
  readonly control: Pick<WorkerHost['control'], 'stepDown' | 'suspend'>
}

/** What the faults act on. */
export interface FaultsParts {
  readonly network: Pick<Network, 'connect' | 'disconnect'>
  /** The worker that runs. Throws why there is none. */
  readonly host: () => FaultyHost
  /** Aborted when there will be no other. */
  readonly signal: AbortSignal
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
    return this.#ask(({ control }) => control.stepDown())
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
    await this.#ask(({ control }) => control.suspend(ms))
  }

  /**
   * Ends the worker without a word, as a crash or a lack of memory does. Another takes its place and opens the same member.
   * More than five in a minute are taken for a fault that restarting does not mend, and the database fails (`WORKER_UNAVAILABLE`).
   */
  killWorker(): void {
    this.#parts.host().crash()
  }

  /** A worker that ends answers nothing any more. */
  async #ask<T>(question: (host: FaultyHost) => Promise<T>): Promise<T> {
    const { signal } = this.#parts
    const host = this.#parts.host()
    let onAbort = () => {}
    const closed = new Promise<never>((_, reject) => {
      onAbort = () => reject(new FlotillaError('STOPPED', 'The database was closed.'))
      signal.addEventListener('abort', onAbort)
    })
    try {
      return await Promise.race([question(host), host.ended, closed])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
