import { ByteReader, BytesError, ByteWriter, integerBytes } from '../binary/bytes.ts'
import {
  entriesSize,
  hardStateSize,
  readEntries,
  readHardState,
  readSnapshot,
  snapshotSize,
  writeEntries,
  writeHardState,
  writeSnapshot,
} from '../binary/raft.ts'
import type { Entry, HardState, Snapshot } from '../raft/types.ts'
import { WalError } from '../replica/types.ts'
import { decodeCommand, encodeCommand } from '../store/command-codec.ts'
import type { Command } from '../store/types.ts'
import type { OutboxEntry } from '../worker/protocol.ts'
import { crc32c } from './crc32c.ts'

/**
 * The kinds of value a member's database is made of, to bytes and back (`docs/storage.md`).
 *
 *     seal       CRC-32C u32 of all that follows, version u8, kind u8
 *     record     seal, sequence, hard state, entries
 *     snapshot   seal, first sequence, snapshot
 *     outbox     seal, count u32, then of each write: when it was asked for, length u32, command
 *
 * Decoding throws `BytesError` for damage, and `WalError` `CORRUPT` for bytes that are intact but not ours to understand: those
 * must never be mistaken for a torn write and cut off. Decoded data are views of the bytes given.
 */

export const RECORD_VERSION = 1

/** One atomic write. It carries the hard state in force after it, even if unchanged, so older records can always go. */
export interface LogRecord {
  /** 1, 2, 3, ... over the life of the log, without a gap. */
  readonly sequence: number
  readonly hardState: HardState
  readonly entries: readonly Entry[]
}

export interface SnapshotRecord {
  /** The oldest log record kept beside this snapshot; were it missing, the log would have a hole. */
  readonly firstSequence: number
  readonly snapshot: Snapshot
}

const RECORD = 1
const SNAPSHOT = 2
const OUTBOX = 3

const checksumBytes = 4
const sealBytes = checksumBytes + 2
const outboxHeaderBytes = integerBytes + 4

export function encodeRecord({ sequence, hardState, entries }: LogRecord): Uint8Array<ArrayBuffer> {
  const writer = begin(RECORD, integerBytes + hardStateSize + entriesSize(entries))
  writer.integer(sequence)
  writeHardState(writer, hardState)
  writeEntries(writer, entries)
  return seal(writer.finish())
}

export function decodeRecord(bytes: Uint8Array): LogRecord {
  const reader = unseal(bytes, RECORD)
  const record = { sequence: reader.integer(), hardState: readHardState(reader), entries: readEntries(reader) }
  reader.finish()
  return record
}

export function encodeSnapshot({ firstSequence, snapshot }: SnapshotRecord): Uint8Array<ArrayBuffer> {
  const writer = begin(SNAPSHOT, integerBytes + snapshotSize(snapshot))
  writer.integer(firstSequence)
  writeSnapshot(writer, snapshot)
  return seal(writer.finish())
}

export function decodeSnapshot(bytes: Uint8Array): SnapshotRecord {
  const reader = unseal(bytes, SNAPSHOT)
  const record = { firstSequence: reader.integer(), snapshot: readSnapshot(reader) }
  reader.finish()
  return record
}

export function encodeOutboxBatch(entries: readonly OutboxEntry[]): Uint8Array<ArrayBuffer> {
  const commands = entries.map(({ command }) => encodeCommand(command))
  const bodySize = commands.reduce((size, command) => size + outboxHeaderBytes + command.length, 4)
  const writer = begin(OUTBOX, bodySize)
  writer.u32(entries.length)
  for (const [i, { at }] of entries.entries()) {
    const command = commands[i] ?? new Uint8Array()
    writer.integer(at)
    writer.u32(command.length)
    writer.bytes(command)
  }
  return seal(writer.finish())
}

/** Each command has bytes of its own, since one that is posted takes along all of the buffer it looks into. */
export function decodeOutboxBatch(bytes: Uint8Array): OutboxEntry[] {
  const reader = unseal(bytes, OUTBOX)
  const entries = Array.from({ length: reader.count(outboxHeaderBytes) }, () => {
    const at = reader.integer()
    return { at, command: readCommand(reader.bytes(reader.u32()).slice()) }
  })
  reader.finish()
  return entries
}

export function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new BytesError('not bytes')
}

function readCommand(bytes: Uint8Array): Command {
  try {
    const command = decodeCommand(bytes)
    if (command.clientId !== null) return command
  } catch (cause) {
    throw new WalError('CORRUPT', 'a command that is not known here', { cause })
  }
  throw new WalError('CORRUPT', 'a command of no client in the outbox')
}

function begin(kind: number, bodySize: number): ByteWriter {
  const writer = new ByteWriter(sealBytes + bodySize)
  writer.u32(0)
  writer.u8(RECORD_VERSION)
  writer.u8(kind)
  return writer
}

function seal(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  new DataView(bytes.buffer).setUint32(0, crc32c(bytes.subarray(checksumBytes)), true)
  return bytes
}

function unseal(bytes: Uint8Array, kind: number): ByteReader {
  const reader = new ByteReader(bytes)
  const checksum = reader.u32()
  if (crc32c(bytes.subarray(checksumBytes)) !== checksum) throw new BytesError('checksum mismatch')
  const version = reader.u8()
  if (version !== RECORD_VERSION) throw new WalError('CORRUPT', `record version ${version} is not known here`)
  const found = reader.u8()
  if (found !== kind) throw new WalError('CORRUPT', `a record of kind ${found} where ${kind} belongs`)
  return reader
}
