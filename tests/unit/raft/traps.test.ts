import { describe, expect, test } from 'vitest'
import { newMessage } from '../../../src/raft/message.ts'
import { LOCAL_APPEND_THREAD, type MemberId, type Message } from '../../../src/raft/types.ts'
import { bytes, Network, type Peer, text } from './network.ts'
import { answerOf, sent, three } from './probes.ts'

/** Known ways to get Raft wrong: each has cost somebody a fork, a stall or a lost write. */

test('figure 8: an entry of an earlier term is not committed by counting its copies', () => {
  const net = new Network({ voters: [1, 2, 3, 4, 5] })
  net.campaign(1)
  // (a) S1 leads, gets an entry to S2 only, and crashes.
  net.isolate(1, 2)
  net.propose(1, 'old')
  net.crash(1)
  net.heal()
  // (b) S5 is elected without it, by S3 and S4, appends an entry of its own, to nobody, and crashes.
  net.ignore('MsgApp')
  net.campaign(5)
  expect(net.node(5).role).toBe('leader')
  net.crash(5)
  // (c) S1 leads again. The old entry reaches S2 and S3, its own does not.
  net.peer(1).restart()
  net.campaign(1)
  net.campaign(1)
  expect(net.node(1).role).toBe('leader')
  for (const follower of [2, 3]) {
    const append = newMessage('MsgApp', follower, 1, net.node(1).term)
    append.index = 2
    append.logTerm = 2
    append.entries = net.peer(1).storage.entries(3, 4, 1024)
    append.commit = 2
    net.peer(follower).receive(append)
    net.settle()
    expect(net.peer(follower).log()).toContain('2:old')
    expect(net.node(1).status().progress.get(follower)?.match).toBe(3)
  }
  // Three of five have it: not committed, for S5 could still be elected and overwrite it.
  expect(net.node(1).commit).toBe(2)
  net.expectApplied([], 1, 2, 3)
  // (e) An entry of S1's own term commits both.
  net.heal()
  net.tick(2)
  net.expectApplied(['old'], 1, 2, 3, 4)
})

test('single-server changes: one that an earlier leader left behind cannot elect it past a later one (Ongaro, 2015)', () => {
  const net = new Network({ voters: [1, 2, 3, 4] })
  net.campaign(1)
  net.addStranger(5)
  // 1 adds 5, and only the two of them know.
  net.isolate(1, 5)
  net.change(1, [{ type: 'addVoter', member: 5 }])
  expect(net.peer(1).log().at(-1)).toBe('2:confChangeV2')
  // 2 leads, and removes 1, before anything of its own term is committed.
  net.node(2).campaign()
  while (net.node(2).role !== 'leader' && net.step());
  expect(net.node(2).commit).toBe(2)
  net.node(2).proposeConfChange({
    transition: 'auto',
    changes: [{ type: 'removeMember', member: 1 }],
    context: new Uint8Array(0),
  })
  net.settle()
  expect(net.peer(2).confState.voters).toEqual([2, 3, 4])
  // With 4 and 5, 1 would have a majority of the configuration it once wrote down.
  net.heal()
  net.peer(1).restart()
  net.isolate(1, 4, 5)
  for (let i = 0; i < 3; i++) net.campaign(1)
  expect(net.node(1).role).not.toBe('leader')
  net.heal()
  net.tick(60)
  expect(net.peer(4).confState.voters).toEqual([2, 3, 4])
})

test('single-server changes: a new leader takes none before what it found in its log is applied', () => {
  const net = three()
  net.isolate(1, 2)
  net.ignore('MsgAppResp')
  net.change(1, [{ type: 'removeMember', member: 3 }])
  net.heal()
  net.crash(1)
  net.ignore('MsgApp')
  net.campaign(2)
  net.change(2, [{ type: 'removeMember', member: 1 }])
  expect(
    net
      .peer(2)
      .log()
      .filter(entry => entry.includes('confChange')),
  ).toHaveLength(1)
})

test('a late answer to a heartbeat does not confirm a read that was asked for after it', () => {
  const net = three()
  net.node(1).readIndex(bytes('first'))
  net.peer(1).turn()
  const heartbeat = sent(net, 'MsgHeartbeat').find(({ to }) => to === 2)
  if (heartbeat === undefined) throw new Error('no heartbeat')
  const late = answerOf(net, 2, heartbeat)
  if (late === undefined) throw new Error('no answer')
  // While the answer is on its way the cluster moves on without member 1.
  net.isolate(1)
  net.campaign(2)
  net.propose(2, 'news')
  net.node(1).readIndex(bytes('second'))
  net.peer(1).turn()
  net.peer(1).receive(late)
  net.peer(1).turn()
  expect(net.peer(1).reads.map(({ requestContext }) => text(requestContext))).toEqual(['first'])
})

test('a stale append that arrives late does not cut off what came after it', () => {
  const net = three()
  // Not committed: below the commit index an append is not even looked at.
  net.ignore('MsgAppResp')
  net.propose(1, 'a')
  net.propose(1, 'b')
  const log = net.peer(2).log()
  const stale = sent(net, 'MsgApp').find(
    ({ to, entries }) => to === 2 && entries.length === 1 && entries[0]?.index === 3,
  )
  if (stale === undefined) throw new Error('no append')
  expect(answerOf(net, 2, stale)).toMatchObject({ reject: false })
  expect(net.peer(2).log()).toEqual(log)
  expect(net.node(2).status().lastIndex).toBe(4)
})

/**
 * Entries written, replaced and written again (A, B, A) while the first write is still under way: its answer fits the log by
 * index and term, but the disk is about to hold B. Only the term of the answer tells.
 */
test('asynchronous append, ABA: an acknowledgement from an earlier term does not vouch for entries written anew', () => {
  const net = new Network({ voters: [1, 2, 3, 4, 5], config: { asyncStorageWrites: true } })
  const slow = net.peer(5)
  net.campaign(1)
  slow.diskHeld = true
  // A: from the leader of term 2.
  net.isolate(1, 5)
  net.propose(1, 'A')
  // B: from the leader of term 3, who did not get A.
  net.heal()
  net.isolate(1)
  net.ignore('MsgAppResp')
  net.campaign(2)
  net.tick(1, 2)
  expect(net.node(5).status()).toMatchObject({ term: 3, lastIndex: 3 })
  // A again: leader 1 of term 4 still has it.
  const before = net.sent.length
  const append: Message = {
    ...lastAppend(net, 5),
    from: 1,
    term: 4,
    index: 2,
    logTerm: 2,
    commit: 2,
    entries: [{ term: 2, index: 3, type: 'normal', data: bytes('A') }],
  }
  slow.receive(append)
  net.settle()
  expect(net.node(5).status()).toMatchObject({ term: 4, lastIndex: 3 })
  const diskReaches = (last: string) => {
    while (slow.log().at(-1) !== last && slow.finishWrite());
    net.settle()
    expect(slow.log().at(-1)).toBe(last)
  }
  // The first write of A finishes. Its answer must be ignored, for B is written next.
  diskReaches('2:A')
  diskReaches('3:')
  // Had it been believed, the log would now be read from the disk, as B, and refuse whoever has A.
  const request: Message = { ...append, type: 'MsgVote', from: 3, term: 5, index: 3, logTerm: 2, entries: [] }
  slow.receive(request)
  expect(net.node(5).status()).toMatchObject({ term: 5, vote: 3 })
  slow.diskHeld = false
  net.settle()
  expect(slow.log().at(-1)).toBe('2:A')
  const promises = net.sent
    .slice(before)
    .filter(({ from, type, reject }) => from === 5 && type === 'MsgAppResp' && !reject)
  expect(promises.at(-1)).toMatchObject({ to: 1, term: 4, index: 3 })
})

test('writes whose completions are told out of order are each believed for what they are', () => {
  const net = three({ asyncStorageWrites: true })
  const follower = net.peer(2)
  follower.diskHeld = true
  net.propose(1, 'a')
  net.propose(1, 'b')
  net.propose(1, 'c')
  // All of it is written, in order; what is told of it comes in reverse.
  const answers: Message[] = []
  for (let write = follower.diskQueue.shift(); write !== undefined; write = follower.diskQueue.shift()) {
    follower.storage.append(write.entries)
    const { term, vote, commit } = write
    if (term + vote + commit > 0) follower.storage.setHardState({ term, vote, commit })
    answers.unshift(...write.responses)
  }
  expect(answers.filter(({ from }) => from === LOCAL_APPEND_THREAD).length).toBeGreaterThan(2)
  for (const answer of answers) {
    if (answer.to === 2) follower.receive(answer)
    else net.send(answer)
  }
  follower.diskHeld = false
  net.settle()
  net.expectApplied(['a', 'b', 'c'])
  expect(net.node(1).status().progress.get(2)).toMatchObject({ match: 5, state: 'replicate' })
})

describe('pre-vote with check-quorum', () => {
  const config = { preVote: true, checkQuorum: true }

  const oneLeaderForAll = (net: Network, ...ids: MemberId[]) =>
    net.tickUntil(() => net.leader !== 0 && ids.every(id => net.node(id).leader === net.leader), 400)

  /** As if it had campaigned in vain for long, without pre-vote. */
  function raiseTerm(peer: Peer, term: number): void {
    const { hardState } = peer.storage.initialState()
    peer.storage.setHardState({ ...hardState, term, vote: 0 })
    peer.restart()
  }

  test('a member of a higher term, whom nobody may vote for and no leader reaches, does not stay outside', () => {
    const net = three(config)
    raiseTerm(net.peer(3), 50)
    oneLeaderForAll(net, 1, 2, 3)
  })

  test('of two that are left, one with the higher term and one with the longer log, the latter leads', () => {
    const net = three(config)
    net.isolate(3)
    net.propose(1, 'a')
    net.crash(1)
    net.heal()
    raiseTerm(net.peer(3), 50)
    oneLeaderForAll(net, 2, 3)
    expect(net.leader).toBe(2)
    net.expectApplied(['a'], 2, 3)
  })

  test('two that lost their leader at the same time do not refuse each other forever', () => {
    const net = three(config)
    net.crash(1)
    net.node(2).campaign()
    net.node(3).campaign()
    net.settle()
    oneLeaderForAll(net, 2, 3)
  })

  test('a leader that restarts does not wait for itself', () => {
    const net = three(config)
    for (const peer of net.peers.values()) peer.restart()
    oneLeaderForAll(net, 1, 2, 3)
  })
})

describe('partial connectivity', () => {
  const config = { preVote: true, checkQuorum: true }

  /** Only these links are left. */
  function onlyLinks(net: Network, ...links: readonly (readonly [MemberId, MemberId])[]): void {
    const ids = [...net.peers.keys()]
    net.heal()
    for (const a of ids) {
      for (const b of ids)
        if (a < b && !links.some(([x, y]) => (x === a && y === b) || (x === b && y === a))) net.cut(a, b)
    }
  }

  /** How often leadership changed, and how much was committed, while time passed. */
  function watch(net: Network, ticks: number): { changes: number; committed: number } {
    let { leader } = net
    let changes = 0
    const commits = () => Math.max(...[...net.peers.values()].map(({ node }) => node.commit))
    const before = commits()
    for (let i = 0; i < ticks; i++) {
      net.tick(1)
      if (net.leader !== 0 && net.leader !== leader) changes++
      if (net.leader !== 0) {
        leader = net.leader
        net.propose(leader, `${i}`)
      }
    }
    return { changes, committed: commits() - before }
  }

  /**
   * Two halves that meet in one member, as when the switch failed that brought Cloudflare's control plane down in 2020: those
   * who don't hear the leader can reach a majority.
   */
  const OUTAGE = [
    [1, 2],
    [4, 5],
    [3, 1],
    [3, 2],
    [3, 4],
    [3, 5],
  ] as const

  test('five members with the links of the 2020 Cloudflare outage: the leader stays, and work goes on', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5], config })
    net.campaign(1)
    onlyLinks(net, ...OUTAGE)
    const { changes, committed } = watch(net, 300)
    expect(changes).toBe(0)
    expect(committed).toBeGreaterThanOrEqual(300)
  })

  test('without pre-vote and check-quorum the same links cost the leader its place, although it had a majority', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5] })
    net.campaign(1)
    onlyLinks(net, ...OUTAGE)
    expect(watch(net, 300).changes).toBeGreaterThan(0)
  })

  test('and when that leader fails another one takes over in the same half or the other', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5], config })
    net.campaign(1)
    onlyLinks(net, ...OUTAGE)
    watch(net, 50)
    net.crash(1)
    const { changes, committed } = watch(net, 300)
    expect(changes).toBe(1)
    expect(committed).toBeGreaterThan(200)
  })

  test('quorum-loss: a leader left with one link gives up, and the one member that reaches all takes over', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5], config })
    net.campaign(1)
    onlyLinks(net, [3, 1], [3, 2], [3, 4], [3, 5])
    const { committed } = watch(net, 200)
    expect(net.leader).toBe(3)
    expect(committed).toBeGreaterThan(100)
    expect(watch(net, 200).changes).toBe(0)
  })

  test('chained: the end of a chain that does not hear the leader does not depose it', () => {
    const net = three(config)
    onlyLinks(net, [1, 2], [2, 3])
    const { changes, committed } = watch(net, 300)
    expect([changes, net.leader]).toEqual([0, 1])
    expect(committed).toBeGreaterThanOrEqual(300)
  })

  /**
   * Raft alone cannot go on here: who has the log reaches no majority, and who reaches one lacks the log. What it owes is to lose
   * nothing, to let terms be, and to go on as soon as one link more, or a hop through the middle, is there.
   */
  test('constrained: when the only well-connected member lacks what was committed, nothing is lost, and one link heals it', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5], config })
    net.campaign(1)
    net.isolate(3)
    net.propose(1, 'committed')
    net.crash(1)
    onlyLinks(net, [3, 2], [3, 4], [3, 5])
    const { term } = net.node(2)
    net.tick(300)
    expect([net.leader, net.node(2).term, net.node(3).term]).toEqual([0, term, term])
    onlyLinks(net, [3, 2], [3, 4], [3, 5], [2, 4])
    net.tickUntil(() => net.leader !== 0, 200)
    expect([2, 4]).toContain(net.leader)
    net.tick(5)
    net.expectApplied(['committed'], 2, 3, 4)
  })
})

test('a learner that was promoted, and has not heard of it, votes when asked, or nobody could lead', () => {
  const net = new Network({ voters: [2, 3], learners: [1] })
  net.campaign(2)
  net.cut(1, 2)
  net.change(2, [{ type: 'addVoter', member: 1 }])
  expect(net.peer(3).confState.voters).toEqual([1, 2, 3])
  expect(net.peer(1).confState.learners).toEqual([1])
  net.crash(2)
  net.campaign(3)
  expect(net.leader).toBe(3)
  net.tick(2)
  expect(net.peer(1).confState.voters).toEqual([1, 2, 3])
})

describe('a leader whose disk stalls', () => {
  const config = { asyncStorageWrites: true, preVote: true, checkQuorum: true }

  test('stops leading within two election timeouts, though a majority of the others would go on without its disk', () => {
    const net = three(config)
    net.tick(5)
    net.peer(1).diskHeld = true
    net.propose(1, 'a')
    expect(net.node(1).commit).toBe(3)
    net.tick(20, 1)
    expect(net.node(1).role).toBe('follower')
    net.tickUntil(() => net.leader > 1, 60)
  })

  test('is not elected again while its disk stalls, and disturbs nobody', () => {
    const net = three(config)
    net.peer(1).diskHeld = true
    net.propose(1, 'a')
    net.tickUntil(() => net.leader > 1, 100)
    const { leader } = net
    const { term } = net.node(leader)
    net.campaign(1)
    net.tick(200)
    expect([net.leader, net.node(leader).term]).toEqual([leader, term])
    net.peer(1).diskHeld = false
    net.settle()
    net.propose(leader, 'b')
    net.expectApplied(['a', 'b'])
  })

  test('cannot win even with the votes of all others before its own is on disk', () => {
    const net = new Network({ voters: [1, 2, 3], config: { asyncStorageWrites: true } })
    net.peer(1).diskHeld = true
    net.campaign(1)
    expect([net.node(1).role, net.node(2).status().vote, net.node(3).status().vote]).toEqual(['candidate', 1, 1])
    net.peer(1).diskHeld = false
    net.settle()
    expect(net.node(1).role).toBe('leader')
  })

  test('a slow disk is no stalled one: who writes within an election timeout leads on', () => {
    const net = three(config)
    for (let i = 0; i < 10; i++) {
      net.peer(1).diskHeld = true
      net.propose(1, `${i}`)
      net.tick(9)
      net.peer(1).diskHeld = false
      net.settle()
    }
    expect([net.leader, net.node(1).term]).toEqual([1, 2])
  })

  test('a leader with nothing to write leads on', () => {
    const net = three(config)
    net.peer(1).diskHeld = true
    net.tick(200)
    expect(net.leader).toBe(1)
  })
})

function lastAppend(net: Network, to: number): Message {
  const message = net.sent.findLast(sent => sent.to === to && sent.type === 'MsgApp')
  if (message === undefined) throw new Error(`no append to ${to}`)
  return message
}
