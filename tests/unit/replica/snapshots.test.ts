import { expect, test } from 'vitest'
import { put } from '../../sim/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

test('members whose snapshot is overtaken by a compaction before they answer are given a newer one at once', () => {
  const cluster = TestCluster.of(3, { compactionBytesMin: 200, compactionTrailingEntries: 0 })
  cluster.tick(10)
  const applied = [1, 2, 3].map(member => cluster.replica(member).status().applied)
  expect(new Set(applied).size).toBe(1)
})

test('a snapshot that was lost is sent again after a while', () => {
  const cluster = TestCluster.of(3, { compactionBytesMin: 200, compactionTrailingEntries: 0, snapshotTicksMax: 50 })
  cluster.stop(3)
  for (let seq = 1; seq <= 20; seq += 1) cluster.write(1, client, seq, put('a', String(seq)))
  cluster.drop = ({ message }) => message.kind === 'raft' && message.message.type === 'MsgSnap'
  cluster.restart(3)
  cluster.tick(5)
  cluster.drop = () => false
  cluster.tick(20)
  expect(cluster.replica(3).status().revision).toBe(1)
  cluster.until('it has caught up', () => cluster.replica(3).status().revision === 21, 100)
})
