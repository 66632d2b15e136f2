import { describe, expect, test } from 'vitest'
import type { MemberId } from '../../../src/raft/types.ts'
import { bytes, Network } from './network.ts'
import { answerOf, message, roles, sent, three } from './probes.ts'

/**
 * The checkable statements of the Raft paper (Ongaro and Ousterhout, extended version), section by section, in the order of the
 * text; 5.4 to 6 and what the thesis adds in 10.2.1 are in `paper-safety.test.ts`. `Network` checks two of them in every test of
 * this folder: one leader a term, one entry an index wherever applied.
 */

describe('5.1 Raft basics', () => {
  test('a member is leader, follower or candidate; it starts as a follower, and there is one leader in normal operation', () => {
    const net = new Network({ voters: [1, 2, 3] })
    expect(roles(net)).toEqual(['follower', 'follower', 'follower'])
    net.campaign(2)
    expect(roles(net)).toEqual(['follower', 'leader', 'follower'])
  })

  test('followers are passive: they send nothing unless asked', () => {
    const net = three()
    net.sent.length = 0
    for (const id of [2, 3]) net.node(id).tick()
    net.settle()
    expect(net.sent).toEqual([])
  })

  // Without check-quorum and pre-vote, as in etcd, an old leader is not told: it hears of the term with the next election.
  test('terms are exchanged whenever members communicate: the smaller one is raised to the larger', () => {
    const net = three({ checkQuorum: true })
    net.peer(2).receive(message('MsgHeartbeat', 2, 3, 7))
    expect(net.node(2).term).toBe(7)
    net.settle()
    net.tick(1, 1)
    expect(net.node(1).term).toBe(7)
  })

  test.each(['candidate', 'leader'] as const)('a %s whose term is out of date becomes a follower at once', role => {
    const net = three()
    if (role === 'candidate') {
      net.isolate(1)
      net.crash(1)
      net.peer(1).restart()
      net.campaign(1)
    }
    expect(net.node(1).role).toBe(role)
    net.peer(1).receive(message('MsgVoteResp', 1, 2, 99, { reject: true }))
    expect([net.node(1).role, net.node(1).term]).toEqual(['follower', 99])
  })

  test.each(['MsgVote', 'MsgApp', 'MsgHeartbeat', 'MsgSnap', 'MsgAppResp', 'MsgVoteResp'] as const)(
    'a %s with a stale term is rejected',
    type => {
      const net = three()
      net.isolate(1)
      net.campaign(2)
      const before = [net.node(3).status(), net.peer(3).log()]
      const stale = message(type, 3, 1, 2, { index: 2, logTerm: 2, commit: 9, entries: [] })
      expect(answerOf(net, 3, stale)?.reject ?? true).toBe(true)
      expect([net.node(3).status(), net.peer(3).log()]).toEqual(before)
    },
  )
})

describe('5.2 Leader election', () => {
  test('a member remains a follower as long as it hears from a leader', () => {
    const net = three()
    net.tick(200)
    expect([net.leader, net.node(1).term]).toEqual([1, 2])
  })

  test('without a message for an election timeout it begins an election: next term, its own vote, a request to every other', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5] })
    for (let i = 0; i < 20 && net.node(1).role === 'follower'; i++) net.node(1).tick()
    expect(net.node(1).status()).toMatchObject({ role: 'candidate', term: 2, vote: 1 })
    net.peer(1).turn()
    expect(sent(net, 'MsgVote').map(({ to, term }) => [to, term])).toEqual([2, 3, 4, 5].map(to => [to, 2]))
  })

  test.each([
    [5, 2, 'candidate'],
    [5, 3, 'leader'],
    [4, 2, 'candidate'],
    [4, 3, 'leader'],
  ] as const)(
    'of %i members, %i that are up make a candidate a %s: a majority of the full cluster',
    (size, up, role) => {
      const net = new Network({ voters: Array.from({ length: size }, (_, i) => i + 1) })
      for (let id = up + 1; id <= size; id++) net.crash(id)
      net.campaign(1)
      expect(net.node(1).role).toBe(role)
    },
  )

  test('a vote goes to one candidate a term, first come, first served, and survives a restart', () => {
    const net = new Network({ voters: [1, 2, 3] })
    const ask = (candidate: MemberId) =>
      answerOf(net, 2, message('MsgVote', 2, candidate, 9, { index: 1, logTerm: 1 }))?.reject
    expect([ask(1), ask(3), ask(1)]).toEqual([false, true, false])
    net.peer(2).restart()
    expect([ask(3), ask(1)]).toEqual([true, false])
  })

  test('a candidate that wins sends to all the others at once, to prevent new elections', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    expect(sent(net, 'MsgApp').slice(0, 2)).toMatchObject([
      { to: 2, term: 2 },
      { to: 3, term: 2 },
    ])
  })

  test.each(['MsgApp', 'MsgHeartbeat'] as const)(
    'a candidate that gets a %s of its own term recognizes the leader, and becomes a follower',
    type => {
      const net = new Network({ voters: [1, 2, 3] })
      net.isolate(1)
      net.campaign(1)
      net.peer(1).receive(message(type, 1, 2, net.node(1).term, { index: 1, logTerm: 1, commit: 1 }))
      expect([net.node(1).role, net.node(1).leader]).toEqual(['follower', 2])
    },
  )

  test('a candidate rejects a leader of a smaller term, and remains a candidate', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.isolate(1)
    net.campaign(1)
    net.campaign(1)
    net.peer(1).receive(message('MsgHeartbeat', 1, 2, net.node(1).term - 1))
    expect(net.node(1).role).toBe('candidate')
  })

  test('split votes: nobody wins, and each candidate times out and begins a new election in a higher term', () => {
    const net = new Network({ voters: [1, 2, 3, 4] })
    // 1 and 2 vote for 1; 3 and 4 vote for 3.
    net.node(1).campaign()
    net.node(3).campaign()
    net.cut(1, 4)
    net.cut(2, 3)
    net.settle()
    expect(roles(net)).toEqual(['candidate', 'follower', 'candidate', 'follower'])
    net.heal()
    net.tickUntil(() => net.leader !== 0)
    expect(net.node(net.leader).term).toBeGreaterThan(2)
  })

  test('election timeouts are random, within a fixed interval, and chosen anew for each election', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.isolate(1)
    const timeouts: number[] = []
    for (let ticks = 0, { term } = net.node(1); timeouts.length < 60; ) {
      net.node(1).tick()
      ticks++
      if (net.node(1).term === term) continue
      timeouts.push(ticks)
      ticks = 0
      term = net.node(1).term
    }
    expect(Math.min(...timeouts)).toBeGreaterThanOrEqual(10)
    expect(Math.max(...timeouts)).toBeLessThan(20)
    expect(new Set(timeouts).size).toBeGreaterThan(6)
  })

  test('so that split votes are rare: most first elections succeed', () => {
    let first = 0
    for (let seed = 1; seed <= 50; seed++) {
      const net = new Network({ voters: [1, 2, 3, 4, 5], seed })
      net.tickUntil(() => net.leader !== 0)
      if (net.node(net.leader).term === 2) first++
    }
    expect(first).toBeGreaterThan(35)
  })
})

describe('5.3 Log replication', () => {
  test('the leader appends a command as a new entry, with its term and index, and sends it to all the others in parallel', () => {
    const net = three()
    net.sent.length = 0
    net.node(1).propose(bytes('a'))
    net.peer(1).turn()
    expect(net.peer(1).log()).toEqual(['2:', '2:a'])
    const appends = sent(net, 'MsgApp')
    expect(appends.map(({ to }) => to)).toEqual([2, 3])
    for (const { entries } of appends) expect(entries).toMatchObject([{ term: 2, index: 3 }])
  })

  test('an entry is committed once a majority has it, and then applied by the leader; not before', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5] })
    net.campaign(1)
    for (const id of [3, 4, 5]) net.crash(id)
    net.propose(1, 'a')
    expect([net.node(1).commit, net.peer(1).applied]).toEqual([2, []])
    net.peer(3).restart()
    net.tick(2)
    expect([net.node(1).commit, net.peer(1).applied]).toEqual([3, ['a']])
  })

  test('committing an entry commits all before it, those of earlier leaders too', () => {
    const net = three()
    net.ignore('MsgAppResp')
    net.propose(1, 'a', 'b')
    net.expectApplied([])
    net.heal()
    net.crash(1)
    net.campaign(2)
    net.expectApplied(['a', 'b'], 2, 3)
  })

  test('followers learn the commit index from the leader’s next message, and apply in log order', () => {
    const net = three()
    net.node(1).propose(bytes('a'))
    net.node(1).propose(bytes('b'))
    // The entries go out, and the answers come back.
    net.step()
    net.step()
    net.expectApplied([], 2, 3)
    expect(net.node(2).status()).toMatchObject({ lastIndex: 4, commit: 2 })
    net.settle()
    net.expectApplied(['a', 'b'])
  })

  test('the leader retries until every follower has every entry, long after the entry was committed', () => {
    const net = three()
    net.isolate(3)
    net.propose(1, 'a')
    net.expectApplied(['a'], 1, 2)
    net.tick(50, 1, 2)
    net.heal()
    net.tick(2)
    net.expectApplied(['a'])
  })

  test('a follower refuses new entries if it lacks the one before them, or has another there', () => {
    const net = three()
    const entry = { term: 2, index: 9, type: 'normal', data: bytes('x') } as const
    const missing = message('MsgApp', 2, 1, 2, { index: 8, logTerm: 2, entries: [entry] })
    expect(answerOf(net, 2, missing)).toMatchObject({ type: 'MsgAppResp', reject: true })
    net.cut(1, 2)
    net.propose(1, 'a')
    net.heal()
    const other = message('MsgApp', 2, 3, 9, { index: 3, logTerm: 8, entries: [{ ...entry, term: 9, index: 4 }] })
    expect(answerOf(net, 2, other)).toMatchObject({ type: 'MsgAppResp', reject: true })
    expect(net.peer(2).log()).toEqual(['2:'])
  })

  test('logs that hold an entry of the same index and term are the same up to it, through any changes of leaders', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5] })
    // Each round another member leads, and reaches none, some or all of the others (figure 7).
    const rounds = [[1, 2, 3, 4, 5], [2], [3, 4, 5], [4, 1], [5, 2, 3], [1], [2, 4, 5]]
    const contents = new Map<string, string>()
    for (const [round, reached] of rounds.entries()) {
      const candidate = reached[0] ?? 1
      net.heal()
      net.campaign(candidate)
      net.isolate(...reached)
      if (net.node(candidate).role === 'leader') net.propose(candidate, `${round}a`, `${round}b`)
      for (const peer of net.peers.values()) {
        const log = peer.log()
        for (const [at, entry] of log.entries()) {
          const upTo = log.slice(0, at + 1).join()
          const key = `${at}/${entry.split(':')[0]}`
          expect(contents.get(key) ?? upTo).toBe(upTo)
          contents.set(key, upTo)
        }
      }
    }
    expect(contents.size).toBeGreaterThan(rounds.length)
  })

  test('a new leader brings followers that miss entries, have others, or both, to its own log (figure 7)', () => {
    const net = new Network({ voters: [1, 2, 3, 4, 5, 6, 7] })
    // The leader's log first, then (a) to (f).
    const terms = [
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6],
      [1, 1, 1, 4],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      [1, 1, 1, 4, 4, 4, 4],
      [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ]
    for (const [i, log] of terms.entries()) {
      const { storage } = net.peer(i + 1)
      storage.append(log.map((term, at) => ({ term, index: at + 2, type: 'normal', data: bytes(`${term}`) })))
      storage.setHardState({ term: 7, vote: 0, commit: 1 })
      net.peer(i + 1).restart()
    }
    // (d) has entries of term 7 and refuses; the others suffice.
    net.campaign(1)
    expect(net.leader).toBe(1)
    net.tick(5)
    for (const peer of net.peers.values()) expect(peer.log()).toEqual(net.peer(1).log())
    expect(net.peer(1).log().slice(0, 10)).toEqual(terms[0]?.map(term => `${term}:${term}`))
  })

  test('a leader never overwrites or deletes entries of its own log', () => {
    const net = three()
    net.isolate(1)
    net.propose(1, 'a', 'b')
    const log = net.peer(1).log()
    const intruder = message('MsgApp', 1, 2, 2, {
      index: 2,
      logTerm: 2,
      entries: [{ term: 2, index: 3, type: 'normal', data: bytes('other') }],
    })
    net.peer(1).receive(intruder)
    net.settle()
    expect([net.node(1).role, net.peer(1).log()]).toEqual(['leader', log])
  })

  test('a leader begins with every follower at the end of its own log, and steps back when refused', () => {
    const net = three()
    net.isolate(3)
    net.propose(1, 'a', 'b')
    net.crash(1)
    net.heal()
    net.sent.length = 0
    net.campaign(2)
    const toThree = sent(net, 'MsgApp').filter(({ to }) => to === 3)
    expect(toThree[0]).toMatchObject({ index: 4 })
    expect(sent(net, 'MsgAppResp').some(({ from, reject }) => from === 3 && reject)).toBe(true)
    expect(toThree.some(({ index }) => index === 2)).toBe(true)
    expect(net.peer(3).log()).toEqual(net.peer(2).log())
  })

  test('stepping back takes one refusal for each conflicting term, not for each entry', () => {
    const net = three()
    net.isolate(1)
    for (let i = 0; i < 100; i++) net.node(1).propose(bytes(`lost ${i}`))
    net.settle()
    net.campaign(2)
    for (let i = 0; i < 100; i++) net.node(2).propose(bytes(`kept ${i}`))
    net.settle()
    // Who has seen all of it, and begins at the end.
    net.campaign(3)
    net.heal()
    net.sent.length = 0
    net.tick(3)
    expect(sent(net, 'MsgAppResp').filter(({ from, reject }) => from === 1 && reject).length).toBeLessThanOrEqual(2)
    expect(net.peer(1).applied).toHaveLength(100)
    expect(net.peer(1).log()).toEqual(net.peer(3).log())
  })

  test('with one slow follower commands are committed in a single round of messages to a majority', () => {
    const net = three()
    net.crash(3)
    net.node(1).propose(bytes('a'))
    net.sent.length = 0
    while (net.node(1).commit < 3 && net.step());
    expect(sent(net, 'MsgApp').filter(({ to, entries }) => to === 2 && entries.length > 0)).toHaveLength(1)
    expect(net.node(1).commit).toBe(3)
  })
})
