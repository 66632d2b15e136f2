import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { greetMax, Room, type Ways } from '../../../src/net/page/room.ts'
import type { TabRole } from '../../../src/replica/types.ts'
import { FakeHall, FakeSeal, settle } from './page-fakes.ts'

const both: Ways = { direct: true, relay: true }
let over: AbortController

beforeEach(() => {
  over = new AbortController()
})
afterEach(() => over.abort())

/** A tab that does nothing but know who is there. */
function tab(peer: string, role: TabRole = 'editor', ways = both) {
  const events: string[] = []
  const room = new Room({
    peer,
    ways,
    seal: new FakeSeal(peer, role),
    signal: over.signal,
    events: {
      onMet: (name, role, { direct, relay }) => events.push(`met ${name} ${role} ${direct} ${relay}`),
      onMoved: name => events.push(`moved ${name}`),
      onGone: name => events.push(`gone ${name}`),
      onSignal: (name, signal) => events.push(`${name} says ${signal.kind}`),
    },
  })
  return { peer, room, events }
}

type Tab = ReturnType<typeof tab>

async function enter(hall: FakeHall, someone: Tab, address = `at ${someone.peer}`): Promise<void> {
  someone.room.add(onEvent => hall.join(address, onEvent))
  await settle()
}

test('two that are in one hall come to know each other, and how each can be linked', async () => {
  const hall = new FakeHall()
  const [a, b] = [tab('a'), tab('b', 'editor', { direct: false, relay: true })]
  await enter(hall, a)
  await enter(hall, b)
  expect(a.events).toEqual(['met b editor false true'])
  expect(b.events).toEqual(['met a editor true true'])
  a.room.say('b', { kind: 'ask' })
  await settle()
  expect(b.events).toContain('a says ask')
})

test('an old greeting that somebody plays again makes nobody be remembered', async () => {
  const hall = new FakeHall()
  const [gone, witness] = [tab('a'), tab('b')]
  await enter(hall, witness)
  await enter(hall, gone)
  const greeting = hall.sent.find(({ from }) => from === 'at a')
  if (greeting === undefined) throw new Error('a did not greet')
  hall.leave('at a')
  const fresh = tab('c')
  await enter(hall, fresh)
  fresh.events.length = 0
  hall.pass('at a', 'at c', greeting.payload)
  await settle()
  expect(fresh.events).toEqual([])
  expect(fresh.room.reaches('a')).toBe(false)
})

test('who leaves is gone, unless another carrier still reaches it', async () => {
  const [server, browser] = [new FakeHall(), new FakeHall()]
  const [a, b] = [tab('a'), tab('b')]
  for (const someone of [a, b]) {
    await enter(browser, someone)
    await enter(server, someone)
  }
  browser.leave('at b')
  expect(a.room.reaches('b')).toBe(true)
  expect(a.events.at(-1)).toBe('moved b')
  server.leave('at b')
  expect(a.room.reaches('b')).toBe(false)
  expect(a.events.at(-1)).toBe('gone b')
})

test('all that a carrier knew is void when it was cut', async () => {
  const hall = new FakeHall()
  const [a, b] = [tab('a'), tab('b')]
  await enter(hall, a)
  await enter(hall, b)
  hall.tell('at a', { kind: 'cut' })
  expect(a.events.at(-1)).toBe('gone b')
})

test('a peer that comes back under another address has moved', async () => {
  const hall = new FakeHall()
  const [a, b] = [tab('a'), tab('b')]
  await enter(hall, a)
  await enter(hall, b)
  a.events.length = 0
  await enter(hall, b, 'elsewhere')
  expect(a.events).toContain('moved b')
  // The server notices late that the old connection is dead.
  hall.leave('at b')
  expect(a.room.reaches('b')).toBe(true)
})

describe('in a large room', () => {
  const many = 3 * greetMax

  async function crowd(hall: FakeHall): Promise<Tab[]> {
    const tabs: Tab[] = []
    for (let n = 0; n < many; n++) {
      const one = tab(`p${String(n).padStart(3, '0')}`)
      one.room.add(onEvent => hall.join(`at ${one.peer}`, onEvent))
      tabs.push(one)
    }
    await settle()
    return tabs
  }

  test('a newcomer greets some, and finds the others when they are wanted', async () => {
    const hall = new FakeHall()
    const tabs = await crowd(hall)
    const late = tab('late')
    await enter(hall, late)
    expect(late.events.filter(event => event.startsWith('met'))).toHaveLength(greetMax)
    const wanted = tabs.filter(({ peer }) => !late.room.reaches(peer)).map(({ peer }) => peer)
    late.room.seek(new Set(wanted))
    await expect.poll(() => wanted.filter(peer => late.room.reaches(peer)), { timeout: 10_000 }).toEqual(wanted)
  })

  test('who is turned away is told of others, and greets them', async () => {
    const hall = new FakeHall()
    const [first] = await crowd(hall)
    const late = tab('late')
    await enter(hall, late)
    if (first === undefined) throw new Error('nobody is there')
    late.room.seek(new Set([first.peer]))
    await expect.poll(() => late.room.reaches(first.peer), { timeout: 10_000 }).toBe(true)
    await settle()
    const known = () => late.events.filter(event => event.startsWith('met')).length
    const before = known()
    first.room.turnAway('late')
    await expect.poll(known).toBeGreaterThan(before)
    expect(late.events).toContain(`${first.peer} says full`)
  })
})
