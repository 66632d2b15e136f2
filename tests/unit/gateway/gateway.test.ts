import { once } from 'node:events'
import { createServer } from 'node:net'
import { Client, credentials, status as Status } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import { CertificateError, type Gateway, type GatewayOptions, startGateway } from '../../../gateway/gateway.ts'
import { type Answer, GrpcEndpoint, type WatchStream } from '../../differential/endpoint.ts'
import { integer, loadProtocol, type Message, messagesOf } from '../../differential/protocol.ts'

const protocol = await loadProtocol()
const longTestMsMax = 60_000
let started: (() => void | Promise<void>)[] = []

afterEach(async () => {
  for (const stop of started.reverse()) await stop()
  started = []
})

async function gatewayWith(options: Partial<GatewayOptions> = {}): Promise<Gateway> {
  const gateway = await startGateway({ port: 0, host: '127.0.0.1', ...options })
  started.push(() => gateway.close())
  return gateway
}

function endpointAt(address: string): GrpcEndpoint {
  const endpoint = new GrpcEndpoint(address, address, protocol)
  started.push(() => endpoint.close())
  return endpoint
}

const bytes = (text: string) => Buffer.from(text)
const allKeys = { key: Buffer.of(0), range_end: Buffer.of(0) }

function okay(answer: Answer): Message {
  if (!answer.ok) throw new Error(`${answer.code} ${answer.message}`)
  return answer.response
}

/** A watch stream whose messages can be waited for. */
function watchAt(endpoint: GrpcEndpoint): {
  stream: WatchStream
  until(done: (seen: Message[]) => boolean): Promise<Message[]>
} {
  const seen: Message[] = []
  let arrived = () => {}
  const stream = endpoint.openWatch(
    message => {
      seen.push(message)
      arrived()
    },
    () => {},
  )
  return {
    stream,
    until: done =>
      new Promise(resolve => {
        arrived = () => done(seen) && resolve(seen)
        arrived()
      }),
  }
}

const revisionsOf = (messages: readonly Message[]) =>
  messages.flatMap(message => messagesOf(message, 'events').map(event => integer(event.kv, 'mod_revision')))

test('what is written at one member is read at another', async () => {
  const { addresses } = await gatewayWith()
  const [first, second, third] = addresses.map(endpointAt)
  for (const [at, endpoint] of [first, second, third].entries()) {
    await endpoint?.call('Put', { key: bytes('k'), value: bytes(`${at}`) })
    for (const other of [first, second, third]) {
      const answer = okay((await other?.call('Range', { key: bytes('k') })) ?? { ok: false, code: 0, message: '' })
      expect(messagesOf(answer, 'kvs').map(kv => String(kv.value))).toEqual([`${at}`])
    }
  }
})

test('more writes at once than may be unanswered are all applied, each once', { timeout: longTestMsMax }, async () => {
  const { address } = await gatewayWith()
  const endpoint = endpointAt(address)
  const writes = 3_000
  const put = () => endpoint.call('Put', { key: bytes('k'), value: bytes('v') })
  const answers = await Promise.all(Array.from({ length: writes }, put))
  const revisions = answers.map(answer => integer(okay(answer).header, 'revision'))
  expect(new Set(revisions).size).toBe(writes)
  const [kv] = messagesOf(okay(await endpoint.call('Range', { key: bytes('k') })), 'kvs')
  expect(integer(kv, 'version')).toBe(writes)
})

test('writes go on, once each, while leadership moves', { timeout: longTestMsMax }, async () => {
  const { address, cluster } = await gatewayWith()
  const endpoint = endpointAt(address)
  let moves = 0
  let acknowledged = 0
  while (moves < 4) {
    const writes = Array.from({ length: 20 }, () => endpoint.call('Put', { key: bytes('k'), value: bytes('v') }))
    const leader = cluster.members.find(({ status }) => status.role === 'leader')
    const heir = cluster.members.find(({ id }) => id !== leader?.id)
    if (leader !== undefined && heir !== undefined) {
      leader.push({ kind: 'transfer', to: heir.id })
      if (await cluster.until(() => heir.status.role === 'leader', 2_000)) moves += 1
    }
    for (const answer of await Promise.all(writes)) acknowledged += okay(answer) ? 1 : 0
  }
  const [kv] = messagesOf(okay(await endpoint.call('Range', { key: bytes('k') })), 'kvs')
  expect(integer(kv, 'version')).toBe(acknowledged)
})

test('a watch gives history and what follows, far beyond its first credit, each revision once', {
  timeout: longTestMsMax,
}, async () => {
  const { address, addresses } = await gatewayWith()
  const endpoint = endpointAt(address)
  const half = 500
  const put = (value: string) => endpoint.call('Put', { key: bytes('k'), value: bytes(value.repeat(2_000)) })
  await Promise.all(Array.from({ length: half }, () => put('a')))
  const { stream, until } = watchAt(endpointAt(addresses[1] ?? ''))
  stream.send({ create_request: { ...allKeys, start_revision: '2' } })
  await Promise.all(Array.from({ length: half }, () => put('b')))
  const seen = await until(messages => revisionsOf(messages).includes(2 * half + 1))
  expect(revisionsOf(seen)).toEqual(Array.from({ length: 2 * half }, (_, at) => at + 2))
})

test('one stream carries many watches, under ids that are its own or chosen', async () => {
  const { address } = await gatewayWith()
  const { stream, until } = watchAt(endpointAt(address))
  const create = (id: number, range = allKeys) => stream.send({ create_request: { ...range, watch_id: `${id}` } })
  create(0)
  create(7)
  create(7)
  create(0, { key: bytes('b'), range_end: bytes('a') })
  stream.send({ cancel_request: { watch_id: '99' } })
  stream.send({ cancel_request: { watch_id: '7' } })
  create(7)
  create(0)
  const seen = await until(messages => messages.length === 7)
  const facts = seen.map(message => {
    const { watch_id, created, canceled, cancel_reason } = message
    return [watch_id, created ? 'created' : '', canceled ? 'canceled' : '', cancel_reason].filter(Boolean).join(' ')
  })
  expect(facts).toEqual([
    '0 created',
    '7 created',
    '-1 created canceled mvcc: duplicate watch ID provided on the WatchStream',
    '-1 created canceled mvcc: watcher range is empty',
    '7 canceled',
    '7 created',
    '1 created',
  ])
})

test('a watch from a compacted revision is canceled with the one it can start from', async () => {
  const { address } = await gatewayWith()
  const endpoint = endpointAt(address)
  for (let i = 0; i < 5; i += 1) await endpoint.call('Put', { key: bytes('k'), value: bytes('v') })
  okay(await endpoint.call('Compact', { revision: '4' }))
  const { stream, until } = watchAt(endpoint)
  stream.send({ create_request: { ...allKeys, start_revision: '3' } })
  const [, end] = await until(messages => messages.length === 2)
  expect(end).toMatchObject({ canceled: true, compact_revision: '4', watch_id: '0' })
})

test('progress is told when asked for, and only once all events before it are', async () => {
  const { address } = await gatewayWith()
  const endpoint = endpointAt(address)
  for (let i = 0; i < 300; i += 1) await endpoint.call('Put', { key: bytes('k'), value: bytes('v') })
  const { stream, until } = watchAt(endpoint)
  stream.send({ create_request: { ...allKeys, start_revision: '1' } })
  stream.send({ progress_request: {} })
  const seen = await until(messages => messages.some(message => message.watch_id === '-1'))
  expect(revisionsOf(seen)).toHaveLength(300)
  expect(integer(seen.at(-1)?.header, 'revision')).toBe(301)
})

test('an idle watch that wants to know is told from time to time, another is not', async () => {
  const { address } = await gatewayWith({ progressNotifyMs: 20 })
  const { stream, until } = watchAt(endpointAt(address))
  stream.send({ create_request: { ...allKeys } })
  stream.send({ create_request: { ...allKeys, progress_notify: true } })
  const seen = await until(messages => messages.length === 4)
  expect(seen.slice(2).map(message => [message.watch_id, messagesOf(message, 'events').length])).toEqual([
    ['1', 0],
    ['1', 0],
  ])
})

test('keeping alive what is no lease is answered with no time, and the stream goes on', async () => {
  const { address } = await gatewayWith()
  const endpoint = endpointAt(address)
  expect(okay(await endpoint.keepAlive({ ID: '5' })).TTL).toBe('0')
  okay(await endpoint.call('LeaseGrant', { ID: '5', TTL: '60' }))
  expect(okay(await endpoint.keepAlive({ ID: '5' })).TTL).toBe('60')
})

test('a lease without a chosen id gets one that is a safe integer', async () => {
  const { address } = await gatewayWith()
  const { ID } = okay(await endpointAt(address).call('LeaseGrant', { TTL: '60' }))
  expect(Number(ID)).toBeGreaterThan(0)
  expect(Number.isSafeInteger(Number(ID))).toBe(true)
})

test.each([
  ['Put', { key: bytes('k'), lease: '9007199254740993' }, 'lease is beyond 2^53 - 1'],
  ['Range', { key: bytes('k'), revision: '9223372036854775807' }, 'revision is beyond 2^53 - 1'],
  ['LeaseGrant', { ID: '9007199254740992', TTL: '60' }, 'ID is beyond 2^53 - 1'],
  ['LeaseGrant', { ID: '-1', TTL: '60' }, 'ID is negative'],
] as const)('%s %o is refused, and the reason given', async (method, request, reason) => {
  const { address } = await gatewayWith()
  const answer = await endpointAt(address).call(method, request)
  expect(answer).toMatchObject({ ok: false, code: Status.INVALID_ARGUMENT, message: expect.stringContaining(reason) })
})

test('a stream that asks for what is no safe integer ends with the reason', async () => {
  const { address } = await gatewayWith()
  const endpoint = endpointAt(address)
  const ended = new Promise<Answer>(resolve => {
    const stream = endpoint.openWatch(() => {}, resolve)
    stream.send({ create_request: { ...allKeys, start_revision: '9007199254740993' } })
  })
  const refusal = { ok: false, code: Status.INVALID_ARGUMENT, message: expect.stringContaining('beyond 2^53 - 1') }
  expect(await ended).toMatchObject(refusal)
  expect(await endpoint.keepAlive({ ID: '9007199254740993' })).toMatchObject(refusal)
})

test('a client that goes away leaves no watch behind', async () => {
  const { address, cluster } = await gatewayWith()
  const { stream, until } = watchAt(endpointAt(address))
  for (let count = 0; count < 3; count += 1) stream.send({ create_request: allKeys })
  await until(messages => messages.length === 3)
  const watchers = () => cluster.members.reduce((sum, { metrics }) => sum + metrics.watchers, 0)
  expect(watchers()).toBe(3)
  stream.cancel()
  await expect.poll(watchers).toBe(0)
})

test('what is not served is said not to be', async () => {
  const { address } = await gatewayWith()
  const client = new Client(address, credentials.createInsecure())
  started.push(() => client.close())
  const same = (message: Buffer) => message
  for (const path of ['/etcdserverpb.Cluster/MemberAdd', '/etcdserverpb.Auth/AuthEnable']) {
    const code = await new Promise(resolve =>
      client.makeUnaryRequest(path, same, same, Buffer.alloc(0), error => resolve(error?.code)),
    )
    expect(code).toBe(Status.UNIMPLEMENTED)
  }
})

test('closing ends what is under way and frees the ports', async () => {
  const gateway = await startGateway({ port: 0, host: '127.0.0.1' })
  const endpoint = endpointAt(gateway.address)
  const ended = new Promise<Answer>(resolve => {
    endpoint.openWatch(() => gateway.close(), resolve).send({ create_request: allKeys })
  })
  expect((await ended).ok).toBe(false)
  await gateway.close()
  for (const address of gateway.addresses) {
    const holder = createServer().listen(Number(address.split(':')[1]), '127.0.0.1')
    await once(holder, 'listening')
    holder.close()
  }
})

test('the first port must be free; another member takes any, where its own is taken', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  started.push(() => void holder.close())
  const held = holder.address()
  const port = typeof held === 'object' && held !== null ? held.port : 0
  await expect(startGateway({ port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  const { addresses } = await gatewayWith({ port: port - 1 })
  expect(addresses[0]).toBe(`127.0.0.1:${port - 1}`)
  expect(addresses[1]).not.toBe(`127.0.0.1:${port}`)
  okay(await endpointAt(addresses[1] ?? '').call('Put', { key: bytes('k'), value: bytes('v') }))
})

test('a certificate that is none is refused before anything is served', async () => {
  const tls = { cert: bytes('no certificate'), key: bytes('no key') }
  await expect(startGateway({ port: 0, host: '127.0.0.1', tls })).rejects.toThrow(CertificateError)
})
