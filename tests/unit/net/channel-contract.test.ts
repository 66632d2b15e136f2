import { afterEach, describe, expect, test } from 'vitest'
import { frameBytesMax } from '../../../src/net/frames.ts'
import { bridgedPair, type End, type Pair, relayedPair, transferredPair, until } from './channel-pairs.ts'

/** What a link relies on, whatever carries it. */
const kinds: Readonly<Record<string, () => Promise<Pair>>> = {
  transferred: transferredPair,
  bridged: bridgedPair,
  relayed: relayedPair,
}

let pair: Pair
afterEach(() => pair.dispose())

async function opened(make: () => Promise<Pair>): Promise<Pair> {
  pair = await make()
  pair.open()
  await until(pair, () => pair.left.channel.open && pair.right.channel.open)
  return pair
}

function frame(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + seed * 7) & 0xff
  return bytes
}

/** Keeps to the window as a lane does; resolves when all of it was taken. */
async function sendAll(from: End, frames: readonly Uint8Array<ArrayBuffer>[]): Promise<number> {
  const { channel } = from
  let highWater = 0
  let drained = true
  from.onDrained = () => {
    drained = true
  }
  for (const each of frames) {
    while (channel.bufferedAmount + each.length > channel.windowBytesMax) {
      drained = false
      await until(pair, () => drained)
    }
    // A bridged channel gives the buffer away.
    if (!channel.send(each.slice())) throw new Error('refused')
    highWater = Math.max(highWater, channel.bufferedAmount)
  }
  return highWater
}

describe.each(Object.entries(kinds))('a %s channel', (_, make) => {
  test('opens on both sides, once', async () => {
    const { left, right } = await opened(make)
    expect(left.said).toEqual(['open'])
    expect(right.said).toEqual(['open'])
    expect(left.channel.bufferedAmount).toBe(0)
  })

  test('is not open before it says so', async () => {
    pair = await make()
    expect(pair.left.channel.open).toBe(false)
    expect(pair.left.said).toEqual([])
  })

  test('carries frames of every size both ways, in order', async () => {
    const { left, right } = await opened(make)
    const sizes = [1, 2, 100, 1000, frameBytesMax - 1, frameBytesMax, 5, 40_000, 16, 17]
    const frames = Array.from({ length: 60 }, (_, at) => frame(sizes[at % sizes.length] ?? 1, at))
    await Promise.all([sendAll(left, frames), sendAll(right, [...frames].reverse())])
    await until(pair, () => left.frames.length === 60 && right.frames.length === 60)
    // Element by element, `toEqual` takes seconds.
    const same = (some: readonly Uint8Array[], others: readonly Uint8Array[]) =>
      Buffer.compare(Buffer.concat(some), Buffer.concat(others)) === 0
    expect(right.frames.map(({ length }) => length)).toEqual(frames.map(({ length }) => length))
    expect(same(right.frames, frames)).toBe(true)
    expect(same(left.frames, [...frames].reverse())).toBe(true)
  })

  test('takes more whenever some of its window is free again, for as long as it is given some', async () => {
    const { left, right } = await opened(make)
    const frames = Array.from({ length: 100 }, (_, at) => frame(frameBytesMax, at))
    const highWater = await sendAll(left, frames)
    expect(highWater).toBeLessThanOrEqual(left.channel.windowBytesMax)
    expect(highWater).toBeGreaterThan(left.channel.windowBytesMax / 2)
    await until(pair, () => right.frames.length === frames.length)
  })

  test('delivers what was sent before it was closed, and then says so to the other end alone, once', async () => {
    const { left, right } = await opened(make)
    const bulk = 'bulk' in pair ? (pair.bulk as readonly End[]) : []
    for (let at = 0; at < 3; at++) left.channel.send(frame(1000, at))
    const gone: number[] = []
    left.channel.close(() => gone.push(right.frames.length))
    // A relayed link closes when both of its channels are.
    bulk[0]?.channel.close()
    expect(left.channel.open).toBe(false)
    // A bridged channel is closed by its page.
    if (make === bridgedPair) {
      await until(pair, () => right.frames.length === 3)
      return
    }
    await until(pair, () => right.said.includes('closed'))
    expect(right.frames).toEqual([0, 1, 2].map(at => frame(1000, at)))
    expect(right.channel.open).toBe(false)
    expect(right.channel.send(frame(1, 1))).toBe(false)
    expect(right.said).toEqual(['open', 'closed'])
    expect(left.said).toEqual(['open'])
    // Only a data channel tells when the other end has it all.
    expect(gone).toEqual([make === transferredPair ? 3 : 0])
  })
})
