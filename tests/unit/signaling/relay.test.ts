import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningServer, startServer } from '../../../signaling/server.ts'
import { relayPayloadBytesMax } from '../../../src/net/signaling-protocol.ts'
import { TestClient } from './client.ts'

let server: RunningServer

beforeEach(async () => {
  server = await startServer({ port: 0, host: '127.0.0.1' })
})
afterEach(() => server.close())

const join = (room: string) => TestClient.join(server.port, room, { as: 'relay' })

test('frames reach their addressee alone, in order, with the sender the server vouches for', async () => {
  const [a, b, c] = [await join('room'), await join('room'), await join('room')]
  for (let count = 0; count < 100; count++) a.client.sendRelayed(b.id, Uint8Array.of(count))
  for (let count = 0; count < 100; count++) {
    expect(await b.client.nextFrame()).toEqual({ id: a.id, payload: Uint8Array.of(count) })
  }
  await c.client.expectAlive()
})

test('the largest frame fits, a larger one ends its sender', async () => {
  const [a, b] = [await join('room'), await join('room')]
  const payload = new Uint8Array(relayPayloadBytesMax).fill(7)
  a.client.sendRelayed(b.id, payload)
  expect((await b.client.nextFrame()).payload).toEqual(payload)
  a.client.sendRelayed(b.id, new Uint8Array(relayPayloadBytesMax + 1))
  expect((await a.client.closed).code).toBe(1009)
  await b.client.expectAlive()
})

test('relays are announced to nobody and see nobody', async () => {
  const peer = await TestClient.join(server.port, 'room')
  const relay = await join('room')
  expect(relay.peers).toEqual([])
  const later = await TestClient.join(server.port, 'room')
  expect(later.peers).toEqual([peer.id])
  relay.client.socket.close()
  await relay.client.closed
  await peer.client.expectAlive()
})

test('who is not a relay of this room cannot be reached', async () => {
  const [here, elsewhere] = [await join('room'), await join('another room')]
  const peer = await TestClient.join(server.port, 'room')
  for (const to of [elsewhere.id, peer.id, 'A'.repeat(12)]) {
    here.client.sendRelayed(to, Uint8Array.of(1))
    expect(await here.client.next()).toEqual({ type: 'unreachable', to })
  }
  await elsewhere.client.expectAlive()
  await peer.client.expectAlive()
})

test.each([
  ['a text', (client: TestClient, to: string) => client.send({ type: 'send', to, payload: 'x' })],
  ['half an address', (client: TestClient) => client.socket.send(Buffer.from('AAAAAA'))],
  ['no address', (client: TestClient) => client.socket.send(Buffer.alloc(100))],
])('%s from a relay ends it', async (_, offend) => {
  const [a, b] = [await join('room'), await join('room')]
  offend(a.client, b.id)
  expect(await a.client.next()).toMatchObject({ type: 'error', code: 'BAD_FRAME' })
  expect((await a.client.closed).code).toBe(1008)
  await b.client.expectAlive()
})

test('one that stops reading is cut off, and what waited for it is given back', async () => {
  const [slow, fast, other] = [await join('room'), await join('room'), await join('room')]
  slow.client.socket.pause()
  const payload = new Uint8Array(64 * 1024)
  const unreachable = fast.client.next()
  // More than the kernel's buffers of both sides and the server's own bound together, in steps that the server has read.
  let gone = false
  unreachable.then(() => {
    gone = true
  })
  while (!gone) {
    fast.client.sendRelayed(slow.id, payload)
    fast.client.sendRelayed(other.id, Uint8Array.of(1))
    await other.client.nextFrame()
  }
  expect(await unreachable).toEqual({ type: 'unreachable', to: slow.id })
  const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()
  expect(metrics).toMatch(/^flotilla_signaling_connections_ended_total\{reason="slow"\} 1$/m)
  expect(Number(/^flotilla_signaling_send_buffer_bytes (\d+)$/m.exec(metrics)?.[1])).toBeLessThan(100_000)
  slow.client.socket.terminate()
})

test('a relay that sends more than it may is read more slowly, and nothing is lost', async () => {
  await server.close()
  server = await startServer({ port: 0, host: '127.0.0.1', limits: { relayBytesPerSecond: 1024 * 1024 } })
  const [a, b] = [await join('room'), await join('room')]
  const began = performance.now()
  // A bucket of 160 frames, and 16 more: a second's worth.
  for (let count = 0; count < 176; count++) a.client.sendRelayed(b.id, new Uint8Array(64 * 1024).fill(count))
  for (let count = 0; count < 176; count++) expect((await b.client.nextFrame()).payload[0]).toBe(count)
  a.client.send({ type: 'ping' })
  expect((await a.client.next()).type).toBe('pong')
  expect(performance.now() - began).toBeGreaterThan(800)
})

test('where much waits for many, those with more than their share are cut off', async () => {
  await server.close()
  server = await startServer({ port: 0, host: '127.0.0.1', limits: { buffersBytesMax: 1024 * 1024, peersMax: 100 } })
  const [slow, alsoSlow, fast, other] = [await join('room'), await join('room'), await join('room'), await join('room')]
  slow.client.socket.pause()
  alsoSlow.client.socket.pause()
  const gone = new Set<string>()
  const ears = (async () => {
    while (gone.size < 2) {
      const heard = await fast.client.next()
      if (heard.type === 'unreachable') gone.add(heard.to)
    }
  })()
  while (gone.size < 2) {
    for (const { id } of [slow, alsoSlow]) fast.client.sendRelayed(id, new Uint8Array(64 * 1024))
    fast.client.sendRelayed(other.id, Uint8Array.of(1))
    await other.client.nextFrame()
  }
  await ears
  await other.client.expectAlive()
  slow.client.socket.terminate()
  alsoSlow.client.socket.terminate()
})
