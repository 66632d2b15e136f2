import { expect, test } from 'vitest'
import * as requests from '../store/requests.ts'
import { aloneStatus, errorOf, FakeHost, putResponse, rangeResponse, sent } from './fake-host.ts'

const put = requests.put('k', 'v')
const range = requests.range('k')
const watch = requests.watch('k')
const sink = { notify: () => {}, fail: () => {} }

function at<T>(items: readonly T[], index: number): T {
  const item = items.at(index)
  if (item === undefined) throw new Error(`nothing at ${index}`)
  return item
}

test('calls of one microtask travel as one message, in their order', async () => {
  const { connection, posted } = new FakeHost()
  connection.watch(watch, sink)
  void connection.write(put)
  void connection.read(range, false)
  void connection.read(range, true)
  expect(posted).toEqual([])
  await sent()
  expect(posted).toMatchObject([
    {
      type: 'requests',
      requests: [
        { request: { kind: 'watch', request: watch } },
        { request: { kind: 'write', command: { seq: 1, acked: 0, request: put } } },
        { request: { kind: 'read', request: range, serializable: false } },
        { request: { kind: 'read', serializable: true } },
      ],
    },
  ])
  void connection.write(put)
  await sent()
  expect(posted).toHaveLength(2)
})

test('each call gets its own answer, whatever their order', async () => {
  const host = new FakeHost()
  const [first, second, read] = [
    host.connection.write(put),
    host.connection.write(put),
    host.connection.read(range, false),
  ]
  await sent()
  const [a, b, c] = host.requests.map(({ id }) => id)
  if (a === undefined || b === undefined || c === undefined) throw new Error('not sent')
  host.respond(c, rangeResponse([]))
  host.respond(b, putResponse(9))
  host.respond(a, putResponse(8))
  expect([await first, await second]).toEqual([putResponse(8), putResponse(9)])
  expect(await read).toEqual(rangeResponse([]))
})

test('writes are numbered from 1 under one name and say what was received', async () => {
  const host = new FakeHost()
  for (let i = 1; i <= 3; i++) {
    const written = host.connection.write(put)
    await sent()
    const { id, seq, acked } = at(host.commands, -1)
    expect({ seq, acked }).toEqual({ seq: i, acked: i - 1 })
    host.respond(id, putResponse(i))
    await written
  }
  expect(new Set(host.commands.map(({ clientId }) => clientId)).size).toBe(1)
  expect(at(host.commands, 0).clientId).toMatch(/^[0-9a-f]{32}$/)
})

test('a refusal of the store uses up the number and leaves the others alone', async () => {
  const host = new FakeHost()
  const refused = errorOf(host.connection.write(put))
  await sent()
  host.refuse(at(host.commands, 0).id, 'KEY_NOT_FOUND')
  expect(await refused).toMatchObject({ name: 'FlotillaError', code: 'KEY_NOT_FOUND', outcome: 'definite' })
  void host.connection.write(put)
  await sent()
  expect(at(host.commands, 1)).toMatchObject({ clientId: at(host.commands, 0).clientId, seq: 2, acked: 1 })
})

test('aborting a write that was sent ends the wait and not the write', async () => {
  const host = new FakeHost()
  const abort = new AbortController()
  const write = errorOf(host.connection.write(put, { signal: abort.signal }))
  await sent()
  abort.abort('enough')
  expect(await write).toMatchObject({ name: 'AbortError', code: 'ABORTED', outcome: 'unknown', cause: 'enough' })
  await sent()
  expect(host.messages('cancel')).toEqual([])

  host.respond(at(host.commands, 0).id, putResponse(2))
  void host.connection.write(put)
  await sent()
  expect(at(host.commands, 1)).toMatchObject({ seq: 2, acked: 1 })
})

test('aborting a write that was not sent means that it never is', async () => {
  const host = new FakeHost()
  const abort = new AbortController()
  const unsent = errorOf(host.connection.write(put, { signal: abort.signal }))
  abort.abort()
  expect(await unsent).toMatchObject({ code: 'ABORTED', outcome: 'definite' })
  expect(await errorOf(host.connection.write(put, { signal: abort.signal }))).toMatchObject({ outcome: 'definite' })

  const [first] = [host.connection.write(put), host.connection.write(put)]
  await sent()
  host.refuse(at(host.commands, 0).id, 'UNAVAILABLE')
  await errorOf(first)
  const later = new AbortController()
  const waiting = errorOf(host.connection.write({ ...put, lease: 1 }, { signal: later.signal }))
  await sent()
  later.abort()
  expect(await waiting).toMatchObject({ outcome: 'definite' })
  host.respond(at(host.commands, 1).id, putResponse(2))
  await sent()
  expect(host.commands).toHaveLength(2)
})

test('aborting a read gives it up, and a late answer does no harm', async () => {
  const host = new FakeHost()
  const abort = new AbortController()
  const read = errorOf(host.connection.read(range, false, abort.signal))
  await sent()
  const { id } = host.last()
  abort.abort()
  expect(await read).toMatchObject({ code: 'ABORTED', outcome: 'definite' })
  await sent()
  expect(host.messages('cancel')).toEqual([{ type: 'cancel', ids: [id] }])
  host.respond(id, rangeResponse([]))
})

test('a settled call lets go of its signal', async () => {
  const host = new FakeHost()
  const abort = new AbortController()
  const read = host.connection.read(range, false, abort.signal)
  await sent()
  host.respond(host.last().id, rangeResponse([]))
  await read
  abort.abort()
  await sent()
  expect(host.messages('cancel')).toEqual([])
})

test('a write refused before the log breaks the numbering; those behind it are numbered anew, in order', async () => {
  const host = new FakeHost()
  const [first, second, third] = [1, 2, 3].map(lease => host.connection.write({ ...put, lease }))
  if (first === undefined || second === undefined || third === undefined) throw new Error('unreachable')
  const refused = errorOf(first)
  await sent()
  const [a, b, c] = host.commands
  if (a === undefined || b === undefined || c === undefined) throw new Error('not sent')
  host.refuse(a.id, 'UNAVAILABLE')
  expect(await refused).toMatchObject({ code: 'UNAVAILABLE', outcome: 'definite' })

  // Asked for while the old session still has answers to come: must not overtake them.
  const fourth = host.connection.write({ ...put, lease: 4 })
  await sent()
  expect(host.commands).toHaveLength(3)
  host.refuse(c.id, 'GAP')
  host.refuse(b.id, 'GAP')
  await sent()
  const renumbered = host.commands.slice(3)
  expect(renumbered.map(({ seq, acked }) => ({ seq, acked }))).toEqual([1, 2, 3].map(seq => ({ seq, acked: 0 })))
  expect(renumbered.map(({ request }) => request.op === 'put' && request.lease)).toEqual([2, 3, 4])
  expect(new Set(renumbered.map(({ clientId }) => clientId)).size).toBe(1)
  expect(at(renumbered, 0).clientId).not.toBe(a.clientId)
  renumbered.forEach(({ id }, i) => {
    host.respond(id, putResponse(i))
  })
  expect(await Promise.all([second, third, fourth])).toEqual([putResponse(0), putResponse(1), putResponse(2)])
})

test('a write is numbered anew once only, and never if it may have happened', async () => {
  const host = new FakeHost()
  const write = errorOf(host.connection.write(put))
  await sent()
  host.refuse(at(host.commands, 0).id, 'SESSION_EXPIRED')
  await sent()
  host.refuse(at(host.commands, 1).id, 'SESSION_EXPIRED')
  expect(await write).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'definite' })

  const unknown = errorOf(host.connection.write(put))
  await sent()
  host.refuse(at(host.commands, 2).id, 'SESSION_EXPIRED', 'unknown')
  expect(await unknown).toMatchObject({ code: 'SESSION_EXPIRED', outcome: 'unknown' })
  expect(host.commands).toHaveLength(3)
})

test('when the member stops, everything ends, and only writes on their way are in doubt', async () => {
  const host = new FakeHost()
  const failures: unknown[] = []
  host.connection.watch(watch, { ...sink, fail: error => failures.push(error) })
  const read = errorOf(host.connection.read(range, false))
  const writes = [host.connection.write(put), host.connection.write(put)].map(errorOf)
  await sent()
  const unsent = errorOf(host.connection.write(put))
  host.fail('NOSPACE')
  expect(await read).toMatchObject({ code: 'NOSPACE', outcome: 'definite' })
  expect(await at(writes, 0)).toMatchObject({ code: 'NOSPACE', outcome: 'unknown' })
  expect(await at(writes, 1)).toMatchObject({ outcome: 'unknown' })
  expect(await unsent).toMatchObject({ outcome: 'definite' })
  expect(failures).toMatchObject([{ code: 'NOSPACE' }])

  const before = host.posted.length
  expect(await errorOf(host.connection.write(put))).toMatchObject({ code: 'NOSPACE', outcome: 'definite' })
  host.connection.watch(watch, { ...sink, fail: error => failures.push(error) })
  await sent()
  expect(failures).toHaveLength(2)
  expect(host.posted).toHaveLength(before)
})

test('credit is summed up, and none is given for a watch that is over', async () => {
  const host = new FakeHost()
  const handle = host.connection.watch(watch, sink)
  await sent()
  const { id } = host.last()
  handle.credit(1)
  handle.credit(2)
  await sent()
  expect(host.messages('credit')).toEqual([{ type: 'credit', id, batches: 3 }])
  handle.credit(1)
  handle.cancel()
  handle.credit(1)
  await sent()
  expect(host.messages('credit')).toHaveLength(1)
  expect(host.messages('cancel')).toEqual([{ type: 'cancel', ids: [id] }])
})

test('what every member would refuse takes no number', async () => {
  const host = new FakeHost()
  const huge = { ...put, value: new Uint8Array(2 * 1024 * 1024) }
  expect(await errorOf(host.connection.write(huge))).toMatchObject({ code: 'REQUEST_TOO_LARGE', outcome: 'definite' })
  const twice = { op: 'txn', compare: [], success: [put, put], failure: [] } as const
  expect(await errorOf(host.connection.write(twice))).toMatchObject({ code: 'DUPLICATE_KEY', outcome: 'definite' })
  void host.connection.write(put)
  await sent()
  expect(host.commands).toMatchObject([{ seq: 1 }])
})

test('the status is told to whoever asks, from the first one on', () => {
  const { connection } = new FakeHost()
  const seen: unknown[] = []
  const stop = connection.status.subscribe(status => seen.push(status))
  connection.receive({ type: 'status', status: aloneStatus })
  stop()
  connection.receive({ type: 'status', status: aloneStatus })
  expect(seen).toEqual([null, aloneStatus])
})
