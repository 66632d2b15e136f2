import { WalError } from '../replica/types.ts'
import { type Database, strict, tolerated, type WalIdentity } from './database.ts'
import type { Stored, StoredSnapshot } from './layout.ts'
import { readSnapshotRecord, SnapshotAssembly } from './snapshot-parts.ts'

/** What opening a log reads, in steps: neither the log nor the snapshot is ever asked of the browser in one piece. */

export const IDENTITY_FORMAT = 1
export const IDENTITY_KEY = 'identity'
export const SNAPSHOT_KEY = 'latest'

/** Asked for at a time. One asks ahead while the last is worked on. */
const recordsPerRead = 256
const partsPerRead = 8

export async function checkIdentity(database: Database, { clusterId, member }: WalIdentity): Promise<void> {
  const stored = await database.get('meta', IDENTITY_KEY)
  if (stored?.format !== IDENTITY_FORMAT || stored.clusterId !== clusterId || stored.member !== member) {
    throw new WalError('CORRUPT', `the log says that it is ${JSON.stringify(stored)}`)
  }
}

/** Errors: `CORRUPT` for a snapshot that is not whole. */
export async function readStored(database: Database): Promise<Stored> {
  const [snapshot, records] = await Promise.all([readSnapshot(database), readRecords(database)])
  return { records, snapshot }
}

async function readRecords(database: Database): Promise<Stored['records']> {
  const store = database.transaction('records', 'readonly').store
  const records: { sequence: number; value: unknown }[] = []
  let range: IDBKeyRange | null = null
  for (;;) {
    const [keys, values]: [number[], unknown[]] = await Promise.all([
      store.getAllKeys(range, recordsPerRead),
      store.getAll(range, recordsPerRead),
    ])
    for (const [i, sequence] of keys.entries()) records.push({ sequence, value: values[i] })
    const last = keys.at(-1)
    if (last === undefined || keys.length < recordsPerRead) return records
    range = IDBKeyRange.lowerBound(last, true)
  }
}

async function readSnapshot(database: Database): Promise<StoredSnapshot | null> {
  const value = await database.get('snapshot', SNAPSHOT_KEY)
  if (value === undefined) return null
  const assembly = new SnapshotAssembly(readSnapshotRecord(value))
  const { generation, firstSequence } = assembly.record
  const store = database.transaction('parts', 'readonly').store
  const read = (from: number) => {
    const values = store.getAll(IDBKeyRange.bound([generation, from], [generation, from + partsPerRead - 1]))
    void tolerated(values)
    return values
  }
  for (let from = assembly.next, ahead = from === null ? null : read(from); from !== null && ahead !== null; ) {
    const parts: unknown[] = await ahead
    from += partsPerRead
    ahead = read(from)
    // A short answer is a missing part, and so is what comes after it.
    for (let i = 0; i < partsPerRead && assembly.next !== null; i++) assembly.add(parts[i])
    if (assembly.next === null) break
  }
  return { firstSequence, generation, snapshot: assembly.finish() }
}

/** Snapshots that were never finished, or whose deletion was not: all but the current generation. */
export async function deleteStaleParts(database: Database, current: number): Promise<void> {
  const stale = staleParts(current)
  const reading = database.transaction('parts', 'readonly').store
  const found = await Promise.all(stale.map(range => reading.getKey(range)))
  if (found.every(key => key === undefined)) return
  const transaction = database.transaction(['records', 'parts'], 'readwrite', strict)
  void tolerated(transaction.done)
  for (const range of stale) void tolerated(transaction.objectStore('parts').delete(range))
  await transaction.done
}

/** Keys of the parts of all generations but one. Arrays are ordered by their elements, and a shorter one before a longer. */
export function staleParts(current: number): readonly IDBKeyRange[] {
  return [IDBKeyRange.upperBound([current], true), IDBKeyRange.lowerBound([current + 1])]
}

export async function deleteRecord(database: Database, sequence: number): Promise<void> {
  const transaction = database.transaction(['records'], 'readwrite', strict)
  void tolerated(transaction.objectStore('records').delete(sequence))
  await transaction.done
}
