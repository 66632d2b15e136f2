import { describe, expect, test } from 'vitest'
import type { ConfChangeSingle, MemberId } from '../../../src/raft/types.ts'
import { bytes, Network } from './network.ts'
import { answerOf, message, sent, three } from './probes.ts'

/** The checkable statements of the Raft paper from 5.4 on, and those of the thesis about the leader's disk. See `paper.test.ts`. */

describe('5.4 Safety', () => {
  test('5.4.1: a member denies its vote to a candidate whose log is less up to date: by the last term, then by the length', () => {
    const net = three()
    net.propose(1, 'a')
    // Member 2 ends with index 3 of term 2.
    const denied = (logTerm: number, index: number) => {
      const term = net.node(2).term + 1
      return answerOf(net, 2, message('MsgVote', 2, 3, term, { logTerm, index }))?.reject
    }
    expect([denied(1, 99), denied(2, 2), denied(2, 3), denied(2, 4), denied(3, 1)]).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  test('5.4.1: so a candidate that lacks a committed entry cannot win', () => {
    const net = three()
    net.isolate(3)
    net.propose(1, 'committed')
    net.heal()
    net.crash(1)
    net.campaign(3)
    expect(net.node(3).role).not.toBe('leader')
    net.campaign(2)
    expect(net.leader).toBe(2)
    net.expectApplied(['committed'], 2, 3)
  })

  test('5.4.2: only entries of the leader’s own term are committed by counting; those before them with it (see traps: figure 8)', () => {
    const net = three()
    net.ignore('MsgAppResp')
    net.propose(1, 'old')
    net.crash(1)
    net.ignore('MsgApp')
    net.heal()
    // 2 is elected, and its append of the old entry, which 3 has already, is answered before its own is sent.
    net.ignore('MsgApp')
    net.campaign(2)
    expect(net.node(2).role).toBe('leader')
    const { term } = net.node(2)
    net.peer(2).receive(message('MsgAppResp', 2, 3, term, { index: 3 }))
    expect(net.node(2).commit).toBe(2)
    net.peer(2).receive(message('MsgAppResp', 2, 3, term, { index: 4 }))
    expect(net.node(2).commit).toBe(4)
  })

  test('5.4.3: every later leader has every entry that was committed', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5], seed: 4 })
    const committed: string[] = []
    for (let round = 0; round < 12; round++) {
      net.heal()
      net.tickUntil(() => net.leader !== 0)
      const { leader } = net
      net.isolate(((leader + round) % 5) + 1, ((leader + round + 1) % 5) + 1)
      const payload = `${round}`
      net.propose(leader, payload)
      if (net.peer(leader).applied.includes(payload)) committed.push(payload)
      net.heal()
      net.crash(leader)
      net.tickUntil(() => net.leader !== 0)
      const log = net.peer(net.leader).log().join()
      for (const entry of committed) expect(log).toContain(`:${entry}`)
      net.peer(leader).restart()
    }
    expect(committed.length).toBeGreaterThan(3)
  })
})

describe('5.5 Follower and candidate crashes', () => {
  test('messages to a member that is down are sent again until it has restarted and answers', () => {
    const net = three()
    net.crash(3)
    net.propose(1, 'a')
    net.tick(30, 1, 2)
    net.peer(3).restart()
    net.tick(2)
    net.expectApplied(['a'])
  })

  test('a member that crashed after it wrote, and before it answered, gets the same again, and it does no harm', () => {
    const net = three()
    net.ignore('MsgAppResp')
    net.propose(1, 'a')
    net.peer(2).restart()
    net.peer(3).restart()
    net.heal()
    net.tick(2)
    net.expectApplied(['a'])
    const again = message('MsgApp', 2, 1, 2, {
      index: 2,
      logTerm: 2,
      commit: 3,
      entries: net.peer(1).storage.entries(3, 4, 1024),
    })
    const log = net.peer(2).log()
    expect(answerOf(net, 2, again)).toMatchObject({ reject: false, index: 3 })
    expect([net.peer(2).log(), net.peer(2).applied]).toEqual([log, ['a']])
  })
})

describe('5.6 Timing and availability', () => {
  test('safety does not depend on timing: members whose clocks run wild still agree', () => {
    const net = new Network({ voters: [1, 2, 3], seed: 6 })
    for (let i = 0; i < 300; i++) {
      net.node((i % 3) + 1).tick()
      if (i % 7 === 0) net.step()
      if (i % 50 === 0 && net.leader !== 0) net.node(net.leader).propose(bytes(`${i}`))
    }
    net.settle()
    net.tickUntil(() => net.leader !== 0)
    net.propose(net.leader, 'end')
    net.tick(3)
    const [one, two, three] = [1, 2, 3].map(id => net.peer(id).applied)
    expect([two, three]).toEqual([one, one])
  })

  test('a leader is elected and kept when messages are faster than timeouts', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5] })
    net.tickUntil(() => net.leader !== 0, 40)
    const { leader } = net
    net.tick(300)
    expect(net.leader).toBe(leader)
  })

  test('when the leader crashes the cluster is without one for about an election timeout', () => {
    const net = three()
    net.tick(5)
    net.crash(1)
    let ticks = 0
    net.tickUntil(() => {
      ticks++
      return net.leader !== 0
    }, 40)
    expect(ticks).toBeGreaterThanOrEqual(10)
    expect(ticks).toBeLessThanOrEqual(40)
  })
})

describe('6 Cluster membership changes', () => {
  const add = (member: MemberId): ConfChangeSingle => ({ type: 'addVoter', member })
  const remove = (member: MemberId): ConfChangeSingle => ({ type: 'removeMember', member })

  /** 1, 2, 3 on their way to 1, 4, 5, and held there. */
  function joint(config = {}): Network {
    const net = three(config)
    for (const member of [4, 5]) net.addStranger(member)
    net.change(1, [add(4), add(5), remove(2), remove(3)], 'jointExplicit')
    expect(net.peer(4).confState).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] })
    return net
  }

  test('in joint consensus log entries are replicated to all members of both configurations', () => {
    const net = joint()
    net.propose(1, 'a')
    net.expectApplied(['a'], 1, 2, 3, 4, 5)
  })

  test.each([2, 4])('any member of either configuration may lead: member %i', candidate => {
    const net = joint()
    net.campaign(candidate)
    expect(net.leader).toBe(candidate)
    net.propose(candidate, 'a')
    net.expectApplied(['a'])
  })

  test.each([
    ['old', [2, 3]],
    ['new', [4, 5]],
  ])('agreement on entries needs a majority of the %s configuration, too', (_, missing) => {
    const net = joint()
    net.isolate(...missing)
    net.propose(1, 'a')
    net.expectApplied([])
    net.heal()
    net.tick(2)
    net.expectApplied(['a'])
  })

  test.each([
    ['old', [2, 3]],
    ['new', [4, 5]],
  ])('and so does an election: without a majority of the %s one nobody is elected', (_, missing) => {
    const net = joint()
    net.peer(1).restart()
    net.isolate(...missing)
    net.campaign(1)
    expect(net.leader).toBe(0)
    net.heal()
    net.campaign(1)
    expect(net.leader).toBe(1)
  })

  // The paper has a configuration count from the moment it is appended; this engine, like etcd's, from when it is applied.
  test('a change counts when it is applied: until then the old majority decides', () => {
    const net = three()
    net.addStranger(4)
    net.addStranger(5)
    net.isolate(4, 5)
    net.crash(3)
    net.change(1, [add(4)])
    expect(net.peer(1).confState.voters).toEqual([1, 2, 3, 4])
    net.propose(1, 'three of four')
    net.expectApplied([], 1, 2)
  })

  test('joint consensus survives the leader that began it: a later leader leaves it', () => {
    const net = joint()
    net.crash(1)
    net.campaign(4)
    net.change(4, [])
    expect(net.peer(4).confState).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [] })
  })

  test('once the new configuration is committed the old members are not needed any more', () => {
    const net = joint()
    net.change(1, [])
    net.crash(2)
    net.crash(3)
    net.propose(1, 'a')
    net.expectApplied(['a'], 1, 4, 5)
  })

  test('new members join without a vote first, so that a newcomer without a log does not hold up the others', () => {
    const net = three()
    net.addStranger(4)
    net.change(1, [{ type: 'addLearner', member: 4 }])
    net.crash(3)
    net.crash(4)
    net.propose(1, 'a')
    net.expectApplied(['a'], 1, 2)
  })

  test('a leader that is not part of the new configuration leads until it is committed, without counting itself', () => {
    const net = three({ stepDownOnRemoval: true })
    for (const member of [4, 5]) net.addStranger(member)
    net.change(1, [remove(1), add(4), add(5)], 'jointExplicit')
    expect(net.node(1).role).toBe('leader')
    // Of 2, 3, 4, 5 only two are left: with the leader that would be three.
    net.crash(4)
    net.crash(5)
    net.propose(1, 'a')
    expect(net.peer(1).applied).toEqual([])
    net.peer(4).restart()
    net.tick(2)
    expect(net.peer(1).applied).toEqual(['a'])
    net.change(1, [])
    expect([net.node(1).role, net.node(1).leader]).toEqual(['follower', 0])
  })

  test('a removed member cannot disrupt: who hears a leader disregards its requests, and keeps its term', () => {
    const net = three({ checkQuorum: true })
    net.isolate(3)
    net.change(1, [remove(3)])
    net.heal()
    const { term } = net.node(1)
    const request = message('MsgVote', 2, 3, term + 5, { index: 99, logTerm: term })
    expect(answerOf(net, 2, request)).toBeUndefined()
    expect([net.node(2).term, net.node(2).leader]).toEqual([term, 1])
  })

  test('normal elections are not affected: an election timeout after the leader fell silent requests are heard again', () => {
    const net = three({ checkQuorum: true })
    net.crash(1)
    net.tickUntil(() => net.leader > 1, 60)
  })
})

describe('thesis 10.2.1 Writing to the leader’s disk in parallel', () => {
  const config = { asyncStorageWrites: true }

  test('the leader sends new entries to its followers before its own disk has them', () => {
    const net = three(config)
    net.peer(1).diskHeld = true
    net.sent.length = 0
    net.node(1).propose(bytes('a'))
    net.peer(1).turn()
    expect(sent(net, 'MsgApp').map(({ to }) => to)).toEqual([2, 3])
    expect(net.peer(1).storage.lastIndex()).toBe(2)
  })

  test('an entry may be committed before it is on the leader’s disk, if a majority of the others has it', () => {
    const net = three(config)
    net.peer(1).diskHeld = true
    net.propose(1, 'a')
    expect(net.node(1).commit).toBe(3)
    net.expectApplied(['a'], 2, 3)
    // Not even the leader applies what it does not have on disk.
    net.expectApplied([], 1)
    net.peer(1).diskHeld = false
    net.settle()
    net.expectApplied(['a'])
  })

  test('the leader counts its own copy only once it is on its disk', () => {
    const net = three(config)
    net.crash(3)
    net.peer(1).diskHeld = true
    net.propose(1, 'a')
    expect(net.node(1).commit).toBe(2)
    net.peer(1).diskHeld = false
    net.settle()
    net.expectApplied(['a'], 1, 2)
  })

  test('a follower still answers only once the entries are on its disk', () => {
    const net = three(config)
    net.peer(2).diskHeld = true
    net.peer(3).diskHeld = true
    net.propose(1, 'a')
    expect(net.node(1).commit).toBe(2)
    net.peer(2).finishWrite()
    net.settle()
    expect(net.node(1).commit).toBe(3)
  })

  test('a leader that crashes before its disk has an entry loses nothing that was committed', () => {
    const net = three(config)
    net.peer(1).diskHeld = true
    net.propose(1, 'a')
    net.peer(1).restart()
    expect(net.peer(1).storage.lastIndex()).toBe(2)
    net.campaign(1)
    expect(net.leader).toBe(0)
    net.tickUntil(() => net.leader !== 0)
    net.expectApplied(['a'])
  })
})
