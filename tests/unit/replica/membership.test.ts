import { describe, expect, test } from 'vitest'
import { CONF_CHANGES_MAX } from '../../../src/raft/conf-change.ts'
import type { ConfState, MemberId } from '../../../src/raft/types.ts'
import { type MembershipView, planMembership, successor } from '../../../src/replica/membership.ts'
import { defaultReplicaOptions, type MembershipOptions } from '../../../src/replica/options.ts'

const options = defaultReplicaOptions.membership

interface Situation {
  self?: MemberId
  voters: MemberId[]
  learners?: MemberId[]
  joint?: MemberId[]
  silent?: Record<MemberId, number>
  /** Since before this one led; as long as silent if not given. */
  absent?: Record<MemberId, number>
  /** Those there is no link to. */
  unlinked?: MemberId[]
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
    isLinked: member => situation.unlinked?.includes(member) !== true,
    silentTicks: member => situation.silent?.[member] ?? 0,
    absentTicks: member => situation.absent?.[member] ?? situation.silent?.[member] ?? 0,
    lag: member => situation.lag?.[member] ?? 0,
    joining: new Set(situation.joining),
    leaving: new Map(Object.entries(situation.leaving ?? {}).map(([member, then]) => [Number(member), then])),
  }
}

function plan(situation: Situation, changed: Partial<MembershipOptions> = {}): string[] {
  const { changes } = planMembership(view(situation), { ...options, ...changed })
  return changes.map(({ type, member, reason }) => `${type} ${member}: ${reason}`)
}

/** What is not done, and why not. */
function withheld(situation: Situation, changed: Partial<MembershipOptions> = {}): string[] {
  const { withheld } = planMembership(view(situation), { ...options, ...changed })
  if (withheld === null) return []
  return [withheld.because, ...withheld.changes.map(({ type, member, reason }) => `${type} ${member}: ${reason}`)]
}

const live = options.liveTicks
const lost = options.replaceTicks + 1

describe('who is let in', () => {
  test('a stranger comes in as a learner', () => {
    expect(plan({ voters: [1], joining: [2] })).toEqual(['addLearner 2: asked'])
  })

  test('a stranger that is a member already is not added again', () => {
    expect(plan({ voters: [1], learners: [2], joining: [2] })).toEqual([])
  })

  test('nothing is planned while a joint configuration is in force', () => {
    expect(plan({ voters: [1, 2, 3], joint: [1], joining: [4] })).toEqual([])
  })

  test('of more strangers than one entry can name the others wait for the next', () => {
    const joining = Array.from({ length: CONF_CHANGES_MAX }, (_, i) => 10 + i)
    const changes = plan({ voters: [1], learners: [2, 3], joining })
    expect(changes).toHaveLength(CONF_CHANGES_MAX)
    expect(changes.slice(0, 3)).toEqual(['addVoter 2: caughtUp', 'addVoter 3: caughtUp', 'addLearner 10: asked'])
  })
})

describe('who votes', () => {
  test('a second member alone is not made a voter, two voters being worse than one', () => {
    expect(plan({ voters: [1], learners: [2] })).toEqual([])
  })

  test('the third member brings the second in with it', () => {
    expect(plan({ voters: [1], learners: [2, 3] })).toEqual(['addVoter 2: caughtUp', 'addVoter 3: caughtUp'])
  })

  test('a learner that has not caught up is not counted', () => {
    expect(plan({ voters: [1], learners: [2, 3], lag: { 3: options.promotionLagMax + 1 } })).toEqual([])
  })

  test('a learner nobody hears is not counted, nor one there is no link to', () => {
    expect(plan({ voters: [1], learners: [2, 3], silent: { 3: live + 1 } })).toEqual([])
    expect(plan({ voters: [1], learners: [2, 3], unlinked: [3] })).toEqual([])
  })

  test('members beyond the target stay learners', () => {
    expect(plan({ voters: [1, 2, 3, 4, 5], learners: [6, 7] })).toEqual([])
  })

  test('voters beyond the target lose their votes, those heard from least recently', () => {
    const situation = { voters: [1, 2, 3, 4, 5], silent: { 2: 3, 4: 9 } }
    expect(plan(situation, { targetVoters: 3 })).toEqual(['addLearner 2: tooManyVoters', 'addLearner 4: tooManyVoters'])
  })

  test('a voter silent for a moment keeps its vote', () => {
    expect(plan({ voters: [1, 2, 3, 4, 5], learners: [6], silent: { 3: options.replaceTicks } })).toEqual([])
  })

  test('but not if with one voter more the quorum would be lost, and there are learners', () => {
    const unlinked = [4, 5]
    expect(plan({ voters: [1, 2, 3, 4, 5], learners: [6], unlinked })).toEqual([
      'addLearner 5: silent',
      'addVoter 6: replacement',
    ])
    expect(plan({ voters: [1, 2, 3, 4, 5], unlinked })).toEqual([])
    expect(plan({ voters: [1, 2, 3, 4, 5], learners: [6], unlinked: [4] })).toEqual([])
  })

  test('a voter silent for long loses it to a learner that is there', () => {
    expect(plan({ voters: [1, 2, 3], learners: [4], silent: { 3: lost } })).toEqual([
      'addLearner 3: silent',
      'addVoter 4: replacement',
    ])
  })

  test('with nobody to replace a lost voter the number of voters stays odd', () => {
    expect(plan({ voters: [1, 2, 3], silent: { 3: lost } })).toEqual([
      'addLearner 2: evenVoters',
      'addLearner 3: silent',
    ])
  })
})

describe('what is withheld', () => {
  test('a vote is not taken away if fewer than the minimum would be left', () => {
    const situation = { voters: [1, 2, 3], silent: { 3: lost } }
    expect(plan(situation, { minVoters: 3 })).toEqual([])
    expect(withheld(situation, { minVoters: 3 })).toEqual(['tooFewVoters', 'addLearner 3: silent'])
  })

  test('no vote moves while the voters have no live majority', () => {
    const situation = { voters: [1, 2, 3], learners: [4, 5], silent: { 2: lost, 3: lost } }
    expect(plan(situation)).toEqual([])
    expect(withheld(situation)).toEqual([
      'votersSilent',
      'addLearner 2: silent',
      'addLearner 3: silent',
      'addVoter 4: replacement',
      'addVoter 5: replacement',
    ])
  })

  test('no vote moves to voters without a live majority', () => {
    const situation = { voters: [1, 2, 3], leaving: { 2: 'demote' as const }, silent: { 3: live + 1 } }
    expect(plan(situation, { minVoters: 2 })).toEqual([])
    expect(withheld(situation, { minVoters: 2 })).toEqual(['quorumAtRisk', 'addLearner 2: leaving'])
  })

  test('a leader that goes keeps its vote if nobody has caught up', () => {
    const situation = { voters: [1], learners: [2], lag: { 2: 1_000 }, leaving: { 1: 'demote' as const } }
    expect(plan(situation)).toEqual([])
    expect(withheld(situation)).toEqual(['noSuccessor', 'addLearner 1: leaving'])
    expect(withheld({ ...situation, unlinked: [2] })).toEqual([])
  })

  test('others come and go all the same', () => {
    const situation = { voters: [1, 2, 3], silent: { 3: lost }, joining: [4] }
    expect(plan(situation, { minVoters: 3 })).toEqual(['addLearner 4: asked'])
  })

  test('nothing, if nothing would be changed', () => {
    expect(withheld({ voters: [1, 2, 3], silent: { 2: live + 1, 3: live + 1 } })).toEqual([])
  })
})

describe('a minimum of voters that is out of reach', () => {
  test('does not make them even in number', () => {
    expect(plan({ voters: [1], learners: [2] }, { minVoters: 3 })).toEqual([])
  })

  test('is reached as soon as there are enough', () => {
    expect(plan({ voters: [1], learners: [2] }, { minVoters: 2 })).toEqual(['addVoter 2: caughtUp'])
  })

  test('does not keep a vote from being replaced', () => {
    const situation = { voters: [1, 2, 3], learners: [4], silent: { 3: lost } }
    expect(plan(situation, { minVoters: 5 })).toEqual(['addLearner 3: silent', 'addVoter 4: replacement'])
  })

  test('does not keep the only voter from handing over', () => {
    const situation = { voters: [1], learners: [2], leaving: { 1: 'demote' as const } }
    expect(plan(situation, { minVoters: 3 })).toEqual(['addLearner 1: leaving', 'addVoter 2: successor'])
  })
})

describe('who goes', () => {
  test('a voter that says it is leaving gives up its vote at once', () => {
    expect(plan({ voters: [1, 2, 3], learners: [4], leaving: { 2: 'demote' } })).toEqual([
      'addLearner 2: leaving',
      'addVoter 4: replacement',
    ])
  })

  test('one of three leaving leaves one voter, not two', () => {
    expect(plan({ voters: [1, 2, 3], leaving: { 3: 'demote' } })).toEqual([
      'addLearner 2: evenVoters',
      'addLearner 3: leaving',
    ])
  })

  test('with those who leave go the votes of those not heard, if the others could not do without', () => {
    const situation: Situation = { voters: [1, 2, 3, 4, 5], leaving: { 2: 'demote', 3: 'demote' }, unlinked: [4, 5] }
    expect(plan(situation)).toEqual([
      'addLearner 2: leaving',
      'addLearner 3: leaving',
      'addLearner 4: silent',
      'addLearner 5: silent',
    ])
    expect(plan({ ...situation, learners: [6] })).toEqual([
      'addLearner 2: leaving',
      'addLearner 3: leaving',
      'addLearner 5: silent',
      'addVoter 6: replacement',
    ])
  })

  test('an orphan is removed, not demoted', () => {
    expect(plan({ voters: [1, 2, 3], leaving: { 2: 'remove', 3: 'remove' } })).toEqual([
      'removeMember 2: leaving',
      'removeMember 3: leaving',
    ])
  })

  test('a learner away for long is removed', () => {
    const silent = { 2: options.forgetTicks + 1 }
    expect(plan({ voters: [1], learners: [2], silent })).toEqual(['removeMember 2: forgotten'])
  })

  test('how long it is away does not begin anew with each leader, but each gives it time to get in touch', () => {
    const absent = { 2: options.forgetTicks + 1 }
    expect(plan({ voters: [1], learners: [2], absent, silent: { 2: lost } })).toEqual(['removeMember 2: forgotten'])
    expect(plan({ voters: [1], learners: [2], absent, silent: { 2: options.replaceTicks } })).toEqual([])
  })

  test('a leader does not take its own vote while another voter can take over and do it', () => {
    expect(plan({ voters: [1, 2], leaving: { 1: 'demote' } })).toEqual([])
  })

  test('the only voter hands its vote to the learner that has most of the log', () => {
    expect(plan({ voters: [1], learners: [2, 3], lag: { 2: 5, 3: 1 }, leaving: { 1: 'demote' } })).toEqual([
      'addLearner 1: leaving',
      'addVoter 3: successor',
    ])
  })

  test('so does a leader whose other voters are leaving or not heard', () => {
    const situation: Situation = {
      voters: [1, 2, 3],
      learners: [4],
      leaving: { 1: 'demote', 2: 'demote' },
      unlinked: [3],
    }
    expect(plan(situation)).toEqual([
      'addLearner 1: leaving',
      'addLearner 2: leaving',
      'addLearner 3: silent',
      'addVoter 4: successor',
    ])
  })

  test('the successor is the voter that has most of the log, is linked, and is staying', () => {
    const situation: Situation = {
      voters: [1, 2, 3, 4, 5],
      lag: { 2: 0, 3: 9, 4: 2, 5: 1 },
      leaving: { 2: 'demote' },
      unlinked: [5],
    }
    expect(successor(view(situation), options)).toBe(4)
  })

  test('there is none while the leader gives its own vote away', () => {
    expect(successor(view({ voters: [2], joint: [1], leaving: { 1: 'demote' } }), options)).toBe(null)
  })
})
