import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytes, json, text } from '../../../src/client/codec.ts'
import { thrownBy } from './fake-host.ts'

test('text survives, whatever it is', () => {
  const { encode, decode } = text()
  fc.assert(fc.property(fc.string({ unit: 'binary' }), value => decode(encode(value)) === value))
  expect(decode(encode('\ufeffwith a byte order mark'))).toBe('\ufeffwith a byte order mark')
})

test('text that UTF-8 cannot hold is refused rather than changed', () => {
  expect(thrownBy(() => text().encode('half \ud83d'))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  // @ts-expect-error: what callers without types may pass
  expect(thrownBy(() => text().encode(7))).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('bytes that are not text are told, not mangled', () => {
  expect(thrownBy(() => text().decode(Uint8Array.of(0xff)))).toMatchObject({ code: 'INVALID_VALUE' })
})

test('JSON survives', () => {
  const { encode, decode } = json<unknown>()
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
      expect(decode(encode(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('what JSON cannot hold is refused, and what is not JSON is told', () => {
  const circular: { self?: unknown } = {}
  circular.self = circular
  for (const value of [undefined, () => {}, Symbol('s'), 1n, circular]) {
    expect(thrownBy(() => json().encode(value))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  }
  for (const value of [[], [0x7b], [0xff]]) {
    expect(thrownBy(() => json().decode(Uint8Array.from(value)))).toMatchObject({ code: 'INVALID_VALUE' })
  }
})

test('bytes are taken as they are now, without the buffer around them', () => {
  const source = Uint8Array.of(1, 2, 3, 4)
  const encoded = bytes().encode(source.subarray(1, 3))
  source.fill(9)
  expect(encoded).toEqual(Uint8Array.of(2, 3))
  expect(encoded.buffer.byteLength).toBe(2)
  // @ts-expect-error: what callers without types may pass
  expect(thrownBy(() => bytes().encode('text'))).toMatchObject({ code: 'INVALID_ARGUMENT' })
})
