import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { clientAddress, coarseAddress, networkOf } from '../../../signaling/client-address.ts'
import { originIsAllowed } from '../../../signaling/origin.ts'
import { type RunningServer, type ServerOptions, startServer } from '../../../signaling/server.ts'
import { checkTicket, createTicket } from '../../../signaling/ticket.ts'
import { TokenBucket } from '../../../signaling/token-bucket.ts'
import { TestClient, type TestClientOptions } from './client.ts'

const running: RunningServer[] = []
afterEach(() => Promise.all(running.splice(0).map(server => server.close())))

async function start(options: Partial<ServerOptions> = {}): Promise<number> {
  const server = await startServer({ port: 0, host: '127.0.0.1', ...options })
  running.push(server)
  return server.port
}

async function refusal(port: number, options: TestClientOptions): Promise<string> {
  return await TestClient.open(port, options).then(
    () => 'connected',
    (error: Error) => error.message,
  )
}

describe('tickets', () => {
  const key = 'a key of some length'
  const nowMs = 1_700_000_000_000
  const ticket = createTicket({ key, room: 'room', expiresAt: nowMs + 60_000 })

  test('a ticket is good for its room until it expires', () => {
    expect(checkTicket(ticket, 'room', [key], nowMs)).toBe('valid')
    expect(checkTicket(ticket, 'another room', [key], nowMs)).toBe('forged')
    expect(checkTicket(ticket, 'room', [key], nowMs + 59_999)).toBe('valid')
    expect(checkTicket(ticket, 'room', [key], nowMs + 60_000)).toBe('expired')
  })

  test('a new key can be put in front of the old one', () => {
    expect(checkTicket(ticket, 'room', ['the key that came after', key], nowMs)).toBe('valid')
    expect(checkTicket(ticket, 'room', ['the key that came after'], nowMs)).toBe('forged')
  })

  test('it is made as docs/server.md says', () => {
    const expires = '1700000060'
    const mac = createHmac('sha256', key).update(`flotilla-ticket-1\n${expires}\nroom`).digest('base64url')
    expect(ticket).toBe(`${expires}.${mac}`)
  })

  test.each([
    ['nothing', ''],
    ['no signature', '1700000060'],
    ['a later time', ticket.replace('1700000060', '1800000060')],
    ['a time that is none', ticket.replace('1700000060', '17e8')],
    ['half a signature', ticket.slice(0, -10)],
    ['something behind it', `${ticket}A`],
    ['another case', ticket.toUpperCase()],
  ])('%s is forged', (_, text) => {
    expect(checkTicket(text, 'room', [key], nowMs)).toBe('forged')
  })

  test('with a key nobody comes in without a ticket, be it as peer or as relay', async () => {
    const port = await start({ ticketKeys: [key] })
    const good = createTicket({ key, room: 'room', expiresAt: Date.now() + 60_000 })
    const old = createTicket({ key, room: 'room', expiresAt: Date.now() - 1 })
    for (const as of ['peer', 'relay'] as const) {
      await TestClient.join(port, 'room', { as, ticket: good })
      for (const [room, ticket] of [
        ['room', undefined],
        ['room', old],
        ['another room', good],
      ] as const) {
        const client = await TestClient.open(port)
        client.askToJoin(room, { as, ...(ticket === undefined ? {} : { ticket }) })
        expect(await client.next()).toMatchObject({ type: 'error', code: 'BAD_TICKET' })
        expect((await client.closed).code).toBe(1008)
      }
    }
  })
})

test('TURN credentials are those of coturn, and fresh when asked for', async () => {
  const secret = 'shared with coturn'
  const urls = ['turn:turn.example.org:3478']
  const port = await start({ turn: { urls, secret, ttlSeconds: 600 } })
  const { client, id, turn } = await TestClient.join(port, 'room')
  expect(turn).toMatchObject({ urls, ttlSeconds: 600 })
  const [expires, name] = (turn?.username ?? '').split(':')
  expect(name).toBe(id)
  expect(Math.abs(Number(expires) - (Date.now() / 1000 + 600))).toBeLessThan(30)
  expect(turn?.credential).toBe(createHmac('sha1', secret).update(`${expires}:${id}`).digest('base64'))
  client.send({ type: 'turn' })
  expect(await client.next()).toMatchObject({ type: 'turn', turn: { urls, ttlSeconds: 600 } })
  expect((await TestClient.join(port, 'room', { as: 'relay' })).turn).toBeNull()
})

test('a server without TURN has none to give', async () => {
  const { client, turn } = await TestClient.join(await start(), 'room')
  expect(turn).toBeNull()
  client.send({ type: 'turn' })
  expect(await client.next()).toEqual({ type: 'turn', turn: null })
})

describe('origins', () => {
  test.each([
    ['any', 'https://a.example', ['*'], true],
    ['none said, any allowed', undefined, ['*'], true],
    ['one on the list', 'https://a.example', ['https://b.example', 'https://a.example'], true],
    ['one not on the list', 'https://a.example', ['https://b.example'], false],
    ['another port', 'https://a.example:444', ['https://a.example'], false],
    ['another scheme', 'http://a.example', ['https://a.example'], false],
    ['none said', undefined, ['https://a.example'], false],
    ['an opaque one', 'null', ['same'], false],
    ["the server's own", 'https://server.example', ['same'], true],
    ['one that looks like it', 'https://server.example.evil', ['same'], false],
  ])('%s', (_, origin, allowed, answer) => {
    expect(originIsAllowed(origin, 'server.example', allowed)).toBe(answer)
  })

  test('a page of another origin gets no connection', async () => {
    const port = await start({ origins: ['https://app.example'] })
    expect(await refusal(port, { origin: 'https://evil.example' })).toContain('403')
    expect(await refusal(port, {})).toContain('403')
    expect(await refusal(port, { origin: 'https://app.example' })).toBe('connected')
  })
})

describe('addresses', () => {
  test('IPv6 counts by the 64 bits that one customer has', () => {
    expect(networkOf('203.0.113.7')).toBe('203.0.113.7')
    expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0::/64')
    expect(networkOf('2001:0DB8:0:0:ffff::1')).toBe(networkOf('2001:db8::1'))
    expect(networkOf('2001:db8:0:1::1')).not.toBe(networkOf('2001:db8::1'))
    expect(networkOf('::1')).toBe('0:0:0:0::/64')
  })

  test.each([
    ['no proxy', 0, '203.0.113.7', '::ffff:192.0.2.1', '192.0.2.1'],
    ['one proxy', 1, '203.0.113.7', '::ffff:192.0.2.1', '203.0.113.7'],
    ['one proxy, and a claim', 1, '198.51.100.1, 203.0.113.7', '192.0.2.1', '203.0.113.7'],
    ['two proxies', 2, '198.51.100.1, 203.0.113.7, 192.0.2.9', '192.0.2.1', '203.0.113.7'],
    ['a port', 1, '203.0.113.7:5432', '192.0.2.1', '203.0.113.7'],
    ['IPv6 with a port', 1, '[2001:db8::1]:5432', '192.0.2.1', '2001:db8::1'],
    ['no address at all', 1, 'unknown', '192.0.2.1', '192.0.2.1'],
    ['no header', 1, undefined, '192.0.2.1', '192.0.2.1'],
  ])('who is heard: %s', (_, trusted, forwarded, remoteAddress, answer) => {
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
    expect(clientAddress({ headers, socket: { remoteAddress } }, trusted)).toBe(answer)
  })

  test('what a log says of one finds no person', () => {
    expect(coarseAddress('203.0.113.7')).toBe('203.0.113.0/24')
    expect(coarseAddress('2001:db8:1:2:3::4')).toBe('2001:db8:1::/48')
    expect(coarseAddress('what?')).toBe('unknown')
  })

  test('one has so many connections, another has its own', async () => {
    const port = await start({ trustedProxies: 1, limits: { addressConnectionsMax: 2 } })
    const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } })
    const first = await TestClient.open(port, from('203.0.113.7'))
    await TestClient.open(port, from('forged, 203.0.113.7'))
    expect(await refusal(port, from('203.0.113.7'))).toContain('429')
    expect(await refusal(port, from('203.0.113.8'))).toBe('connected')
    first.socket.close()
    await first.closed
    await expect.poll(() => refusal(port, from('203.0.113.7'))).toBe('connected')
  })

  test('nobody is believed without a trusted proxy', async () => {
    const port = await start({ limits: { addressConnectionsMax: 1 } })
    await TestClient.open(port, { headers: { 'X-Forwarded-For': '203.0.113.7' } })
    expect(await refusal(port, { headers: { 'X-Forwarded-For': '203.0.113.8' } })).toContain('429')
  })

  test('one can connect so often', async () => {
    const port = await start({ limits: { addressConnectsPerSecond: 1 } })
    const answers: string[] = []
    while (!answers.at(-1)?.includes('429')) answers.push(await refusal(port, {}))
    expect(answers.length).toBeGreaterThan(10)
  })
})

describe('rates', () => {
  test('a bucket gives what it saved, then what comes in, and never more than it holds', () => {
    const bucket = new TokenBucket(10, 0)
    expect(bucket.take(100, 0)).toBe(0)
    expect(bucket.take(5, 0)).toBe(500)
    expect(bucket.take(0, 500)).toBe(0)
    expect(bucket.tryTake(500)).toBe(false)
    expect(bucket.take(100, 1_000_000)).toBe(0)
    expect(bucket.tryTake(1_000_000)).toBe(false)
    expect(bucket.isFull(1_009_999)).toBe(false)
    expect(bucket.isFull(1_010_000)).toBe(true)
  })

  test('zero is no limit', () => {
    const bucket = new TokenBucket(0, 0)
    expect(bucket.take(1e12, 0)).toBe(0)
    expect(bucket.tryTake(0)).toBe(true)
    expect(bucket.isFull(0)).toBe(true)
  })

  test('a little too much is slowed down, and all of it arrives', async () => {
    const port = await start({ limits: { peerFramesPerSecond: 200 } })
    const { client } = await TestClient.join(port, 'room')
    const began = performance.now()
    // A bucket of 2,000, and 100 more than that.
    for (let count = 0; count < 2_100; count++) client.send({ type: 'ping' })
    for (let count = 0; count < 2_100; count++) expect((await client.next()).type).toBe('pong')
    client.send({ type: 'ping' })
    expect((await client.next()).type).toBe('pong')
    expect(performance.now() - began).toBeGreaterThan(400)
  })

  test('a flood ends its connection', async () => {
    const port = await start({ limits: { peerFramesPerSecond: 10 } })
    const { client } = await TestClient.join(port, 'room')
    for (let count = 0; count < 1_000; count++) client.send({ type: 'ping' })
    const answers: string[] = []
    while (answers.at(-1) !== 'error') answers.push((await client.next()).type)
    expect(answers.length).toBeLessThan(300)
    await client.closed
  })

  test('who fills a room pays for all that will be told of its going, and gets no more connections until then', async () => {
    const port = await start({ limits: { addressFramesPerSecond: 10 } })
    // A bucket of 100, while 50 who come one after the other would be 1,225 frames of news.
    let joined = 0
    const fill = async () => {
      for (; joined < 50; joined++) await TestClient.join(port, 'room')
    }
    await expect(fill()).rejects.toThrow('429')
    expect(joined).toBeGreaterThan(5)
    expect(joined).toBeLessThan(30)
  })

  test('what one connection may not, many of one address may not either', async () => {
    const port = await start({ limits: { addressFramesPerSecond: 100 } })
    const began = performance.now()
    const clients = await Promise.all(Array.from({ length: 4 }, () => TestClient.join(port, 'room')))
    // A bucket of 1,000 for all of them.
    for (const { client } of clients) for (let count = 0; count < 280; count++) client.send({ type: 'ping' })
    for (const { client } of clients) {
      for (let pongs = 0; pongs < 280; ) if ((await client.next()).type === 'pong') pongs++
      client.send({ type: 'ping' })
    }
    for (const { client } of clients) expect((await client.next()).type).toBe('pong')
    expect(performance.now() - began).toBeGreaterThan(500)
  })
})
