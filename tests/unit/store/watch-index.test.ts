import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Span, spanHolds } from '../../../src/store/key-index.ts'
import { WatchIndex } from '../../../src/store/watch-index.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\0', '\xff'), maxLength: 4 })
const span: fc.Arbitrary<Span> = fc.oneof(
  text.map(key => ({ kind: 'key' as const, key })),
  fc.record({ kind: fc.constant('range' as const), low: text, high: fc.option(text) }),
  // Prefixes.
  text
    .filter(low => low !== '' && !low.endsWith('\xff'))
    .map(low => ({
      kind: 'range' as const,
      low,
      high: low.slice(0, -1) + String.fromCharCode(low.charCodeAt(low.length - 1) + 1),
    })),
)

test('finds exactly the watchers whose range holds the key, each once, also after others are gone', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ span, stays: fc.boolean() })), fc.array(text), (watchers, keys) => {
      const index = new WatchIndex<number>()
      for (const [id, watcher] of watchers.entries()) index.add(watcher.span, id)
      for (const [id, watcher] of watchers.entries()) if (!watcher.stays) index.remove(watcher.span, id)
      for (const key of keys) {
        const found: number[] = []
        index.forEach(key, id => found.push(id))
        const expected = [...watchers.keys()].filter(id => watchers[id]?.stays && spanHolds(watchers[id].span, key))
        expect(found.sort((a, b) => a - b)).toEqual(expected)
      }
    }),
    { numRuns: 1_000 },
  )
})
