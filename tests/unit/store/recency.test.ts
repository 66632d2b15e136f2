import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Place, Recency } from '../../../src/store/recency.ts'

test('the order is that of the last touch, as a list that is searched and spliced would have it', () => {
  const step = fc.record({ kind: fc.constantFrom('touch', 'touch', 'remove'), at: fc.nat({ max: 5 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const recency = new Recency<number>()
      const places = Array.from({ length: 6 }, (_, of) => new Place(of))
      let expected: number[] = []
      for (const { kind, at } of steps) {
        const place = places[at]
        if (place === undefined) throw new Error('no such place')
        expected = expected.filter(of => of !== at)
        if (kind === 'touch') {
          recency.touch(place)
          expected.push(at)
        } else {
          recency.remove(place)
        }
        expect([...recency]).toEqual(expected)
        expect(recency.oldest).toBe(expected[0] ?? null)
        expect(places.filter(({ isIn }) => isIn).map(({ of }) => of)).toEqual([...expected].sort())
      }
    }),
  )
})
