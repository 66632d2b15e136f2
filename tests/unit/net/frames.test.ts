import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameReader, FrameWriter, frameBytesMax, messageBytesMax } from '../../../src/net/frames.ts'

/** What fits in one packed frame by itself, and in one part. */
const aloneMax = frameBytesMax - 1 - 4
const partMax = frameBytesMax - 13

function message(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed) & 0xff
  return bytes
}

function framesOf(...messages: Uint8Array[]): Uint8Array[] {
  const writer = new FrameWriter()
  for (const one of messages) writer.add(one)
  return takeAll(writer)
}

function takeAll(writer: FrameWriter): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let frame = writer.first; frame !== undefined; frame = writer.first) {
    frames.push(frame.slice())
    writer.drop()
  }
  return frames
}

function readAll(reader: FrameReader, frames: readonly Uint8Array[]): Uint8Array[] {
  return frames.flatMap(frame => reader.push(frame))
}

describe('what goes in comes out', () => {
  test('in order, whatever the sizes, and no frame exceeds its bound', () => {
    const size = fc.oneof(
      fc.nat({ max: 300 }),
      fc.integer({ min: aloneMax - 20, max: aloneMax + 20 }),
      fc.nat({ max: 300_000 }),
    )
    fc.assert(
      fc.property(fc.array(fc.array(size, { maxLength: 6 }), { maxLength: 3 }), turns => {
        const writer = new FrameWriter()
        const reader = new FrameReader()
        for (const turn of turns) {
          const messages = turn.map((length, i) => message(length, i))
          for (const one of messages) writer.add(one)
          const frames = takeAll(writer)
          for (const frame of frames) expect(frame.length).toBeLessThanOrEqual(frameBytesMax)
          const read = readAll(reader, frames)
          expect(read.length).toBe(messages.length)
          for (const [i, one] of messages.entries()) expect(Buffer.compare(one, read[i] ?? message(0))).toBe(0)
        }
        expect(reader.badFrames).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  test.each([0, 1, aloneMax - 1, aloneMax, aloneMax + 1, partMax, partMax + 1, 2 * partMax, 2 * partMax + 1])(
    'a message of %i bytes',
    length => {
      const reader = new FrameReader()
      expect(readAll(reader, framesOf(message(length)))).toEqual([message(length)])
      expect(reader.badFrames).toBe(0)
    },
  )

  test('an empty turn makes no frame', () => {
    expect(takeAll(new FrameWriter())).toEqual([])
  })

  test('what was sent is gone, what was not waits, and more joins it', () => {
    const writer = new FrameWriter()
    writer.add(message(10))
    expect([writer.first?.length, writer.bytes]).toEqual([15, 15])
    writer.add(message(20))
    expect([writer.first?.length, writer.bytes]).toEqual([39, 39])
    writer.add(message(aloneMax))
    expect(writer.bytes).toBe(39 + frameBytesMax)
    expect(takeAll(writer).map(({ length }) => length)).toEqual([39, frameBytesMax])
    expect([writer.first, writer.bytes]).toEqual([undefined, 0])
    writer.add(message(10))
    writer.clear()
    expect([writer.first, writer.bytes]).toEqual([undefined, 0])
  })
})

describe('economy', () => {
  test('a small message costs five bytes and is read without a copy', () => {
    const [frame] = framesOf(message(100))
    if (frame === undefined) throw new Error('no frame')
    expect(frame.length).toBe(105)
    expect(new FrameReader().push(frame)[0]?.buffer).toBe(frame.buffer)
  })

  test('the small messages of a turn share frames', () => {
    const messages = Array.from({ length: 256 }, (_, i) => message(200, i))
    expect(framesOf(...messages)).toHaveLength(1)
  })

  test('a large message is in the fewest possible parts', () => {
    expect(framesOf(message(aloneMax))).toHaveLength(1)
    expect(framesOf(message(aloneMax + 1))).toHaveLength(2)
    expect(framesOf(message(10 * partMax))).toHaveLength(10)
  })
})

describe('bad frames are dropped and counted, never thrown', () => {
  const whole = framesOf(message(50), message(60))[0] ?? message(0)
  const [first, second, third] = framesOf(message(2 * partMax + 100))
  if (first === undefined || second === undefined || third === undefined) throw new Error('three parts expected')

  test('a cut frame gives none of its messages', () => {
    const reader = new FrameReader()
    expect(reader.push(whole.subarray(0, whole.length - 1))).toEqual([])
    expect(reader.push(new Uint8Array(0))).toEqual([])
    expect(reader.badFrames).toBe(2)
  })

  test('a frame above the bound', () => {
    const reader = new FrameReader()
    const oversized = new Uint8Array(frameBytesMax + 1)
    oversized[0] = 1
    expect(reader.push(oversized)).toEqual([])
    expect(reader.badFrames).toBe(1)
  })

  test('a part without its beginning, and a part twice', () => {
    const reader = new FrameReader()
    expect(readAll(reader, [second])).toEqual([])
    expect(readAll(reader, [first, first])).toEqual([])
    expect(reader.badFrames).toBe(2)
  })

  test('after a lost part the message is gone and the next is read', () => {
    const reader = new FrameReader()
    expect(readAll(reader, [first, third])).toEqual([])
    expect(reader.badFrames).toBe(1)
    expect(readAll(reader, [first, second, third])).toEqual([message(2 * partMax + 100)])
  })

  test('a part of another message in between', () => {
    const writer = new FrameWriter()
    writer.add(message(aloneMax + 1))
    writer.add(message(aloneMax + 1))
    const [a1, a2, , b2] = takeAll(writer)
    const reader = new FrameReader()
    if (a1 === undefined || a2 === undefined || b2 === undefined) throw new Error('four parts expected')
    expect(readAll(reader, [a1, b2])).toEqual([])
    expect(readAll(reader, [a2])).toEqual([])
    expect(reader.badFrames).toBe(2)
  })

  test('packed frames may come between the parts of a large message', () => {
    const reader = new FrameReader()
    expect(readAll(reader, [first, whole, second, whole, third])).toHaveLength(5)
    expect(reader.badFrames).toBe(0)
  })

  test('a length above the bound is refused with the first part', () => {
    const lie = first.slice()
    new DataView(lie.buffer).setUint32(5, messageBytesMax + 1, true)
    const reader = new FrameReader()
    expect(reader.push(lie)).toEqual([])
    expect(reader.badFrames).toBe(1)
  })

  test('many tiny parts are refused, or a peer could make us hold a buffer per byte', () => {
    const tiny = first.slice(0, 14)
    const reader = new FrameReader()
    expect(reader.push(tiny)).toEqual([])
    expect(reader.badFrames).toBe(1)
  })

  test('noise and flipped bits', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), fc.nat({ max: 7 }), (noise, at, bit) => {
        const reader = new FrameReader()
        reader.push(noise)
        const flipped = whole.slice()
        const index = at % flipped.length
        flipped[index] = (flipped[index] ?? 0) ^ (1 << bit)
        reader.push(flipped)
        for (const part of [first, second, third]) reader.push(part)
        reader.push(whole)
      }),
    )
  })

  test('the writer refuses a message above the bound', () => {
    const huge = new Uint8Array(messageBytesMax + 1)
    expect(() => new FrameWriter().add(huge)).toThrow(RangeError)
  })
})
