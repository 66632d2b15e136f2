import { describe, expect, test } from 'vitest'
import { StorageError } from '../../../src/raft/storage.ts'
import type { Message } from '../../../src/raft/types.ts'
import { Network } from './network.ts'

/** Ten entries that member 3 missed and that its leader no longer has. */
function behind(config = {}): Network {
  const net = new Network({ voters: [1, 2, 3], config })
  net.campaign(1)
  net.isolate(3)
  for (let i = 0; i < 10; i++) net.propose(1, `${i}`)
  net.peer(1).storage.compact(net.peer(1).appliedIndex)
  net.heal()
  return net
}

function snapshotSent(net: Network): Message {
  const message = net.sent.findLast(({ type }) => type === 'MsgSnap')
  if (message === undefined) throw new Error('no snapshot was sent')
  return message
}

const everything = Array.from({ length: 10 }, (_, i) => `${i}`)

describe.each([false, true])('snapshots (paper 7), asyncStorageWrites %s', asyncStorageWrites => {
  const config = { asyncStorageWrites }

  test('a follower whose next entry is compacted away gets the state instead, then the log', () => {
    const net = behind(config)
    net.tick(2)
    expect(net.sent.filter(({ type }) => type === 'MsgSnap')).toHaveLength(1)
    net.expectApplied(everything)
    net.propose(1, 'after')
    net.expectApplied([...everything, 'after'])
    expect(net.node(1).status().progress.get(3)?.state).toBe('replicate')
  })

  test('a stranger is brought in by a snapshot, and takes its configuration from it', () => {
    const net = behind(config)
    net.addStranger(4)
    net.change(1, [{ type: 'addLearner', member: 4 }])
    net.tick(2)
    expect(net.peer(4).confState).toMatchObject({ voters: [1, 2, 3], learners: [4] })
    net.expectApplied(everything)
  })

  test('nothing else is sent to a follower while a snapshot is under way to it', () => {
    const net = behind(config)
    net.ignore('MsgSnap')
    net.tick(5)
    net.propose(1, 'a')
    expect(net.sent.filter(({ type }) => type === 'MsgSnap')).toHaveLength(1)
    expect(net.node(1).status().progress.get(3)).toMatchObject({ state: 'snapshot', paused: true })
    // Told that it failed, the leader tries again.
    net.heal()
    net.node(1).reportSnapshot(3, 'failure')
    net.tick(3)
    net.expectApplied([...everything, 'a'])
  })

  test('a reported success resumes with probing, from where the snapshot ends', () => {
    const net = behind(config)
    net.ignore('MsgSnap')
    net.tick(2)
    net.node(1).reportSnapshot(3, 'finish')
    expect(net.node(1).status().progress.get(3)).toMatchObject({ state: 'probe', next: 13, paused: true })
    // It was wrong: the probe is refused, and another snapshot goes out.
    net.heal()
    net.tick(3)
    net.expectApplied(everything)
    expect(net.node(1).status().progress.get(3)?.state).toBe('replicate')
  })

  test('while no snapshot can be had, the leader waits and tries again', () => {
    const net = behind(config)
    const { storage } = net.peer(1)
    const make = storage.snapshot.bind(storage)
    storage.snapshot = () => {
      throw new StorageError('SNAPSHOT_UNAVAILABLE', 'being made')
    }
    net.tick(3)
    net.expectApplied([], 3)
    storage.snapshot = make
    net.tick(2)
    net.expectApplied(everything)
  })

  test('a member does not campaign between receiving a snapshot and having it on disk', () => {
    const net = behind({ ...config, asyncStorageWrites: true })
    net.ignore('MsgSnap')
    net.tick(2)
    net.heal()
    net.peer(3).diskHeld = true
    net.peer(3).receive(snapshotSent(net))
    net.campaign(3)
    expect(net.node(3).role).toBe('follower')
    net.peer(3).diskHeld = false
    net.settle()
    net.expectApplied(everything)
  })

  test('a snapshot of what a member already has only moves its commit index', () => {
    const net = behind(config)
    net.tick(2)
    net.propose(1, 'newer')
    net.peer(3).receive(snapshotSent(net))
    net.settle()
    net.expectApplied([...everything, 'newer'])
  })

  test('a snapshot for a configuration without the member is not taken', () => {
    const net = behind(config)
    net.tick(2)
    const stranger = net.addStranger(9)
    stranger.receive({ ...snapshotSent(net), to: 9 })
    net.settle()
    expect(stranger.applied).toEqual([])
  })

  test('a member restarts from its snapshot and the log after it', () => {
    const net = behind(config)
    net.tick(2)
    net.propose(1, 'after')
    net.peer(3).restart()
    net.settle()
    net.propose(1, 'later')
    net.expectApplied([...everything, 'after', 'later'])
  })
})

test('a membership change that is applied after a later snapshot arrived does not undo the snapshot’s configuration', () => {
  const net = new Network({ voters: [1, 2, 3], config: { asyncStorageWrites: true } })
  net.campaign(1)
  net.addStranger(4)
  net.peer(3).applyHeld = true
  net.change(1, [{ type: 'addLearner', member: 4 }])
  expect(net.peer(3).applyQueue).toHaveLength(1)
  net.isolate(3)
  net.change(1, [{ type: 'removeMember', member: 4 }])
  net.peer(1).storage.compact(net.peer(1).appliedIndex)
  net.heal()
  net.ignore('MsgSnap')
  net.tick(2)
  net.heal()
  net.peer(3).diskHeld = true
  net.peer(3).receive(snapshotSent(net))
  net.settle()
  net.peer(3).applyHeld = false
  net.settle()
  expect(net.node(3).status().config.learners).toEqual([])
  net.peer(3).diskHeld = false
  net.settle()
  expect(net.node(3).status().config.learners).toEqual([])
  net.propose(1, 'a')
  net.expectApplied(['a'], 1, 2, 3)
})
