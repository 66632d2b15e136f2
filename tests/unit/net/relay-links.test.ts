import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { RelaySocket } from '../../../src/net/worker/relay.ts'
import { newKeys, PlainRelay, until } from './channel-pairs.ts'
import { FakeConnection, FakeTab, ManualClock } from './links-fakes.ts'
import { appendOf, join, MEMBER_A, MEMBER_B } from './links-messages.ts'

/** Relayed links as the page asks for them, through a real server. */
let server: PlainRelay
let a: FakeTab
let b: FakeTab

beforeEach(async () => {
  server = await new PlainRelay().start()
  const clock = new ManualClock()
  const connect = (url: string) => new WebSocket(url) as unknown as RelaySocket
  a = new FakeTab('tab-a', clock, [MEMBER_A], connect)
  b = new FakeTab('tab-b', clock, [MEMBER_B], connect)
})

afterEach(async () => {
  a.links.bye()
  b.links.bye()
  await server.close()
})

const becomes = (condition: () => boolean) => until({ step() {} }, condition)

async function address(tab: FakeTab): Promise<string> {
  tab.port.fromPage({ type: 'relay', url: server.url, room: 'room', ticket: null })
  const told = () => tab.port.heard.findLast(({ type }) => type === 'relayAddress')
  await becomes(() => told() !== undefined)
  const word = told()
  if (word?.type !== 'relayAddress' || word.address === null) throw new Error('no address')
  return word.address
}

async function relay(link: number, [toA, toB]: readonly [string, string]): Promise<void> {
  const { toRight, toLeft } = await newKeys()
  const channels = { type: 'channels', kind: 'relay', link } as const
  a.port.fromPage({
    ...channels,
    peer: 'tab-b',
    role: 'editor',
    to: toB,
    sendKey: toRight.seal,
    receiveKey: toLeft.open,
  })
  b.port.fromPage({
    ...channels,
    peer: 'tab-a',
    role: 'viewer',
    to: toA,
    sendKey: toLeft.seal,
    receiveKey: toRight.open,
  })
}

async function relayed(): Promise<readonly [string, string]> {
  const addresses = [await address(a), await address(b)] as const
  await relay(1, addresses)
  await becomes(() => a.said.length > 0 && b.said.length > 0)
  return addresses
}

test('a relayed link comes up with the role it was given, and carries messages of all classes', async () => {
  await relayed()
  expect(a.links.status()).toMatchObject([{ kind: 'relay', role: 'editor', state: 'up' }])
  expect(b.links.status()).toMatchObject([{ kind: 'relay', role: 'viewer', state: 'up' }])
  a.links.send(MEMBER_A, MEMBER_B, appendOf(300_000))
  a.links.send(MEMBER_A, MEMBER_B, join)
  a.links.flush()
  await becomes(() => b.messages.length === 2)
})

test('a direct link takes over from a relayed one, and a relayed one not from a direct one', async () => {
  const addresses = await relayed()
  const direct = new FakeConnection(a, b, 2).open()
  direct.settle()
  expect(a.links.status()).toMatchObject([{ kind: 'webrtc' }])
  await relay(3, addresses)
  await becomes(() => a.port.heard.some(word => word.type === 'down' && word.link === 3))
  await becomes(() => b.port.heard.some(word => word.type === 'down' && word.link === 3))
  expect(a.links.status()).toMatchObject([{ kind: 'webrtc', state: 'up' }])
  expect(b.links.status()).toMatchObject([{ kind: 'webrtc', state: 'up' }])
  expect(a.said).toEqual([`up ${MEMBER_B}`])
  expect(b.said).toEqual([`up ${MEMBER_A}`])
})

test('a tab that goes away says bye over the relay before it leaves', async () => {
  await relayed()
  a.links.bye()
  await becomes(() => b.port.heard.some(word => word.type === 'down' && word.reason === 'bye'))
  expect(b.said.at(-1)).toBe(`down ${MEMBER_A}`)
})

test('without a relay a relayed link is closed, and with the relay go the links that need it', async () => {
  const addresses = await relayed()
  a.port.fromPage({ type: 'relayOver' })
  await becomes(() => b.said.includes(`down ${MEMBER_A}`) || a.said.includes(`down ${MEMBER_B}`))
  expect(a.links.status()).toEqual([])
  await relay(9, addresses)
  await becomes(() => a.port.heard.some(word => word.type === 'down' && word.link === 9))
})
