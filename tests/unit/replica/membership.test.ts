import { describe, expect, test } from 'vitest'
import type { ConfState, MemberId } from '../../../src/raft/types.ts'
import { type MembershipView, planMembership, successor } from '../../../src/replica/membership.ts'
import { defaultReplicaOptions } from '../../../src/replica/options.ts'

const options = defaultReplicaOptions.membership

interface Situation {
  self?: MemberId
  voters: MemberId[]
  learners?: MemberId[]
  joint?: MemberId[]
  silent?: Record<MemberId, number>
  lag?: Record<MemberId, number>
  joining?: MemberId[]
  leaving?: Record<MemberId, 'demote' | 'remove'>
}

function view(situation: Situation): MembershipView {
  const confState: ConfState = {
    voters: situation.voters,
    learners: situation.learners ?? [],
    votersOutgoing: situation.joint ?? [],
    learnersNext: [],
    autoLeave: false,
  }
  return {
    self: situation.self ?? 1,
    confState,
    silentTicks: member => situation.silent?.[member] ?? 0,
    lag: member => situation.lag?.[member] ?? 0,
    joining: new Set(situation.joining),
    leaving: new Map(Object.entries(situation.leaving ?? {}).map(([member, then]) => [Number(member), then])),
  }
}

function plan(situation: Situation): string[] {
  return planMembership(view(situation), options).map(({ type, member }) => `${type} ${member}`)
}

describe('who is let in', () => {
  test('a stranger comes in as a learner', () => {
    expect(plan({ voters: [1], joining: [2] })).toEqual(['addLearner 2'])
  })

  test('a stranger that is a member already is not added again', () => {
    expect(plan({ voters: [1], learners: [2], joining: [2] })).toEqual([])
  })

  test('nothing is planned while a joint configuration is in force', () => {
    expect(plan({ voters: [1, 2, 3], joint: [1], joining: [4] })).toEqual([])
  })
})

describe('who votes', () => {
  test('a second member alone is not made a voter, two voters being worse than one', () => {
    expect(plan({ voters: [1], learners: [2] })).toEqual([])
  })

  test('the third member brings the second in with it', () => {
    expect(plan({ voters: [1], learners: [2, 3] })).toEqual(['addVoter 2', 'addVoter 3'])
  })

  test('a learner that has not caught up is not counted', () => {
    expect(plan({ voters: [1], learners: [2, 3], lag: { 3: options.promotionLagMax + 1 } })).toEqual([])
  })

  test('a learner nobody hears is not counted', () => {
    expect(plan({ voters: [1], learners: [2, 3], silent: { 3: options.liveTicks + 1 } })).toEqual([])
  })

  test('members beyond the target stay learners', () => {
    expect(plan({ voters: [1, 2, 3, 4, 5], learners: [6, 7] })).toEqual([])
  })

  test('a voter silent for a moment keeps its vote', () => {
    expect(plan({ voters: [1, 2, 3], learners: [4], silent: { 3: options.replaceTicks } })).toEqual([])
  })

  test('a voter silent for long loses it to a learner that is there', () => {
    expect(plan({ voters: [1, 2, 3], learners: [4], silent: { 3: options.replaceTicks + 1 } })).toEqual([
      'addLearner 3',
      'addVoter 4',
    ])
  })

  test('with nobody to replace a lost voter the number of voters stays odd', () => {
    expect(plan({ voters: [1, 2, 3], silent: { 3: options.replaceTicks + 1 } })).toEqual([
      'addLearner 2',
      'addLearner 3',
    ])
  })

  test('below the minimum of voters nobody is let go', () => {
    const three = { ...options, minVoters: 3 }
    const situation = view({ voters: [1, 2, 3], silent: { 3: options.replaceTicks + 1 } })
    expect(planMembership(situation, three)).toEqual([])
  })

  test('no vote moves while the voters have no live majority', () => {
    const silent = { 2: options.replaceTicks + 1, 3: options.replaceTicks + 1 }
    expect(plan({ voters: [1, 2, 3], learners: [4, 5], silent })).toEqual([])
  })
})

describe('who goes', () => {
  test('a voter that says it is leaving gives up its vote at once', () => {
    expect(plan({ voters: [1, 2, 3], learners: [4], leaving: { 2: 'demote' } })).toEqual(['addLearner 2', 'addVoter 4'])
  })

  test('one of three leaving leaves one voter, not two', () => {
    expect(plan({ voters: [1, 2, 3], leaving: { 3: 'demote' } })).toEqual(['addLearner 2', 'addLearner 3'])
  })

  test('an orphan is removed, not demoted', () => {
    expect(plan({ voters: [1, 2, 3], leaving: { 2: 'remove', 3: 'remove' } })).toEqual([
      'removeMember 2',
      'removeMember 3',
    ])
  })

  test('a learner away for long is removed', () => {
    expect(plan({ voters: [1], learners: [2], silent: { 2: options.forgetTicks + 1 } })).toEqual(['removeMember 2'])
  })

  test('a leader never takes its own vote', () => {
    expect(plan({ voters: [1, 2], leaving: { 1: 'demote' } })).toEqual([])
  })

  test('a leaving leader without a successor makes one', () => {
    expect(plan({ voters: [1], learners: [2, 3], lag: { 2: 5, 3: 1 }, leaving: { 1: 'demote' } })).toEqual([
      'addVoter 3',
    ])
  })

  test('the successor is the voter that has most of the log, and is staying', () => {
    const situation = { voters: [1, 2, 3, 4], lag: { 2: 0, 3: 9, 4: 2 }, leaving: { 2: 'demote' as const } }
    expect(successor(view(situation), options)).toBe(4)
  })
})
