import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { frameBytesMax } from '../../../src/net/frames.ts'
import { relayPayloadBytesMax } from '../../../src/net/signaling-protocol.ts'
import { snapshotClass } from '../../../src/net/worker/lane.ts'
import { Relay } from '../../../src/net/worker/relay.ts'
import { relayWindowBytesMax } from '../../../src/net/worker/relay-path.ts'
import { openSealed, Sealer, sealBytes } from '../../../src/net/worker/relay-seal.ts'
import { decodeRelayWord, encodeRelayWord, type RelayWord } from '../../../src/net/worker/relay-words.ts'
import { End, joinRelay, newKeys, PlainRelay, type RelayedPair, relayedPair, until } from './channel-pairs.ts'

let pair: RelayedPair | null = null
afterEach(async () => {
  await pair?.dispose()
  pair = null
})

async function opened(pairing: Promise<RelayedPair> = relayedPair()): Promise<RelayedPair> {
  const made = await pairing
  pair = made
  const ends = [made.left, made.right, ...made.bulk]
  await until(made, () => ends.every(({ channel }) => channel.open))
  return made
}

const frame = (length: number, fill = 1) => new Uint8Array(length).fill(fill)

/** Sends for as long as the window lets it. */
function fill({ channel }: End, length = frameBytesMax): number {
  let bytes = 0
  while (channel.bufferedAmount + length <= channel.windowBytesMax && channel.send(frame(length))) bytes += length
  return bytes
}

describe('words', () => {
  test('are read back as they were said, and the longest fits into what the server passes on', () => {
    const words: RelayWord[] = [
      { kind: 'open', heard: false },
      { kind: 'open', heard: true },
      { kind: 'raft', frame: frame(3) },
      { kind: 'bulk', frame: frame(frameBytesMax) },
      { kind: 'taken', raft: 1, bulk: 2 ** 32 - 1 },
      { kind: 'close' },
    ]
    for (const word of words) {
      const bytes = encodeRelayWord(word)
      expect(decodeRelayWord(bytes)).toEqual(word)
      expect(bytes.length + sealBytes).toBeLessThanOrEqual(relayPayloadBytesMax)
    }
  })

  test.each(['', '00', '06', '01', '0102', '010101', '0400000000', '0500'])('"%s" is none', hex => {
    expect(decodeRelayWord(Uint8Array.from(Buffer.from(hex, 'hex')))).toBeNull()
  })
})

describe('the seal', () => {
  test('never uses a number twice, whichever content is sealed first, and opens with the right key alone', async () => {
    const { toRight, toLeft } = await newKeys()
    const sealer = new Sealer(toRight.seal)
    const sealed = await Promise.all([frame(60_000), frame(1), frame(500)].map(content => sealer.seal(content)))
    const opened = await Promise.all(sealed.map(bytes => openSealed(toRight.open, bytes)))
    expect(opened.map(one => [one?.count, one?.content.length])).toEqual([
      [0, 60_000],
      [1, 1],
      [2, 500],
    ])
    for (const bytes of sealed) expect(await openSealed(toLeft.open, bytes)).toBeNull()
    expect(await openSealed(toRight.open, frame(sealBytes - 1))).toBeNull()
  })
})

describe('a relayed link', () => {
  test('opens although the one end is there long before the other', async () => {
    const { left, right } = await opened(relayedPair('the right one late'))
    left.channel.send(frame(10))
    right.channel.send(frame(20))
    await until({ step() {} }, () => left.frames.length === 1 && right.frames.length === 1)
  })

  test('ends when the relay changes, repeats, swaps or holds back a frame, and passes on nothing of that', async () => {
    const held: Uint8Array[] = []
    const tricks: Record<string, (frame: Uint8Array) => readonly Uint8Array[]> = {
      changes: frame => [frame.with(30, (frame[30] ?? 0) ^ 1)],
      repeats: frame => [frame, frame],
      cuts: frame => [frame.subarray(0, frame.length - 1)],
      empties: () => [new Uint8Array(0)],
      swaps: frame => (held.push(frame) === 1 ? [] : [frame, ...held.splice(0)]),
      holdsBack: frame => (held.push(frame) === 1 ? [] : [frame]),
    }
    for (const [name, trick] of Object.entries(tricks)) {
      const { left, right, server, relays } = await opened()
      held.length = 0
      server.meddle = (frame, to) => (to === relays[1].address && frame.length > 100 ? trick(frame) : [frame])
      left.channel.send(frame(200, 1))
      left.channel.send(frame(201, 2))
      await until({ step() {} }, () => right.said.includes('closed'))
      expect(right.said, name).toEqual(['open', 'garbage', 'closed'])
      expect(right.frames.length, name).toBe(name === 'repeats' ? 1 : 0)
      await pair?.dispose()
    }
  })

  test('is not disturbed by what others in the room send to its address', async () => {
    const { left, right, relays, server } = await opened()
    const stranger = await joinRelay(server.url)
    const { toRight, toLeft } = await newKeys()
    stranger.relay.open(relays[1].address, { sendKey: toRight.seal, receiveKey: toLeft.open })
    await until({ step() {} }, () => relays[1].strays > 0)
    left.channel.send(frame(10))
    await until({ step() {} }, () => right.frames.length === 1)
    stranger.relay.end()
  })

  test('made anew between the same addresses is not disturbed by what is left of the one before', async () => {
    const { left, right, relays } = await opened()
    const { toRight, toLeft } = await newKeys()
    const again = (at: 0 | 1, sendKey: CryptoKey, receiveKey: CryptoKey) => {
      const path = relays[at].relay.open(relays[1 - at]?.address ?? '', { sendKey, receiveKey })
      return (['raft', 'bulk'] as const).map(lane => new End(events => path.channel(lane, events)))
    }
    const [newLeft] = again(0, toRight.seal, toLeft.open)
    for (let at = 0; at < 20; at++) right.channel.send(frame(1000))
    expect(left.said).toEqual(['open', 'closed'])
    const [newRight] = again(1, toLeft.seal, toRight.open)
    await until({ step() {} }, () => newLeft?.channel.open === true && newRight?.channel.open === true)
    newRight?.channel.send(frame(7))
    await until({ step() {} }, () => newLeft?.frames.length === 1)
    expect(newLeft?.frames[0]?.length).toBe(7)
    expect(newLeft?.said).toEqual(['open'])
  })

  test('to an address that nobody has is closed', async () => {
    const { relays } = await opened()
    const { toRight } = await newKeys()
    const path = relays[0].relay.open('nobody-there', { sendKey: toRight.seal, receiveKey: toRight.open })
    const end = new End(events => path.channel('raft', events))
    await until({ step() {} }, () => end.said.length > 0)
    expect(end.said).toEqual(['closed'])
  })

  test('is closed on both sides when one of them loses the server, which is told once', async () => {
    const { left, right, relays, server } = await opened()
    server.cut(relays[0].address)
    await until({ step() {} }, () => left.said.includes('closed'))
    right.channel.send(frame(1))
    await until({ step() {} }, () => right.said.includes('closed'))
    expect(relays[0].addresses).toEqual([relays[0].address, null])
    expect(relays[1].addresses).toEqual([relays[1].address])
  })
})

describe('flow control', () => {
  test('of a receiver that takes nothing, sender, server and network hold no more than the windows', async () => {
    const { left, right, bulk, server, relays } = await opened()
    relays[1].socket.pause()
    expect(fill(left) + fill(bulk[0])).toBeLessThanOrEqual(relayWindowBytesMax.raft + relayWindowBytesMax.bulk)
    const passed = server.passedBytes
    // What the other direction says still arrives, and opens no window.
    for (let at = 0; at < 50; at++) right.channel.send(frame(100))
    await until({ step() {} }, () => left.frames.length === 50)
    expect(fill(left) + fill(bulk[0])).toBe(0)
    expect(server.passedBytes - passed).toBeLessThan(relayWindowBytesMax.raft + relayWindowBytesMax.bulk + 50 * 200)
    relays[1].socket.resume()
    await until({ step() {} }, () => left.channel.bufferedAmount === 0 && bulk[0].channel.bufferedAmount === 0)
    expect(fill(left)).toBe(relayWindowBytesMax.raft)
  })

  test('a frame of a snapshot finds room again once what was sent before has been taken in', async () => {
    const { bulk } = await opened()
    // As little as the other end says nothing of.
    bulk[0].channel.send(frame(31 * 1024))
    await until({ step() {} }, () => bulk[1].frames.length === 1)
    const share = bulk[0].channel.windowBytesMax * snapshotClass.windowShare
    expect(bulk[0].channel.bufferedAmount + frameBytesMax).toBeLessThanOrEqual(share)
  })

  test('a receiver that takes nothing does not hold up another on the same socket', async () => {
    const { left, bulk, relays, server } = await opened()
    const third = await joinRelay(server.url)
    const { toRight, toLeft } = await newKeys()
    const there = relays[0].relay.open(third.address, { sendKey: toRight.seal, receiveKey: toLeft.open })
    const here = third.relay.open(relays[0].address, { sendKey: toLeft.seal, receiveKey: toRight.open })
    const [from, to] = [there, here].map(path => new End(events => path.channel('bulk', events)))
    await until({ step() {} }, () => from?.channel.open === true)
    relays[1].socket.pause()
    fill(left)
    fill(bulk[0])
    for (let at = 0; at < 5; at++) from?.channel.send(frame(frameBytesMax))
    await until({ step() {} }, () => to?.frames.length === 5)
    third.relay.end()
  })
})

test('what is urgent goes ahead of all that is bulk and waits for the socket, of this link and of others', async () => {
  const { left, right, bulk } = await opened()
  const order: string[] = []
  right.onFrame = () => order.push('urgent')
  bulk[1].onFrame = () => order.push('bulk')
  // In one task: nothing of it is sent before all of it is there, but what the socket takes at once.
  fill(bulk[0], 16 * 1024)
  for (let at = 0; at < 10; at++) left.channel.send(frame(100))
  const sent = relayWindowBytesMax.bulk / (16 * 1024) + 10
  await until({ step() {} }, () => order.length === sent)
  const before = order.indexOf('urgent')
  expect(before * 16 * 1024).toBeLessThanOrEqual(2 * 64 * 1024)
  expect(order.slice(before, before + 10)).toEqual(Array.from({ length: 10 }, () => 'urgent'))
})

class FakeSocket {
  readonly said: string[] = []
  readonly bufferedAmount = 0
  binaryType = 'blob'
  onopen = () => {}
  onmessage = (_event: { readonly data: unknown }) => {}
  onclose = () => {}

  send(text: string): void {
    this.said.push(JSON.parse(text).type)
  }

  close(): void {
    this.said.push('close')
  }
}

test('a server that says nothing, though it was asked, is given up', () => {
  const socket = new FakeSocket()
  const addresses: (string | null)[] = []
  let look = () => {}
  new Relay({
    ...{ url: 'ws://server', room: 'room', ticket: 'a ticket' },
    connect: () => socket as never,
    every(_ms, callback) {
      look = callback
      return () => {}
    },
    onAddress: address => addresses.push(address),
    onStray() {},
  })
  socket.onopen()
  socket.onmessage({ data: JSON.stringify({ type: 'welcome', id: 'abcdefghijkl', peers: [], turn: null }) })
  look()
  socket.onmessage({ data: JSON.stringify({ type: 'pong' }) })
  look()
  expect(addresses).toEqual(['abcdefghijkl'])
  look()
  expect(addresses).toEqual(['abcdefghijkl', null])
  expect(socket.said).toEqual(['join', 'ping', 'ping', 'close'])
})

test('a relay that cannot be reached has no address', async () => {
  const server = await new PlainRelay().start()
  const { url } = server
  await server.close()
  const address = await new Promise(resolve => {
    new Relay({
      ...{ url, room: 'room', ticket: null },
      connect: url => new WebSocket(url).on('error', () => {}) as never,
      every: () => () => {},
      onAddress: resolve,
      onStray() {},
    })
  })
  expect(address).toBeNull()
})
