import { ByteWriter } from '../../../src/binary/bytes.ts'
import { placeSize, writePlace } from '../../../src/binary/raft.ts'
import type { ConfState, Entry, Index, Snapshot, Term } from '../../../src/raft/types.ts'
import type { WalWrite } from '../../../src/replica/types.ts'
import { crc32c } from '../../../src/wal/crc32c.ts'

/** Short ways to say what is written to a log. */

export function entry(
  index: Index,
  term: Term = 1,
  data: Uint8Array = Uint8Array.of(index & 0xff, term & 0xff),
): Entry {
  return { term, index, type: 'normal', data }
}

/** Entries `[first, last]`. */
export function entries(first: Index, last: Index, term: Term = 1): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term))
}

export function snapshotAt(index: Index, term: Term = 1, data: Uint8Array = Uint8Array.of(9, index & 0xff)): Snapshot {
  const confState: ConfState = {
    voters: [1, 2, 3],
    learners: [4],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  }
  return { metadata: { confState, index, term }, data }
}

export function write(parts: Partial<WalWrite>): WalWrite {
  return { hardState: null, entries: [], install: null, compaction: null, ...parts }
}

/** What a member begins with that has not been let into any cluster. */
export const nothing: WalWrite = write({ hardState: { term: 0, vote: 0, commit: 0 } })

/** As it was written before there were parts: version 1, all in one value. */
export function wholeSnapshot(firstSequence: number, { metadata, data }: Snapshot): Uint8Array {
  const writer = new ByteWriter(4 + 1 + 1 + 8 + placeSize(metadata) + 4 + data.length)
  writer.u32(0)
  writer.u8(1)
  writer.u8(2)
  writer.integer(firstSequence)
  writePlace(writer, metadata)
  writer.u32(data.length)
  writer.bytes(data)
  const bytes = writer.finish()
  new DataView(bytes.buffer).setUint32(0, crc32c(bytes.subarray(4)), true)
  return bytes
}
