import { BytesError } from '../binary/bytes.ts'
import type { Entry, HardState, Index, Snapshot } from '../raft/types.ts'
import { WalError, type WalState, type WalWrite } from '../replica/types.ts'
import { bytesOf, decodeRecord, encodeRecord, encodeSnapshot, isUnfinishedRecord, type LogRecord } from './record.ts'
import { type PartWrite, partCount, partOf, Staging, snapshotPartBytes } from './snapshot-parts.ts'

/**
 * What a log looks like on disk, as pure bookkeeping: each write becomes a `Change` for a disk to carry out atomically, and
 * what a disk holds becomes the state again. The disks themselves (`idb-wal.ts`, `memory-wal.ts`) decide nothing.
 */

/** Carried out whole or not at all. */
export interface Change {
  /** Key of the new record. */
  readonly sequence: number
  readonly record: Uint8Array<ArrayBuffer>
  readonly replacement: Replacement | null
}

/** Another snapshot becomes the current one. */
export interface Replacement {
  readonly snapshot: Uint8Array<ArrayBuffer>
  /** The first record to keep: all older ones are deleted. */
  readonly firstSequence: number
  /** The one of its parts: those of all others are deleted. */
  readonly generation: number
  /** Its parts, but for those that are there already. Encoded as they are asked for. */
  readonly parts: Iterable<PartWrite>
}

/** What a disk holds. Values are unknown: whatever sits in a browser's database may be anything. */
export interface Stored {
  /** In the order of their keys. */
  readonly records: readonly { readonly sequence: number; readonly value: unknown }[]
  /** Put together from its parts, each of them intact. */
  readonly snapshot: StoredSnapshot | null
}

export interface StoredSnapshot {
  readonly firstSequence: number
  readonly generation: number
  readonly snapshot: Snapshot
}

/** Of the newest record there is only the beginning, so it was cut off: a write that never finished, and that nobody relied on. */
export interface TailCut {
  readonly sequence: number
  readonly reason: string
}

export interface Recovery {
  readonly layout: Layout
  readonly state: WalState
  /** The disk must delete this record before anything is appended. */
  readonly cut: TailCut | null
}

/** A record that exists, and up to where it reaches into the log; 0 if it holds no entries. */
interface Extent {
  readonly sequence: number
  readonly lastIndex: Index
}

const initialHardState: HardState = { term: 0, vote: 0, commit: 0 }

export class Layout {
  #hardState: HardState
  #lastIndex: Index
  readonly #extents: Extent[]
  #nextSequence: number
  readonly #partBytes: number
  /** The newest that was begun. */
  #generation: number
  #staging: Staging | null = null

  private constructor(
    hardState: HardState,
    log: { readonly lastIndex: Index; readonly extents: Extent[] },
    snapshots: { readonly generation: number; readonly partBytes: number },
  ) {
    this.#hardState = hardState
    this.#lastIndex = log.lastIndex
    this.#extents = log.extents
    this.#nextSequence = (log.extents.at(-1)?.sequence ?? 0) + 1
    this.#generation = snapshots.generation
    this.#partBytes = snapshots.partBytes
  }

  /** A log that does not exist yet and its first write. */
  static found(initial: WalWrite, partBytes: number = snapshotPartBytes): { layout: Layout; change: Change } {
    const layout = new Layout(initialHardState, { lastIndex: 0, extents: [] }, { generation: 0, partBytes })
    return { layout, change: layout.plan(initial) }
  }

  /** Throws `WalError` `CORRUPT` unless what is stored is a whole log, but for an unfinished record at its end. */
  static recover(stored: Stored, partBytes: number = snapshotPartBytes): Recovery {
    const { records, cut } = readRecords(stored.records, stored.snapshot?.firstSequence ?? 1)
    const newest = records.at(-1)
    // A log is never without a record: the first write makes one, and every later one keeps at least its own.
    if (newest === undefined) throw new WalError('CORRUPT', cut === null ? 'no record' : `only record: ${cut.reason}`)

    const snapshot = stored.snapshot?.snapshot ?? null
    const snapshotIndex = snapshot?.metadata.index ?? 0
    const entries = replay(records, snapshotIndex)
    const lastIndex = entries.at(-1)?.index ?? snapshotIndex
    // After a cut the newest hard state may be older than the snapshot, whose content is committed by nature.
    const commit = Math.max(newest.hardState.commit, snapshotIndex)
    if (commit > lastIndex) throw new WalError('CORRUPT', `committed up to ${commit}, but the log ends at ${lastIndex}`)

    const hardState = { ...newest.hardState, commit }
    const extents = records.map(record => extent(record.sequence, record.entries))
    const generation = stored.snapshot?.generation ?? 0
    const layout = new Layout(hardState, { lastIndex, extents }, { generation, partBytes })
    return { layout, state: { hardState, snapshot, entries }, cut }
  }

  /**
   * A snapshot that a later write is to make the current one, to be written down in parts before; the one staged before it is in vain.
   * Null if it is a single part, which is written when it becomes current.
   */
  stage({ data }: Snapshot): Staging | null {
    this.#staging?.supersede()
    this.#staging = null
    if (partCount(data.length, this.#partBytes) <= 1) return null
    this.#generation += 1
    this.#staging = new Staging(data, this.#generation, this.#partBytes)
    return this.#staging
  }

  /** Throws RangeError, and changes nothing, if the write does not fit the log. */
  plan(write: WalWrite): Change {
    const lastIndex = checkedLastIndex(write, this.#lastIndex)
    const hardState = write.hardState ?? this.#hardState
    if (hardState.commit > lastIndex)
      throw new RangeError(`commit ${hardState.commit}, but the log ends at ${lastIndex}`)
    const sequence = this.#nextSequence
    const record = encodeRecord({ sequence, hardState, entries: write.entries })

    this.#hardState = hardState
    this.#lastIndex = lastIndex
    this.#nextSequence = sequence + 1
    if (write.install !== null) this.#extents.length = 0
    this.#extents.push(extent(sequence, write.entries))
    if (write.compaction !== null) this.#dropUpTo(write.compaction.compactTo)

    const snapshot = write.compaction?.snapshot ?? write.install
    if (snapshot === null) return { sequence, record, replacement: null }
    return { sequence, record, replacement: this.#replace(snapshot, this.#extents[0]?.sequence ?? sequence) }
  }

  #replace({ metadata, data }: Snapshot, firstSequence: number): Replacement {
    const staged = this.#staging?.isComplete === true && this.#staging.data === data ? this.#staging : null
    // What is staged still would lose its parts.
    this.#staging?.supersede()
    this.#staging = null
    if (staged === null) this.#generation += 1
    const generation = this.#generation
    return {
      snapshot: encodeSnapshot({ firstSequence, metadata, generation, bytes: data.length }),
      firstSequence,
      generation,
      parts: staged === null ? parts(data, generation, this.#partBytes) : [],
    }
  }

  /** Whole records from the front, never the newest, which carries the hard state. */
  #dropUpTo(index: Index): void {
    const kept = this.#extents.findIndex(({ lastIndex }) => lastIndex > index)
    this.#extents.splice(0, kept === -1 ? this.#extents.length - 1 : kept)
  }
}

function extent(sequence: number, entries: readonly Entry[]): Extent {
  return { sequence, lastIndex: entries.at(-1)?.index ?? 0 }
}

/** Where the log will end after this write. */
function checkedLastIndex({ entries, install, compaction }: WalWrite, before: Index): Index {
  let lastIndex = install?.metadata.index ?? before
  const first = entries[0]
  if (first !== undefined) {
    if (first.index < 1 || first.index > lastIndex + 1) {
      throw new RangeError(`entries from ${first.index} after a log that ends at ${lastIndex}`)
    }
    if (!contiguous(entries)) throw new RangeError('entries that are not contiguous')
    lastIndex = first.index + entries.length - 1
  }
  if (compaction !== null) {
    const { index } = compaction.snapshot.metadata
    if (index > lastIndex) throw new RangeError(`a snapshot at ${index} of a log that ends at ${lastIndex}`)
    if (compaction.compactTo > index)
      throw new RangeError(`compaction to ${compaction.compactTo}, snapshot at ${index}`)
  }
  return lastIndex
}

function contiguous(entries: readonly Entry[]): boolean {
  return entries.every((entry, i) => i === 0 || entry.index === (entries[i - 1]?.index ?? 0) + 1)
}

function* parts(data: Uint8Array, generation: number, partBytes: number): Iterable<PartWrite> {
  for (let number = 0; number < partCount(data.length, partBytes); number++) {
    yield partOf(data, generation, number, partBytes)
  }
}

function readRecords(stored: Stored['records'], firstSequence: number): { records: LogRecord[]; cut: TailCut | null } {
  const records: LogRecord[] = []
  for (const [i, { sequence, value }] of stored.entries()) {
    const expected = firstSequence + i
    if (sequence !== expected) throw new WalError('CORRUPT', `record ${sequence} where ${expected} belongs`)
    try {
      records.push(readRecord(value, sequence))
    } catch (error) {
      if (!(error instanceof BytesError)) throw error
      if (i === stored.length - 1 && isUnfinished(value)) return { records, cut: { sequence, reason: error.message } }
      throw new WalError('CORRUPT', `record ${sequence}: ${error.message}`, { cause: error })
    }
  }
  return { records, cut: null }
}

/**
 * A record that was whole may have been acted on: its vote given, its entries acknowledged. A member that goes on without it breaks what
 * it promised, so only what was never whole is cut off.
 */
function isUnfinished(value: unknown): boolean {
  return value instanceof Uint8Array && isUnfinishedRecord(value)
}

function readRecord(value: unknown, sequence: number): LogRecord {
  const record = decodeRecord(bytesOf(value))
  if (record.sequence !== sequence) {
    throw new WalError('CORRUPT', `record ${record.sequence} under the key of ${sequence}`)
  }
  if (!contiguous(record.entries)) throw new WalError('CORRUPT', `record ${sequence}: entries are not contiguous`)
  return record
}

/** The log after the snapshot: the entries of each record take the place of what was there from their first index on. */
function replay(records: readonly LogRecord[], snapshotIndex: Index): readonly Entry[] {
  let log: Entry[] = []
  for (const { sequence, entries } of records) {
    const first = entries[0]
    if (first === undefined) continue
    const start = log[0]?.index ?? first.index
    if (first.index >= start && first.index <= start + log.length) {
      log.length = first.index - start
      for (const entry of entries) log.push(entry)
    } else if (first.index <= Math.max(start, snapshotIndex + 1)) {
      // All that came before is overwritten, or is behind the snapshot.
      log = [...entries]
    } else {
      throw new WalError(
        'CORRUPT',
        `record ${sequence} starts at ${first.index}, the log ends at ${start + log.length - 1}`,
      )
    }
  }
  const kept = log.filter(entry => entry.index > snapshotIndex)
  const first = kept[0]
  if (first !== undefined && first.index !== snapshotIndex + 1) {
    throw new WalError('CORRUPT', `the snapshot ends at ${snapshotIndex}, the log starts at ${first.index}`)
  }
  return kept
}

/** For a log that has let go of what it recovered: that may be hundreds of MiB, which nobody needs twice. */
export function recoveredOf(state: WalState | null): WalState {
  if (state === null) throw new Error('what was recovered is asked for before anything is written')
  return state
}
