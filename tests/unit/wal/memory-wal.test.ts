import { beforeEach, describe, expect, test } from 'vitest'
import { WalError, type WalErrorCode } from '../../../src/replica/types.ts'
import { MemoryDisk, type MemoryWal } from '../../../src/wal/memory-wal.ts'
import { walCases } from './contract.ts'
import { entries, nothing, snapshotAt, write } from './writes.ts'

describe('the contract of every log, in memory', () => {
  test.each(walCases)('$name', async ({ run }) => {
    const disk = new MemoryDisk()
    await run({ create: async initial => disk.create(initial), open: async () => disk.open() })
  })
})

function code(act: () => unknown): WalErrorCode | null {
  try {
    act()
    return null
  } catch (error) {
    if (error instanceof WalError) return error.code
    throw error
  }
}

/** Records 1 (empty), 2 (entry 1), 3 (entry 2) and so on. */
async function diskWith(entryCount: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const wal = disk.create(nothing)
  for (let index = 1; index <= entryCount; index++) {
    await wal.append(write({ hardState: { term: index, vote: 1, commit: index - 1 }, entries: entries(index, index) }))
  }
  await wal.close()
  return disk
}

describe('damage', () => {
  test('a damaged newest record is not cut off, whichever bit it was: its vote may have been given', async () => {
    for (let bit = 0; bit < 80 * 8; bit++) {
      const disk = await diskWith(3)
      disk.corruptRecord(4, bit)
      expect(code(() => disk.open())).toBe('CORRUPT')
    }
  })

  test('a newest record that was never finished is cut off and reported, wherever it ends', async () => {
    for (let bytes = 0; bytes < 70; bytes++) {
      const disk = await diskWith(3)
      disk.tearRecord(4, bytes)
      const wal = disk.open()
      expect(wal.cut).toMatchObject({ sequence: 4 })
      expect(wal.recovered.entries).toEqual(entries(1, 2))
      expect(wal.recovered.hardState).toEqual({ term: 2, vote: 1, commit: 1 })
      await wal.close()
    }
  })

  test('an unfinished record that is damaged as well is not cut off: nothing tells how long it was to be', async () => {
    const disk = await diskWith(3)
    disk.tearRecord(4, 50)
    disk.corruptRecord(4, 8 * 6)
    expect(code(() => disk.open())).toBe('CORRUPT')
  })

  test('an unfinished record anywhere but at the end stops the member', async () => {
    const disk = await diskWith(3)
    disk.tearRecord(3, 20)
    expect(code(() => disk.open())).toBe('CORRUPT')
  })

  test('after a cut the log goes on as if the record had never been', async () => {
    const disk = await diskWith(3)
    disk.tearRecord(4, 20)
    const wal = disk.open()
    await wal.append(write({ entries: entries(3, 4, 9) }))
    await wal.close()
    const again = disk.open()
    expect(again.cut).toBeNull()
    expect(again.recovered.entries).toEqual([...entries(1, 2), ...entries(3, 4, 9)])
  })

  test('a sound log reports no cut', async () => {
    expect((await diskWith(3)).open().cut).toBeNull()
  })

  test('a damaged record in the middle stops the member', async () => {
    for (const sequence of [1, 2, 3]) {
      const disk = await diskWith(3)
      disk.corruptRecord(sequence, 77)
      expect(code(() => disk.open())).toBe('CORRUPT')
    }
  })

  test('a missing record stops the member', async () => {
    for (const sequence of [1, 2, 3]) {
      const disk = await diskWith(3)
      disk.loseRecord(sequence)
      expect(code(() => disk.open())).toBe('CORRUPT')
    }
  })

  test('the only record is not cut: with it would go the vote', async () => {
    const disk = new MemoryDisk()
    await disk.create(write({ hardState: { term: 4, vote: 2, commit: 0 } })).close()
    disk.tearRecord(1, 30)
    expect(code(() => disk.open())).toBe('CORRUPT')
    disk.loseRecord(1)
    expect(code(() => disk.open())).toBe('CORRUPT')
  })

  test('a damaged snapshot stops the member', async () => {
    const disk = new MemoryDisk()
    await disk.create(write({ hardState: { term: 1, vote: 0, commit: 1 }, install: snapshotAt(1) })).close()
    disk.corruptSnapshot(300)
    expect(code(() => disk.open())).toBe('CORRUPT')
  })

  test('the first record kept by a compaction is missed when it is gone', async () => {
    const disk = await diskWith(6)
    const wal = disk.open()
    await wal.append(write({ compaction: { snapshot: snapshotAt(4), compactTo: 3 } }))
    await wal.close()
    expect(disk.sequences).toEqual([5, 6, 7, 8])
    disk.loseRecord(5)
    expect(code(() => disk.open())).toBe('CORRUPT')
  })

  test('when the record of a compaction is cut, the hard state does not fall behind the snapshot', async () => {
    const disk = await diskWith(6)
    const wal = disk.open()
    const hardState = { term: 6, vote: 1, commit: 6 }
    await wal.append(write({ hardState, compaction: { snapshot: snapshotAt(6), compactTo: 3 } }))
    await wal.close()
    disk.tearRecord(8, 40)
    const again = disk.open()
    expect(again.cut?.sequence).toBe(8)
    expect(again.recovered).toEqual({ hardState, snapshot: snapshotAt(6), entries: [] })
    await again.append(write({ entries: entries(7, 7) }))
    await again.close()
    expect(disk.open().recovered.entries).toEqual(entries(7, 7))
  })

  test('when a write with entries and a compaction of them is cut, the log goes on after the snapshot', async () => {
    const disk = await diskWith(3)
    const wal = disk.open()
    await wal.append(
      write({
        hardState: { term: 9, vote: 1, commit: 5 },
        entries: entries(4, 6),
        compaction: { snapshot: snapshotAt(5), compactTo: 1 },
      }),
    )
    await wal.close()
    disk.tearRecord(5, 40)
    const again = disk.open()
    expect(again.recovered.hardState.commit).toBe(5)
    expect(again.recovered.entries).toEqual([])
    await again.append(write({ entries: entries(6, 7) }))
    await again.close()
    expect(disk.open().recovered.entries).toEqual(entries(6, 7))
  })
})

describe('a disk that does as it is told', () => {
  let disk: MemoryDisk
  let wal: MemoryWal
  let outcomes: string[]

  /** Appends entry `index` and notes how it ends. */
  function append(index: number): void {
    wal.append(write({ entries: entries(index, index) })).then(
      () => outcomes.push(`${index} durable`),
      (error: unknown) => outcomes.push(`${index} ${error instanceof WalError ? error.code : String(error)}`),
    )
  }

  async function settled(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
  }

  beforeEach(() => {
    disk = new MemoryDisk('whenTold')
    wal = disk.create(nothing)
    outcomes = []
  })

  test('writes wait until they are completed, oldest first', async () => {
    for (const index of [1, 2, 3]) append(index)
    await settled()
    expect(outcomes).toEqual([])
    expect(disk.pendingWrites).toBe(3)
    disk.complete(1)
    await settled()
    expect(outcomes).toEqual(['1 durable'])
    disk.complete()
    await settled()
    expect(outcomes).toEqual(['1 durable', '2 durable', '3 durable'])
  })

  test('a failed write fails all behind it and all to come', async () => {
    for (const index of [1, 2, 3]) append(index)
    disk.complete(1)
    disk.fail('NOSPACE')
    append(4)
    await settled()
    expect(outcomes.sort()).toEqual(['1 durable', '2 NOSPACE', '3 NOSPACE', '4 NOSPACE'])
    await wal.close()
    expect(disk.open().recovered.entries).toEqual(entries(1, 1))
  })

  test('a crash loses what was pending, and nobody hears of it', async () => {
    for (const index of [1, 2, 3]) append(index)
    disk.complete(1)
    disk.crash()
    await settled()
    expect(outcomes).toEqual(['1 durable'])
    const reopened = disk.open()
    expect(reopened.cut).toBeNull()
    expect(reopened.recovered.entries).toEqual(entries(1, 1))
  })

  test('a crash in the middle of a write leaves a torn record, which is cut off', async () => {
    for (let tornBytes = 1; tornBytes < 80; tornBytes++) {
      disk = new MemoryDisk('whenTold')
      wal = disk.create(nothing)
      for (const index of [1, 2, 3]) append(index)
      disk.complete(1)
      disk.crash({ tornBytes })
      const reopened = disk.open()
      expect(reopened.cut?.sequence).toBe(3)
      expect(reopened.recovered.entries).toEqual(entries(1, 1))
    }
  })

  test('a torn install leaves the log as it was before', () => {
    append(1)
    disk.complete()
    void wal.append(write({ hardState: { term: 2, vote: 0, commit: 9 }, install: snapshotAt(9) }))
    disk.crash({ tornBytes: 30 })
    expect(disk.open().recovered).toMatchObject({ snapshot: null, entries: entries(1, 1) })
  })

  test('the log of a crashed process can do no more harm', async () => {
    const crashed = wal
    disk.crash()
    wal = disk.open()
    await expect(crashed.append(write({ entries: entries(1, 1) }))).rejects.toMatchObject({ code: 'CLOSED' })
    await crashed.destroy()
    expect(disk.exists).toBe(true)
    append(1)
    expect(disk.pendingWrites).toBe(1)
  })

  test('a log is open once at a time', () => {
    expect(() => disk.open()).toThrow('open already')
  })
})

describe('a snapshot in parts', () => {
  const partBytes = 10
  const oldState = { snapshot: snapshotAt(2, 1, new Uint8Array(25).fill(2)), entries: entries(3, 5) }
  const newState = { snapshot: snapshotAt(4, 1, new Uint8Array(35).fill(4)), entries: entries(5, 5) }

  /** Holds a snapshot at 2 in three parts and entries up to 5. */
  async function disk(): Promise<MemoryDisk> {
    const disk = new MemoryDisk('whenTold', partBytes)
    const wal = disk.create(nothing)
    void wal.append(write({ hardState: { term: 1, vote: 0, commit: 5 }, entries: entries(1, 5) }))
    void wal.append(write({ compaction: { snapshot: oldState.snapshot, compactTo: 2 } }))
    disk.complete()
    await wal.close()
    return disk
  }

  /** Goes on until that many of its writes are durable: four parts, and the one that makes them current. */
  async function replacedUpTo(disk: MemoryDisk, writes: number): Promise<void> {
    const wal = disk.open()
    let left = writes
    const complete = async () => {
      await new Promise(resolve => setImmediate(resolve))
      if (left === 0) return false
      left -= 1
      disk.complete(1)
      return true
    }
    void wal.stage(newState.snapshot).catch(() => {})
    for (let part = 0; part < 4; part++) if (!(await complete())) return
    await new Promise(resolve => setImmediate(resolve))
    void wal.append(write({ compaction: { snapshot: newState.snapshot, compactTo: 4 } })).catch(() => {})
    await complete()
  }

  test('is the old one or the new one, wherever the process ends, and nothing else is left', async () => {
    for (let writes = 0; writes <= 5; writes++) {
      for (const tornBytes of [0, 7]) {
        const place = await disk()
        await replacedUpTo(place, writes)
        place.crash({ tornBytes })
        expect(place.open().recovered).toMatchObject(writes === 5 ? newState : oldState)
        expect(place.generations).toHaveLength(1)
      }
    }
  })

  test('is made current by a write of a few bytes', async () => {
    const place = await disk()
    const before = place.bytes
    await replacedUpTo(place, 4)
    expect(place.generations).toHaveLength(2)
    expect(place.bytes).toBeGreaterThan(before + 35)
    place.complete()
    expect(place.generations).toHaveLength(1)
    place.crash()
    expect(place.open().recovered).toMatchObject(newState)
  })

  test('is not opened where a part of it is missing, or damaged', async () => {
    for (const number of [0, 1, 2]) {
      const place = await disk()
      place.losePart(place.generations[0] ?? 0, number)
      expect(code(() => place.open())).toBe('CORRUPT')
    }
    for (let bit = 0; bit < 200; bit++) {
      const place = await disk()
      place.corruptSnapshot(bit)
      expect(code(() => place.open())).toBe('CORRUPT')
    }
  })

  test('a disk that fails while one is staged refuses all to come', async () => {
    const place = await disk()
    const wal = place.open()
    const staged = wal.stage(newState.snapshot)
    const appended = wal.append(write({ entries: entries(6, 6) }))
    await new Promise(resolve => setImmediate(resolve))
    place.fail('NOSPACE')
    await expect(staged).rejects.toMatchObject({ code: 'NOSPACE' })
    await expect(appended).rejects.toMatchObject({ code: 'NOSPACE' })
    await expect(wal.stage(newState.snapshot)).rejects.toMatchObject({ code: 'NOSPACE' })
    place.crash()
    expect(place.open().recovered).toMatchObject(oldState)
  })
})
