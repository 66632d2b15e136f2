import { expect, test } from 'vitest'
import { Connection } from '../../../src/client/connection.ts'
import { pendingBytesMax, pendingWritesMax, requestBytesMax, settledWritesMax } from '../../../src/client/limits.ts'
import type { PendingWrite } from '../../../src/client/pending.ts'
import type { OutboxEntry } from '../../../src/worker/protocol.ts'
import * as requests from '../store/requests.ts'
import { aloneStatus, errorOf, FakeHost, putResponse, sent } from './fake-host.ts'

const put = requests.put('k', 'v')

function quorum(host: FakeHost, reached: boolean): void {
  const status = { ...aloneStatus, replica: { ...aloneStatus.replica, quorum: reached } }
  host.connection.receive({ type: 'status', status })
}

function earlier(seq: number): OutboxEntry {
  return { at: seq, command: { clientId: 'b'.repeat(32), seq, acked: 0, request: requests.put(`old/${seq}`, 'v') } }
}

test('without a quorum a write that is not to be queued fails before it has a number', async () => {
  const host = new FakeHost()
  quorum(host, false)
  const refused = errorOf(host.connection.write(put, { offline: 'fail' }))
  expect(await refused).toMatchObject({ code: 'UNAVAILABLE', outcome: 'definite' })
  void host.connection.write(put)
  await sent()
  expect(host.commands).toMatchObject([{ seq: 1 }])
})

test('when the quorum is lost, those under way are in doubt, and those not sent did not happen', async () => {
  const host = new FakeHost(new Connection({ offline: 'fail' }))
  const onItsWay = errorOf(host.connection.write(put))
  const queued = host.connection.write(put, { offline: 'queue' })
  await sent()
  const unsent = errorOf(host.connection.write(put))
  quorum(host, false)
  expect(await onItsWay).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' })
  expect(await unsent).toMatchObject({ code: 'UNAVAILABLE', outcome: 'definite' })
  await sent()
  const [first, second] = host.commands
  if (first === undefined || second === undefined) throw new Error('not sent')
  expect(host.commands).toHaveLength(2)
  quorum(host, true)
  host.respond(first.id, putResponse(2))
  host.respond(second.id, putResponse(3))
  expect(await queued).toEqual(putResponse(3))
})

test('what waits is bounded in number and in bytes, but only while there is no quorum', async () => {
  const many = new FakeHost()
  for (let i = 0; i < pendingWritesMax; i += 1) void many.connection.write(put)
  void many.connection.write(put)
  quorum(many, false)
  expect(await errorOf(many.connection.write(put))).toMatchObject({ code: 'OUTBOX_FULL', outcome: 'definite' })

  const large = new FakeHost()
  const value = new Uint8Array(requestBytesMax - 64)
  quorum(large, false)
  const taken = Math.floor(pendingBytesMax / value.length)
  for (let i = 0; i < taken; i += 1) void large.connection.write({ ...put, value })
  expect(await errorOf(large.connection.write({ ...put, value }))).toMatchObject({ code: 'OUTBOX_FULL' })
  quorum(large, true)
  void large.connection.write({ ...put, value })
  await sent()
  expect(large.commands).toHaveLength(taken + 1)
})

test('pending lists what is not answered in the order it will happen, and says what is safe', async () => {
  const host = new FakeHost()
  const entries = [earlier(4), earlier(5)]
  host.connection.receive({ type: 'outbox', entries })
  void host.connection.write(put)
  const txn = { op: 'txn', compare: [], success: [put, requests.del('x')], failure: [requests.put('y', '1')] } as const
  void host.connection.write(txn)
  await sent()
  const [first] = host.commands
  if (first === undefined) throw new Error('not sent')
  host.connection.receive({ type: 'kept', ids: [first.id] })
  const list = () =>
    host.connection.pending.value.map(({ keys, durable, fromEarlierLife }) => [...keys, durable, fromEarlierLife])
  expect(list()).toEqual([
    ['old/4', true, true],
    ['old/5', true, true],
    ['k', true, false],
    ['k', 'x', 'y', false, false],
  ])
  expect(host.connection.counts.writes).toBe(4)
  const [oldest] = entries
  if (oldest === undefined) throw new Error('two were made')
  host.connection.receive({ type: 'settled', entry: oldest, response: { ok: true, response: putResponse(7) } })
  host.respond(first.id, putResponse(8))
  expect(list()).toEqual([
    ['old/5', true, true],
    ['k', 'x', 'y', false, false],
  ])
})

test('what became of an earlier life’s writes is told, the latest of them', () => {
  const host = new FakeHost()
  host.connection.receive({ type: 'settled', entry: earlier(1), response: { ok: true, response: putResponse(7) } })
  const refusal = { ok: false, code: 'NOSPACE', message: 'full', outcome: 'definite' } as const
  host.connection.receive({ type: 'settled', entry: earlier(2), response: refusal })
  expect(host.connection.settled.value).toMatchObject([
    { operation: 'put', keys: ['old/1'], at: 1, result: { ok: true, revision: 7 } },
    { keys: ['old/2'], result: { ok: false, error: { code: 'NOSPACE', outcome: 'definite' } } },
  ])
  for (let seq = 3; seq <= settledWritesMax + 10; seq += 1) {
    host.connection.receive({ type: 'settled', entry: earlier(seq), response: refusal })
  }
  expect(host.connection.settled.value).toHaveLength(settledWritesMax)
  expect(host.connection.settled.value.at(-1)).toMatchObject({ keys: [`old/${settledWritesMax + 10}`] })
})

test('pending is a store: told at once, and then once for all that a task changed', async () => {
  const host = new FakeHost()
  const seen: number[] = []
  const heard = new Promise<void>(resolve => {
    const unsubscribe = host.connection.pending.subscribe((writes: readonly PendingWrite[]) => {
      seen.push(writes.length)
      if (seen.length < 2) return
      unsubscribe()
      resolve()
    })
  })
  for (let i = 0; i < 5; i += 1) void host.connection.write(put)
  await heard
  expect(seen).toEqual([0, 5])
})
