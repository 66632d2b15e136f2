import { describe, expect, test } from 'vitest'
import { Network } from './network.ts'

describe('leadership transfer (thesis 3.10)', () => {
  const config = { checkQuorum: true, preVote: true }

  test('an up-to-date voter takes over at once, although everyone hears the old leader', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.node(1).transferLeader(3)
    net.settle()
    expect(net.leader).toBe(3)
    expect([...net.peers.values()].map(({ node }) => node.leader)).toEqual([3, 3, 3])
  })

  test('a voter that lags gets the log first', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(3)
    for (let i = 0; i < 20; i++) net.propose(1, `${i}`)
    net.heal()
    net.tick(1)
    net.node(1).transferLeader(3)
    net.settle()
    expect(net.leader).toBe(3)
    expect(net.peer(3).applied).toHaveLength(20)
  })

  test('a follower passes the wish on to the leader', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.node(2).transferLeader(2)
    net.settle()
    expect(net.leader).toBe(2)
  })

  test('proposals are dropped while it lasts', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(3)
    net.node(1).transferLeader(3)
    expect(net.node(1).transferee).toBe(3)
    expect(net.propose(1, 'a')).toBe('dropped')
  })

  test('it is given up after an election timeout, and the leader goes on', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(3)
    net.node(1).transferLeader(3)
    net.tick(11, 1, 2)
    expect([net.leader, net.node(1).transferee]).toEqual([1, 0])
    expect(net.propose(1, 'a')).toBe('ok')
  })

  test('a second wish replaces the first', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(3)
    net.node(1).transferLeader(3)
    net.settle()
    net.node(1).transferLeader(2)
    net.settle()
    expect(net.leader).toBe(2)
  })

  test.each([
    ['a learner', 4],
    ['itself', 1],
    ['a stranger', 9],
  ])('to %s it is ignored', (_, to) => {
    const net = new Network({ voters: [1, 2, 3], learners: [4], config })
    net.campaign(1)
    net.node(1).transferLeader(to)
    net.settle()
    expect([net.leader, net.node(1).transferee]).toEqual([1, 0])
  })

  test('the new leader has everything that was committed', () => {
    const net = new Network({ voters: [1, 2, 3], config: { ...config, asyncStorageWrites: true } })
    net.campaign(1)
    net.propose(1, 'a', 'b')
    net.node(1).transferLeader(2)
    net.settle()
    net.propose(2, 'c')
    net.expectApplied(['a', 'b', 'c'])
  })
})
