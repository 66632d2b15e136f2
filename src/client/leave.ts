import { watchUntil } from './abortable.ts'
import type { Connection } from './connection.ts'
import { FlotillaError } from './errors.ts'
import type { Abortable } from './namespace.ts'

export interface LeaveOptions extends Abortable {
  /** Leaves and deletes even if this may be the last copy, the cluster cannot be told, or writes are not answered yet. */
  readonly force?: boolean
}

/** Writes are answered within milliseconds where there is a quorum. */
const answersMsMax = 5_000

/** Waits until no write is unanswered, as what is not would be deleted. Errors: `UNAVAILABLE`, `ABORTED`. */
export async function awaitAnswers({ pending }: Connection, signal: AbortSignal | undefined): Promise<void> {
  const isAnswered = await watchUntil(
    pending,
    writes => writes.length === 0 || undefined,
    { msMax: answersMsMax, late: () => false },
    signal,
  )
  if (isAnswered) return
  const message = `${pending.value.length} writes of this tab are not answered yet, and would be lost.`
  throw new FlotillaError('UNAVAILABLE', message)
}
