import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Input } from '../../../src/replica/types.ts'
import type { ReadRequest, ReadResponse } from '../../../src/store/types.ts'
import { prefixed, put, range, text } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)
const ticksPerSecond = 20
const lease = 7

/** A cluster in which a client has been granted a lease and has put a key under it. */
function clusterWithLease(ttlSeconds: number, members = 3, options: ConstructorParameters<typeof TestCluster>[0] = {}) {
  const cluster = TestCluster.of(members, options)
  cluster.write(1, client, 1, put('held', 'x'))
  cluster.write(1, client, 2, { op: 'leaseGrant', lease, ttlSeconds })
  cluster.write(1, client, 3, put('held', 'y', { lease }))
  return cluster
}

function local(cluster: TestCluster, member: number, request: ReadRequest): ReadResponse {
  const id = cluster.request(member, { kind: 'read', request, serializable: true })
  const response = cluster.responses.get(id)
  if (response?.ok !== true) throw new Error('a local read was not answered')
  switch (response.response.op) {
    case 'range':
    case 'leases':
    case 'leaseTimeToLive':
    case 'hashKv':
      return response.response
    default:
      throw new Error('a read was answered like a write')
  }
}

function keys(cluster: TestCluster, member: number): string[] {
  const response = local(cluster, member, range(prefixed('')))
  return response.op === 'range' ? response.kvs.map(({ key }) => text(key)) : []
}

function isThere(cluster: TestCluster, member: number): boolean {
  const response = local(cluster, member, { op: 'leases' })
  return response.op === 'leases' && response.leases.includes(lease)
}

/** How many ticks it takes until the lease is gone at that member. */
function ticksUntilGone(cluster: TestCluster, member: number, ticksMax = 2_000): number {
  for (let ticks = 0; ticks <= ticksMax; ticks += 1) {
    if (!isThere(cluster, member)) return ticks
    cluster.tick()
  }
  throw new Error(`not gone within ${ticksMax} ticks`)
}

function code(cluster: TestCluster, id: number): string | null {
  const response = cluster.responses.get(id)
  if (response === undefined) return null
  return response.ok ? response.response.op : response.code
}

describe('a lease that nobody keeps', () => {
  test('ends at every member after its time, not before, and takes its keys along as one revision', () => {
    const cluster = clusterWithLease(3)
    cluster.write(2, client, 4, put('held too', 'z', { lease }))
    const { revision } = cluster.replica(1).status()
    cluster.tick(3 * ticksPerSecond)
    expect([1, 2, 3].map(member => keys(cluster, member))).toEqual(Array(3).fill(['held', 'held too']))
    cluster.tick(2)
    expect([1, 2, 3].map(member => keys(cluster, member))).toEqual(Array(3).fill([]))
    expect([1, 2, 3].map(member => isThere(cluster, member))).toEqual([false, false, false])
    expect(cluster.replica(3).status().revision).toBe(revision + 1)
  })

  test('stays as long as there is no quorum to end it, and ends when there is one', () => {
    const cluster = clusterWithLease(2)
    cluster.isolate(1)
    cluster.isolate(2)
    cluster.tick(10 * ticksPerSecond)
    expect([1, 2, 3].map(member => isThere(cluster, member))).toEqual([true, true, true])
    cluster.heal()
    cluster.until('it is gone', () => [1, 2, 3].every(member => !isThere(cluster, member)))
  })

  test('ends under the leader that learned of it from a snapshot', () => {
    const cluster = TestCluster.of(3, { compactionBytesMin: 200, compactionTrailingEntries: 0 })
    cluster.stop(3)
    cluster.write(1, client, 1, { op: 'leaseGrant', lease, ttlSeconds: 60 })
    for (let seq = 2; seq <= 20; seq += 1) cluster.write(1, client, seq, put('held', 'x', { lease }))
    cluster.restart(3)
    cluster.until('it has caught up', () => cluster.replica(3).status().revision === 20)
    // Counted since it was opened again: it came in place of the entries.
    expect(cluster.replica(3).metrics().snapshotsInstalled).toBe(1)
    cluster.until('it votes', () => cluster.voters().includes(3))
    cluster.input(cluster.leader, { kind: 'transfer', to: 3 })
    expect(cluster.leader).toBe(3)
    cluster.tick(60 * ticksPerSecond)
    expect(keys(cluster, 1)).toEqual(['held'])
    cluster.tick(2 * cluster.options.electionTicks)
    expect(keys(cluster, 1)).toEqual([])
  })
})

describe('a keepalive', () => {
  test('through any member gives a lease its whole time again', () => {
    const cluster = clusterWithLease(3)
    cluster.tick(55)
    const id = cluster.write(3, client, 4, { op: 'leaseKeepAlive', lease })
    expect(cluster.responses.get(id)).toMatchObject({ ok: true, response: { op: 'leaseKeepAlive', ttlSeconds: 3 } })
    cluster.tick(3 * ticksPerSecond)
    expect(isThere(cluster, 1)).toBe(true)
    cluster.tick(2)
    expect(isThere(cluster, 1)).toBe(false)
  })

  test('that is in the log before the end was decided keeps the lease', () => {
    const cluster = clusterWithLease(3)
    cluster.tick(58)
    cluster.drop = ({ message }) => message.kind === 'raft' && message.message.type === 'MsgApp'
    const id = cluster.write(1, client, 4, { op: 'leaseKeepAlive', lease })
    // The leader has not applied it, so by its count the time is over.
    cluster.tick(6)
    expect(code(cluster, id)).toBe(null)
    const before = cluster.replica(1).metrics().proposalsApplied
    cluster.drop = () => false
    cluster.until('it is answered', () => code(cluster, id) !== null)
    expect(code(cluster, id)).toBe('leaseKeepAlive')
    // Both are applied, the keepalive and the end that is void.
    expect(cluster.replica(1).metrics().proposalsApplied).toBe(before + 2)
    cluster.tick(3 * ticksPerSecond - 5)
    expect(keys(cluster, 1)).toEqual(['held'])
    cluster.until('it ends in the end', () => !isThere(cluster, 1), 10)
  })

  test('that comes after the end in the log finds no lease', () => {
    const cluster = clusterWithLease(3)
    cluster.tick(58)
    cluster.drop = ({ message }) => message.kind === 'raft' && message.message.type === 'MsgApp'
    cluster.tick(6)
    const id = cluster.write(1, client, 4, { op: 'leaseKeepAlive', lease })
    cluster.drop = () => false
    cluster.until('it is answered', () => code(cluster, id) !== null)
    expect(code(cluster, id)).toBe('LEASE_NOT_FOUND')
    expect(keys(cluster, 1)).toEqual([])
  })
})

test('an end that was decided of one lease is not the end of another that was granted under its number', () => {
  const cluster = clusterWithLease(3)
  cluster.tick(58)
  cluster.drop = ({ message }) => message.kind === 'raft' && message.message.type === 'MsgApp'
  cluster.write(1, client, 4, { op: 'leaseRevoke', lease })
  const id = cluster.write(1, client, 5, { op: 'leaseGrant', lease, ttlSeconds: 3 })
  cluster.tick(6)
  cluster.drop = () => false
  cluster.until('it is granted', () => code(cluster, id) === 'leaseGrant')
  cluster.tick(3 * ticksPerSecond - 5)
  expect(isThere(cluster, 1)).toBe(true)
})

describe('revoked', () => {
  test('through a follower, a lease is gone at once, and so are its keys', () => {
    const cluster = clusterWithLease(30)
    const id = cluster.write(2, client, 4, { op: 'leaseRevoke', lease })
    expect(code(cluster, id)).toBe('leaseRevoke')
    expect(keys(cluster, 1)).toEqual([])
    cluster.tick(31 * ticksPerSecond)
    expect(cluster.replica(1).metrics()).toMatchObject({ leases: 0, leasesRevoked: 1, leasesExpired: 0 })
  })
})

describe('a change of leader', () => {
  /** Ticks from the grant of a lease of 10 s to its end, with a new leader after 5 s. */
  function lifeAcrossLeaders(leaseCheckpointTicks: number): number {
    const cluster = clusterWithLease(10, 3, { leaseCheckpointTicks })
    cluster.tick(5 * ticksPerSecond)
    cluster.stop(1)
    return 5 * ticksPerSecond + 1 + ticksUntilGone(cluster, 2)
  }

  test('does not start the time again where a checkpoint was made', () => {
    const ticks = lifeAcrossLeaders(ticksPerSecond)
    const { electionTicks } = new TestCluster().options
    expect(ticks).toBeGreaterThanOrEqual(10 * ticksPerSecond)
    // The election, the grace, and the second that the checkpoint may be old.
    expect(ticks).toBeLessThan(10 * ticksPerSecond + 3 * electionTicks + 2 * ticksPerSecond)
  })

  test('does start it again where none was, which is late and never early', () => {
    expect(lifeAcrossLeaders(1_000 * ticksPerSecond)).toBeGreaterThanOrEqual(15 * ticksPerSecond)
  })

  test('never ends a lease early, however often and whenever leadership moves', () => {
    const handovers = fc.array(fc.record({ after: fc.integer({ min: 0, max: 30 }), to: fc.constantFrom(1, 2, 3) }), {
      maxLength: 8,
    })
    fc.assert(
      fc.property(handovers, fc.integer({ min: 1, max: 30 }), (moves, leaseCheckpointTicks) => {
        const cluster = clusterWithLease(4, 3, { leaseCheckpointTicks })
        let ticks = 0
        for (const { after, to } of moves) {
          for (let i = 0; i < after && isThere(cluster, 1); i += 1) {
            cluster.tick()
            ticks += 1
          }
          cluster.input(cluster.leader, { kind: 'transfer', to })
        }
        ticks += ticksUntilGone(cluster, 1)
        expect(ticks).toBeGreaterThanOrEqual(4 * ticksPerSecond)
      }),
      { numRuns: 30 },
    )
  })

  test('finds the lease of a cluster that was closed as a whole', () => {
    const cluster = clusterWithLease(5)
    cluster.tick(2 * ticksPerSecond)
    for (const member of [1, 2, 3]) cluster.stop(member)
    for (const member of [1, 2, 3]) cluster.restart(member)
    cluster.until('there is a leader', () => cluster.leader !== 0)
    expect(keys(cluster, 2)).toEqual(['held'])
    cluster.until('it ends', () => keys(cluster, 2).length === 0)
  })
})

describe('a leader that was frozen', () => {
  const ticks: Input[] = Array.from({ length: 30 }, () => ({ kind: 'tick' }))

  test('ends nothing on what it believed: not even what it had all but counted to the end', () => {
    const cluster = clusterWithLease(3)
    cluster.tick(59)
    // While it is away, others lead, and the lease is kept alive there.
    cluster.isolate(1)
    cluster.until('another leads', () => [2, 3].includes(cluster.replica(2).status().leader))
    cluster.sent.length = 0
    cluster.turn(1, [{ kind: 'resume' }, ...ticks])
    cluster.turn(1, ticks)
    expect(cluster.replica(1).status().role).not.toBe('leader')
    expect(cluster.replica(1).status().applied).toBe(cluster.replica(1).status().commit)
    const proposed = cluster.sent.filter(({ from, message }) => {
      return from === 1 && message.kind === 'raft' && ['MsgProp', 'MsgApp'].includes(message.message.type)
    })
    expect(proposed).toEqual([])
  })

  test('begins the count anew if it still leads, having nobody to ask', () => {
    const cluster = clusterWithLease(3, 1)
    cluster.tick(59)
    cluster.turn(1, [{ kind: 'resume' }])
    expect(cluster.replica(1).status().role).toBe('leader')
    cluster.tick(3 * ticksPerSecond)
    expect(isThere(cluster, 1)).toBe(true)
    cluster.tick(cluster.options.electionTicks + 2)
    expect(isThere(cluster, 1)).toBe(false)
  })

  test('does not charge a lease for ticks that it catches up with in the turn of the keepalive', () => {
    const cluster = clusterWithLease(2, 1)
    cluster.tick(30)
    const command = { clientId: client, seq: 4, acked: 0, request: { op: 'leaseKeepAlive' as const, lease } }
    cluster.turn(1, [{ kind: 'request', id: 1_000, request: { kind: 'write', command } }, ...ticks.slice(0, 9)])
    expect(code(cluster, 1_000)).toBe('leaseKeepAlive')
    cluster.tick(2 * ticksPerSecond)
    expect(isThere(cluster, 1)).toBe(true)
  })
})

describe('asked for', () => {
  test('at any member, the time left and the keys of a lease are those of the cluster', () => {
    const cluster = clusterWithLease(10)
    cluster.tick(3 * ticksPerSecond)
    const request = { op: 'leaseTimeToLive', lease, keys: true } as const
    for (const member of [1, 2, 3]) {
      const id = cluster.request(member, { kind: 'read', request, serializable: false })
      const response = cluster.responses.get(id)
      if (response?.ok !== true || response.response.op !== 'leaseTimeToLive') throw new Error('it was not answered')
      const { ttlSeconds, grantedTtlSeconds, keys: attached } = response.response
      expect([ttlSeconds, grantedTtlSeconds, attached.map(text)]).toEqual([7, 10, ['held']])
    }
  })

  test('one that there is not has -1 s left', () => {
    const cluster = clusterWithLease(10)
    const answer = local(cluster, 2, { op: 'leaseTimeToLive', lease: 99, keys: true })
    expect(answer).toMatchObject({ ttlSeconds: -1, grantedTtlSeconds: 0, keys: [] })
  })

  test('all of them are listed, at every member', () => {
    const cluster = clusterWithLease(10)
    cluster.write(2, client, 4, { op: 'leaseGrant', lease: 3, ttlSeconds: 5 })
    expect([1, 2, 3].map(member => local(cluster, member, { op: 'leases' }))).toEqual(
      Array(3).fill({ op: 'leases', header: { revision: 3 }, leases: [3, 7] }),
    )
  })

  test('members that hold the same give the same digest', () => {
    const cluster = clusterWithLease(10)
    const [first, ...others] = [1, 2, 3].map(member => local(cluster, member, { op: 'hashKv', revision: 0 }))
    expect(others).toEqual([first, first])
    expect(first).toMatchObject({ op: 'hashKv', header: { revision: 3 }, compactRevision: 0 })
  })
})
