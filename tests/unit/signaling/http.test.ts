import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningServer, startServer } from '../../../signaling/server.ts'
import { TestClient } from './client.ts'

let directory: string
let server: RunningServer

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'flotilla-static-'))
  const app = join(directory, 'app')
  await mkdir(join(app, 'assets'), { recursive: true })
  await writeFile(join(app, 'index.html'), '<!doctype html>the page')
  await writeFile(join(app, 'assets', 'index-Abc123.js'), 'export {}')
  await writeFile(join(app, 'service-worker.js'), 'the service worker')
  await writeFile(join(app, 'manifest.webmanifest'), '{}')
  await writeFile(join(directory, 'secret.txt'), 'not yours')
  server = await startServer({ port: 0, host: '127.0.0.1', staticDir: app })
})
afterAll(async () => {
  await server.close()
  await rm(directory, { recursive: true })
})

/** A request whose path is sent as it is: `fetch` would tidy `..` away. */
function get(path: string): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: server.port, path }, response => {
      let body = ''
      response.on('data', chunk => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
      .on('error', reject)
      .end()
  })
}

test('the page comes isolated and is asked for anew every time', async () => {
  const page = await get('/')
  expect(page.status).toBe(200)
  expect(page.body).toContain('the page')
  expect(page.headers).toMatchObject({
    'content-type': 'text/html;charset=utf-8',
    'cache-control': 'no-cache',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  })
})

test('the service worker and the manifest have names that stay, so they are asked for anew every time', async () => {
  const worker = await get('/service-worker.js')
  expect(worker.body).toBe('the service worker')
  expect(worker.headers).toMatchObject({ 'content-type': 'text/javascript', 'cache-control': 'no-cache' })
  const manifest = await get('/manifest.webmanifest')
  expect(manifest.headers).toMatchObject({ 'content-type': 'application/manifest+json', 'cache-control': 'no-cache' })
})

test('hashed assets are kept for good', async () => {
  const asset = await get('/assets/index-Abc123.js')
  expect(asset.status).toBe(200)
  expect(asset.headers).toMatchObject({
    'content-type': 'text/javascript',
    'cache-control': 'public, max-age=31536000, immutable',
    'cross-origin-embedder-policy': 'require-corp',
  })
})

test('an unknown path is the page, an unknown file is not found', async () => {
  expect((await get('/some/place?x=1')).body).toContain('the page')
  expect((await get('/assets/index-Gone.js')).status).toBe(404)
})

test.each(['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/assets/../../secret.txt', '/%'])(
  '%s leads nowhere',
  async path => {
    expect((await get(path)).body).not.toContain('not yours')
  },
)

test('/healthz counts rooms and peers', async () => {
  const { client } = await TestClient.join(server.port, 'room')
  const health = await get('/healthz')
  expect(JSON.parse(health.body)).toMatchObject({ ok: true, rooms: 1, peers: 1, relays: 0, instances: 'alone' })
  client.socket.close()
  await client.closed
})

test('a WebSocket elsewhere is refused', async () => {
  const status = await new Promise<string | number | undefined>(resolve => {
    request({
      host: '127.0.0.1',
      port: server.port,
      path: '/elsewhere',
      headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
    })
      .on('error', error => resolve(error.message))
      .on('upgrade', () => resolve('upgraded'))
      .on('response', response => resolve(response.statusCode))
      .end()
  })
  expect(status).toBe(404)
})

test('the metrics are in the words of Prometheus', async () => {
  const a = await TestClient.join(server.port, 'room')
  const b = await TestClient.join(server.port, 'room')
  b.client.send({ type: 'send', to: a.id, payload: 'hello' })
  b.client.send({ type: 'send', to: 'nobody', payload: 'hello' })
  expect((await b.client.next()).type).toBe('unreachable')
  const { body, headers } = await get('/metrics')
  expect(headers['content-type']).toContain('text/plain; version=0.0.4')
  expect(body).toMatch(/^flotilla_signaling_rooms 1$/m)
  expect(body).toMatch(/^flotilla_signaling_peers 2$/m)
  expect(body).toMatch(/^flotilla_signaling_messages_total 2$/m)
  expect(body).toMatch(/^flotilla_signaling_unreachable_total 1$/m)
  expect(body).toMatch(/^flotilla_signaling_joins_total\{as="peer",result="joined"\} \d+$/m)
  for (const { client } of [a, b]) {
    client.socket.close()
    await client.closed
  }
})

test('metrics can be on a port of their own, or nowhere', async () => {
  const apart = await startServer({ port: 0, host: '127.0.0.1', metricsPort: 0 })
  const without = await startServer({ port: 0, host: '127.0.0.1', metricsPort: null })
  const statusOf = async (port: number, path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status
  expect(await statusOf(apart.metricsPort, '/metrics')).toBe(200)
  expect(await statusOf(apart.metricsPort, '/healthz')).toBe(200)
  expect(await statusOf(apart.metricsPort, '/')).toBe(404)
  expect(await statusOf(apart.port, '/metrics')).toBe(404)
  expect(await statusOf(without.port, '/metrics')).toBe(404)
  await Promise.all([apart.close(), without.close()])
})

test('sockets that say nothing do not keep others from being heard', async () => {
  const idle: Socket[] = []
  let closed = 0
  while (idle.length < 1_050) {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('close', () => closed++)
    idle.push(socket)
    // One by one: more than the system queues for the server would seem to be connected and be nowhere.
    await new Promise(resolve => socket.once('connect', resolve))
  }
  // Some are closed to make room for the others.
  await expect.poll(() => closed).toBeGreaterThanOrEqual(50)
  expect((await get('/healthz')).status).toBe(200)
  for (const socket of idle) socket.destroy()
})
