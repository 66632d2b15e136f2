import { describe, expect, test } from 'vitest'
import type { MemberId } from '../../../src/raft/types.ts'
import { TestCluster } from './cluster.ts'

describe('where a member stands', () => {
  function toldBy(cluster: TestCluster, member: MemberId): MemberId[] {
    return cluster.sent.filter(({ from, message }) => from === member && message.kind === 'gossip').map(({ to }) => to)
  }

  test('is told to a few at a time, however many there are, and to all of them in turn', () => {
    const others = 9
    const cluster = TestCluster.of(1 + others, { gossipMembersMax: 3, gossipCrowd: others })
    cluster.sent.length = 0
    cluster.tick(cluster.options.gossipTicks)
    expect(toldBy(cluster, 2)).toHaveLength(3)
    cluster.tick(2 * cluster.options.gossipTicks)
    expect(new Set(toldBy(cluster, 2)).size).toBe(others)
  })

  test('is news only if it has changed', () => {
    const cluster = TestCluster.of(3)
    const { role, term, commit, applied } = cluster.replica(3).status()
    const hear = (position: { role: typeof role; term: number; commit: number; applied: number }) =>
      cluster
        .replica(2)
        .handle([{ kind: 'message', viewer: false, from: 3, message: { kind: 'gossip', position, commitTerm: term } }])
        .some(({ kind }) => kind === 'statusChanged')
    expect(hear({ role, term, commit, applied: applied - 1 })).toBe(true)
    expect(hear({ role, term, commit, applied })).toBe(true)
    expect(hear({ role, term, commit, applied })).toBe(false)
  })
})

describe('the leader makes itself heard', () => {
  test('by voters often, by those without a vote more rarely', () => {
    const cluster = TestCluster.of(4)
    const { heartbeatTicks, learnerHeartbeatTicks } = cluster.options
    const [learner = 0] = cluster.replica(1).configuration.learners
    const beats = (act: () => void) => {
      cluster.sent.length = 0
      act()
      const to = cluster.sent
        .filter(({ message }) => message.kind === 'raft' && message.message.type === 'MsgHeartbeat')
        .map(({ to }) => to)
      return { learner: to.filter(member => member === learner).length, all: to.length }
    }
    const ticks = 10 * learnerHeartbeatTicks
    const idle = beats(() => cluster.tick(ticks))
    expect(idle.learner).toBe(10)
    expect(idle.all).toBe(10 + (2 * ticks) / heartbeatTicks)
  })

  test('in a crowd those without a vote tell each other little, and the voters all', () => {
    const cluster = TestCluster.of(8, { gossipCrowd: 4 })
    const { voters, learners } = cluster.replica(1).configuration
    const [one = 0, other = 0] = learners
    cluster.sent.length = 0
    cluster.input(one, { kind: 'peerUp', member: other, viewer: false })
    cluster.input(one, { kind: 'peerUp', member: voters[0] ?? 0, viewer: false })
    const told = cluster.sent
      .filter(({ from, message }) => from === one && message.kind === 'gossip')
      .map(({ to }) => to)
    expect(told).toEqual([voters[0]])
  })
})
