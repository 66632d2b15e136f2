import { expect, test } from 'vitest'
import type { PeerMessage } from '../../../src/replica/types.ts'
import { prefixed, put, range, text } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

/** The revision a write was answered with, or the error's code, or null while it is not answered. */
function answer(cluster: TestCluster, id: number): number | string | null {
  const response = cluster.responses.get(id)
  if (response === undefined) return null
  return response.ok ? response.response.header.revision : response.code
}

/** Keys and values as one member has them. */
function state(cluster: TestCluster, member: number): string[] {
  const id = cluster.request(member, { kind: 'read', request: range(prefixed('')), serializable: true })
  const response = cluster.responses.get(id)
  if (response?.ok !== true || response.response.op !== 'range') throw new Error('the local state was not read')
  return response.response.kvs.map(({ key, value, version }) => `${text(key)}=${text(value)} v${version}`)
}

function isProposal(message: PeerMessage): boolean {
  return message.kind === 'raft' && message.message.type === 'MsgProp'
}

test('a follower passes a write on, and answers it when it has applied it itself', () => {
  const cluster = TestCluster.of(3)
  const id = cluster.write(2, client, 1, put('a', '1'))
  expect(answer(cluster, id)).toBe(2)
  expect(state(cluster, 2)).toEqual(['a=1 v1'])
})

test('a follower that has not heard of the commit does not answer yet', () => {
  const cluster = TestCluster.of(3)
  cluster.drop = ({ to, message }) => to === 2 && message.kind === 'raft'
  const id = cluster.write(2, client, 1, put('a', '1'))
  expect(state(cluster, 1)).toEqual(['a=1 v1'])
  expect(answer(cluster, id)).toBe(null)
})

test('the writes of one client are applied in their order, each at a revision of its own', () => {
  const cluster = TestCluster.of(3)
  const ids = [1, 2, 3].map(seq => cluster.write(2, client, seq, put('a', String(seq))))
  expect(ids.map(id => answer(cluster, id))).toEqual([2, 3, 4])
  expect(state(cluster, 3)).toEqual(['a=3 v3'])
})

test('a proposal lost on its way to the leader is sent again after a while', () => {
  const cluster = TestCluster.of(3)
  cluster.drop = ({ message }) => isProposal(message)
  const id = cluster.write(2, client, 1, put('a', '1'))
  cluster.drop = () => false
  cluster.tick(cluster.options.retryTicks - 1)
  expect(answer(cluster, id)).toBe(null)
  cluster.tick(2)
  expect(answer(cluster, id)).toBe(2)
})

test('when a member goes out of reach, what may have been lost on its way through that tab is sent again with the next tick', () => {
  const cluster = TestCluster.of(3)
  cluster.drop = ({ message }) => isProposal(message)
  const id = cluster.write(2, client, 1, put('a', '1'))
  cluster.drop = () => false
  cluster.input(2, { kind: 'peerDown', member: 3 })
  expect(answer(cluster, id)).toBe(null)
  cluster.tick()
  expect(answer(cluster, id)).toBe(2)
})

test('a lost proposal is sent again in its time, however many others are sent meanwhile', () => {
  const cluster = TestCluster.of(3)
  cluster.drop = ({ message }) => isProposal(message)
  const id = cluster.write(2, client, 1, put('a', '1'))
  cluster.drop = () => false
  const half = Math.ceil(cluster.options.retryTicks / 2)
  for (let seq = 1; seq <= 3; seq += 1) {
    cluster.tick(half)
    cluster.write(2, 'd'.repeat(32), seq, put('b', String(seq)))
  }
  expect(answer(cluster, id)).not.toBe(null)
})

test('where nobody confirms anything, a leader does not take in again what is in its log', () => {
  const isAnswerToAppend = (message: PeerMessage) => message.kind === 'raft' && message.message.type === 'MsgAppResp'
  const cluster = TestCluster.of(3)
  const { leader } = cluster
  cluster.drop = ({ message }) => isAnswerToAppend(message)
  const id = cluster.write(leader, client, 1, put('a', '1'))
  cluster.tick(4 * cluster.options.retryTicks)
  expect([answer(cluster, id), cluster.replica(leader).metrics().proposalsFailed]).toEqual([null, 0])
  cluster.drop = () => false
  cluster.until('it is answered', () => answer(cluster, id) !== null)
  expect(cluster.replica(leader).metrics().proposalsFailed).toBe(0)
})

test('a write that arrives before its lost predecessor waits for it: both happen, once and in order', () => {
  const cluster = TestCluster.of(3)
  cluster.drop = ({ message }) => isProposal(message)
  const first = cluster.write(2, client, 1, put('a', '1'))
  cluster.drop = () => false
  const second = cluster.write(2, client, 2, put('a', '2'))
  expect(answer(cluster, second)).toBe(null)
  // The refused one tells of the gap, so there is no waiting for the whole silence.
  cluster.tick(2)
  expect([first, second].map(id => answer(cluster, id))).toEqual([2, 3])
  expect(state(cluster, 1)).toEqual(['a=2 v2'])
})

test('a repeated write has the result of the first time and no further effect', () => {
  const cluster = TestCluster.of(3)
  cluster.write(2, client, 1, put('a', '1'))
  cluster.stop(2)
  cluster.restart(2)
  cluster.tick(2)
  const again = cluster.write(2, client, 1, put('a', '1'))
  cluster.tick()
  expect(answer(cluster, again)).toBe(2)
  expect(state(cluster, 2)).toEqual(['a=1 v1'])
})

test('a member started again does not take an old gap in its log for one that will stay', () => {
  const cluster = TestCluster.of(3)
  // The second write reaches the log before the first, is refused there, and then both follow in order.
  cluster.drop = ({ message }) => isProposal(message)
  const first = cluster.write(2, client, 1, put('a', '1'))
  cluster.drop = () => false
  cluster.write(2, client, 2, put('a', '2'))
  cluster.tick(2)
  expect(answer(cluster, first)).toBe(2)
  // Its client got the first result only, and asks for the second again while the log is still being applied anew.
  cluster.stop(2)
  const second = cluster.restartWith(2, { clientId: client, seq: 2, acked: 1, request: put('a', '2') })
  cluster.tick()
  expect(answer(cluster, second)).toBe(3)
})

test('a number that the client left out is a definite error', () => {
  const cluster = TestCluster.of(1)
  const id = cluster.write(1, client, 2, put('a', '2'))
  expect(cluster.responses.get(id)).toMatchObject({ ok: false, code: 'GAP', outcome: 'definite' })
})

test('what was under way when the leader went is proposed to the next one', () => {
  const cluster = TestCluster.of(3)
  cluster.drop = ({ message }) => isProposal(message)
  const id = cluster.write(2, client, 1, put('a', '1'))
  cluster.drop = () => false
  cluster.stop(1)
  cluster.until('a new leader', () => [2, 3].includes(cluster.leader))
  cluster.tick()
  expect(answer(cluster, id)).toBe(2)
})

test('a member whose writes come back to it in a snapshot answers them from the results that came along', () => {
  const cluster = TestCluster.of(3, { compactionBytesMin: 200, compactionTrailingEntries: 0 })
  // Member 2 can be heard, and hears nothing.
  cluster.drop = ({ to, message }) => to === 2 && message.kind === 'raft'
  const ids = [1, 2].map(seq => cluster.write(2, client, seq, put(`k${seq}`, 'mine')))
  for (let seq = 1; seq <= 40; seq += 1) cluster.write(1, 'd'.repeat(32), seq, put('other', String(seq)))
  expect(ids.map(id => answer(cluster, id))).toEqual([null, null])
  cluster.drop = () => false
  cluster.sent.length = 0
  cluster.until('both are answered', () => ids.every(id => answer(cluster, id) !== null))
  expect(ids.map(id => answer(cluster, id))).toEqual([2, 3])
  const types = cluster.sent.map(({ message }) => (message.kind === 'raft' ? message.message.type : message.kind))
  expect(types).toContain('snapshotChunk')
  expect(state(cluster, 2)).toEqual(['k1=mine v1', 'k2=mine v1', 'other=40 v40'])
})

test('a write no member would accept is refused at once, even without a leader', () => {
  const cluster = TestCluster.of(3)
  cluster.isolate(2)
  const id = cluster.write(2, client, 1, put('', 'x'))
  expect(cluster.responses.get(id)).toMatchObject({ ok: false, code: 'EMPTY_KEY', outcome: 'definite' })
  expect(cluster.replica(2).status().pendingWrites).toBe(0)
})

test('a write that could not be read from the log is refused before it gets there', () => {
  const cluster = TestCluster.of(1)
  const write = put('a', '1')
  const refused = [
    cluster.write(1, client, 2, write, 2),
    cluster.write(1, client, 2, write, 3),
    cluster.write(1, client, 0, write),
    cluster.write(1, client, 2, write, -1),
    cluster.write(1, client, 2 ** 53, write),
    cluster.write(1, client, 1.5, write),
    cluster.write(1, 'me', 1, write),
    cluster.write(1, 'C'.repeat(32), 1, write),
  ]
  for (const id of refused) {
    expect(cluster.responses.get(id)).toMatchObject({ ok: false, code: 'INVALID_ARGUMENT', outcome: 'definite' })
  }
  expect(answer(cluster, cluster.write(1, client, 1, write))).toBe(2)
})

test('a write without a quorum waits, is counted, and happens when the quorum is back', () => {
  const cluster = TestCluster.of(3)
  cluster.isolate(2)
  const id = cluster.write(2, client, 1, put('a', '1'))
  cluster.tick(10)
  expect(answer(cluster, id)).toBe(null)
  expect(cluster.replica(2).status().pendingWrites).toBe(1)
  cluster.heal()
  cluster.until('it is answered', () => answer(cluster, id) !== null)
  expect(answer(cluster, id)).toBe(2)
})
