import { describe, expect, test } from 'vitest'
import type { MemberStatus } from '../../../src/replica/types.ts'
import { isInformed, votersKnown } from '../../../src/worker/votes.ts'

const listed = (member: number, state: 'voter' | 'learner'): MemberStatus => ({
  member,
  state,
  connected: true,
  position: null,
})

describe('who may have a vote, for a worker that is handed the member of a tab that is gone', () => {
  const stale = { state: 'voter', quorum: false, members: [listed(1, 'voter'), listed(2, 'voter')] } as const

  test('is for the member of its own page to say while that hears a leader', () => {
    const own = { state: 'learner', quorum: true, members: [listed(1, 'voter'), listed(2, 'learner')] } as const
    expect(isInformed(own)).toBe(true)
    expect(votersKnown(own, [stale])).toEqual(new Set([1]))
  })

  test('is anyone whom any log here calls a voter, when no leader is heard', () => {
    const own = { state: 'learner', quorum: false, members: [listed(1, 'voter'), listed(3, 'learner')] } as const
    expect(isInformed(own)).toBe(false)
    expect(votersKnown(own, [stale])).toEqual(new Set([1, 2]))
  })

  test('is whoever an orphan here knows of, for a tab that has not been let in', () => {
    const own = { state: 'joining', quorum: true, members: [] } as const
    expect(isInformed(own)).toBe(false)
    expect(votersKnown(own, [stale])).toEqual(new Set([1, 2]))
  })

  test('may be anyone as long as nobody here knows anything: the founder may be gone before the next was let in', () => {
    expect(votersKnown({ state: 'joining', quorum: false, members: [] }, [])).toBeNull()
  })
})
