import { expect, test } from 'vitest'
import type { MemberStatus, ReplicaStatus } from '../../../src/replica/types.ts'
import { successorOf } from '../../../src/worker/faults.ts'

const at = (commit: number) => ({ role: 'follower', term: 2, commit, applied: commit }) as const

function member(id: number, commit: number | null, more: Partial<MemberStatus> = {}): MemberStatus {
  const position = commit === null ? null : at(commit)
  return { member: id, state: 'voter', connected: true, position, ...more }
}

function leading(members: readonly MemberStatus[]): ReplicaStatus {
  const self = member(1, 10)
  return {
    ...at(10),
    role: 'leader',
    member: 1,
    leader: 1,
    state: 'voter',
    quorum: true,
    revision: 5,
    members: [self, ...members],
    pendingWrites: 0,
  }
}

test('leadership goes to the voter in reach that is furthest', () => {
  const members = [member(2, 8), member(3, 9), member(4, null), member(5, 10, { connected: false })]
  expect(successorOf(leading([...members, member(6, 10, { state: 'learner' })]))).toBe(3)
})

test('nobody is asked where nobody can lead', () => {
  expect(successorOf(leading([]))).toBeNull()
  expect(successorOf(leading([member(2, 10, { state: 'learner' }), member(3, 10, { connected: false })]))).toBeNull()
})

test('who does not lead has nothing to hand over', () => {
  expect(successorOf({ ...leading([member(2, 10)]), role: 'follower', leader: 2 })).toBeNull()
})
