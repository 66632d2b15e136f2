import { describe, expect, test } from 'vitest'
import { bytes, Network } from './network.ts'

describe.each([
  { name: 'the disk in the loop', asyncStorageWrites: false },
  { name: 'asynchronous storage writes', asyncStorageWrites: true },
])('log replication (paper 5.3) with $name', ({ asyncStorageWrites }) => {
  const config = { asyncStorageWrites }

  test('an entry proposed to the leader is applied by every member, in order', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.propose(1, 'a', 'b')
    net.propose(1, 'c')
    net.expectApplied(['a', 'b', 'c'])
  })

  test('nothing is committed without a majority, and all of it once there is one', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(1)
    net.propose(1, 'a')
    net.expectApplied([])
    net.heal()
    net.tick(2)
    net.expectApplied(['a'])
  })

  test('entries of a deposed leader that were never committed give way to the new one’s', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(1)
    net.propose(1, 'lost 1', 'lost 2', 'lost 3')
    net.campaign(2)
    net.propose(2, 'kept')
    net.heal()
    net.tick(2)
    net.expectApplied(['kept'])
    expect(net.peer(1).log()).toEqual(net.peer(2).log())
  })

  test('a follower that was away gets everything it missed', () => {
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(3)
    const payloads = Array.from({ length: 50 }, (_, i) => `entry ${i}`)
    for (const payload of payloads) net.propose(1, payload)
    net.heal()
    net.tick(2)
    net.expectApplied(payloads)
  })
})

describe('backing up by the terms of both logs', () => {
  /** Member 1 leads with one log and finds member 2 with another. Returns how often 2 refused an append. */
  function refusals(leaderTerms: readonly number[], followerTerms: readonly number[]): number {
    const net = new Network({ voters: [1, 2, 3] })
    for (const [i, terms] of [leaderTerms, followerTerms, leaderTerms].entries()) {
      const { storage } = net.peer(i + 1)
      storage.append(terms.map((term, at) => ({ term, index: at + 2, type: 'normal', data: bytes(`${term}`) })))
      storage.setHardState({ term: Math.max(...terms), vote: 0, commit: 1 })
      net.peer(i + 1).restart()
    }
    net.crash(2)
    net.tickUntil(() => net.leader !== 0)
    net.node(net.leader).transferLeader(1)
    net.settle()
    net.peer(2).restart()
    net.tick(3)
    expect(net.peer(2).log()).toEqual(net.peer(1).log())
    return net.sent.filter(({ from, type, reject }) => from === 2 && type === 'MsgAppResp' && reject).length
  }
  const times = (count: number, term: number) => new Array<number>(count).fill(term)

  test('the leader skips the terms that the follower cannot have', () => {
    expect(refusals([1, ...times(20, 3), ...times(20, 5)], [...times(20, 1), ...times(15, 2)])).toBeLessThanOrEqual(2)
  })

  test('the follower skips the terms that the leader cannot have', () => {
    expect(
      refusals([1, ...times(30, 3), 7], [1, 3, 3, ...times(10, 4), ...times(10, 5), ...times(8, 6)]),
    ).toBeLessThanOrEqual(2)
  })
})

describe('flow control', () => {
  test('a follower that does not answer gets no more than the window, and one empty append per heartbeat', () => {
    const net = new Network({ voters: [1, 2, 3], config: { maxInflightMessages: 4 } })
    net.campaign(1)
    net.isolate(3)
    net.sent.length = 0
    for (let i = 0; i < 20; i++) net.propose(1, `entry ${i}`)
    const appends = net.sent.filter(({ to, type, entries }) => to === 3 && type === 'MsgApp' && entries.length > 0)
    expect(appends).toHaveLength(4)
    expect(net.node(1).status().progress.get(3)).toMatchObject({ inflight: 4, inflightFull: true, paused: true })
    net.heal()
    net.tick(2)
    expect(net.peer(3).applied).toHaveLength(20)
  })

  test('the window is bounded in bytes too', () => {
    const config = { maxInflightBytes: 100, maxSizePerMessageBytes: 100 }
    const net = new Network({ voters: [1, 2, 3], config })
    net.campaign(1)
    net.isolate(3)
    for (let i = 0; i < 10; i++) net.propose(1, 'x'.repeat(60))
    expect(net.node(1).status().progress.get(3)).toMatchObject({ inflight: 2, inflightFull: true })
    net.heal()
    net.tick(2)
    expect(net.peer(3).applied).toHaveLength(10)
  })

  test('messages stay within their size, and a larger entry goes alone', () => {
    const net = new Network({ voters: [1, 2, 3], config: { maxSizePerMessageBytes: 200 } })
    net.campaign(1)
    net.isolate(3)
    for (let i = 0; i < 10; i++) net.propose(1, `${i}`.repeat(50))
    net.propose(1, 'y'.repeat(1000))
    net.heal()
    net.sent.length = 0
    net.tick(3)
    const sizes = net.sent.filter(({ to, type }) => to === 3 && type === 'MsgApp').map(({ entries }) => entries.length)
    expect(Math.max(...sizes)).toBe(3)
    expect(net.peer(3).applied).toHaveLength(11)
  })

  test('an unreachable follower is probed, and replicated to again once it answers', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    expect(net.node(1).status().progress.get(2)?.state).toBe('replicate')
    net.node(1).reportUnreachable(2)
    expect(net.node(1).status().progress.get(2)?.state).toBe('probe')
    net.tick(1)
    expect(net.node(1).status().progress.get(2)?.state).toBe('replicate')
  })
})

describe('proposals', () => {
  test('a follower forwards them to the leader', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    expect(net.propose(3, 'from 3')).toBe('ok')
    net.expectApplied(['from 3'])
  })

  test('a follower told not to forward drops them', () => {
    const net = new Network({ voters: [1, 2, 3], config: { disableProposalForwarding: true } })
    net.campaign(1)
    expect(net.propose(3, 'from 3')).toBe('dropped')
  })

  test('without a leader they are dropped', () => {
    const net = new Network({ voters: [1, 2, 3] })
    expect(net.propose(1, 'a')).toBe('dropped')
    net.expectApplied([])
  })

  test('over the limit of uncommitted bytes they are dropped, and taken again once some are applied', () => {
    const net = new Network({ voters: [1, 2, 3], config: { maxUncommittedBytes: 100 } })
    net.campaign(1)
    net.isolate(1)
    expect(net.propose(1, 'x'.repeat(60))).toBe('ok')
    expect(net.propose(1, 'x'.repeat(60))).toBe('dropped')
    expect(net.propose(1, 'x'.repeat(40))).toBe('ok')
    expect(net.propose(1, '')).toBe('ok')
    net.heal()
    net.tick(2)
    expect(net.propose(1, 'x'.repeat(60))).toBe('ok')
    expect(net.peer(3).applied).toHaveLength(3)
  })

  test('what earlier leaders left to be committed makes no room for more', () => {
    const net = new Network({ voters: [1, 2, 3], config: { maxUncommittedBytes: 100, asyncStorageWrites: true } })
    net.campaign(1)
    net.ignore('MsgAppResp')
    net.propose(1, 'y'.repeat(90))
    net.heal()
    net.peer(2).applyHeld = true
    net.campaign(2)
    net.ignore('MsgAppResp')
    expect(net.propose(2, 'x'.repeat(60))).toBe('ok')
    net.peer(2).applyHeld = false
    net.settle()
    expect(net.peer(2).applied).toEqual(['y'.repeat(90)])
    expect(net.propose(2, 'x'.repeat(60))).toBe('dropped')
  })

  test('one larger than the limit is taken if nothing else is under way', () => {
    const net = new Network({ voters: [1, 2, 3], config: { maxUncommittedBytes: 100 } })
    net.campaign(1)
    expect(net.propose(1, 'x'.repeat(500))).toBe('ok')
  })

  test('payloads reach the state machine without being copied', () => {
    const net = new Network({ voters: [1, 2, 3] })
    net.campaign(1)
    const payload = bytes('same bytes')
    net.node(1).propose(payload)
    net.settle()
    const [entry] = net.peer(3).storage.entries(3, 4, 1024)
    expect(entry?.data).toBe(payload)
  })
})

test('a large backlog is handed out to be applied in bounded portions', () => {
  const net = new Network({ voters: [1, 2, 3], config: { maxCommittedSizePerReadyBytes: 200 } })
  net.campaign(1)
  net.ignore('MsgAppResp')
  for (let i = 0; i < 30; i++) net.propose(1, `${i}`.repeat(40))
  net.heal()
  net.tick(1)
  net.expectApplied(net.peer(1).applied)
  expect(net.peer(2).applied).toHaveLength(30)
})
