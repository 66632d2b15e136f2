import { check, type Verdict } from './checker.ts'
import type { SequentialModel } from './model.ts'
import type { RecordedCall } from './recorder.ts'

/** What can be judged by itself. */
export interface Part {
  readonly name: string
  readonly operations: number
  readonly judge: (configurationsMax: number) => PartVerdict
}

export interface PartVerdict {
  readonly kind: Verdict<unknown>['kind']
  readonly configurations: number
  /** For a person: where the history goes wrong, line by line. Empty if it does not. */
  readonly why: readonly string[]
}

export function partOf<State, Operation>(
  name: string,
  model: SequentialModel<State, Operation>,
  calls: readonly RecordedCall<Operation>[],
): Part {
  return {
    name,
    operations: calls.length,
    judge: configurationsMax => {
      const verdict = check(model, calls, configurationsMax)
      const { kind, configurations } = verdict
      return { kind, configurations, why: verdict.kind === 'not linearizable' ? explain(verdict, model, calls) : [] }
    },
  }
}

/** Of the order that gets the furthest, so many of its last are shown. */
const shownMax = 8

function explain<State, Operation>(
  { stuck, order }: Extract<Verdict<RecordedCall<Operation>>, { kind: 'not linearizable' }>,
  model: SequentialModel<State, Operation>,
  calls: readonly RecordedCall<Operation>[],
): string[] {
  let state = model.initial
  for (const { operation } of order) state = model.step(state, operation) ?? state
  const placed = new Set(order)
  const others = calls.filter(
    call =>
      call !== stuck &&
      !placed.has(call) &&
      call.invoked < (stuck.returned ?? 0) &&
      (call.returned !== null || !model.isRead(call.operation)),
  )
  return [
    `no order explains what returned up to line ${stuck.returnedLine}: ${describe(stuck)}`,
    `an order that explains all that returned before ends with`,
    ...order.slice(-shownMax).map(call => `  ${describe(call)}`),
    `then the state is ${model.key(state)}; under way besides:`,
    ...(others.length === 0 ? ['  nothing'] : others.slice(0, shownMax).map(call => `  ${describe(call)}`)),
    ...(others.length > shownMax ? [`  and ${others.length - shownMax} more`] : []),
  ]
}

function describe({ operation, process, invokedLine, returnedLine, returned }: RecordedCall<unknown>): string {
  const until = returned === null ? 'open' : returnedLine
  return `process ${process}, lines ${invokedLine} to ${until}: ${JSON.stringify(operation)}`
}
