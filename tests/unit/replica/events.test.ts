import { describe, expect, test } from 'vitest'
import { EMPTY_BYTES } from '../../../src/raft/types.ts'
import { Chronicle, decodeReasons, encodeReasons } from '../../../src/replica/events.ts'
import type { PlannedChange } from '../../../src/replica/membership.ts'
import type { ClusterEvent } from '../../../src/replica/types.ts'

const reasons = [
  'asked',
  'caughtUp',
  'replacement',
  'successor',
  'leaving',
  'silent',
  'forgotten',
  'evenVoters',
  'tooManyVoters',
  'unknown',
] as const

function voters(voters: number[], learners: number[] = [], joint: { outgoing?: number[]; next?: number[] } = {}) {
  const { outgoing: votersOutgoing = [], next: learnersNext = [] } = joint
  return { voters, learners, votersOutgoing, learnersNext, autoLeave: votersOutgoing.length > 0 }
}

function chronicle(newsAfter = 0): { events: ClusterEvent[]; chronicle: Chronicle } {
  const events: ClusterEvent[] = []
  return { events, chronicle: new Chronicle(newsAfter, event => events.push(event)) }
}

describe('the reasons of a change', () => {
  test('are in the log in the order of its parts', () => {
    const changes = reasons.map((reason, member): PlannedChange => ({ type: 'addLearner', member, reason }))
    expect(decodeReasons(encodeReasons(changes))).toEqual(reasons)
  })

  test('take a byte each', () => {
    const changes: PlannedChange[] = [
      { type: 'addVoter', member: 2, reason: 'caughtUp' },
      { type: 'removeMember', member: 3, reason: 'forgotten' },
    ]
    expect(encodeReasons(changes)).toEqual(Uint8Array.of(1, 2, 7))
  })

  test('of earlier and later versions are not known', () => {
    expect(decodeReasons(EMPTY_BYTES)).toEqual([])
    expect(decodeReasons(Uint8Array.of(2, 1, 1))).toEqual([])
    expect(decodeReasons(Uint8Array.of(1, 1, 200))).toEqual(['asked', 'unknown'])
  })
})

describe('a change of the membership', () => {
  const join = { changes: [{ type: 'addLearner', member: 2 }], context: Uint8Array.of(1, 1) } as const

  test('is told with its reasons', () => {
    const { events, chronicle: told } = chronicle()
    told.changed(5, { before: voters([1]), after: voters([1], [2]) }, join)
    expect(events).toEqual([
      { kind: 'membership', index: 5, changes: [{ member: 2, change: 'joined', reason: 'asked' }] },
    ])
  })

  test('is told when the new voters are in force, and not again when the old ones no longer are', () => {
    const { events, chronicle: told } = chronicle()
    const joint = voters([2], [], { outgoing: [1], next: [1] })
    const changes = [
      { type: 'addLearner', member: 1 },
      { type: 'addVoter', member: 2 },
    ] as const
    told.changed(5, { before: voters([1], [2]), after: joint }, { changes, context: Uint8Array.of(1, 5, 4) })
    told.changed(6, { before: joint, after: voters([2], [1]) }, { changes: [], context: EMPTY_BYTES })
    expect(events).toEqual([
      {
        kind: 'membership',
        index: 5,
        changes: [
          { member: 1, change: 'demoted', reason: 'leaving' },
          { member: 2, change: 'promoted', reason: 'successor' },
        ],
      },
    ])
  })

  test('by an entry that gives too few reasons, or none, is told without', () => {
    const { events, chronicle: told } = chronicle()
    told.changed(5, { before: voters([1]), after: voters([1], [2]) }, { ...join, context: EMPTY_BYTES })
    told.changed(6, { before: voters([1], [2]), after: voters([1]) }, { changes: [], context: Uint8Array.of(1) })
    expect(events).toMatchObject([
      { changes: [{ member: 2, change: 'joined', reason: 'unknown' }] },
      { changes: [{ member: 2, change: 'removed', reason: 'unknown' }] },
    ])
  })

  test('that the log held when the member was opened is no news', () => {
    const { events, chronicle: told } = chronicle(5)
    told.changed(5, { before: voters([1]), after: voters([1], [2]) }, join)
    expect(events).toEqual([])
  })

  test('within a snapshot is told without reasons; the first snapshot has nothing to be compared with', () => {
    const { events, chronicle: told } = chronicle()
    told.installed(9, null, voters([1], [2]))
    told.installed(20, voters([1], [2]), voters([1, 3, 4]))
    expect(events).toEqual([
      { kind: 'snapshot', index: 9 },
      { kind: 'snapshot', index: 20 },
      {
        kind: 'membership',
        index: 20,
        changes: [
          { member: 3, change: 'joined', reason: 'unknown' },
          { member: 3, change: 'promoted', reason: 'unknown' },
          { member: 4, change: 'joined', reason: 'unknown' },
          { member: 4, change: 'promoted', reason: 'unknown' },
          { member: 2, change: 'removed', reason: 'unknown' },
        ],
      },
    ])
  })
})

describe('what stays the same is told once', () => {
  test('who leads', () => {
    const { events, chronicle: told } = chronicle()
    for (const [leader, term] of [
      [0, 1],
      [7, 1],
      [7, 1],
      [7, 2],
      [0, 2],
      [0, 3],
    ] as const)
      told.leads(leader, term)
    expect(events).toEqual([
      { kind: 'leader', leader: 7, term: 1 },
      { kind: 'leader', leader: 7, term: 2 },
      { kind: 'leader', leader: 0, term: 2 },
    ])
  })

  test('whether there is a quorum', () => {
    const { events, chronicle: told } = chronicle()
    for (const reached of [false, true, true, false, false]) told.quorum(reached)
    expect(events).toEqual([
      { kind: 'quorum', reached: true },
      { kind: 'quorum', reached: false },
    ])
  })

  test('what is withheld, until that changes or is over', () => {
    const { events, chronicle: told } = chronicle()
    const demotion = { type: 'addLearner', member: 3, reason: 'silent' } as const
    const few = { because: 'tooFewVoters', changes: [demotion] } as const
    for (const withheld of [null, few, { ...few }, { ...few, because: 'votersSilent' } as const, few, null, few]) {
      told.withheld(withheld)
    }
    expect(events).toMatchObject(
      ['tooFewVoters', 'votersSilent', 'tooFewVoters', 'tooFewVoters'].map(because => ({ kind: 'withheld', because })),
    )
    expect(events[0]).toEqual({
      kind: 'withheld',
      because: 'tooFewVoters',
      changes: [{ member: 3, change: 'demoted', reason: 'silent' }],
    })
  })
})
