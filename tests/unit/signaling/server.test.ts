import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type RunningServer, startServer } from '../../../signaling/server.ts'
import { SIGNALING_VERSION, signalingFrameBytesMax } from '../../../src/net/signaling-protocol.ts'
import { TestClient } from './client.ts'

const host = '127.0.0.1'
let server: RunningServer

beforeEach(async () => {
  server = await startServer({ port: 0, host })
})
afterEach(() => server.close())

describe('rooms', () => {
  test('a newcomer learns who is there, and they hear of it when it greets them', async () => {
    const first = await TestClient.join(server.port, 'room')
    const second = await TestClient.join(server.port, 'room')
    expect(first.peers).toEqual([])
    expect(second.peers).toEqual([first.id])
    second.client.send({ type: 'send', to: first.id, payload: 'hello' })
    expect(await first.client.next()).toEqual({ type: 'message', from: second.id, payload: 'hello' })
  })

  test('a message reaches its addressee alone, with the sender the server vouches for', async () => {
    const a = await TestClient.join(server.port, 'room')
    const b = await TestClient.join(server.port, 'room')
    const c = await TestClient.join(server.port, 'room')
    a.client.send({ type: 'send', to: b.id, payload: '{"from":"somebody else"}' })
    expect(await b.client.next()).toEqual({ type: 'message', from: a.id, payload: '{"from":"somebody else"}' })
    await c.client.expectAlive()
  })

  test('rooms cannot reach each other', async () => {
    const a = await TestClient.join(server.port, 'one')
    const b = await TestClient.join(server.port, 'two')
    expect(b.peers).toEqual([])
    a.client.send({ type: 'send', to: b.id, payload: 'hello' })
    expect(await a.client.next()).toEqual({ type: 'unreachable', to: b.id })
    await b.client.expectAlive()
  })

  test('who leaves is announced, and no longer reachable', async () => {
    const a = await TestClient.join(server.port, 'room')
    const b = await TestClient.join(server.port, 'room')
    b.client.socket.close()
    expect(await a.client.next()).toEqual({ type: 'left', id: b.id })
    a.client.send({ type: 'send', to: b.id, payload: 'late' })
    expect(await a.client.next()).toEqual({ type: 'unreachable', to: b.id })
  })

  test('a full room refuses, and has a place again when one leaves', async () => {
    const roomPeersMax = 5
    await server.close()
    server = await startServer({ port: 0, host, limits: { roomPeersMax } })
    const peers = await Promise.all(Array.from({ length: roomPeersMax }, () => TestClient.join(server.port, 'room')))
    const late = await TestClient.open(server.port)
    late.send({ type: 'join', version: SIGNALING_VERSION, room: 'room', as: 'peer' })
    expect(await late.next()).toMatchObject({ type: 'error', code: 'ROOM_FULL' })
    await late.closed
    await TestClient.join(server.port, 'another room')
    const leaver = peers[0]
    leaver?.client.socket.close()
    await leaver?.client.closed
    expect((await TestClient.join(server.port, 'room')).peers).toHaveLength(roomPeersMax - 1)
  })
})

describe('a bad frame costs its sender the connection and nobody else anything', () => {
  const join = JSON.stringify({ type: 'join', version: SIGNALING_VERSION, room: 'room', as: 'peer' })
  const cases: [name: string, joined: boolean, frame: string | Buffer, code: string][] = [
    ['not JSON', true, '{', 'BAD_FRAME'],
    ['JSON that is no object', true, 'null', 'BAD_FRAME'],
    ['an unknown type', true, '{"type":"shout"}', 'BAD_FRAME'],
    ['no type', true, '{}', 'BAD_FRAME'],
    ['a numeric addressee', true, '{"type":"send","to":1,"payload":""}', 'BAD_FRAME'],
    ['a payload that is no string', true, '{"type":"send","to":"x","payload":{}}', 'BAD_FRAME'],
    ['a binary frame', true, Buffer.from(join), 'BAD_FRAME'],
    ['bytes before join', false, Buffer.from(join), 'BAD_FRAME'],
    ['join twice', true, join, 'BAD_FRAME'],
    ['turn before join', false, '{"type":"turn"}', 'BAD_FRAME'],
    ['join as neither', false, join.replace('"peer"', '"guest"'), 'BAD_FRAME'],
    ['a ticket that is no string', false, join.replace('{', '{"ticket":1,'), 'BAD_FRAME'],
    ['a ticket too long', false, join.replace('{', `{"ticket":"${'x'.repeat(257)}",`), 'BAD_FRAME'],
    ['send before join', false, '{"type":"send","to":"x","payload":""}', 'BAD_FRAME'],
    ['join without a room', false, `{"type":"join","version":${SIGNALING_VERSION}}`, 'BAD_FRAME'],
    [
      'join with a room name too long',
      false,
      JSON.stringify({ type: 'join', version: SIGNALING_VERSION, room: 'x'.repeat(129), as: 'peer' }),
      'BAD_FRAME',
    ],
    ['a version that is infinite', false, '{"type":"join","version":1e999,"room":"room"}', 'BAD_FRAME'],
    ['a page of the version before', false, '{"type":"join","version":1,"room":"room"}', 'VERSION'],
    ['another version', false, '{"type":"join","version":999,"room":"room","as":"peer"}', 'VERSION'],
  ]

  test.each(cases)('%s', async (_name, joined, frame, code) => {
    const witness = await TestClient.join(server.port, 'room')
    const offender = joined ? (await TestClient.join(server.port, 'room')).client : await TestClient.open(server.port)
    offender.socket.send(frame)
    expect(await offender.next()).toMatchObject({ type: 'error', code })
    expect((await offender.closed).code).toBe(1008)
    if (joined) expect((await witness.client.next()).type).toBe('left')
    await witness.client.expectAlive()
  })

  test('a frame above the cap', async () => {
    const witness = await TestClient.join(server.port, 'room')
    const { client: offender } = await TestClient.join(server.port, 'room')
    offender.socket.send(JSON.stringify({ type: 'send', to: witness.id, payload: 'x'.repeat(signalingFrameBytesMax) }))
    expect((await offender.closed).code).toBe(1009)
    expect((await witness.client.next()).type).toBe('left')
    await witness.client.expectAlive()
  })

  test('what an offender sends after its bad frame is not acted on', async () => {
    const witness = await TestClient.join(server.port, 'room')
    const { client: offender } = await TestClient.join(server.port, 'room')
    offender.socket.send('{')
    offender.send({ type: 'send', to: witness.id, payload: 'still here' })
    await offender.closed
    expect((await witness.client.next()).type).toBe('left')
    await witness.client.expectAlive()
  })
})

describe('liveness', () => {
  beforeEach(async () => {
    await server.close()
    server = await startServer({ port: 0, host, livenessIntervalMs: 40 })
  })

  test('a peer that no longer answers is announced as left', async () => {
    const alive = await TestClient.join(server.port, 'room')
    const dead = await TestClient.join(server.port, 'room', { autoPong: false })
    expect(await alive.client.next()).toEqual({ type: 'left', id: dead.id })
    await alive.client.expectAlive()
  })

  test('a connection that never joins is cut off', async () => {
    const idle = await TestClient.open(server.port)
    expect((await idle.closed).code).toBe(1006)
  })

  test('a peer that stops reading is cut off instead of filling memory', async () => {
    await server.close()
    server = await startServer({ port: 0, host })
    const slow = await TestClient.join(server.port, 'room')
    const fast = await TestClient.join(server.port, 'room')
    slow.client.socket.pause()
    const payload = 'x'.repeat(60_000)
    // More than the kernel's buffers of both sides and the server's own bound together.
    const gone = (async () => {
      for (;;) if ((await fast.client.next()).type === 'left') return
    })()
    for (let sent = 0; sent < 1_000; sent++) fast.client.send({ type: 'send', to: slow.id, payload })
    await gone
  })
})

test('closing the server ends every connection and frees the port', async () => {
  const { client } = await TestClient.join(server.port, 'room')
  const { port } = server
  await server.close()
  await client.closed
  server = await startServer({ port, host })
  expect((await TestClient.join(port, 'room')).peers).toEqual([])
})

test('a taken port is the system error, not a hang', async () => {
  await expect(startServer({ port: server.port, host })).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
