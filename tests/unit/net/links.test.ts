import { beforeEach, describe, expect, test } from 'vitest'
import { encodeLinkFrame, encodePeerMessage } from '../../../src/net/codec.ts'
import { FrameWriter } from '../../../src/net/frames.ts'
import { floodIntervalMs } from '../../../src/net/worker/flood.ts'
import { appendClass, lowMarkBytes, snapshotClass, urgentClass, windowBytesMax } from '../../../src/net/worker/lane.ts'
import { badFramesMax, earlyBytesMax, silentMsMax } from '../../../src/net/worker/link.ts'
import { pulseIntervalMs } from '../../../src/net/worker/links.ts'
import type { PeerMessage } from '../../../src/replica/types.ts'
import { FakeConnection, FakeDataChannel, FakeTab, give, ManualClock } from './links-fakes.ts'
import { appendOf, join, MEMBER_A, MEMBER_B, partBytes, partOf, raftMessage } from './links-messages.ts'

let clock: ManualClock
let a: FakeTab
let b: FakeTab

beforeEach(() => {
  clock = new ManualClock()
  a = new FakeTab('tab-a', clock, [MEMBER_A])
  b = new FakeTab('tab-b', clock, [MEMBER_B])
})

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

  test('a peer that says more than is kept before this end knows who it is is given up', () => {
    const channels = { raft: new FakeDataChannel(), bulk: new FakeDataChannel() }
    give(b, 'tab-a', 1, channels, null)
    for (const lane of ['raft', 'bulk'] as const) channels[lane].open()
    const message = encodeLinkFrame({
      ...{ kind: 'routed', hops: 1, viewer: false, precedence: 'append' },
      origins: { kind: 'one', member: MEMBER_A },
      destinations: { kind: 'one', member: MEMBER_B },
      inner: encodePeerMessage(0, 0, appendOf(50_000)),
    })
    const writer = new FrameWriter()
    writer.add(message)
    const frame = writer.first?.slice().buffer
    for (let bytes = message.length; bytes <= earlyBytesMax; bytes += message.length) channels.bulk.receive(frame)
    expect(b.links.status()).toMatchObject([{ state: 'opening' }])
    channels.bulk.receive(frame)
    expect(b.port.heard).toEqual([{ type: 'down', link: 1, reason: 'protocol' }])
    expect(b.links.status()).toEqual([])
  })

  test('a link whose peer nobody has vouched for does not come up, and what comes on it is not heard', () => {
    const channels = { raft: new FakeDataChannel(), bulk: new FakeDataChannel() }
    give(b, 'tab-a', 1, channels, null)
    const far = new FakeConnection(a, new FakeTab('tab-x', clock, []), 2, 'tab-b')
    for (const lane of ['raft', 'bulk'] as const) {
      far.left[lane].peer = channels[lane]
      channels[lane].peer = far.left[lane]
      channels[lane].open()
      far.left[lane].open()
    }
    const settle = () => {
      while ([channels.raft.deliver(), far.left.raft.deliver()].includes(true));
    }
    settle()
    a.links.send(MEMBER_A, MEMBER_B, join)
    a.links.flush()
    settle()
    expect(b.messages).toEqual([])
    expect(b.said).toEqual([])
    b.port.fromPage({ type: 'role', link: 1, role: 'viewer' })
    expect(b.said).toEqual([`up ${MEMBER_A}`])
    expect(b.links.status()).toMatchObject([{ role: 'viewer', state: 'up' }])
    a.links.send(MEMBER_A, MEMBER_B, join)
    a.links.flush()
    settle()
    expect(b.messages).toHaveLength(1)
    // A viewer speaks for nobody but its own members.
    a.links.send(MEMBER_B + 1, MEMBER_B, join)
    a.links.flush()
    settle()
    expect(b.messages).toHaveLength(1)
    expect(b.links.counters.refused).toBe(1)
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
    for (let offset = 0; offset < data.length; offset += partBytes) {
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
    expect(a.links.status()[0]?.queuedBytes.append).toBeGreaterThan(5 * 1024 * 1024 - windowBytesMax)
    connection.settle()
    expect(b.messages).toHaveLength(60)
    expect(connection.left.bulk.highWater).toBeLessThanOrEqual(windowBytesMax)
    expect(connection.left.bulk.highWater).toBeGreaterThan(lowMarkBytes)
    expect(a.links.status()[0]?.queuedBytes).toEqual({ urgent: 0, append: 0, snapshot: 0 })
  })

  test('what waits for it is bounded: more is dropped, counted, and what was taken still arrives', () => {
    const connection = new FakeConnection(a, b, 1).open()
    const size = 1024 * 1024
    const sent = Array.from({ length: 40 }, (_, index) => appendOf(size, index))
    for (const message of sent) a.links.send(MEMBER_A, MEMBER_B, message)
    a.links.flush()
    const { overflowed } = a.links.counters
    expect(a.links.status()[0]?.peerTotals.dropped).toBe(overflowed)
    connection.settle()
    const taken = 40 - overflowed
    expect(taken).toBeLessThanOrEqual((appendClass.queueBytesMax + windowBytesMax) / size + 1)
    // Compared by their first index: a matcher takes minutes over so many bytes.
    const indexOf = (message: PeerMessage) => (message.kind === 'raft' ? message.message.index : null)
    expect(b.messages.map(({ message }) => indexOf(message))).toEqual(sent.slice(0, taken).map(indexOf))
  })

  test('of a peer that takes nothing costs what the queues may hold, and no more', () => {
    const connection = new FakeConnection(a, b, 1).open()
    const heartbeat = raftMessage({ context: new Uint8Array(200) })
    const whole = new Uint8Array(64 * 1024 * 1024)
    for (let offset = 0, index = 0; offset < whole.length; offset += partBytes, index++) {
      for (let beat = 0; beat < 100; beat++) a.links.send(MEMBER_A, MEMBER_B, heartbeat)
      a.links.send(MEMBER_A, MEMBER_B, partOf(whole, offset))
      a.links.send(MEMBER_A, MEMBER_B, appendOf(50_000, index))
      a.links.flush()
    }
    const { urgent = 0, append = 0, snapshot = 0 } = a.links.status()[0]?.queuedBytes ?? {}
    const aFrame = 64 * 1024
    expect(urgent).toBeLessThanOrEqual(urgentClass.queueBytesMax + aFrame)
    expect(append).toBeLessThanOrEqual(appendClass.queueBytesMax + aFrame)
    expect(snapshot).toBeLessThanOrEqual(snapshotClass.queueBytesMax + aFrame)
    for (const channel of [connection.left.raft, connection.left.bulk]) {
      expect(channel.bufferedAmount).toBeLessThanOrEqual(windowBytesMax)
    }
  })
})

describe('precedence', () => {
  test('votes and heartbeats do not wait for appends: they have a channel of their own', () => {
    const connection = new FakeConnection(a, b, 1).open()
    const waiting = 8 * 1024 * 1024
    for (let bytes = 0, index = 0; bytes < waiting; bytes += 100_000, index++) {
      a.links.send(MEMBER_A, MEMBER_B, appendOf(100_000, index))
    }
    a.links.flush()
    const urgent = [raftMessage({ term: 2 }), raftMessage({ type: 'MsgVote', term: 3 }), join]
    for (const message of urgent) a.links.send(MEMBER_A, MEMBER_B, message)
    a.links.flush()
    while (connection.left.raft.deliver());
    expect(b.messages.map(({ message }) => message)).toEqual(urgent)
  })

  test('an append overtakes what waits of a snapshot, and finds no more of it on the channel than its share', () => {
    const connection = new FakeConnection(a, b, 1).open()
    const whole = new Uint8Array(4 * 1024 * 1024)
    for (let offset = 0; offset < whole.length; offset += partBytes)
      a.links.send(MEMBER_A, MEMBER_B, partOf(whole, offset))
    a.links.flush()
    expect(connection.left.bulk.bufferedAmount).toBeLessThanOrEqual(windowBytesMax * snapshotClass.windowShare)
    // In parts, too, which nothing may come between that is in parts itself.
    const appends = [appendOf(1_000), appendOf(300_000, 1)]
    for (const message of appends) a.links.send(MEMBER_A, MEMBER_B, message)
    a.links.flush()
    connection.settle()
    const order = b.messages.map(({ message }) => message.kind)
    const before = order.indexOf('raft')
    expect(before * partBytes).toBeLessThanOrEqual(windowBytesMax * snapshotClass.windowShare)
    expect(order.slice(before, before + 2)).toEqual(['raft', 'raft'])
    expect(order).toHaveLength(Math.ceil(whole.length / partBytes) + 2)
    expect(b.links.counters.badFrames).toBe(0)
  })

  test('appends, proposals and a farewell keep their order among themselves', () => {
    const connection = new FakeConnection(a, b, 1).open()
    const said = [
      appendOf(200_000),
      raftMessage({ type: 'MsgProp' }),
      appendOf(10, 1),
      { kind: 'leave', member: MEMBER_A, fate: 'demote' } as const,
    ]
    for (const message of said) a.links.send(MEMBER_A, MEMBER_B, message)
    a.links.flush()
    connection.settle()
    expect(b.messages.map(({ message }) => message)).toEqual(said)
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
    // Until both have said who they are linked to.
    clock.pass(floodIntervalMs, () => connection.settle())
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
    // What is on its way on the other channel was said before.
    expect(b.said).toEqual([`up ${MEMBER_A}`])
    connection.left.bulk.finishClosing()
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
