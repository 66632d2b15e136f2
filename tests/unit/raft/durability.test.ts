import { describe, expect, test } from 'vitest'
import { LOCAL_APPEND_THREAD } from '../../../src/raft/types.ts'
import { bytes, Network } from './network.ts'

describe('restart (paper figure 2: persistent state)', () => {
  test('a member comes back with its term, its vote and its log', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    net.propose(1, 'a', 'b')
    const before = net.node(2).status()
    net.peer(2).restart()
    const { term, vote, commit, lastIndex, role } = net.node(2).status()
    expect({ term, vote, commit, lastIndex, role }).toEqual({
      term: before.term,
      vote: before.vote,
      commit: before.commit,
      lastIndex: before.lastIndex,
      role: 'follower',
    })
  })

  test('a state machine that kept nothing is fed the whole log again', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    net.propose(1, 'a', 'b')
    net.peer(2).restart('rebuilt')
    net.settle()
    net.expectApplied(['a', 'b'])
  })

  test('one that kept what it applied gets only what follows', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    net.propose(1, 'a')
    net.crash(2)
    net.propose(1, 'b')
    net.peer(2).restart()
    net.tick(2)
    net.expectApplied(['a', 'b'])
  })

  test('a cluster whose members all restart goes on with everything that was committed', () => {
    const net = new Network({ voters: [1, 2, 3], config: { asyncStorageWrites: true } })
    net.campaign(1)
    net.propose(1, 'a', 'b')
    for (const peer of net.peers.values()) peer.restart('rebuilt')
    net.tickUntil(() => net.leader !== 0)
    net.propose(net.leader, 'c')
    net.expectApplied(['a', 'b', 'c'])
  })
})

describe('asynchronous storage writes', () => {
  const config = { asyncStorageWrites: true }

  test('a vote is sent only once it is durable, the own one too', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.crash(3)
    net.peer(2).diskHeld = true
    net.campaign(1)
    expect(net.node(1).role).toBe('candidate')
    // What was not written is as if it had not happened: the vote is still to be given.
    net.peer(2).restart()
    expect(net.node(2).status()).toMatchObject({ term: 1, vote: 0 })
    // Member 1 has given its own to itself in that term, and gives another in the next, but not from a busy disk.
    net.campaign(2)
    net.peer(1).diskHeld = true
    net.campaign(2)
    expect(net.node(2).role).toBe('candidate')
    net.peer(1).diskHeld = false
    net.settle()
    expect(net.node(2).role).toBe('leader')
  })

  test('writes pile up behind a slow disk, and finish in order', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.peer(2).diskHeld = true
    for (const payload of ['a', 'b', 'c']) net.propose(1, payload)
    expect(net.peer(2).diskQueue.length).toBeGreaterThanOrEqual(3)
    net.peer(2).diskHeld = false
    net.settle()
    net.expectApplied(['a', 'b', 'c'])
  })

  test('applying lags without holding up replication', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.peer(2).applyHeld = true
    for (const payload of ['a', 'b', 'c']) net.propose(1, payload)
    expect(net.node(2).status()).toMatchObject({ commit: 5, applied: 2 })
    net.expectApplied(['a', 'b', 'c'], 1, 3)
    net.peer(2).applyHeld = false
    net.settle()
    net.expectApplied(['a', 'b', 'c'])
  })

  test('what a crash takes from the disk queue was promised to nobody', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.crash(3)
    net.peer(2).diskHeld = true
    net.propose(1, 'a')
    net.peer(2).restart()
    expect(net.node(2).status().lastIndex).toBe(2)
    net.tick(2)
    net.expectApplied(['a'], 1, 2)
  })

  test('each write names what may be sent once it is done', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.node(1).propose(bytes('a'))
    const ready = net.node(1).ready()
    const write = ready.messages.find(({ to }) => to === LOCAL_APPEND_THREAD)
    expect(ready.messages.map(({ type }) => type)).toEqual(['MsgApp', 'MsgApp', 'MsgStorageAppend'])
    expect(write?.entries).toEqual(ready.entries)
    expect(write?.responses.map(({ type, index }) => [type, index])).toEqual([
      ['MsgAppResp', 3],
      ['MsgStorageAppendResp', 3],
    ])
  })
})

describe('Ready', () => {
  test('asks for a sync for a term, a vote or entries, but not for a commit index alone', () => {
    const net = new Network({ voters: [1] })
    const { node, storage } = net.peer(1)
    const next = () => {
      const ready = node.ready()
      storage.append(ready.entries)
      node.advance()
      return [ready.mustSync, ready.hardState, ready.entries.length]
    }
    node.campaign()
    expect(next()).toEqual([true, { term: 2, vote: 1, commit: 1 }, 0])
    expect(next()).toEqual([true, null, 1])
    expect(next()).toEqual([false, { term: 2, vote: 1, commit: 2 }, 0])
    expect(node.hasReady()).toBe(false)
  })

  test('is not handed out twice', () => {
    const net = new Network({ voters: [1] })
    net.node(1).campaign()
    net.node(1).ready()
    expect(() => net.node(1).ready()).toThrow('before the last one was advanced')
  })
})
