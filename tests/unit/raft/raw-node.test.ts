import { describe, expect, test } from 'vitest'
import { EMPTY_CONF_STATE } from '../../../src/raft/configuration.ts'
import { MemoryStorage } from '../../../src/raft/memory-storage.ts'
import { newMessage } from '../../../src/raft/message.ts'
import { type RaftConfig, RawNode } from '../../../src/raft/raw-node.ts'
import { EMPTY_BYTES, LOCAL_APPEND_THREAD, type Message, type MessageType } from '../../../src/raft/types.ts'
import { bytes, Network } from './network.ts'

const message = (type: MessageType, fields: Partial<Message> = {}): Message => ({
  ...newMessage(type, 1, 2, 2),
  ...fields,
})

describe('step', () => {
  const refused = (given: Message) => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    const before = JSON.stringify([net.node(1).status(), net.node(1).hasReady()])
    try {
      net.node(1).step(given)
    } catch (error) {
      expect(JSON.stringify([net.node(1).status(), net.node(1).hasReady()])).toBe(before)
      return error
    }
    return null
  }

  test.each([
    'MsgHup',
    'MsgBeat',
    'MsgCheckQuorum',
    'MsgUnreachable',
    'MsgSnapStatus',
    'MsgStorageAppend',
    'MsgStorageAppendResp',
    'MsgStorageApply',
    'MsgStorageApplyResp',
  ] as const)('refuses a %s from outside', type => {
    expect(refused(message(type))).toMatchObject({ code: 'STEP_LOCAL' })
  })

  test.each(['MsgAppResp', 'MsgVoteResp', 'MsgHeartbeatResp', 'MsgReadIndexResp', 'MsgPreVoteResp'] as const)(
    'refuses a %s from a stranger',
    type => {
      expect(refused(message(type, { from: 99 }))).toMatchObject({ code: 'STEP_PEER_NOT_FOUND' })
    },
  )

  const entry = (index: number) => ({ term: 2, index, type: 'normal', data: EMPTY_BYTES }) as const
  const snapshot = (voters: number[], learners: number[] = [], term = 2) => ({
    metadata: { index: 9, term, confState: { ...EMPTY_CONF_STATE, voters, learners } },
    data: EMPTY_BYTES,
  })
  test.each([
    ['an append without a term', message('MsgApp', { term: 0 })],
    ['an append whose entries leave a gap', message('MsgApp', { term: 9, index: 2, entries: [entry(3), entry(5)] })],
    ['an append whose entries begin elsewhere', message('MsgApp', { term: 9, index: 2, entries: [entry(9)] })],
    ['a vote request without a term', message('MsgVote', { term: 0 })],
    ['a snapshot message without a snapshot', message('MsgSnap', { term: 9 })],
    ['a proposal of nothing', message('MsgProp', { term: 0 })],
    ['a proposal that has a term', message('MsgProp', { term: 9, entries: [entry(0)] })],
    ['an append whose terms fall', message('MsgApp', { term: 9, index: 2, logTerm: 3, entries: [entry(3)] })],
    ['an append from beyond its leader’s term', message('MsgApp', { term: 9, index: 2, logTerm: 10 })],
    ['a vote request from nobody', message('MsgVote', { term: 9, from: 0 })],
    ['a heartbeat from itself', message('MsgHeartbeat', { term: 9, from: 1 })],
    ['a refusal from itself', message('MsgAppResp', { from: 1, index: 2, reject: true })],
    ['a term that is no whole number', message('MsgHeartbeat', { term: 2.5 })],
    ['an index that is no number', message('MsgAppResp', { index: Number.NaN })],
    ['a term that no cluster reaches', message('MsgVote', { term: Number.MAX_SAFE_INTEGER })],
    ['a snapshot without voters', message('MsgSnap', { term: 9, snapshot: snapshot([]) })],
    ['a snapshot with a voter twice', message('MsgSnap', { term: 9, snapshot: snapshot([1, 1]) })],
    ['a snapshot whose learner votes', message('MsgSnap', { term: 9, snapshot: snapshot([1, 2], [2]) })],
  ])('refuses %s', (_, given) => {
    expect(refused(given)).toMatchObject({ code: 'STEP_MALFORMED' })
  })

  test.each([
    ['an append with another term below the commit index', message('MsgApp', { term: 9, index: 2, logTerm: 1 })],
    [
      'an append with another entry below the commit index',
      message('MsgApp', { term: 9, index: 1, logTerm: 1, entries: [{ ...entry(2), term: 9 }] }),
    ],
    ['a heartbeat that commits what is not there', message('MsgHeartbeat', { term: 9, commit: 3 })],
    ['an acknowledgement of what the leader does not have', message('MsgAppResp', { index: 3 })],
    ['a snapshot from before what is committed', message('MsgSnap', { term: 9, snapshot: snapshot([1, 2], [], 1) })],
  ])('refuses %s', (_, given) => {
    expect(refused(given)).toMatchObject({ code: 'STEP_CONTRADICTION' })
  })

  test('has no storage threads to hear from unless they were asked for', () => {
    expect(refused(message('MsgStorageAppendResp', { from: LOCAL_APPEND_THREAD, index: 2 }))).toMatchObject({
      code: 'STEP_LOCAL',
    })
  })

  test('says when a forwarded proposal is dropped', () => {
    const net = new Network({ voters: [1, 2, 3] })
    const proposal = message('MsgProp', { term: 0, entries: [{ ...entry(0), data: bytes('a') }] })
    expect(() => net.node(1).step(proposal)).toThrow(expect.objectContaining({ code: 'PROPOSAL_DROPPED' }))
  })
})

describe('the constructor', () => {
  const valid: RaftConfig = {
    id: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    storage: new MemoryStorage(),
    maxSizePerMessageBytes: 1024,
    maxInflightMessages: 16,
    checkQuorum: true,
    preVote: true,
    random: () => 0,
  }

  test.each<[string, Partial<RaftConfig>]>([
    ['an id of 0', { id: 0 }],
    ['an id that is no safe integer', { id: 2 ** 60 }],
    ['no heartbeats', { heartbeatTicks: 0 }],
    ['an election timeout no longer than a heartbeat', { electionTicks: 1 }],
    ['no room for a message', { maxInflightMessages: 0 }],
    ['an inflight limit below the size of a message', { maxInflightBytes: 1023 }],
    ['nothing ever to be applied', { maxCommittedSizePerReadyBytes: 0 }],
    ['lease reads without check-quorum', { checkQuorum: false, readOnly: 'leaseBased' }],
  ])('refuses %s', (_, contradiction) => {
    expect(() => new RawNode({ ...valid, ...contradiction })).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG' }),
    )
  })

  test('stops on a storage whose commit index is beyond its log: something was lost', () => {
    const storage = new MemoryStorage()
    storage.applySnapshot({
      metadata: { confState: { ...EMPTY_CONF_STATE, voters: [1] }, index: 5, term: 1 },
      data: EMPTY_BYTES,
    })
    storage.setHardState({ term: 3, vote: 1, commit: 7 })
    expect(() => new RawNode({ ...valid, storage, applied: 5 })).toThrow('not in the log')
  })
})
