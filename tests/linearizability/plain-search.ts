import type { Call, SequentialModel } from './model.ts'

/**
 * The definition of linearizability and nothing else, to hold the checker against: whether any order of the answered calls, and
 * of any of the open ones, gives every answer and keeps the order in which calls followed one another.
 */
export function hasOrder<State, Operation>(
  { step }: SequentialModel<State, Operation>,
  state: State,
  calls: readonly Call<Operation>[],
): boolean {
  if (calls.every(({ returned }) => returned === null)) return true
  return calls.some(call => {
    const rest = calls.filter(other => other !== call)
    if (rest.some(({ returned }) => returned !== null && returned < call.invoked)) return false
    const next = step(state, call.operation)
    return next !== null && hasOrder({ step } as SequentialModel<State, Operation>, next, rest)
  })
}

/** Whether these calls, one after the other, give every answer, hold every answered call and keep the calls' order. */
export function isOrderOf<State, Operation>(
  model: SequentialModel<State, Operation>,
  order: readonly Call<Operation>[],
  calls: readonly Call<Operation>[],
): boolean {
  let state: State | null = model.initial
  for (const { operation } of order) if (state !== null) state = model.step(state, operation)
  const placed = new Set(order)
  const holdsAll = calls.every(call => call.returned === null || placed.has(call))
  const keepsOrder = order.every((call, at) =>
    order.slice(at).every(({ returned }) => returned === null || returned >= call.invoked),
  )
  return state !== null && placed.size === order.length && holdsAll && keepsOrder
}
