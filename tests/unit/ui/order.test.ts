import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { orderAt, orderBetween } from '../../../src/ui/board/order.ts'

const half = () => 0.5
const draws = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))

function from(stream: Iterator<number>): () => number {
  return () => stream.next().value ?? 0
}

describe('an order', () => {
  test('sorts where it was asked to, after any history of insertions', () => {
    const positions = fc.array(fc.nat(), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(positions, draws, (wanted, stream) => {
        const random = from(stream)
        const siblings: { order: string }[] = []
        for (const wish of wanted) {
          const index = wish % (siblings.length + 1)
          siblings.splice(index, 0, { order: orderAt(siblings, index, random) })
          const orders = siblings.map(({ order }) => order)
          expect(orders).toEqual(orders.toSorted())
          expect(new Set(orders).size).toBe(orders.length)
        }
      }),
    )
  })

  test('leaves room between two that were drawn for the same place', () => {
    const first = orderBetween('V1', 'X1', () => 0.1)
    const second = orderBetween('V1', 'X1', () => 0.9)
    expect(first).not.toBe(second)
    const middle = orderBetween(first, second, half)
    expect([first, middle, second]).toEqual([first, middle, second].toSorted())
  })

  test('stays short when things are added at an end, as they mostly are', () => {
    let last: string | null = null
    let first: string | null = null
    for (let count = 0; count < 500; count++) {
      last = orderBetween(last, null, half)
      first = orderBetween(null, first, half)
    }
    expect(last?.length).toBeLessThan(20)
    expect(first?.length).toBeLessThan(30)
  })

  test('goes behind siblings of equal order, where nothing fits between', () => {
    const order = orderAt([{ order: 'V1' }, { order: 'V1' }, { order: 'X1' }], 1, half)
    expect(order > 'V1' && order < 'X1').toBe(true)
  })

  test('comes out of anything that someone wrote into the store by hand', () => {
    const strange = fc.string({ maxLength: 6 })
    fc.assert(
      fc.property(strange, strange, (a, b) => {
        expect(orderBetween(a, b, half)).toMatch(/^[0-9A-Za-z]+$/)
      }),
    )
    expect(orderBetween(null, '000', half)).toMatch(/^[0-9A-Za-z]+$/)
  })
})
