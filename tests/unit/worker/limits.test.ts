import { expect, test } from 'vitest'
import { DEFAULT_STORE_OPTIONS } from '../../../src/store/limits.ts'
import { writesInFlightMax } from '../../../src/worker/outbox.ts'

test('the store remembers the result of every write that may be in flight', () => {
  expect(writesInFlightMax).toBeLessThanOrEqual(DEFAULT_STORE_OPTIONS.rememberedResultsMax)
})
