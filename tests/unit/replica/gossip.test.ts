import { describe, expect, test } from 'vitest'
import type { MemberId } from '../../../src/raft/types.ts'
import { TestCluster } from './cluster.ts'

describe('where a member stands', () => {
  function toldBy(cluster: TestCluster, member: MemberId): MemberId[] {
    return cluster.sent.filter(({ from, message }) => from === member && message.kind === 'gossip').map(({ to }) => to)
  }

  test('is told to a few at a time, however many there are, and to all of them in turn', () => {
    const others = 9
    const cluster = TestCluster.of(1 + others, { gossipMembersMax: 3 })
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
