import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { CarrierEvent } from '../../../src/net/page/carrier.ts'
import { SignalingClient, type SignalingClientOptions } from '../../../src/net/page/signaling-client.ts'
import { FakeWebSocket, fakePageEvents } from './page-fakes.ts'

const hourMs = 3_600_000
let over: AbortController
let page: EventTarget
let events: CarrierEvent[]

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', FakeWebSocket)
  page = fakePageEvents()
  FakeWebSocket.made.length = 0
  over = new AbortController()
  events = []
})

afterEach(() => {
  over.abort()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

function client(options: Partial<SignalingClientOptions> = {}): SignalingClient {
  return new SignalingClient({
    urls: ['ws://one'],
    room: 'room',
    ticket: null,
    signal: over.signal,
    onEvent: event => events.push(event),
    onState: () => {},
    ...options,
  })
}

function urls(): string[] {
  return FakeWebSocket.made.map(({ url }) => url)
}

/** Time in which the server answers. */
function passAnswered(ms: number): void {
  for (let passed = 0; passed < ms; passed += 1_000) {
    vi.advanceTimersByTime(1_000)
    FakeWebSocket.last.hear({ type: 'pong' })
  }
}

test('joins as a peer, and tells who is there', () => {
  const { state } = client()
  expect(state.phase).toBe('connecting')
  FakeWebSocket.last.welcome('me', ['you'])
  expect(FakeWebSocket.last.said[0]).toMatchObject({ type: 'join', room: 'room', as: 'peer' })
  FakeWebSocket.last.hear({ type: 'left', id: 'you' })
  expect(events).toEqual([
    { kind: 'present', addresses: ['you'] },
    { kind: 'gone', address: 'you' },
  ])
})

test('a server gone for an hour is asked every 15 seconds at most, and found within 15 seconds of its return', () => {
  const signaling = client()
  FakeWebSocket.last.welcome()
  const lost = FakeWebSocket.made.length
  FakeWebSocket.last.fail()
  expect(events.at(-1)).toEqual({ kind: 'cut' })
  for (let passed = 0; passed < hourMs; passed += 1_000) {
    vi.advanceTimersByTime(1_000)
    if (signaling.state.phase === 'connecting') FakeWebSocket.last.fail()
  }
  const attempts = FakeWebSocket.made.length - lost
  expect(attempts).toBeGreaterThan(hourMs / 15_000)
  expect(attempts).toBeLessThan(hourMs / 7_500 + 10)
  let waited = 0
  for (; signaling.state.phase !== 'connecting'; waited += 100) vi.advanceTimersByTime(100)
  expect(waited).toBeLessThanOrEqual(15_000)
  FakeWebSocket.last.welcome()
  expect(signaling.state.phase).toBe('open')
})

test('several addresses are tried in turn at once, and only when none answers does it wait longer and longer', () => {
  client({ urls: ['ws://one', 'ws://two', 'ws://three'] })
  for (let failures = 0; failures < 2; failures++) {
    FakeWebSocket.last.fail()
    vi.advanceTimersByTime(250)
  }
  expect(urls()).toEqual(['ws://one', 'ws://two', 'ws://three'])
  FakeWebSocket.last.welcome()
  vi.advanceTimersByTime(60_000)
  FakeWebSocket.last.hear({ type: 'pong' })
  FakeWebSocket.last.fail()
  vi.advanceTimersByTime(250)
  expect(FakeWebSocket.last.url).toBe('ws://one')
})

test('a server that closes is left for another at once', () => {
  client({ urls: ['ws://one', 'ws://two'] })
  FakeWebSocket.last.welcome()
  FakeWebSocket.last.hear({ type: 'closing', retryMs: 5_000 })
  vi.advanceTimersByTime(250)
  expect(urls()).toEqual(['ws://one', 'ws://two'])
  expect(FakeWebSocket.made[0]?.closed).toBe(true)
})

test('the only server is come back to when it said, and not by all at one moment', () => {
  client()
  FakeWebSocket.last.welcome()
  FakeWebSocket.last.hear({ type: 'closing', retryMs: 5_000 })
  vi.advanceTimersByTime(4_999)
  expect(urls()).toHaveLength(1)
  vi.advanceTimersByTime(5_001)
  expect(urls()).toHaveLength(2)
})

test('a connection that has died without a word is noticed by its silence, sooner when there is reason to doubt it', () => {
  const signaling = client()
  FakeWebSocket.last.welcome()
  passAnswered(60_000)
  expect(signaling.state.phase).toBe('open')
  page.dispatchEvent(new Event('online'))
  vi.advanceTimersByTime(4_999)
  expect(signaling.state.phase).toBe('open')
  vi.advanceTimersByTime(1)
  expect(signaling.state.phase).toBe('waiting')
  page.dispatchEvent(new Event('online'))
  expect(signaling.state.phase).toBe('connecting')
})

test('every connection has a ticket of its own, and without one there is none', async () => {
  const tickets = [Promise.resolve('first'), Promise.reject(new Error('refused')), Promise.resolve('third')]
  tickets[1]?.catch(() => {})
  const signaling = client({ ticket: () => tickets.shift() ?? Promise.reject(new Error('no more')) })
  await vi.advanceTimersByTimeAsync(0)
  FakeWebSocket.last.welcome()
  expect(FakeWebSocket.last.said[0]).toMatchObject({ ticket: 'first' })
  FakeWebSocket.last.fail()
  await vi.advanceTimersByTimeAsync(250)
  expect(signaling.state.phase).toBe('waiting')
  expect(FakeWebSocket.made).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(500)
  FakeWebSocket.last.welcome()
  expect(FakeWebSocket.last.said[0]).toMatchObject({ ticket: 'third' })
})

test('the server’s TURN server is used while its credentials hold, and they are renewed when half of their time is over', () => {
  const turn = { urls: ['turn:example.org'], username: 'u', credential: 'c', ttlSeconds: 60 }
  const signaling = client()
  FakeWebSocket.last.welcome('me', [], turn)
  expect(signaling.iceServers).toEqual([{ urls: ['turn:example.org'], username: 'u', credential: 'c' }])
  passAnswered(29_000)
  expect(FakeWebSocket.last.said).not.toContainEqual({ type: 'turn' })
  passAnswered(12_000)
  expect(FakeWebSocket.last.said).toContainEqual({ type: 'turn' })
  passAnswered(20_000)
  expect(signaling.iceServers).toEqual([])
  FakeWebSocket.last.hear({ type: 'turn', turn })
  expect(signaling.iceServers).toHaveLength(1)
})

test('nothing is done after the end', () => {
  const signaling = client()
  FakeWebSocket.last.welcome()
  over.abort()
  expect(FakeWebSocket.last.closed).toBe(true)
  FakeWebSocket.last.hear({ type: 'found', peers: ['late'] })
  page.dispatchEvent(new Event('online'))
  vi.advanceTimersByTime(hourMs)
  expect(signaling.state.phase).toBe('closed')
  expect(FakeWebSocket.made).toHaveLength(1)
})
