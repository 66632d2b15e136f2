import fc from 'fast-check'
import { BytesError } from '../../../src/binary/bytes.ts'
import { WalError, type WalWrite } from '../../../src/replica/types.ts'
import {
  BackupError,
  type BackupHeader,
  backupHeaderBytes,
  decodeBackupHeader,
  encodeBackupHeader,
} from '../../../src/wal/backup-file.ts'
import { crc32c } from '../../../src/wal/crc32c.ts'
import { Layout } from '../../../src/wal/layout.ts'
import {
  decodeOutboxBatch,
  decodeRecord,
  encodeOutboxBatch,
  encodePart,
  encodeRecord,
  encodeSnapshot,
  isUnfinishedRecord,
  type LogRecord,
} from '../../../src/wal/record.ts'
import { readSnapshotRecord, SnapshotAssembly } from '../../../src/wal/snapshot-parts.ts'
import { entry, safeInteger, snapshot } from '../../unit/net/arbitraries.ts'
import { anyCommand } from '../../unit/store/arbitraries.ts'
import { entries, write } from '../../unit/wal/writes.ts'
import {
  type Codec,
  type Decoder,
  drawn,
  encoded,
  joinSeries,
  readOrRefuse,
  refused,
  splitSeries,
  takeStable,
  type Verdict,
} from '../decoder.ts'

/** What a member's database holds, and the files that people keep. */

const isDamage = (error: unknown) => error instanceof BytesError || isCorrupt(error)
const isCorrupt = (error: unknown) => error instanceof WalError && error.code === 'CORRUPT'

function resealed(bytes: Uint8Array): void {
  if (bytes.length < 4) return
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, crc32c(bytes.subarray(4)), true)
}

const logRecord: fc.Arbitrary<LogRecord> = fc.record({
  sequence: safeInteger,
  hardState: fc.record({ term: safeInteger, vote: safeInteger, commit: safeInteger }),
  entries: fc.array(entry, { maxLength: 8 }),
})

const record: Codec<LogRecord> = { read: decodeRecord, write: encodeRecord, declares: isDamage }

const outbox: Codec<ReturnType<typeof decodeOutboxBatch>> = {
  read: decodeOutboxBatch,
  write: encodeOutboxBatch,
  declares: isDamage,
}

function verdict(read: () => unknown): Verdict {
  return readOrRefuse({ read, write: () => new Uint8Array(), declares: isCorrupt }, new Uint8Array()) === refused
    ? 'refused'
    : 'taken'
}

/** A few writes to a log, some of which take back the end of it. */
const writes = fc
  .array(fc.record({ back: fc.nat(2), count: fc.nat(4), commits: fc.boolean() }), { maxLength: 6 })
  .map(steps => {
    let last = 0
    let commit = 0
    const writes: WalWrite[] = [write({ hardState: { term: 1, vote: 1, commit: 0 } })]
    for (const [i, { back, count, commits }] of steps.entries()) {
      const first = Math.max(commit, last - back) + 1
      last = count > 0 ? first + count - 1 : last
      if (commits) commit = last
      writes.push(
        write({ hardState: { term: i + 2, vote: 1, commit }, entries: entries(first, first + count - 1, i + 2) }),
      )
    }
    return writes
  })

function logOf([first = write({}), ...more]: readonly WalWrite[]): Uint8Array {
  const { layout, change } = Layout.found(first)
  return joinSeries([change.record, ...more.map(write => layout.plan(write).record)])
}

const log: Decoder = {
  name: 'wal-log',
  weight: 1,
  corpus: seed => ({ valid: drawn(writes, seed).map(logOf) }),
  reseal: bytes => splitSeries(bytes).forEach(resealed),
  take: bytes =>
    verdict(() => {
      const records = splitSeries(bytes).map((value, i) => ({ sequence: i + 1, value }))
      return Layout.recover({ records, snapshot: null })
    }),
}

/** A snapshot's record and its parts. */
const snapshotInParts = fc
  .record({
    snapshot,
    parts: fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 4 }),
    generation: fc.nat(9),
  })
  .map(({ snapshot: { metadata }, parts, generation }) => {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0)
    return joinSeries([
      encodeSnapshot({ firstSequence: 1, metadata, generation, bytes }),
      ...parts.map((data, number) => encodePart({ generation, number, data })),
    ])
  })

const snapshots: Decoder = {
  name: 'wal-snapshot',
  weight: 1,
  corpus: seed => ({ valid: drawn(snapshotInParts, seed) }),
  reseal: bytes => splitSeries(bytes).forEach(resealed),
  take: bytes =>
    verdict(() => {
      const [record, ...parts] = splitSeries(bytes)
      const assembly = new SnapshotAssembly(readSnapshotRecord(record))
      for (let next = assembly.next; next !== null; next = assembly.next) assembly.add(parts[next])
      return assembly.finish()
    }),
}

const backup: Codec<BackupHeader> = {
  read: bytes => decodeBackupHeader(bytes.subarray(0, backupHeaderBytes), claimedBytes(bytes)),
  write: encodeBackupHeader,
  declares: error => error instanceof BackupError,
}

/** A file of the length that its header says, so that what comes behind that check is met, too. */
function claimedBytes(bytes: Uint8Array): number {
  const lengthAt = backupHeaderBytes - 2 * 4 - 8
  if (bytes.length < backupHeaderBytes) return bytes.length
  return backupHeaderBytes + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(lengthAt, true))
}

const header: fc.Arbitrary<BackupHeader> = fc.record({
  clusterId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(id => Buffer.from(id).toString('hex')),
  revision: safeInteger,
  createdAtMs: safeInteger,
  dataBytes: fc.nat(2 ** 31 - 1),
  dataChecksum: fc.nat(2 ** 31 - 1),
})

export const walDecoders: readonly Decoder[] = [
  {
    name: 'wal-record',
    weight: 2,
    corpus: seed => ({ valid: encoded(record, logRecord, seed) }),
    reseal: resealed,
    take(bytes) {
      isUnfinishedRecord(bytes)
      return takeStable(record, bytes)
    },
  },
  log,
  snapshots,
  {
    name: 'outbox',
    weight: 1,
    corpus: seed => ({
      valid: encoded(outbox, fc.array(fc.record({ at: safeInteger, command: anyCommand }), { maxLength: 3 }), seed),
    }),
    reseal: resealed,
    take: bytes => takeStable(outbox, bytes),
  },
  {
    name: 'backup-header',
    weight: 1,
    corpus: seed => ({ valid: encoded(backup, header, seed) }),
    reseal(bytes) {
      if (bytes.length < backupHeaderBytes) return
      const at = backupHeaderBytes - 4
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, crc32c(bytes.subarray(0, at)), true)
    },
    take: bytes => takeStable(backup, bytes),
  },
]
