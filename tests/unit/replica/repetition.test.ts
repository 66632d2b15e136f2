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

test('once everything is answered, silence is short again', () => {
  const writes = pendingWrite()
  const repetition = new Repetition(writes, retryTicks)
  for (let now = 1; now <= retryTicks; now += 1) repetition.tick(now, false)
  expect(repetition.count).toBe(1)
  writes.settle('c'.repeat(32), 1)
  repetition.tick(retryTicks + 1, false)
  const command = { clientId: 'c'.repeat(32), seq: 2, acked: 1, request: put('a', '2') }
  writes.add(2, command, Uint8Array.of(2))
  writes.markProposed(20)
  for (let now = 20; now <= 20 + retryTicks; now += 1) repetition.tick(now, false)
  expect(repetition.count).toBe(2)
})
