import { describe, expect, test } from 'vitest'
import { Broken, type Decoder } from './decoder.ts'
import { decoders, shares } from './decoders.ts'
import { fuzz } from './run.ts'

/** Of all decoders together; `npm run fuzz` gives them more. */
const inputs = 200_000
const timeoutMs = 120_000

describe('whatever the bytes, a decoder returns or throws what it declares, soon and in little memory', () => {
  test.each([...shares(inputs)].map(([decoder, count]) => ({ name: decoder.name, decoder, count })))(
    '$name, $count inputs',
    async ({ decoder, count }) => {
      const { failures, taken, refused } = await fuzz(decoder, { seed: 1, from: 0, count })
      expect(failures).toEqual([])
      expect(taken + refused).toBe(count)
    },
    timeoutMs,
  )

  test('no two decoders have one name', () => {
    expect(new Set(decoders.map(({ name }) => name)).size).toBe(decoders.length)
  })
})

describe('the instrument', () => {
  const sound: Decoder = {
    name: 'sound',
    weight: 1,
    corpus: () => ({ valid: [Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)] }),
    take: bytes => (bytes[0] === 1 ? 'taken' : 'refused'),
  }
  const span = { seed: 1, from: 0, count: 500 }

  test('finds what escapes, and its input again by its number', async () => {
    const escaping: Decoder = {
      ...sound,
      take(bytes) {
        if (bytes.length > 20) throw new TypeError('escaped')
        return sound.take(bytes)
      },
    }
    const [first] = (await fuzz(escaping, span)).failures
    expect(first?.error).toBeInstanceOf(TypeError)
    const again = await fuzz(escaping, { ...span, from: first?.number ?? 0, count: 1 })
    expect(again.failures).toEqual([first])
  })

  test('finds a length that is believed', async () => {
    const believing: Decoder = {
      ...sound,
      take(bytes) {
        if (bytes.length >= 4) new Uint8Array(new DataView(bytes.buffer).getUint32(0, true) % 2 ** 28)
        return sound.take(bytes)
      },
    }
    expect((await fuzz(believing, span)).failures[0]?.error).toBeInstanceOf(Broken)
  })

  test('finds a valid input that is refused', async () => {
    const { failures } = await fuzz({ ...sound, take: () => 'refused' }, span)
    expect(failures.map(({ how }) => how)).toEqual(['valid', 'valid', 'valid'])
  })
})
