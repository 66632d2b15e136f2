import { describe, expect, test } from 'vitest'
import { EMPTY_CONF_STATE } from '../../../src/raft/configuration.ts'
import { MemoryStorage } from '../../../src/raft/memory-storage.ts'
import { newMessage } from '../../../src/raft/message.ts'
import { type RaftConfig, RawNode } from '../../../src/raft/raw-node.ts'
import { EMPTY_BYTES, type Message, type MessageType } from '../../../src/raft/types.ts'
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
  test.each([
    ['an append without a term', message('MsgApp', { term: 0 })],
    ['an append whose entries leave a gap', message('MsgApp', { term: 9, index: 2, entries: [entry(3), entry(5)] })],
    ['an append whose entries begin elsewhere', message('MsgApp', { term: 9, index: 2, entries: [entry(9)] })],
    ['a vote request without a term', message('MsgVote', { term: 0 })],
    ['a snapshot message without a snapshot', message('MsgSnap', { term: 9 })],
    ['a proposal of nothing', message('MsgProp', { term: 0 })],
  ])('refuses %s', (_, given) => {
    expect(refused(given)).toMatchObject({ code: 'STEP_MALFORMED' })
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
