import { type Form, FormatError } from './edn.ts'
import type { Call } from './model.ts'

/** A line of a history: a process invokes an operation, or hears of it. */
export interface Event {
  readonly process: string
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  readonly f: string
  readonly value: Form
  /** Of operations on one key among many. */
  readonly key: Form | null
  readonly line: number
}

/** A call that remembers where in its file it is. */
export interface RecordedCall<Operation> extends Call<Operation> {
  readonly process: string
  readonly invokedLine: number
  readonly returnedLine: number | null
}

/** How a call ended. `open`: nobody knows, or not yet. */
export type Ending = 'ok' | 'fail' | 'open'

/** What a call was, for the checker; null if it may be left out. `answer` is null if there was none. */
export type Meaning<Operation> = (invocation: Event, answer: Event | null, ending: Ending) => Operation | null

/**
 * Pairs invocations with what their processes heard of them. An operation that failed did not happen; one of which nothing is
 * known, or which was waited for in vain, may have happened, at any time since. Processes with names, such as `:nemesis`,
 * are no clients.
 */
export function recordCalls<Operation>(
  events: readonly Event[],
  file: string,
  meaning: Meaning<Operation>,
): RecordedCall<Operation>[] {
  const calls: RecordedCall<Operation>[] = []
  const underWay = new Map<string, { readonly event: Event; readonly at: number }>()
  const end = (invocation: { event: Event; at: number }, answer: { event: Event; at: number } | null) => {
    const ending = endingOf(answer?.event ?? null)
    const operation = meaning(invocation.event, answer?.event ?? null, ending)
    if (operation === null) return
    calls.push({
      operation,
      invoked: invocation.at,
      returned: ending === 'open' ? null : (answer?.at ?? null),
      hint: null,
      process: invocation.event.process,
      invokedLine: invocation.event.line,
      returnedLine: answer?.event.line ?? null,
    })
  }
  for (const [at, event] of events.entries()) {
    const { process, type, f, line } = event
    if (process.startsWith(':')) continue
    const invocation = underWay.get(process)
    if (type === 'invoke') {
      if (invocation !== undefined) {
        throw new FormatError(file, line, `process ${process} has not heard of line ${invocation.event.line} yet`)
      }
      underWay.set(process, { event, at })
      continue
    }
    if (invocation === undefined) throw new FormatError(file, line, `process ${process} has not invoked anything`)
    if (invocation.event.f !== f) {
      throw new FormatError(file, line, `${f} answers the ${invocation.event.f} of line ${invocation.event.line}`)
    }
    underWay.delete(process)
    end(invocation, { event, at })
  }
  for (const invocation of underWay.values()) end(invocation, null)
  return calls
}

function endingOf(answer: Event | null): Ending {
  if (answer === null || answer.type === 'info' || answer.type === 'invoke') return 'open'
  // Nobody knows what became of it, whatever the client made of that.
  if (answer.value.kind === 'atom' && answer.value.text === ':timed-out') return 'open'
  return answer.type
}
