import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { CarrierEvent } from '../../../src/net/page/carrier.ts'
import { LocalCarrier } from '../../../src/net/page/local-carrier.ts'
import { FakeLocks, settle } from './page-fakes.ts'

/** Of one browser: what one tab posts, all others hear. */
class FakeChannel {
  static readonly open = new Set<FakeChannel>()
  onmessage: ((event: { data: unknown }) => void) | null = null

  constructor() {
    FakeChannel.open.add(this)
  }

  postMessage(data: unknown): void {
    for (const other of FakeChannel.open) {
      if (other !== this) queueMicrotask(() => FakeChannel.open.has(other) && other.onmessage?.({ data }))
    }
  }

  close(): void {
    FakeChannel.open.delete(this)
  }
}

let locks: FakeLocks
const tabs = new Set<AbortController>()

beforeEach(() => {
  locks = new FakeLocks()
  FakeChannel.open.clear()
  vi.stubGlobal('BroadcastChannel', FakeChannel)
})

afterEach(() => {
  for (const tab of tabs) tab.abort()
  tabs.clear()
  vi.unstubAllGlobals()
})

function open() {
  const over = new AbortController()
  tabs.add(over)
  const events: CarrierEvent[] = []
  const carrier = new LocalCarrier({ room: 'r', signal: over.signal, locks, onEvent: event => events.push(event) })
  return { carrier, events, close: () => over.abort() }
}

test('a tab that comes is told who is there; those who are there wait to be spoken to', async () => {
  const first = open()
  await settle()
  const second = open()
  await settle()
  expect(first.events).toEqual([])
  expect(second.events).toEqual([{ kind: 'present', addresses: [first.carrier.address] }])
  second.carrier.send(first.carrier.address, 'hello')
  await settle()
  expect(first.events).toEqual([{ kind: 'message', from: second.carrier.address, payload: 'hello' }])
})

test('what is said to one is heard by no other', async () => {
  const [first, second, third] = [open(), open(), open()]
  await settle()
  const before = third.events.length
  first.carrier.send(second.carrier.address, 'hello')
  await settle()
  expect(third.events).toHaveLength(before)
})

test('a tab that closes is gone', async () => {
  const [first, second] = [open(), open()]
  await settle()
  second.close()
  await settle()
  expect(first.events.at(-1)).toEqual({ kind: 'gone', address: second.carrier.address })
})

test('a tab that was killed and said nothing is gone, too, and what it said last brings no ghost back', async () => {
  const [first, second] = [open(), open()]
  await settle()
  locks.kill(`flotilla/tab/${second.carrier.address}`)
  await settle()
  expect(first.events.at(-1)).toEqual({ kind: 'gone', address: second.carrier.address })
  new FakeChannel().postMessage({ kind: 'here', from: second.carrier.address, to: null })
  await settle()
  expect(first.events.at(-1)).toEqual({ kind: 'gone', address: second.carrier.address })
})

test('what other scripts of the origin put on the channel is nothing', async () => {
  const tab = open()
  await settle()
  const stranger = new FakeChannel()
  for (const word of [null, 7, 'here', {}, { kind: 'here' }, { kind: 'message', from: 'x', to: tab.carrier.address }]) {
    stranger.postMessage(word)
  }
  await settle()
  expect(tab.events).toEqual([])
})
