import { describe, expect, test } from 'vitest'
import { StorageError } from '../../../src/raft/storage.ts'
import type { SnapshotMetadata } from '../../../src/raft/types.ts'
import { Snapshots } from '../../../src/replica/snapshots.ts'
import { put } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

test('members whose snapshot is overtaken by a compaction before they answer are given a newer one at once', () => {
  const cluster = TestCluster.of(3, { compactionBytesMin: 200, compactionTrailingEntries: 0 })
  cluster.tick(10)
  const applied = [1, 2, 3].map(member => cluster.replica(member).status().applied)
  expect(new Set(applied).size).toBe(1)
})

test('a snapshot that was lost is sent again after a while', () => {
  const options = { compactionBytesMin: 200, compactionTrailingEntries: 0, snapshotRetryTicks: 30 }
  const cluster = TestCluster.of(3, options)
  cluster.stop(3)
  for (let seq = 1; seq <= 20; seq += 1) cluster.write(1, client, seq, put('a', String(seq)))
  cluster.drop = ({ message }) => message.kind === 'snapshotChunk'
  cluster.restart(3)
  cluster.tick(5)
  cluster.drop = () => false
  cluster.tick(20)
  expect(cluster.replica(3).status().revision).toBe(1)
  cluster.until('it has caught up', () => cluster.replica(3).status().revision === 21, 10)
})

describe('a large state', () => {
  /** 200 keys of a member that saves 100 changes a tick. */
  function clusterWithState(options: ConstructorParameters<typeof TestCluster>[0] = {}): TestCluster {
    const cluster = TestCluster.of(1, { snapshotStepChanges: 100, ...options })
    for (let seq = 1; seq <= 200; seq += 1) cluster.write(1, client, seq, put(`k${seq}`, 'x'.repeat(100)))
    return cluster
  }

  test('reaches who joins after as many ticks as saving it takes, and what was written meanwhile follows', () => {
    const cluster = clusterWithState()
    cluster.join(2)
    cluster.tick()
    expect(cluster.replica(2).status().revision).toBe(1)
    cluster.write(1, client, 201, put('meanwhile', 'y'))
    cluster.until('it has caught up', () => cluster.replica(2).status().revision === 202, 40)
    expect(cluster.replica(2).stateHash).toBe(cluster.replica(1).stateHash)
    expect(cluster.replica(2).metrics()).toMatchObject({ snapshotsInstalled: 1, keys: 201 })
  })

  test('is saved once for all who join, unless they came after it was begun', () => {
    const cluster = clusterWithState()
    const made = cluster.replica(1).metrics().snapshotsMade
    for (const member of [2, 3, 4]) cluster.join(member)
    cluster.until(
      'all are there',
      () => [2, 3, 4].every(member => cluster.replica(member).status().revision === 201),
      100,
    )
    expect(cluster.replica(1).metrics().snapshotsMade).toBeLessThanOrEqual(made + 2)
  })

  test('takes the place of the log as it was when saving began; a member started again has it all', () => {
    const cluster = clusterWithState({ compactionBytesMin: 1_000_000 })
    const before = cluster.replica(1).metrics().snapshotsMade
    for (let seq = 201; seq <= 500; seq += 1) cluster.write(1, client, seq, put('big', 'x'.repeat(5_000)))
    for (let seq = 501; seq <= 520; seq += 1) {
      cluster.write(1, client, seq, put(`late${seq}`, 'y'))
      cluster.tick()
    }
    expect(cluster.replica(1).metrics().snapshotsMade).toBe(before + 1)
    const { stateHash } = cluster.replica(1)
    cluster.stop(1)
    cluster.restart(1)
    cluster.until('it leads', () => cluster.leader === 1)
    expect(cluster.replica(1).stateHash).toBe(stateHash)
  })

  test('half saved, is dropped by a member that is given another', () => {
    const cluster = TestCluster.of(3, {
      snapshotStepChanges: 5,
      compactionBytesMin: 2_000,
      compactionTrailingEntries: 0,
    })
    for (let seq = 1; seq <= 30; seq += 1) {
      cluster.write(1, client, seq, put(`k${seq}`, 'x'.repeat(100)))
      cluster.tick()
    }
    // Member 3 hears nothing for so long that the log is gone when it is back.
    cluster.drop = ({ to, message }) => to === 3 && message.kind === 'raft'
    for (let seq = 31; seq <= 200; seq += 1) {
      cluster.write(1, client, seq, put(`k${seq % 10}`, 'x'.repeat(100)))
      cluster.tick()
    }
    cluster.drop = () => false
    cluster.until('it has caught up', () => cluster.replica(3).status().revision === 201, 1_000)
    expect(cluster.replica(3).metrics().snapshotsInstalled).toBeGreaterThan(0)
    expect(cluster.replica(3).stateHash).toBe(cluster.replica(1).stateHash)
  })
})

describe('the snapshots of a member', () => {
  const confState = { voters: [1], learners: [2], votersOutgoing: [], learnersNext: [], autoLeave: false }

  /** One whose state takes three steps to save. */
  function member() {
    const state = {
      position: { confState, index: 10, term: 1 } as SnapshotMetadata | null,
      firstIndex: 1,
      begun: 0,
      abandoned: 0,
    }
    const made: number[] = []
    const snapshots = new Snapshots(
      {
        position: () => state.position,
        write: () => {
          state.begun += 1
          let steps = 0
          return {
            step: () => {
              steps += 1
              return steps === 3 ? new Uint8Array(1) : null
            },
            abandon: () => {
              state.abandoned += 1
            },
          }
        },
        firstIndex: () => state.firstIndex,
      },
      { stepChanges: 1, keptTicks: 5 },
      ({ metadata }) => made.push(metadata.index),
    )
    const asked = () => {
      try {
        return snapshots.forFollower().metadata.index
      } catch (error) {
        if (error instanceof StorageError) return error.code
        throw error
      }
    }
    return { state, made, snapshots, asked }
  }

  test('are made when a follower needs one, as of when that was', () => {
    const { state, made, snapshots, asked } = member()
    expect(asked()).toBe('SNAPSHOT_UNAVAILABLE')
    state.position = { confState, index: 20, term: 1 }
    expect(asked()).toBe('SNAPSHOT_UNAVAILABLE')
    snapshots.tick()
    snapshots.tick()
    expect(made).toEqual([10])
    expect(asked()).toBe(10)
  })

  test('are not given to followers if the log no longer reaches back to them', () => {
    const { state, snapshots, asked } = member()
    asked()
    for (let i = 0; i < 2; i += 1) snapshots.tick()
    state.firstIndex = 11
    expect(asked()).toBe(10)
    state.firstIndex = 12
    expect(asked()).toBe('SNAPSHOT_UNAVAILABLE')
    expect(state.begun).toBe(2)
  })

  test('are not given to followers if a member has come since, which would refuse it', () => {
    const { state, snapshots, asked } = member()
    asked()
    for (let i = 0; i < 2; i += 1) snapshots.tick()
    state.position = { confState: { ...confState, learners: [2, 3] }, index: 11, term: 1 }
    expect(asked()).toBe('SNAPSHOT_UNAVAILABLE')
    state.position = { confState: { ...confState, learners: [] }, index: 12, term: 1 }
    expect(asked()).toBe(10)
  })

  test('stay in memory only as long as followers ask for them', () => {
    const { snapshots, asked } = member()
    asked()
    for (let i = 0; i < 2; i += 1) snapshots.tick()
    for (let i = 0; i < 5; i += 1) snapshots.tick()
    expect(asked()).toBe(10)
    for (let i = 0; i < 6; i += 1) snapshots.tick()
    expect(asked()).toBe('SNAPSHOT_UNAVAILABLE')
  })

  test('are not begun while there is no state to make one of, and not gone on with when it is replaced', () => {
    const { state, snapshots, asked } = member()
    asked()
    snapshots.abandon()
    expect(state.abandoned).toBe(1)
    state.position = null
    expect(asked()).toBe('SNAPSHOT_UNAVAILABLE')
    expect(state.begun).toBe(1)
  })
})
