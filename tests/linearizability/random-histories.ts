import fc from 'fast-check'
import type { Call } from './model.ts'
import type { RegisterOperation } from './models.ts'

/** Few values, so that operations meet. */
const value = fc.integer({ min: 0, max: 2 }).map(String)

type Asked =
  | { readonly f: 'read' }
  | { readonly f: 'write'; readonly value: string }
  | { readonly f: 'cas'; readonly from: string; readonly to: string }

const asked: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({ f: fc.constant('read' as const) }),
  fc.record({ f: fc.constant('write' as const), value }),
  fc.record({ f: fc.constant('cas' as const), from: value, to: value }),
)

/** A call that takes effect at `at`, or never; begun so much before it, and answered, if at all, so much behind it. */
const drawn = fc.record({
  asked,
  at: fc.nat({ max: 30 }),
  before: fc.nat({ max: 12 }),
  behind: fc.nat({ max: 12 }),
  fate: fc.constantFrom(
    'answered' as const,
    'answered' as const,
    'answered' as const,
    'lost' as const,
    'open' as const,
  ),
})

/** Calls on one register, answered as by a real one. */
export function registerHistories(callsMax: number): fc.Arbitrary<Call<RegisterOperation>[]> {
  return fc.array(drawn, { minLength: 1, maxLength: callsMax }).map(calls => {
    // No two events in one place: a fraction that is each call's own.
    const placed = calls.map((call, nth) => ({ ...call, at: call.at + nth / calls.length }))
    placed.sort((a, b) => a.at - b.at)
    let state = 'nil'
    return placed.map(({ asked, at, before, behind, fate }) => {
      let operation: RegisterOperation
      if (asked.f === 'read') operation = { f: 'read', value: state }
      else if (asked.f === 'write') operation = asked
      else operation = asked.from === state || fate !== 'answered' ? asked : { f: 'refusedCas', from: asked.from }
      if (fate !== 'lost' && operation.f === 'write') state = operation.value
      if (fate !== 'lost' && operation.f === 'cas' && operation.from === state) state = operation.to
      return {
        operation,
        invoked: at - before - 0.01,
        returned: fate === 'answered' ? at + behind + 0.01 : null,
        hint: null,
      }
    })
  })
}

/** The same with an answer or two changed, or a call ended early: most are not linearizable any more. */
export function mutatedHistories(callsMax: number): fc.Arbitrary<Call<RegisterOperation>[]> {
  const mutation = fc.record({ nth: fc.nat(), value, ends: fc.boolean() })
  return fc
    .tuple(registerHistories(callsMax), fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([calls, mutations]) => {
      const mutated = [...calls]
      for (const { nth, value: other, ends } of mutations) {
        const at = nth % mutated.length
        const call = mutated[at]
        if (call === undefined) continue
        const { operation } = call
        if (ends) mutated[at] = { ...call, returned: call.invoked + 0.001 }
        else if (operation.f === 'refusedCas') mutated[at] = { ...call, operation: { ...operation, from: other } }
        else if (operation.f === 'cas') mutated[at] = { ...call, operation: { ...operation, to: other } }
        else mutated[at] = { ...call, operation: { ...operation, value: other } }
      }
      return mutated
    })
}
