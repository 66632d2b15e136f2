import { describe, expect, test } from 'vitest'
import { PendingReads, pendingReadsMax } from '../../../src/replica/reads.ts'
import type { PeerMessage } from '../../../src/replica/types.ts'
import { oneKey, put, range, text, watch } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

function read(cluster: TestCluster, member: number, serializable = false): number {
  return cluster.request(member, { kind: 'read', request: range(oneKey('a')), serializable })
}

/** The value read; '' if there is none, null while there is no answer. */
function answer(cluster: TestCluster, id: number): string | null {
  const response = cluster.responses.get(id)
  if (response === undefined) return null
  if (!response.ok || response.response.op !== 'range') throw new Error('a read failed')
  const [kv] = response.response.kvs
  return kv === undefined ? '' : text(kv.value)
}

describe('linearizable', () => {
  test('a read at any member sees what was acknowledged by any other', () => {
    const cluster = TestCluster.of(3)
    cluster.write(2, client, 1, put('a', 'new'))
    expect([1, 2, 3].map(member => answer(cluster, read(cluster, member)))).toEqual(['new', 'new', 'new'])
  })

  test('a member that is behind waits until it has caught up', () => {
    const cluster = TestCluster.of(3)
    cluster.drop = ({ to, message }) => to === 3 && message.kind === 'raft' && message.message.type === 'MsgApp'
    cluster.write(2, client, 1, put('a', 'new'))
    const id = read(cluster, 3)
    expect(answer(cluster, id)).toBe(null)
    cluster.drop = () => false
    cluster.until('it is answered', () => answer(cluster, id) !== null)
    expect(answer(cluster, id)).toBe('new')
  })

  test('a leader that was cut off does not answer from what it has; back again, it answers with what is new', () => {
    const cluster = TestCluster.of(3)
    cluster.write(2, client, 1, put('a', 'old'))
    cluster.isolate(1)
    const id = read(cluster, 1)
    cluster.until(
      'the others have a leader',
      () => cluster.replica(2).status().leader === cluster.replica(3).status().leader,
    )
    cluster.until('it leads', () => cluster.replica(2).status().leader > 1)
    cluster.write(2, client, 2, put('a', 'new'))
    cluster.tick(100)
    expect(answer(cluster, id)).toBe(null)
    cluster.heal()
    cluster.until('it is answered', () => answer(cluster, id) !== null)
    expect(answer(cluster, id)).toBe('new')
  })

  test('no more wait without a quorum than are allowed to; one that is given up makes room, and local ones need none', () => {
    const cluster = TestCluster.of(3)
    cluster.isolate(2)
    const request = { kind: 'read', request: range(oneKey('a')), serializable: false } as const
    const reads = Array.from(
      { length: pendingReadsMax },
      (_, at) => ({ kind: 'request', id: -1 - at, request }) as const,
    )
    expect(
      cluster
        .replica(2)
        .handle(reads)
        .filter(({ kind }) => kind === 'respond'),
    ).toEqual([])
    const refused = read(cluster, 2)
    expect(cluster.responses.get(refused)).toMatchObject({ ok: false, code: 'UNAVAILABLE', outcome: 'definite' })
    expect(answer(cluster, read(cluster, 2, true))).toBe('')
    cluster.input(2, { kind: 'cancel', id: -1 })
    const waits = read(cluster, 2)
    expect(answer(cluster, waits)).toBe(null)
    cluster.heal()
    cluster.until('it is answered', () => answer(cluster, waits) !== null)
  })

  test('a question or answer that is lost is asked again', () => {
    const cluster = TestCluster.of(3)
    cluster.drop = ({ message }) => message.kind === 'raft' && message.message.type === 'MsgReadIndexResp'
    const id = read(cluster, 2)
    cluster.drop = () => false
    expect(answer(cluster, id)).toBe(null)
    cluster.tick(cluster.options.retryTicks + 1)
    expect(answer(cluster, id)).toBe('')
  })

  test('an answer that may have been lost on its way through the tab of a member that went out of reach is asked for at once', () => {
    const cluster = TestCluster.of(3)
    cluster.drop = ({ message }) => message.kind === 'raft' && message.message.type === 'MsgReadIndexResp'
    const id = read(cluster, 2)
    cluster.drop = () => false
    cluster.input(2, { kind: 'peerDown', member: 3 })
    expect(answer(cluster, id)).toBe('')
  })

  test('a member that was frozen serves nothing on what it believed before', () => {
    const cluster = TestCluster.of(3)
    cluster.input(1, { kind: 'resume' })
    const status = cluster.replica(1).status()
    expect(status.role).not.toBe('leader')
    const id = read(cluster, 1)
    cluster.until('it is answered', () => answer(cluster, id) !== null)
  })

  test('who no longer waits is not answered', () => {
    const cluster = TestCluster.of(3)
    cluster.isolate(2)
    const id = read(cluster, 2)
    cluster.input(2, { kind: 'cancel', id })
    cluster.heal()
    cluster.tick(100)
    expect(answer(cluster, id)).toBe(null)
  })
})

describe('from the local state', () => {
  test('a read is answered without a quorum', () => {
    const cluster = TestCluster.of(3)
    cluster.write(2, client, 1, put('a', 'here'))
    cluster.isolate(3)
    expect(answer(cluster, read(cluster, 3, true))).toBe('here')
  })

  test('a member that has been given no state yet answers once it has one', () => {
    const cluster = TestCluster.of(1)
    cluster.write(1, client, 1, put('a', 'there'))
    cluster.drop = ({ message }) => message.kind === 'join'
    cluster.join(2)
    const [id, watchId] = [read(cluster, 2, true), cluster.request(2, { kind: 'watch', request: watch(oneKey('a')) })]
    expect([answer(cluster, id), cluster.notifications.get(watchId)]).toEqual([null, undefined])
    cluster.drop = () => false
    cluster.until('it is answered', () => answer(cluster, id) !== null)
    expect(answer(cluster, id)).toBe('there')
    cluster.write(1, client, 2, put('a', 'next'))
    cluster.tick(2)
    expect(cluster.notifications.get(watchId)?.map(({ kind }) => kind)).toEqual(['created', 'events'])
  })
})

describe('rounds of confirmation', () => {
  const pending = (id: number) => ({ id, request: range(oneKey('a')) })

  test('reads that arrive while a round is under way form the next one', () => {
    const reads = new PendingReads(1, () => 0.5)
    reads.add(pending(1))
    const first = reads.begin()
    reads.add(pending(2))
    expect(reads.begin()).toBe(null)
    reads.confirm(first ?? new Uint8Array(), 5)
    expect(reads.takeServable(5).map(({ id }) => id)).toEqual([1])
    expect(reads.begin()).not.toBe(null)
  })

  test('a late answer to a round that was given up is not taken for the new one', () => {
    const reads = new PendingReads(1, () => 0.5)
    reads.add(pending(1))
    const first = reads.begin()
    reads.restart()
    reads.add(pending(2))
    const second = reads.begin()
    reads.confirm(first ?? new Uint8Array(), 5)
    expect(reads.takeServable(100)).toEqual([])
    reads.confirm(second ?? new Uint8Array(), 7)
    expect(reads.takeServable(6)).toEqual([])
    expect(reads.takeServable(7).map(({ id }) => id)).toEqual([1, 2])
  })

  test('an answer to a round before a restart is not taken for one of this life', () => {
    const cluster = TestCluster.of(3)
    cluster.write(1, client, 1, put('a', 'old'))
    let late: PeerMessage | null = null
    cluster.drop = ({ to, message }) => {
      if (to !== 2 || message.kind !== 'raft') return false
      if (message.message.type === 'MsgReadIndexResp') late ??= message
      return message.message.type === 'MsgReadIndexResp' || message.message.type === 'MsgApp'
    }
    read(cluster, 2)
    cluster.stop(2)
    cluster.write(1, client, 2, put('a', 'new'))
    cluster.restart(2)
    cluster.until('it hears the leader', () => cluster.replica(2).status().leader === 1)
    const id = read(cluster, 2)
    if (late === null) throw new Error('it was not answered')
    cluster.input(2, { kind: 'message', viewer: false, from: 1, message: late })
    expect(answer(cluster, id)).toBe(null)
  })
})
