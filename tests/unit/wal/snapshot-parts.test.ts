import { describe, expect, test } from 'vitest'
import { WalError } from '../../../src/replica/types.ts'
import { encodePart, encodeSnapshot } from '../../../src/wal/record.ts'
import { partCount, partOf, readSnapshotRecord, SnapshotAssembly } from '../../../src/wal/snapshot-parts.ts'
import { snapshotAt } from './writes.ts'

const { metadata } = snapshotAt(5)

function assemblyOf(bytes: number): SnapshotAssembly {
  return new SnapshotAssembly(readSnapshotRecord(encodeSnapshot({ firstSequence: 1, generation: 1, metadata, bytes })))
}

describe('a snapshot put together from its parts', () => {
  test.each([0, 1, 9, 10, 11, 160, 161, 1_000, 5_000])('is what it was, of %i bytes in parts of 10', bytes => {
    const data = Uint8Array.from({ length: bytes }, (_, i) => i % 251)
    const assembly = assemblyOf(bytes)
    for (let number = 0; number < partCount(bytes, 10); number++) {
      expect(assembly.next).toBe(number)
      assembly.add(partOf(data, 1, number, 10).bytes)
    }
    expect(assembly.next).toBeNull()
    expect(assembly.finish()).toEqual({ metadata, data })
  })

  test.each([4 * 2 ** 30, Number.MAX_SAFE_INTEGER])(
    'takes no memory for a length of %i bytes that its record only claims, and is found damaged',
    bytes => {
      const assembly = assemblyOf(bytes)
      const before = process.memoryUsage().arrayBuffers
      assembly.add(encodePart({ generation: 1, number: 0, data: Uint8Array.of(1, 2, 3) }))
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
      expect(() => assembly.add(undefined)).toThrow(WalError)
      expect(() => assembly.finish()).toThrow(WalError)
    },
  )
})
