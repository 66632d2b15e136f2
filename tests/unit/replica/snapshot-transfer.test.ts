import { describe, expect, test } from 'vitest'
import { newMessage } from '../../../src/raft/message.ts'
import type { MemberId, Message, Snapshot, Term } from '../../../src/raft/types.ts'
import { SnapshotReceiver } from '../../../src/replica/snapshot-receiver.ts'
import { SnapshotSender, snapshotsHeldMax } from '../../../src/replica/snapshot-sender.ts'
import type { SnapshotAck, SnapshotChunk } from '../../../src/replica/types.ts'
import { Store } from '../../../src/store/store.ts'
import { put } from '../../sim/clients/requests.ts'
import { Random } from '../../sim/random.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

describe('between the members of a cluster', () => {
  const options = {
    compactionBytesMin: 20_000,
    compactionTrailingEntries: 0,
    snapshotChunkBytes: 1_000,
    snapshotWindowBytes: 4_000,
    snapshotRetryTicks: 5,
  }

  /** Three members, of which the third was away for so long that it needs a snapshot of some 200 KB. */
  function cluster(): TestCluster {
    const cluster = TestCluster.of(3, options)
    cluster.stop(3)
    for (let seq = 1; seq <= 100; seq += 1) cluster.write(1, client, seq, put(`k${seq}`, `${seq % 10}`.repeat(2_500)))
    return cluster
  }

  function sentBytes(cluster: TestCluster): number {
    const sizes = cluster.sent.map(({ message }) => (message.kind === 'snapshotChunk' ? message.chunk.data.length : 0))
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  function wholeBytes(cluster: TestCluster): number {
    return Math.max(...cluster.sent.map(({ message }) => (message.kind === 'snapshotChunk' ? message.chunk.bytes : 0)))
  }

  function hasAll(cluster: TestCluster): boolean {
    return cluster.replica(3).status().revision === 101
  }

  for (const cuts of [0, 1, 5, 20]) {
    test(`one that is cut ${cuts} times moves each byte about once`, () => {
      const torn = cluster()
      torn.sent.length = 0
      let left = cuts
      let bytes = 0
      let isDead = false
      torn.drop = ({ from, to, message }) => {
        if (message.kind === 'snapshotChunk') bytes += message.chunk.data.length
        // With what was on its way the link is gone, for both.
        if (left > 0 && bytes > 4_000) isDead = true
        return isDead && (from === 3 || to === 3)
      }
      torn.restart(3)
      while (left > 0) {
        torn.until('the link is gone', () => isDead)
        torn.cut(1, 3)
        torn.tick()
        left -= 1
        bytes = 0
        isDead = false
        torn.heal()
      }
      torn.until('it has caught up', () => hasAll(torn))
      expect(torn.replica(3).metrics().snapshotsInstalled).toBe(1)
      expect(torn.replica(3).stateHash).toBe(torn.replica(1).stateHash)
      expect(wholeBytes(torn)).toBeGreaterThan(100_000)
      expect(sentBytes(torn)).toBeLessThanOrEqual(wholeBytes(torn) + cuts * options.snapshotWindowBytes)
    })
  }

  test('one of which a third of the parts are lost arrives', () => {
    const lossy = cluster()
    const random = new Random(1)
    lossy.drop = ({ message }) => message.kind === 'snapshotChunk' && random.chance(1 / 3)
    lossy.restart(3)
    lossy.until('it has caught up', () => hasAll(lossy), 1_000)
    expect(lossy.replica(3).stateHash).toBe(lossy.replica(1).stateHash)
  })

  test('one of which a third of the answers are lost arrives', () => {
    const lossy = cluster()
    const random = new Random(2)
    lossy.drop = ({ message }) => message.kind === 'snapshotAck' && random.chance(1 / 3)
    lossy.restart(3)
    lossy.until('it has caught up', () => hasAll(lossy), 1_000)
    expect(lossy.replica(3).stateHash).toBe(lossy.replica(1).stateHash)
  })

  test('what is written meanwhile follows from the log, however much the log is compacted', () => {
    const busy = cluster()
    let isHeld = true
    busy.drop = ({ message }) => message.kind === 'snapshotChunk' && isHeld
    busy.restart(3)
    const made = busy.replica(1).metrics().snapshotsMade
    for (let seq = 101; seq <= 220; seq += 1) busy.write(1, client, seq, put(`k${seq % 100}`, 'y'.repeat(2_500)))
    expect(busy.replica(1).metrics().snapshotsMade).toBeGreaterThan(made)
    isHeld = false
    busy.until('it has caught up', () => busy.replica(3).status().revision === 221)
    expect(busy.replica(3).metrics().snapshotsInstalled).toBe(1)
  })
})

/** A store's, as only those end with their checksum; different for different lengths. */
function snapshotOf(length: number, index = 10, voters: readonly MemberId[] = [1, 2, 3, 4, 5, 6]): Snapshot {
  const store = new Store()
  store.apply({ clientId: client, seq: 1, acked: 0, request: put('k', 'x'.repeat(length)) })
  const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
  return { metadata: { confState, index, term: 1 }, data: store.snapshot() }
}

describe('who sends one', () => {
  const options = { snapshotChunkBytes: 100, snapshotWindowBytes: 300, snapshotRetryTicks: 3, snapshotTicksMax: 10 }

  function sender() {
    const sent: { to: MemberId; chunk: SnapshotChunk }[] = []
    const reports: string[] = []
    const progress = new Map<MemberId, { state: string; match: number; pendingSnapshot: number }>()
    const raft = {
      reportSnapshot: (member: MemberId, how: string) => {
        reports.push(`${member} ${how}`)
        progress.delete(member)
      },
      status: () => ({ progress }),
    }
    const port = { raft, send: (to: MemberId, chunk: SnapshotChunk) => sent.push({ to, chunk }) }
    // Only these two of what raft can do are asked of it.
    const sender = new SnapshotSender(port as unknown as ConstructorParameters<typeof SnapshotSender>[0], options)
    const begin = (to: MemberId, snapshot: Snapshot) => {
      progress.set(to, { state: 'snapshot', match: 0, pendingSnapshot: snapshot.metadata.index })
      const message: Message = { ...newMessage('MsgSnap', to, 1, 3), snapshot }
      sender.begin(message)
    }
    const answer = (from: MemberId, offset: number, verdict: SnapshotAck['verdict'] = 'more') => {
      const chunk = sent.findLast(({ to }) => to === from)?.chunk
      if (chunk === undefined) throw new Error(`${from} was sent nothing`)
      const { metadata, checksum, round } = chunk
      const name = { index: metadata.index, term: metadata.term, checksum }
      sender.acknowledged(from, { name, verdict, offset, round })
    }
    const taken = () => sent.splice(0).map(({ chunk }) => [chunk.offset, chunk.offset + chunk.data.length])
    return { sender, begin, answer, taken, sent, reports, progress }
  }

  test('has a window of it on the way, and no more', () => {
    const { begin, answer, taken, sent } = sender()
    begin(2, snapshotOf(1_000))
    const [first] = sent
    expect(taken()).toEqual([
      [0, 100],
      [100, 200],
      [200, 300],
    ])
    sent.push(...(first === undefined ? [] : [first]))
    answer(2, 150)
    taken()
    sent.push(...(first === undefined ? [] : [first]))
    answer(2, 300)
    expect(taken().slice(1).at(-1)?.[1]).toBeLessThanOrEqual(600)
  })

  test('goes on from what the other says it has, even at the first word', () => {
    const { begin, answer, taken, sent } = sender()
    begin(2, snapshotOf(1_000))
    sent.splice(1)
    answer(2, 700)
    expect(taken()[1]).toEqual([700, 800])
  })

  test('asks when the link comes back, and sends nothing before it knows', () => {
    const { sender: one, begin, answer, taken } = sender()
    begin(2, snapshotOf(1_000))
    one.down(2)
    answer(2, 100)
    taken()
    one.up(2)
    expect(taken()).toEqual([[100, 100]])
    one.up(2)
    answer(2, 300)
    expect(taken().slice(1)[0]).toEqual([300, 400])
  })

  test('asks who says nothing, and gives up who gets no further', () => {
    const { sender: one, begin, taken, reports } = sender()
    begin(2, snapshotOf(1_000))
    taken()
    for (let tick = 0; tick < 10; tick += 1) one.tick()
    expect(taken()).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ])
    expect(reports).toEqual([])
    one.tick()
    expect(reports).toEqual(['2 failure'])
    expect(one.held).toBe(0)
  })

  test('tells raft how it went', () => {
    const { begin, answer, reports } = sender()
    begin(2, snapshotOf(1_000))
    answer(2, 0, 'done')
    begin(3, snapshotOf(1_000))
    answer(3, 0, 'refused')
    expect(reports).toEqual(['2 finish', '3 failure'])
  })

  test('keeps one snapshot for any number of followers, and few different ones', () => {
    const { sender: one, begin, reports } = sender()
    const same = snapshotOf(1_000)
    for (const to of [2, 3, 4]) begin(to, same)
    expect(one.held).toBe(1)
    begin(5, snapshotOf(2_000, 11))
    begin(6, snapshotOf(3_000, 12))
    expect(one.held).toBe(snapshotsHeldMax)
    expect(reports).toEqual(['6 failure'])
    // Whose link is down makes room.
    one.down(5)
    begin(6, snapshotOf(3_000, 12))
    expect(reports).toEqual(['6 failure', '5 failure'])
    expect(one.held).toBe(snapshotsHeldMax)
  })
})

describe('who is sent one', () => {
  function receiver(member: MemberId = 2) {
    const raft = { commit: 0, term: 1 }
    const acks: SnapshotAck[] = []
    const staged: (() => void)[] = []
    const stepped: { from: MemberId; term: Term; data: Uint8Array }[] = []
    const receiver = new SnapshotReceiver(
      {
        member,
        raft,
        acknowledge: (_to, ack) => acks.push(ack),
        stage: (_snapshot, then) => staged.push(then),
        step: (from, term, { data, metadata }) => {
          stepped.push({ from, term, data })
          if (term >= raft.term) raft.commit = metadata.index
        },
      },
      { snapshotBytesMax: 100_000, snapshotTicksMax: 5 },
    )
    const take = (snapshot: Snapshot, [start, end]: readonly [number, number], { from = 1, term = 1 } = {}) => {
      const { metadata, data } = snapshot
      const checksum = new DataView(data.buffer, data.byteOffset + data.length - 4, 4).getUint32(0, true)
      const part = data.subarray(start, end)
      receiver.take(from, { term, metadata, checksum, bytes: data.length, offset: start, data: part, round: 1 })
      receiver.flush()
      return acks.at(-1)
    }
    return { receiver, raft, acks, staged, stepped, take }
  }

  test('puts it together, has it written down, and then gives it to raft', () => {
    const { take, staged, stepped, receiver: one, acks } = receiver()
    const snapshot = snapshotOf(500)
    expect(take(snapshot, [0, 300])).toMatchObject({ verdict: 'more', offset: 300 })
    expect(staged).toHaveLength(0)
    expect(take(snapshot, [300, 10_000])).toMatchObject({ verdict: 'more', offset: snapshot.data.length })
    expect(stepped).toHaveLength(0)
    staged[0]?.()
    one.flush()
    expect(stepped).toMatchObject([{ from: 1, term: 1 }])
    expect(Buffer.compare(stepped[0]?.data ?? new Uint8Array(), snapshot.data)).toBe(0)
    expect(acks.at(-1)).toMatchObject({ verdict: 'done' })
    expect(one.bytes).toBe(0)
  })

  test('takes no part twice and none ahead of its place', () => {
    const { take } = receiver()
    const snapshot = snapshotOf(500)
    take(snapshot, [0, 100])
    expect(take(snapshot, [0, 100])).toMatchObject({ offset: 100 })
    expect(take(snapshot, [200, 300])).toMatchObject({ offset: 100 })
    expect(take(snapshot, [100, 200])).toMatchObject({ offset: 200 })
  })

  test('goes on with the same one from another leader, wherever it had got to', () => {
    const { take, raft, staged, stepped, receiver: one } = receiver()
    const snapshot = snapshotOf(500)
    take(snapshot, [0, 400])
    raft.term = 2
    expect(take(snapshot, [0, 0], { from: 3, term: 2 })).toMatchObject({ verdict: 'more', offset: 400 })
    take(snapshot, [400, 10_000], { from: 3, term: 2 })
    // Its leader is one no longer when it is written down: raft does not take it, and it is kept for the next.
    raft.term = 4
    staged[0]?.()
    one.flush()
    expect(raft.commit).toBe(0)
    expect(take(snapshot, [0, 0], { from: 5, term: 4 })).toMatchObject({ verdict: 'done' })
    expect(stepped.map(({ from }) => from)).toEqual([3, 5])
  })

  test('lets go of it for a newer one, or for that of a newer leader, and for no older', () => {
    const { take, receiver: one } = receiver()
    const [older, newer] = [snapshotOf(500, 10), snapshotOf(900, 20)]
    take(older, [0, 400])
    expect(take(newer, [0, 100])).toMatchObject({ offset: 100 })
    expect(one.bytes).toBe(newer.data.length)
    take(older, [400, 450])
    expect(one.bytes).toBe(newer.data.length)
    expect(take(older, [0, 50], { from: 3, term: 2 })).toMatchObject({ offset: 50 })
    expect(one.bytes).toBe(older.data.length)
  })

  test('takes no newer one while one is written down, which may take longer than the next takes to come', () => {
    const { take, raft, staged, stepped, receiver: one, acks } = receiver()
    const [older, newer] = [snapshotOf(500, 10), snapshotOf(900, 20)]
    take(older, [0, 10_000])
    raft.term = 2
    expect(take(newer, [0, 100], { from: 3, term: 2 })).toMatchObject({ verdict: 'more', offset: 0 })
    expect(one.bytes).toBe(older.data.length)
    staged[0]?.()
    one.flush()
    expect(stepped).toMatchObject([{ from: 3, term: 2 }])
    expect(acks.at(-1)).toMatchObject({ name: { index: 10 }, verdict: 'done' })
    expect(take(newer, [0, 100], { from: 3, term: 2 })).toMatchObject({ verdict: 'more', offset: 100 })
  })

  test('refuses one that was damaged on the way, that is too large, or that it is no member of', () => {
    const { take, receiver: one, staged } = receiver()
    const good = snapshotOf(500)
    const damaged = { ...good, data: good.data.map((byte, at) => (at === 200 ? byte ^ 1 : byte)) }
    expect(take(damaged, [0, 10_000])).toMatchObject({ verdict: 'refused' })
    expect(take(snapshotOf(200_000), [0, 100])).toMatchObject({ verdict: 'refused' })
    expect(take(snapshotOf(500, 10, [1, 3]), [0, 100])).toMatchObject({ verdict: 'refused' })
    expect(staged).toHaveLength(0)
    expect(one.bytes).toBe(0)
    expect(take(good, [0, 100])).toMatchObject({ verdict: 'more', offset: 100 })
  })

  test('is done with what it has already, and lets go of what nobody goes on with', () => {
    const { take, raft, receiver: one } = receiver()
    take(snapshotOf(500), [0, 100])
    for (let tick = 0; tick < 6; tick += 1) one.tick()
    expect(one.bytes).toBe(0)
    raft.commit = 10
    expect(take(snapshotOf(500), [0, 100])).toMatchObject({ verdict: 'done' })
    expect(one.bytes).toBe(0)
  })

  test('hears no leader of an earlier term', () => {
    const { take, raft, acks } = receiver()
    raft.term = 3
    take(snapshotOf(500), [0, 100], { term: 2 })
    expect(acks).toEqual([])
  })
})
