import { expect, test } from 'vitest'
import { requestBytesMax, txnOperationsMax } from '../../../src/client/limits.ts'
import { DEFAULT_STORE_OPTIONS } from '../../../src/store/limits.ts'

test('the client refuses nothing that the store would take', () => {
  expect(requestBytesMax).toBeGreaterThanOrEqual(DEFAULT_STORE_OPTIONS.requestBytesMax)
  expect(txnOperationsMax).toBeGreaterThanOrEqual(DEFAULT_STORE_OPTIONS.txnOperationsMax)
})
