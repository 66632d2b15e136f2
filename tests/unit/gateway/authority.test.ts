import { once } from 'node:events'
import { connect, createServer, type Http2Server } from 'node:http2'
import type { Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { AuthorityRepair } from '../../../gateway/authority.ts'
import { listen, PlainConnection } from '../../../gateway/listener.ts'

let started: (() => void)[] = []

afterEach(() => {
  for (const stop of started.reverse()) stop()
  started = []
})

/** An HTTP/2 server behind the repair, that answers with the authority it was asked under. */
async function portOf(http: Http2Server, repaired: boolean): Promise<number> {
  http.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200, heard: headers[':authority'] })
    stream.end()
  })
  return portFor(socket => http.emit('connection', repaired ? new PlainConnection(socket) : socket))
}

async function portFor(accept: (socket: Socket) => void): Promise<number> {
  const listener = await listen('127.0.0.1', 0, accept)
  started.push(() => listener.close())
  return listener.port
}

async function ask(port: number, authority: string): Promise<unknown> {
  const session = connect(`http://127.0.0.1:${port}`)
  started.push(() => session.destroy())
  const request = session.request({ ':method': 'POST', ':path': '/etcdserverpb.KV/Range', ':authority': authority })
  return once(request, 'response').then(
    ([headers]) => headers.heard,
    error => error.code,
  )
}

test.each([
  ['http://127.0.0.1:2379', '127.0.0.1:2379'],
  ['http://etcd-0.Example.org:2379', 'etcd-0.Example.org:2379'],
  ['127.0.0.1:2379', '127.0.0.1:2379'],
  ['localhost', 'localhost'],
])('asked under %s, it is heard as %s', async (authority, heard) => {
  const port = await portOf(createServer(), true)
  expect(await ask(port, authority)).toBe(heard)
  // Once more on a connection of its own, so that nothing hangs on what the first one left in a table.
  expect(await ask(port, authority)).toBe(heard)
})

test('without the repair it is refused: the day it is not, this can go', async () => {
  const port = await portOf(createServer(), false)
  expect(await ask(port, 'http://127.0.0.1:2379')).toBe('ERR_HTTP2_STREAM_ERROR')
})

test('many requests of one connection are all understood, those that refer to earlier fields too', async () => {
  const port = await portOf(createServer(), true)
  const session = connect(`http://127.0.0.1:${port}`)
  started.push(() => session.destroy())
  for (let number = 0; number < 50; number += 1) {
    const fields = {
      ':path': `/${number}`,
      ':authority': 'http://127.0.0.1:2379',
      [`field-${number % 7}`]: `${number % 5}`,
    }
    const [headers] = await once(session.request(fields), 'response')
    expect(headers.heard).toBe('127.0.0.1:2379')
  }
})

test('however the bytes are cut, the same comes out', async () => {
  const bytes = await requestBytes('http://127.0.0.1:2379')
  const whole = Buffer.concat(new AuthorityRepair().take(bytes))
  expect(whole.length).toBeLessThan(bytes.length)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length })), cuts => {
      const repair = new AuthorityRepair()
      const points = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      const parts = points.slice(1).map((end, at) => bytes.subarray(points[at], end))
      expect(Buffer.concat(parts.flatMap(part => repair.take(part))).equals(whole)).toBe(true)
    }),
  )
})

test('bytes that are no HTTP/2 do no harm', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), chunks => {
      const repair = new AuthorityRepair()
      const passed = chunks.flatMap(chunk => repair.take(Buffer.from(chunk)))
      const sent = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
      expect(passed.reduce((sum, part) => sum + part.length, 0)).toBeLessThanOrEqual(sent)
    }),
  )
})

/** What a client sends to ask once, up to the end of the request. */
async function requestBytes(authority: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  const http = createServer()
  await portOf(http, true)
  const tapped = await portFor(socket => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    http.emit('connection', new PlainConnection(socket))
  })
  await ask(tapped, authority)
  return Buffer.concat(chunks)
}
