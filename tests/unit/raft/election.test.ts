import { describe, expect, test } from 'vitest'
import { encodeConfChange } from '../../../src/raft/conf-change.ts'
import { EMPTY_CONF_STATE } from '../../../src/raft/configuration.ts'
import { MemoryStorage } from '../../../src/raft/memory-storage.ts'
import { RawNode } from '../../../src/raft/raw-node.ts'
import { type ConfChangeSingle, EMPTY_BYTES, type Entry } from '../../../src/raft/types.ts'
import { Network } from './network.ts'

test('a single voter elects itself', () => {
  const net = new Network({ voters: [1] })
  net.campaign(1)
  expect(net.node(1).role).toBe('leader')
  net.propose(1, 'a')
  net.expectApplied(['a'])
})

test('the term of the last entry outweighs the length of the log', () => {
  const net = new Network({ voters: [1, 2, 3] })
  net.campaign(1)
  net.isolate(1)
  net.propose(1, 'x', 'y', 'z')
  net.campaign(2)
  net.propose(2, 'newer')
  net.heal()
  net.crash(2)
  net.peer(1).restart()
  expect(net.peer(1).storage.lastIndex()).toBeGreaterThan(net.peer(3).storage.lastIndex())
  net.campaign(1)
  net.campaign(1)
  expect(net.node(1).role).not.toBe('leader')
  net.campaign(3)
  expect(net.leader).toBe(3)
  net.expectApplied(['newer'])
})

describe('pre-vote (thesis 9.6)', () => {
  test('a member cut off and back neither raises the term nor disturbs the leader', () => {
    const net = new Network({ voters: [1, 2, 3], config: { preVote: true, checkQuorum: true } })
    net.campaign(1)
    const { term } = net.node(1)
    net.isolate(3)
    net.tick(100)
    expect(net.node(3).role).toBe('preCandidate')
    expect(net.node(3).term).toBe(term)
    net.heal()
    net.tick(30)
    expect([net.leader, net.node(1).term]).toEqual([1, term])
    expect(net.node(3).leader).toBe(1)
  })

  test('without pre-vote the same member does disturb it', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    const { term } = net.node(1)
    net.isolate(3)
    net.tick(100)
    net.heal()
    net.tick(30)
    expect(net.node(net.leader).term).toBeGreaterThan(term)
  })

  test('a won pre-vote leads to a real campaign one term higher', () => {
    const net = new Network({ voters: [1, 2, 3], config: { preVote: true } })
    net.campaign(2)
    expect([net.leader, net.node(2).term]).toEqual([2, 2])
    expect(net.sent.filter(({ type }) => type === 'MsgPreVote').map(({ term }) => term)).toEqual([2, 2])
  })

  test('a pre-candidate that is refused by a majority becomes a follower of its own term again', () => {
    const net = new Network({ voters: [1, 2, 3], config: { preVote: true } })
    net.campaign(1)
    net.isolate(3)
    net.propose(1, 'a')
    net.heal()
    net.ignore('MsgApp', 'MsgHeartbeat')
    net.campaign(3)
    expect([net.node(3).role, net.node(3).term]).toEqual(['follower', net.node(1).term])
  })
})

describe('check-quorum (thesis 6.2 and 4.2.3)', () => {
  const config = { checkQuorum: true }

  test('a leader that no quorum answers steps down within two election timeouts', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(1)
    net.tick(20, 1)
    expect([net.node(1).role, net.node(1).leader]).toEqual(['follower', 0])
    expect(net.propose(1, 'nobody takes it')).toBe('dropped')
  })

  test('a leader with a bare quorum stays', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(3)
    net.tick(100, 1, 2)
    expect(net.leader).toBe(1)
  })

  test('learners do not count towards the quorum that keeps a leader', () => {
    const net = new Network({ voters: [1, 2, 3], learners: [4, 5], config })
    net.campaign(1)
    net.crash(2)
    net.crash(3)
    net.tick(30)
    expect(net.node(1).role).toBe('follower')
  })

  test('who hears a live leader refuses to vote, and keeps its term', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.cut(1, 3)
    net.campaign(3)
    expect(net.leader).toBe(1)
    expect(net.node(2).term).toBeLessThan(net.node(3).term)
  })

  test('who has forgotten its leader votes at once', () => {
    const net = new Network({ voters: [1, 2, 3], config: { checkQuorum: true, preVote: true } })
    net.campaign(1)
    net.crash(1)
    net.campaign(2)
    expect(net.leader).toBe(0)
    net.node(2).forgetLeader()
    net.node(3).forgetLeader()
    net.campaign(2)
    expect(net.leader).toBe(2)
  })

  test('a member stuck at a higher term is freed by telling the old leader its term', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(3)
    net.tick(60, 3)
    expect(net.node(3).term).toBeGreaterThan(net.node(1).term)
    net.heal()
    net.tickUntil(() => [...net.peers.values()].every(({ node }) => node.leader !== 0 && node.leader === net.leader))
  })
})

describe('a candidate that learns from others what is committed', () => {
  /** A voter that campaigns; the log's last two entries are not known to be committed: a change of the configuration, and one that is none. */
  function candidate(change: ConfChangeSingle): RawNode {
    const storage = new MemoryStorage()
    const confState = { ...EMPTY_CONF_STATE, voters: [1, 2, 3] }
    storage.applySnapshot({ metadata: { confState, index: 1, term: 1 }, data: EMPTY_BYTES })
    storage.setHardState({ term: 1, vote: 0, commit: 1 })
    const data = encodeConfChange({ transition: 'auto', changes: [change], context: EMPTY_BYTES })
    const entry: Omit<Entry, 'index'> = { term: 1, type: 'normal', data: EMPTY_BYTES }
    storage.append([
      { ...entry, index: 2 },
      { ...entry, index: 3, type: 'confChangeV2', data },
    ])
    const net = new Network({ voters: [] })
    const node = new RawNode({ ...net.configOf(1), storage, applied: 1, preVote: true })
    node.campaign()
    expect(node.role).toBe('preCandidate')
    return node
  }

  test('goes on if all voters are the same', () => {
    const node = candidate({ type: 'addLearner', member: 1 })
    node.learnCommit(2, 1)
    expect([node.commit, node.role]).toEqual([2, 'preCandidate'])
  })

  test('gives up if the configuration is another: it may not be a voter any more', () => {
    const node = candidate({ type: 'addLearner', member: 1 })
    node.learnCommit(3, 1)
    expect([node.commit, node.role]).toEqual([3, 'follower'])
  })
})
