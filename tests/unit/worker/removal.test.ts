import { expect, test } from 'vitest'
import type { ReplicaStatus } from '../../../src/replica/types.ts'
import { HostFailure } from '../../../src/worker/failure.ts'
import { checkNotLast } from '../../../src/worker/removal.ts'
import { aloneStatus } from '../client/fake-host.ts'

/** Member 7, in a cluster with these; those given with `true` are connected. */
function statusWith(others: Readonly<Record<number, boolean>>, state: ReplicaStatus['state'] = 'voter'): ReplicaStatus {
  const members = Object.entries({ ...others, 7: true }).map(([member, connected]) => {
    return { member: Number(member), state: 'voter' as const, connected, position: null }
  })
  return { ...aloneStatus.replica, state, members }
}

function refusal(status: ReplicaStatus, hosted: readonly number[]): string | null {
  try {
    checkNotLast(status, new Set(hosted))
    return null
  } catch (error) {
    if (error instanceof HostFailure) return error.code
    throw error
  }
}

test('a member that alone has the data in reach may not just leave', () => {
  expect(refusal(statusWith({}), [7])).toBe('LAST_MEMBER')
  expect(refusal(statusWith({ 8: false, 9: false }), [7])).toBe('LAST_MEMBER')
  expect(refusal(statusWith({ 8: true }), [7])).toBeNull()
})

test('a member that the same worker speaks for is no other copy in reach: its tab is gone', () => {
  expect(refusal(statusWith({ 8: true }), [7, 8])).toBe('LAST_MEMBER')
  expect(refusal(statusWith({ 8: true, 9: true }), [7, 8])).toBeNull()
})

test('one that was never let in has nothing to lose', () => {
  expect(refusal(statusWith({}, 'joining'), [7])).toBeNull()
})
