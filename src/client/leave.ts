import type { Connection } from './connection.ts'
import { aborted, FlotillaError } from './errors.ts'
import type { Abortable } from './namespace.ts'

export interface LeaveOptions extends Abortable {
  /** Leaves and deletes even if this may be the last copy, the cluster cannot be told, or writes are not answered yet. */
  readonly force?: boolean
}

/** Writes are answered within milliseconds where there is a quorum. */
const answersMsMax = 5_000

/** Waits until no write is unanswered, as what is not would be deleted. Errors: `UNAVAILABLE`. */
export function awaitAnswers({ pending }: Connection, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      if (signal !== undefined) finish(() => reject(aborted(signal, 'definite')))
    }
    const onLate = () => {
      const message = `${pending.value.length} writes of this tab are not answered yet, and would be lost.`
      finish(() => reject(new FlotillaError('UNAVAILABLE', message)))
    }
    const timer = setTimeout(onLate, answersMsMax)
    let unsubscribe = () => {}
    const finish = (settle: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      settle()
      // It may be within its own first call.
      queueMicrotask(() => unsubscribe())
    }
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort)
    unsubscribe = pending.subscribe(writes => {
      if (writes.length === 0) finish(resolve)
    })
  })
}
