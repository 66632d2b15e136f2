import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DueQueue } from '../../../src/replica/due-queue.ts'

const id = fc.integer({ min: 1, max: 12 })
const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), id, at: fc.integer({ min: 0, max: 20 }) }),
  fc.record({ do: fc.constant('delete' as const), id }),
  fc.record({ do: fc.constant('first' as const), now: fc.integer({ min: 0, max: 20 }) }),
)

test('it gives the id that is due first, however the times were set, moved and removed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const queue = new DueQueue()
      const naive = new Map<number, number>()
      for (const taken of steps) {
        switch (taken.do) {
          case 'set':
            queue.set(taken.id, taken.at)
            naive.set(taken.id, taken.at)
            break
          case 'delete':
            queue.delete(taken.id)
            naive.delete(taken.id)
            break
          case 'first': {
            const [first] = [...naive].filter(([, at]) => at <= taken.now).sort(([a, x], [b, y]) => x - y || a - b)
            expect(queue.first(taken.now)).toBe(first?.[0] ?? null)
          }
        }
      }
    }),
  )
})

test('emptied in order, it gives all ids by time', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(fc.nat(), fc.nat()), { selector: ([of]) => of }), entries => {
      const queue = new DueQueue()
      for (const [of, at] of entries) queue.set(of, at)
      const order: number[] = []
      for (let first = queue.first(Number.MAX_VALUE); first !== null; first = queue.first(Number.MAX_VALUE)) {
        order.push(first)
        queue.delete(first)
      }
      expect(order).toEqual([...entries].sort(([a, x], [b, y]) => x - y || a - b).map(([of]) => of))
    }),
  )
})
