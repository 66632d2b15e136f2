import { expect, test } from 'vitest'
import { Repetition } from '../../../src/replica/repetition.ts'
import { PendingWrites } from '../../../src/replica/writes.ts'
import { put } from '../../sim/clients/requests.ts'

const retryTicks = 10

function pendingWrite(): PendingWrites {
  const writes = new PendingWrites()
  const command = { clientId: 'c'.repeat(32), seq: 1, acked: 0, request: put('a', '1') }
  writes.add(1, command, Uint8Array.of(1))
  writes.markProposed(0)
  return writes
}

test('a gap is listened to at once, and then not again before the copies had time to arrive', () => {
  const writes = pendingWrite()
  const repetition = new Repetition(writes, retryTicks)
  const repeatedAt: number[] = []
  for (let now = 1; now <= 2 * retryTicks; now += 1) {
    // Every copy in the log that came before its predecessor tells of it, one in each tick.
    repetition.tick(now, false)
    if (writes.hasUnproposed) {
      repeatedAt.push(now)
      writes.markProposed(now)
    }
    repetition.gapMet(now)
  }
  expect(repeatedAt).toEqual([2, 2 + retryTicks])
})
