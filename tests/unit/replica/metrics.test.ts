import { describe, expect, test } from 'vitest'
import { deletion, oneKey, prefixed, put, range, watch } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

describe('a member counts', () => {
  test('what was done to its store, whoever asked for it', () => {
    const cluster = TestCluster.of(3)
    cluster.write(2, client, 1, put('a', '1'))
    cluster.write(2, client, 2, { op: 'txn', compare: [], success: [put('b', '1'), put('c', '1')], failure: [] })
    cluster.write(2, client, 3, deletion(oneKey('a')))
    cluster.write(2, client, 4, { op: 'leaseGrant', lease: 7, ttlSeconds: 5 })
    cluster.write(2, client, 5, { op: 'leaseKeepAlive', lease: 7 })
    cluster.write(2, client, 6, { op: 'compact', revision: 3 })
    for (const member of [1, 2, 3]) {
      expect(cluster.replica(member).metrics()).toMatchObject({
        puts: 3,
        deletes: 1,
        txns: 1,
        compactions: 1,
        compactRevision: 3,
        keys: 2,
        leases: 1,
        leasesGranted: 1,
        leasesRenewed: 1,
        leasesRevoked: 0,
        leasesExpired: 0,
        proposalsFailed: 0,
        proposalsPending: 0,
      })
    }
  })

  test('what it served itself', () => {
    const cluster = TestCluster.of(3)
    cluster.request(3, { kind: 'watch', request: watch(prefixed('')) })
    cluster.write(2, client, 1, put('a', '1'))
    cluster.request(3, { kind: 'read', request: range(oneKey('a')), serializable: false })
    expect(cluster.replica(3).metrics()).toMatchObject({ watchers: 1, slowWatchers: 0, eventsSent: 1, ranges: 1 })
    expect(cluster.replica(1).metrics()).toMatchObject({ watchers: 0, eventsSent: 0, ranges: 0 })
  })

  test('the leaders that it has seen', () => {
    const cluster = TestCluster.of(3)
    const before = cluster.replica(3).metrics().leaderChanges
    expect(before).toBe(1)
    cluster.stop(1)
    cluster.until('there is another leader', () => [2, 3].includes(cluster.leader))
    expect(cluster.replica(3).metrics().leaderChanges).toBe(before + 1)
  })

  test('writes that wait, and those that had to be proposed again', () => {
    const cluster = TestCluster.of(3)
    cluster.drop = ({ message }) => message.kind === 'raft' && message.message.type === 'MsgProp'
    cluster.write(2, client, 1, put('a', '1'))
    expect(cluster.replica(2).metrics()).toMatchObject({ proposalsPending: 1, proposalsFailed: 0 })
    cluster.drop = () => false
    cluster.tick(cluster.options.retryTicks + 1)
    expect(cluster.replica(2).metrics()).toMatchObject({ proposalsPending: 0, proposalsFailed: 1 })
  })

  test('the snapshots that it made and was given', () => {
    const cluster = TestCluster.of(3)
    // The founder made one for those that joined; who joined made none.
    expect(cluster.replica(1).metrics()).toMatchObject({ snapshotsInstalled: 0 })
    expect(cluster.replica(1).metrics().snapshotsMade).toBeGreaterThan(0)
    expect(cluster.replica(3).metrics()).toMatchObject({ snapshotsMade: 0, snapshotsInstalled: 1 })
  })
})
