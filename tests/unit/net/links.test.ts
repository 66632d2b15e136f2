import { beforeEach, describe, expect, test } from 'vitest'
import { lowMarkBytes, queueBytesMax, windowBytesMax } from '../../../src/net/worker/lane.ts'
import { badFramesMax, silentMsMax } from '../../../src/net/worker/link.ts'
import { pulseIntervalMs } from '../../../src/net/worker/links.ts'
import { EMPTY_BYTES, type Message } from '../../../src/raft/types.ts'
import type { PeerMessage } from '../../../src/replica/types.ts'
import { FakeConnection, FakeTab, ManualClock } from './links-fakes.ts'

const MEMBER_A = 11
const MEMBER_B = 22

let clock: ManualClock
let a: FakeTab
let b: FakeTab

beforeEach(() => {
  clock = new ManualClock()
  a = new FakeTab('tab-a', clock, [MEMBER_A])
  b = new FakeTab('tab-b', clock, [MEMBER_B])
})

function raftMessage(fields: Partial<Message>): PeerMessage {
  const message: Message = {
    type: 'MsgApp',
    to: MEMBER_B,
    from: MEMBER_A,
    term: 1,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    vote: 0,
    snapshot: null,
    reject: false,
    rejectHint: 0,
    context: EMPTY_BYTES,
    responses: [],
    ...fields,
  }
  return { kind: 'raft', message }
}

function appendOf(bytes: number, index = 0): PeerMessage {
  return raftMessage({ entries: [{ term: 1, index: index + 1, type: 'normal', data: new Uint8Array(bytes) }], index })
}

function partOf(whole: Uint8Array, offset: number): PeerMessage {
  const confState = { voters: [MEMBER_A], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
  const metadata = { confState, index: 5, term: 1 }
  const data = whole.subarray(offset, offset + 60 * 1024)
  return {
    kind: 'snapshotChunk',
    chunk: { term: 1, metadata, checksum: 7, bytes: whole.length, offset, data, round: 1 },
  }
}

const join: PeerMessage = { kind: 'join', member: MEMBER_A }

describe('coming up', () => {
  test('a link is up on both sides once each has heard the other say hello', () => {
    const connection = new FakeConnection(a, b, 1)
    connection.left.raft.open()
    connection.right.raft.open()
    expect(a.said).toEqual([])
    expect(a.links.status()).toMatchObject([{ peer: 'tab-b', kind: 'webrtc', state: 'opening', members: [] }])
    connection.settle()
    expect(a.said).toEqual([`up ${MEMBER_B}`])
    expect(b.said).toEqual([`up ${MEMBER_A}`])
    expect(a.port.heard).toEqual([{ type: 'up', link: 1 }])
    expect(a.links.status()).toMatchObject([{ state: 'up', members: [MEMBER_B] }])
  })

  test('a hello that arrives before the channel says it is open is not lost', () => {
    const connection = new FakeConnection(a, b, 1)
    connection.right.raft.open()
    connection.settle()
    expect(a.said).toEqual([])
    connection.left.raft.open()
    expect(a.said).toEqual([`up ${MEMBER_B}`])
  })

  test('members that come and go on a peer come into reach and go out of it', () => {
    const connection = new FakeConnection(a, b, 1).open()
    b.links.setMembers([MEMBER_B, 33])
    connection.settle()
    b.links.setMembers([33])
    connection.settle()
    expect(a.said).toEqual([`up ${MEMBER_B}`, 'up 33', `down ${MEMBER_B}`])
  })

  test('a peer under another name than it was dialed by is refused', () => {
    new FakeConnection(a, b, 1, 'tab-c').open()
    expect(a.port.heard).toEqual([{ type: 'down', link: 1, reason: 'protocol' }])
    expect(a.said).toEqual([])
  })
})

describe('messages', () => {
  test('wait for flush, then leave in one frame and arrive in order', () => {
    const connection = new FakeConnection(a, b, 1).open()
    const before = connection.left.raft.framesSent
    for (let term = 1; term <= 100; term++) a.links.send(MEMBER_A, MEMBER_B, raftMessage({ term }))
    expect(connection.left.raft.framesSent).toBe(before)
    a.links.flush()
    expect(connection.left.raft.framesSent).toBe(before + 1)
    connection.settle()
    expect(b.messages).toHaveLength(100)
    expect(b.messages[0]).toEqual({ from: MEMBER_A, to: MEMBER_B, message: raftMessage({ term: 1 }) })
    expect(b.messages.map(({ message }) => message.kind === 'raft' && message.message.term)).toEqual(
      Array.from({ length: 100 }, (_, at) => at + 1),
    )
  })

  test('a snapshot travels in parts on the bulk channel, and the raft channel is not held up by it', () => {
    const connection = new FakeConnection(a, b, 1).open()
    const data = Uint8Array.from({ length: 5 * 1024 * 1024 }, (_, at) => at % 251)
    for (let offset = 0; offset < data.length; offset += 60 * 1024) {
      a.links.send(MEMBER_A, MEMBER_B, partOf(data, offset))
    }
    a.links.send(MEMBER_A, MEMBER_B, join)
    a.links.flush()
    while (connection.left.raft.deliver());
    expect(b.messages).toEqual([{ from: MEMBER_A, to: MEMBER_B, message: join }])
    connection.settle()
    const parts = b.messages.flatMap(({ message }) => (message.kind === 'snapshotChunk' ? message.chunk.data : []))
    expect(Buffer.compare(Buffer.concat(parts), data)).toBe(0)
    // Each is one frame: nothing of it is lost with a link but what is whole.
    expect(connection.left.bulk.framesSent).toBe(parts.length)
  })

  test('to a member nobody hosts are dropped and counted', () => {
    new FakeConnection(a, b, 1).open()
    expect(a.links.send(MEMBER_A, 99, join)).toBe(false)
    expect(a.links.counters.unreachable).toBe(1)
  })

  test('for a member that is not hosted here are dropped and counted', () => {
    const connection = new FakeConnection(a, b, 1).open()
    a.links.send(MEMBER_A, MEMBER_B, join)
    a.links.flush()
    b.links.setMembers([44])
    connection.settle()
    expect(b.messages).toEqual([])
    expect(b.links.counters.misdirected).toBe(1)
  })
})

describe('the send window', () => {
  test('is never exceeded, and everything arrives', () => {
    const connection = new FakeConnection(a, b, 1).open()
    for (let index = 0; index < 60; index++) a.links.send(MEMBER_A, MEMBER_B, appendOf(100_000, index))
    a.links.flush()
    connection.settle()
    expect(b.messages).toHaveLength(60)
    expect(connection.left.raft.highWater).toBeLessThanOrEqual(windowBytesMax)
    expect(connection.left.raft.highWater).toBeGreaterThan(lowMarkBytes)
  })

  test('what waits for it is bounded: more is dropped, counted, and what was taken still arrives', () => {
    new FakeConnection(a, b, 1).open()
    const size = 1024 * 1024
    const sent = Array.from({ length: 40 }, (_, index) => a.links.send(MEMBER_A, MEMBER_B, appendOf(size, index)))
    const taken = sent.filter(Boolean).length
    expect(taken).toBeLessThanOrEqual(queueBytesMax / size + 1)
    expect(a.links.counters.overflowed).toBe(40 - taken)
    expect(sent.lastIndexOf(true)).toBe(taken - 1)
  })
})

describe('going down', () => {
  test('a link that falls silent is down although its channel claims to be open', () => {
    const connection = new FakeConnection(a, b, 1).open()
    clock.pass(silentMsMax + pulseIntervalMs)
    expect(a.said).toEqual([`up ${MEMBER_B}`, `down ${MEMBER_B}`])
    expect(a.port.heard.at(-1)).toEqual({ type: 'down', link: 1, reason: 'silent' })
    expect(connection.left.raft.readyState).toBe('closing')
    expect(a.links.status()).toEqual([])
  })

  test('pings keep an idle link up and measure its round trip', () => {
    const connection = new FakeConnection(a, b, 1).open()
    clock.pass(20 * silentMsMax, () => connection.settle())
    expect(a.said).toEqual([`up ${MEMBER_B}`])
    expect(a.links.status()[0]?.roundTrip).toBe(0)
  })

  test('of two quiet ends one pings; whoever speaks anyway does so only to measure the round trip now and then', () => {
    const connection = new FakeConnection(a, b, 1).open()
    const framesIn = (pulses: number) => {
      const sent = () => connection.left.raft.framesSent + connection.right.raft.framesSent
      const before = sent()
      clock.pass(pulses * pulseIntervalMs, () => connection.settle())
      return sent() - before
    }
    const pingAndPong = 2
    // One of them at every pulse, the other every ten seconds, for a round trip of its own.
    expect(framesIn(60)).toBe((60 + 6) * pingAndPong)
    clock.every(pulseIntervalMs / 4, () => {
      a.links.send(MEMBER_A, MEMBER_B, join)
      a.links.flush()
      b.links.send(MEMBER_B, MEMBER_A, join)
      b.links.flush()
    })
    const chat = 2 * 4 * 60
    expect(framesIn(60) - chat).toBe(2 * 6 * pingAndPong)
    expect(a.said).toEqual([`up ${MEMBER_B}`])
  })

  test('a worker that was frozen gives its peers time to be heard before it judges them', () => {
    const connection = new FakeConnection(a, b, 1).open()
    clock.jump(60_000)
    clock.pass(0)
    expect(a.said).toEqual([`up ${MEMBER_B}`])
    connection.settle()
    clock.pass(20 * silentMsMax, () => connection.settle())
    expect(a.said).toEqual([`up ${MEMBER_B}`])
  })

  test('bye is heard before anything that waited, and no link comes up after it', () => {
    const connection = new FakeConnection(a, b, 1).open()
    for (let index = 0; index < 60; index++) a.links.send(MEMBER_A, MEMBER_B, appendOf(100_000, index))
    a.links.bye()
    connection.left.raft.finishClosing()
    expect(b.said).toEqual([`up ${MEMBER_A}`, `down ${MEMBER_A}`])
    expect(b.port.heard.at(-1)).toEqual({ type: 'down', link: 1, reason: 'bye' })
    expect(b.messages).toEqual([])
    const late = new FakeConnection(a, b, 2)
    expect(late.left.raft.readyState).toBe('closing')
  })

  test('a channel that closes and a page that says so both take the members out of reach, once', () => {
    const connection = new FakeConnection(a, b, 1).open()
    connection.left.raft.finishClosing()
    expect(b.said).toEqual([`up ${MEMBER_A}`, `down ${MEMBER_A}`])
    expect(b.port.heard.at(-1)).toEqual({ type: 'down', link: 1, reason: 'closed' })
    b.port.fromPage({ type: 'closed', link: 1 })
    a.port.fromPage({ type: 'closed', link: 1 })
    expect(b.said).toEqual([`up ${MEMBER_A}`, `down ${MEMBER_A}`])
    expect(a.said).toEqual([`up ${MEMBER_B}`, `down ${MEMBER_B}`])
    expect(a.port.heard).toEqual([{ type: 'up', link: 1 }])
  })

  test('bad frames are counted and dropped, and too many end the link', () => {
    const connection = new FakeConnection(a, b, 1).open()
    const bad = [
      new ArrayBuffer(0),
      new Uint8Array([9, 9]).buffer,
      'text',
      new Uint8Array([1, 2, 0, 0, 0, 7, 7]).buffer,
    ]
    for (let count = 1; count < badFramesMax; count++) connection.right.raft.receive(bad[count % bad.length])
    expect(b.said).toEqual([`up ${MEMBER_A}`])
    a.links.send(MEMBER_A, MEMBER_B, join)
    a.links.flush()
    connection.settle()
    expect(b.messages).toHaveLength(1)
    connection.right.raft.receive('one too many')
    expect(b.links.counters.badFrames).toBe(badFramesMax)
    expect(b.port.heard.at(-1)).toEqual({ type: 'down', link: 1, reason: 'protocol' })
  })
})

describe('several links', () => {
  test('a redial that comes up takes over from a link that lingers, without the members going out of reach', () => {
    const old = new FakeConnection(a, b, 1).open()
    new FakeConnection(a, b, 2).open()
    expect(a.said).toEqual([`up ${MEMBER_B}`])
    expect(old.left.raft.readyState).toBe('closing')
    expect(a.port.heard.slice(1)).toEqual([
      { type: 'down', link: 1, reason: 'closed' },
      { type: 'up', link: 2 },
    ])
    expect(a.links.status()).toHaveLength(1)
  })

  test('an attempt that has not come up does not disturb the link there is', () => {
    const old = new FakeConnection(a, b, 1).open()
    new FakeConnection(a, b, 2)
    a.links.send(MEMBER_A, MEMBER_B, join)
    a.links.flush()
    old.settle()
    expect(b.messages).toHaveLength(1)
  })

  test('a member that moves to another tab is reached there, by the later claim', () => {
    const c = new FakeTab('tab-c', clock, [33])
    new FakeConnection(a, b, 1).open()
    const toC = new FakeConnection(a, c, 2).open()
    c.links.setMembers([33, MEMBER_B])
    toC.settle()
    a.links.send(MEMBER_A, MEMBER_B, join)
    a.links.flush()
    toC.settle()
    expect(c.messages).toHaveLength(1)
    expect(a.said).toEqual([`up ${MEMBER_B}`, 'up 33', `down ${MEMBER_B}`, `up ${MEMBER_B}`])
    a.port.fromPage({ type: 'closed', link: 1 })
    expect(a.said).toHaveLength(4)
  })

  test('a member that moved and is then let go of is out of reach, though the tab it came from was never heard to end', () => {
    const c = new FakeTab('tab-c', clock, [33])
    new FakeConnection(a, b, 1).open()
    const [toA, toB] = [new FakeConnection(a, c, 2).open(), new FakeConnection(b, c, 3).open()]
    const cSaid = c.said.length
    for (const members of [[33, MEMBER_B], [33]]) {
      c.links.setMembers(members)
      toA.settle()
    }
    expect(a.said.at(-1)).toBe(`down ${MEMBER_B}`)
    expect(c.said.slice(cSaid)).toEqual([`down ${MEMBER_B}`])
    // As long as the dead tab says nothing, which it never does again.
    expect(a.links.status()).toMatchObject([{ members: [] }, { members: [33] }])
    toB.settle()
  })
})
