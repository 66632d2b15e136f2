import { describe, expect, test } from 'vitest'
import type { WriteRequest } from '../../../src/store/types.ts'
import { prefixed, put } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

/** What `docs/storage.md` says: twice the live data and two fixed amounts. */
describe('the log and its snapshot together take no more of the disk than twice the live data and a fixed amount', () => {
  const min = 20_000
  const options = {
    compactionBytesMin: min,
    compactionTrailingBytesMax: min,
    autoCompaction: { kind: 'revision', retentionRevisions: 20, everyTicks: 1 },
  } as const

  /** A single member after these writes, and the most that its disk held beyond what it may, looked at after each. */
  function excess(requests: Iterable<WriteRequest>): { cluster: TestCluster; bytes: number } {
    const cluster = TestCluster.of(1, options)
    let bytes = Number.NEGATIVE_INFINITY
    let liveMost = 0
    let seq = 0
    for (const request of requests) {
      seq += 1
      cluster.write(1, client, seq, request, seq - 1)
      if (seq % 10 === 0) cluster.tick()
      const { sizeBytes } = cluster.replica(1).metrics()
      // A snapshot stands for the state until the next, which is due when half of that state is gone.
      liveMost = Math.max(sizeBytes, Math.min(liveMost, 2 * sizeBytes + min))
      bytes = Math.max(bytes, cluster.diskBytes(1) - (2 * liveMost + 2 * min))
    }
    return { cluster, bytes }
  }

  function* times(count: number, request: (at: number) => WriteRequest): Iterable<WriteRequest> {
    for (let at = 0; at < count; at += 1) yield request(at)
  }

  test('after many small writes to one key', () => {
    const { cluster, bytes } = excess(times(3_000, at => put('k', String(at))))
    expect(bytes).toBeLessThanOrEqual(0)
    expect(cluster.replica(1).metrics().snapshotsMade).toBeGreaterThan(5)
  })

  test('after large writes, of which a thousand would be far too much to keep behind the snapshot', () => {
    const { bytes } = excess(times(300, at => put(`k${at % 5}`, 'x'.repeat(5_000))))
    expect(bytes).toBeLessThanOrEqual(0)
  })

  test('while the state outgrows the amount at which compaction begins, many times over', () => {
    const { cluster, bytes } = excess(times(1_000, at => put(`k${at}`, 'x'.repeat(1_000))))
    expect(cluster.replica(1).metrics().sizeBytes).toBeGreaterThan(40 * min)
    expect(bytes).toBeLessThanOrEqual(0)
  })

  test('when most of a large state is deleted', () => {
    const large = times(500, at => put(`k${at}`, 'x'.repeat(1_000)))
    const everything: WriteRequest = { op: 'delete', ...prefixed('k'), prevKv: false }
    const { cluster } = excess([...large, everything, ...times(40, at => put('z', String(at)))])
    cluster.tick(5)
    expect(cluster.replica(1).metrics().sizeBytes).toBeLessThan(min)
    expect(cluster.diskBytes(1)).toBeLessThan(4 * min)
  })
})
