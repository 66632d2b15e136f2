import { describe, expect, test } from 'vitest'
import { WalError } from '../../../src/replica/types.ts'
import { MemoryOutboxDisk } from '../../../src/wal/memory-outbox.ts'
import { OutboxLayout } from '../../../src/wal/outbox.ts'
import { encodeOutboxBatch } from '../../../src/wal/record.ts'
import { outboxCases, outboxEntry } from './outbox-contract.ts'

describe('the contract of every outbox store, in memory', () => {
  test.each(outboxCases)('$name', async ({ run }) => {
    const disk = new MemoryOutboxDisk()
    await run({ open: async () => disk.open(), reopen: async () => disk.open() })
  })
})

test('what is added together is one record, which goes with its last entry', async () => {
  const disk = new MemoryOutboxDisk()
  const store = disk.open()
  const entries = [1, 2, 3].map(seq => outboxEntry(seq))
  await store.change({ added: entries, removed: [] })
  expect(disk.records).toBe(1)
  await store.change({ added: [], removed: entries.slice(0, 2) })
  expect(disk.records).toBe(1)
  await store.change({ added: [], removed: entries.slice(2) })
  expect(disk.records).toBe(0)
})

test('a record that is damaged, whichever bit, or of another kind stops the member', () => {
  const bytes = encodeOutboxBatch([outboxEntry(1), outboxEntry(2)])
  for (let bit = 0; bit < bytes.length * 8; bit += 5) {
    const damaged = bytes.slice()
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit % 8))
    expect(() => OutboxLayout.recover([{ batch: 1, value: damaged }])).toThrow(WalError)
  }
  for (const value of ['text', undefined, new Uint8Array()]) {
    expect(() => OutboxLayout.recover([{ batch: 1, value }])).toThrow(WalError)
  }
})

test('a disk that fails says so', async () => {
  const disk = new MemoryOutboxDisk()
  const store = disk.open()
  disk.fail()
  const refused = store.change({ added: [outboxEntry(1)], removed: [] })
  await expect(refused).rejects.toMatchObject({ code: 'FAILED' })
})
