import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newMessage } from '../../../src/raft/message.ts'
import type { MemberId, Message, MessageType } from '../../../src/raft/types.ts'
import { Admission, viewerReadsPerTickMax } from '../../../src/replica/admission.ts'
import { planMembership } from '../../../src/replica/membership.ts'
import { defaultReplicaOptions } from '../../../src/replica/options.ts'
import { type Input, type PeerMessage, roleOf, viewerIdFactor } from '../../../src/replica/types.ts'
import { encodeCommand } from '../../../src/store/command-codec.ts'
import { oneKey, put, range } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const viewer = 7 * viewerIdFactor
const other = 8 * viewerIdFactor
const clientId = 'c'.repeat(32)
/** Of the leader, from the founding on. */
const term = 2

/** Members 1 to `count` and a viewer, which has all that they have. */
function withViewer(count = 3): TestCluster {
  const cluster = TestCluster.of(count)
  cluster.join(viewer)
  cluster.until('the viewer is let in', () => cluster.members().includes(viewer))
  cluster.tick(3 * cluster.options.gossipTicks)
  expect(cluster.replica(1).position).toMatchObject({ role: 'leader', term })
  return cluster
}

function raft(type: MessageType, from: MemberId, fields: Partial<Message> = {}): PeerMessage {
  return { kind: 'raft', message: { ...newMessage(type, 1, from, term), ...fields } }
}

function proposal(from: MemberId): PeerMessage {
  const data = encodeCommand({ clientId: 'f'.repeat(32), seq: 1, acked: 0, request: put('forged', 'x') })
  return raft('MsgProp', from, { term: 0, entries: [{ term: 0, index: 0, type: 'normal', data }] })
}

/** All that can be seen of a cluster that is at rest. */
function stateOf(cluster: TestCluster): unknown {
  const leader = cluster.replica(cluster.leader)
  const { term, commit, applied } = leader.position
  return { leader: cluster.leader, term, commit, applied, hash: leader.stateHash, configuration: leader.configuration }
}

describe('numbers', () => {
  test('tell who may write', () => {
    expect([1, viewerIdFactor + 1, Number.MAX_SAFE_INTEGER].map(roleOf)).toEqual(['editor', 'editor', 'editor'])
    expect([viewerIdFactor, viewer].map(roleOf)).toEqual(['viewer', 'viewer'])
  })
})

describe('a viewer', () => {
  test('is let in, has all that is written, and reads', () => {
    const cluster = withViewer()
    cluster.write(1, clientId, 1, put('a', '1'))
    expect(cluster.replica(viewer).stateHash).toBe(cluster.replica(1).stateHash)
    const read = cluster.request(viewer, { kind: 'read', request: range(oneKey('a')), serializable: false })
    expect(cluster.responses.get(read)).toMatchObject({ ok: true, response: { count: 1 } })
  })

  test('is said to have come to look', () => {
    expect(changesOf(viewer, withViewer())).toEqual(['joined: askedToLook'])
  })

  test('does not vote, though the voters are too few without it', () => {
    const cluster = withViewer(2)
    expect(cluster.voters()).toEqual([1])
    cluster.tick(2 * cluster.options.membership.replaceTicks)
    expect(cluster.voters()).toEqual([1])
  })

  test('does not vote, though it is all that is left of many', () => {
    const cluster = withViewer(3)
    cluster.stop(2)
    cluster.stop(3)
    cluster.tick(2 * cluster.options.membership.replaceTicks)
    expect(cluster.replica(viewer).status().state).toBe('learner')
  })

  test('leaves, and gets back in', () => {
    const cluster = withViewer()
    cluster.input(1, from(viewer, leave(viewer)))
    cluster.tick(3 * cluster.options.gossipTicks)
    expect(changesOf(viewer, cluster)).toEqual(['joined: askedToLook', 'removed: leaving', 'joined: askedToLook'])
  })

  test('proposes nothing', () => {
    const cluster = withViewer()
    const write = cluster.write(viewer, clientId, 1, put('a', '1'))
    cluster.tick(3 * cluster.options.retryTicks)
    expect(cluster.responses.has(write)).toBe(false)
    expect(cluster.replica(cluster.leader).status().revision).toBe(1)
    expect(cluster.replica(cluster.leader).metrics().messagesRefused).toBeGreaterThan(1)
  })

  test('that is refused is told of once a minute', () => {
    const cluster = withViewer()
    const told = () => cluster.events(1).filter(({ kind }) => kind === 'refused')
    for (let i = 0; i < 10; i += 1) cluster.input(1, from(viewer, proposal(viewer)))
    expect(told()).toEqual([{ kind: 'refused', member: viewer }])
    cluster.tick(1_200)
    cluster.input(1, from(viewer, proposal(viewer)))
    expect(told()).toHaveLength(2)
  })

  test('holds nobody up who goes', () => {
    const cluster = withViewer(1)
    cluster.input(1, { kind: 'leave', fate: 'demote' })
    expect(cluster.said(1)).toEqual(['left'])
  })
})

describe('a hostile viewer', () => {
  const lies: Readonly<Record<string, (leader: MemberId) => Input>> = {
    'proposes a write': () => from(viewer, proposal(viewer)),
    'proposes a write for a voter': () => from(2, proposal(2)),
    'passes a write on for a voter': () => from(viewer, proposal(2)),
    'votes for a voter': () => from(2, raft('MsgVoteResp', 2, { term: 9 })),
    'votes in its own name': () => from(viewer, raft('MsgVoteResp', viewer, { term: 9 })),
    'asks for votes': () => from(viewer, raft('MsgVote', viewer, { term: 9, index: 99, logTerm: 9 })),
    'asks for votes as if it had been handed the lead': () =>
      from(viewer, raft('MsgVote', viewer, { term: 9, index: 99, logTerm: 9, context: transfer })),
    'asks for votes in the name of a voter': () => from(3, raft('MsgPreVote', 3, { term: 9, index: 99, logTerm: 9 })),
    'leads in a later term': () => from(viewer, raft('MsgHeartbeat', viewer, { term: 9 })),
    appends: () => from(viewer, raft('MsgApp', viewer, { term: 9, commit: 99 })),
    'hands the lead over': () => from(viewer, raft('MsgTimeoutNow', viewer)),
    'asks for the lead': () => from(viewer, raft('MsgTransferLeader', 2, { term: 0 })),
    'answers in a term that never was': () => from(viewer, raft('MsgAppResp', viewer, { term: 9, index: 2 })),
    'has more than there is': () => from(viewer, raft('MsgAppResp', viewer, { index: 1_000 })),
    'lacks what cannot be': () =>
      from(viewer, raft('MsgAppResp', viewer, { index: 1_000, reject: true, rejectHint: 5_000, logTerm: 77 })),
    'acknowledges for a voter': () => from(2, raft('MsgAppResp', 2, { index: 1_000 })),
    'answers the leader for a voter': () => from(viewer, raft('MsgHeartbeatResp', 2)),
    'lets a stranger of its choice in': () => from(viewer, { kind: 'join', member: 77 }),
    'sends a voter away': () => from(viewer, leave(2)),
    'sends a voter away in its name': () => from(2, leave(2)),
    'says that it is removed': leader => from(viewer, { kind: 'removed', member: leader }),
    'knows of a commit': () => from(viewer, gossip('follower', term, 1_000)),
    'says that it leads': () => from(viewer, gossip('leader', 9, 1_000)),
    'says for the leader that it does not lead': leader => from(leader === 1 ? 2 : 1, gossip('follower', term, 3)),
    'brings a snapshot': () => from(viewer, { kind: 'snapshotChunk', chunk }),
    'has had a snapshot': () =>
      from(viewer, {
        kind: 'snapshotAck',
        ack: { name: { index: 9, term: 9, checksum: 9 }, verdict: 'done', offset: 9, round: 9 },
      }),
    'says that it speaks for a voter': () => ({ kind: 'peerUp', member: 77, viewer: true }),
    'says that it no longer speaks for one': () => ({ kind: 'peerDown', member: 77 }),
  }

  test.each(Object.entries(lies))('%s, and nothing happens', (_, lie) => {
    const cluster = withViewer()
    const before = stateOf(cluster)
    for (const to of [1, 2, viewer]) cluster.input(to, lie(cluster.leader))
    cluster.tick(5)
    expect(stateOf(cluster)).toEqual(before)
    const write = cluster.write(2, clientId, 1, put('a', '1'))
    expect(cluster.responses.get(write)).toMatchObject({ ok: true })
  })

  test('does not pass for a voter that is out of reach', () => {
    const cluster = withViewer()
    cluster.vanish(3)
    for (const to of [1, 2]) {
      cluster.input(to, { kind: 'peerDown', member: 3 })
      cluster.input(to, { kind: 'peerUp', member: 3, viewer: true })
      cluster.input(to, from(3, raft('MsgAppResp', 3, { index: 2 })))
    }
    const { members } = cluster.replica(cluster.leader).status()
    expect(members.find(({ member }) => member === 3)?.connected).toBe(false)
  })

  test('can say anything at all without doing harm', () => {
    const types: MessageType[] = ['MsgAppResp', 'MsgHeartbeatResp', 'MsgReadIndex', 'MsgProp', 'MsgVoteResp', 'MsgApp']
    const number = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.maxSafeNat())
    const message = fc.record({
      type: fc.constantFrom(...types),
      from: fc.constantFrom(1, 2, 3, viewer, other),
      term: fc.integer({ min: 0, max: term + 1 }),
      index: number,
      logTerm: number,
      commit: number,
      rejectHint: number,
      reject: fc.boolean(),
      context: fc.uint8Array({ maxLength: 20 }),
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(1, 2, 3, viewer), message), { maxLength: 30 }), lines => {
        const cluster = withViewer()
        const { configuration } = cluster.replica(cluster.leader)
        for (const [speaker, { type, from: sender, ...fields }] of lines) {
          cluster.input(cluster.leader, from(speaker, raft(type, sender, fields)))
        }
        const write = cluster.write(2, clientId, 1, put('a', '1'))
        cluster.tick(5)
        expect(cluster.responses.get(write)).toMatchObject({ ok: true })
        expect(cluster.replica(cluster.leader).position.term).toBe(term)
        expect(cluster.replica(cluster.leader).configuration).toEqual(configuration)
      }),
      { numRuns: 30 },
    )
  })

  test('gets no more reads answered than a few for each tick', () => {
    const admission = new Admission()
    const read = from(viewer, raft('MsgReadIndex', viewer, { term: 0 }))
    const admitted = () => Array.from({ length: 2 * viewerReadsPerTickMax }, () => admission.admits(read, term))
    expect(admitted().filter(Boolean)).toHaveLength(viewerReadsPerTickMax)
    admission.tick()
    expect(admitted().filter(Boolean)).toHaveLength(viewerReadsPerTickMax)
    expect(admission.refused).toBe(2 * viewerReadsPerTickMax)
  })

  test('does not make a leader keep what it sends', () => {
    const admission = new Admission()
    const entries = [{ term: 1, index: 1, type: 'normal', data: new Uint8Array(1_000) }] as const
    const read = (fields: Partial<Message>) => from(viewer, raft('MsgReadIndex', viewer, { term: 0, ...fields }))
    expect(admission.admits(read({ context: new Uint8Array(16) }), term)).toBe(true)
    expect(admission.admits(read({ context: new Uint8Array(1_000) }), term)).toBe(false)
    expect(admission.admits(read({ entries }), term)).toBe(false)
  })
})

describe('a plan', () => {
  test('takes the vote of a viewer that has one, and gives none to another', () => {
    const plan = planMembership(
      {
        self: 1,
        confState: {
          voters: [1, 2, viewer],
          learners: [other],
          votersOutgoing: [],
          learnersNext: [],
          autoLeave: false,
        },
        isLinked: () => true,
        silentTicks: () => 0,
        absentTicks: () => 0,
        lag: () => 0,
        joining: new Set(),
        leaving: new Map(),
      },
      defaultReplicaOptions.membership,
    )
    expect(plan.changes).toContainEqual({ type: 'addLearner', member: viewer, reason: 'viewer' })
    expect(plan.changes.filter(({ type }) => type === 'addVoter')).toEqual([])
  })
})

/** What the founder saw the membership do with it. */
function changesOf(member: MemberId, cluster: TestCluster): string[] {
  const changes = cluster.events(1).flatMap(event => (event.kind === 'membership' ? event.changes : []))
  return changes.filter(change => change.member === member).map(({ change, reason }) => `${change}: ${reason}`)
}

const transfer = new TextEncoder().encode('CampaignTransfer')

const chunk = {
  term: 9,
  metadata: {
    index: 99,
    term: 9,
    confState: { voters: [viewer], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  },
  checksum: 1,
  bytes: 1,
  offset: 0,
  data: new Uint8Array(1),
  round: 1,
}

/** Over a viewer's link, in whoever's name. */
function from(member: MemberId, message: PeerMessage): Extract<Input, { kind: 'message' }> {
  return { kind: 'message', viewer: true, from: member, message }
}

function leave(member: MemberId): PeerMessage {
  return { kind: 'leave', member, fate: 'remove' }
}

function gossip(role: 'follower' | 'leader', term: number, commit: number): PeerMessage {
  return { kind: 'gossip', position: { role, term, commit, applied: commit }, commitTerm: term }
}
