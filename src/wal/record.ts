import { ByteReader, BytesError, ByteWriter, integerBytes } from '../binary/bytes.ts'
import {
  entriesSize,
  hardStateSize,
  placeSize,
  readEntries,
  readHardState,
  readPlace,
  readSnapshot,
  writeEntries,
  writeHardState,
  writePlace,
} from '../binary/raft.ts'
import type { Entry, HardState, SnapshotMetadata } from '../raft/types.ts'
import { WalError } from '../replica/types.ts'
import { decodeCommand, encodeCommand } from '../store/command-codec.ts'
import type { Command } from '../store/types.ts'
import type { OutboxEntry } from '../worker/protocol.ts'
import { crc32c } from './crc32c.ts'

/**
 * The kinds of value a member's database is made of, to bytes and back (`docs/storage.md`).
 *
 *     seal       CRC-32C u32 of all that follows, version u8, kind u8
 *     record     seal, length u32 of the whole, CRC-32C u32 of version, kind and length, sequence, hard state, entries
 *     snapshot   seal, first sequence, generation, length, place; its bytes are in parts
 *     part       seal, generation, number, bytes
 *     outbox     seal, count u32, then of each write: when it was asked for, length u32, command
 *
 * Decoding throws `BytesError` for damage, and `WalError` `CORRUPT` for bytes that are intact but not ours to understand.
 * Decoded data are views of the bytes given.
 */

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
  readonly metadata: SnapshotMetadata
  /** Which parts are its own; counted up with every snapshot written. */
  readonly generation: number
  /** Of all parts together. */
  readonly bytes: number
}

/** Version 1 was all in one value. */
export interface WholeSnapshotRecord extends SnapshotRecord {
  readonly data: Uint8Array
}

export interface SnapshotPart {
  readonly generation: number
  /** 0, 1, 2, ... */
  readonly number: number
  readonly data: Uint8Array
}

const RECORD = 1
const SNAPSHOT = 2
const OUTBOX = 3
const PART = 4
type Kind = typeof RECORD | typeof SNAPSHOT | typeof OUTBOX | typeof PART

/** What is written. Version 1 is still read: of records, which had no length, and of snapshots, which were in one piece. */
const versions: Readonly<Record<Kind, number>> = { [RECORD]: 2, [SNAPSHOT]: 2, [OUTBOX]: 1, [PART]: 1 }

const checksumBytes = 4
const sealBytes = checksumBytes + 2
const lengthEnd = sealBytes + 4
const headerBytes = lengthEnd + checksumBytes
const outboxHeaderBytes = integerBytes + 4

export function encodeRecord({ sequence, hardState, entries }: LogRecord): Uint8Array<ArrayBuffer> {
  const bodySize = headerBytes - sealBytes + integerBytes + hardStateSize + entriesSize(entries)
  const writer = begin(RECORD, bodySize)
  writer.u32(sealBytes + bodySize)
  writer.u32(0)
  writer.integer(sequence)
  writeHardState(writer, hardState)
  writeEntries(writer, entries)
  const bytes = writer.finish()
  viewOf(bytes).setUint32(lengthEnd, headerChecksum(bytes), true)
  return seal(bytes)
}

export function decodeRecord(bytes: Uint8Array): LogRecord {
  const { reader, version } = unseal(bytes, RECORD)
  // The length has no more to say: the checksum has found the record whole.
  if (version > 1) reader.bytes(headerBytes - sealBytes)
  const record = { sequence: reader.integer(), hardState: readHardState(reader), entries: readEntries(reader) }
  reader.finish()
  return record
}

/**
 * Whether this is how a log record begins, and no more of it: a write that was broken off. A whole record that was damaged later
 * is as long as it says it is, and what it says has a checksum of its own.
 */
export function isUnfinishedRecord(bytes: Uint8Array): boolean {
  if (bytes.length < headerBytes) return true
  const view = viewOf(bytes)
  if (view.getUint32(lengthEnd, true) !== headerChecksum(bytes)) return false
  return bytes.length < view.getUint32(sealBytes, true)
}

export function encodeSnapshot({
  firstSequence,
  generation,
  bytes,
  metadata,
}: SnapshotRecord): Uint8Array<ArrayBuffer> {
  const writer = begin(SNAPSHOT, 3 * integerBytes + placeSize(metadata))
  writer.integer(firstSequence)
  writer.integer(generation)
  writer.integer(bytes)
  writePlace(writer, metadata)
  return seal(writer.finish())
}

export function decodeSnapshot(bytes: Uint8Array): SnapshotRecord | WholeSnapshotRecord {
  const { reader, version } = unseal(bytes, SNAPSHOT)
  const firstSequence = reader.integer()
  if (version === 1) {
    const { metadata, data } = readSnapshot(reader)
    reader.finish()
    return { firstSequence, metadata, generation: 0, bytes: data.length, data }
  }
  const record = { firstSequence, generation: reader.integer(), bytes: reader.integer(), metadata: readPlace(reader) }
  reader.finish()
  return record
}

export function encodePart({ generation, number, data }: SnapshotPart): Uint8Array<ArrayBuffer> {
  const writer = begin(PART, 2 * integerBytes + data.length)
  writer.integer(generation)
  writer.integer(number)
  writer.bytes(data)
  return seal(writer.finish())
}

export function decodePart(bytes: Uint8Array): SnapshotPart {
  const { reader } = unseal(bytes, PART)
  return { generation: reader.integer(), number: reader.integer(), data: reader.bytes(reader.remaining) }
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
  const { reader } = unseal(bytes, OUTBOX)
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

function begin(kind: Kind, bodySize: number): ByteWriter {
  const writer = new ByteWriter(sealBytes + bodySize)
  writer.u32(0)
  writer.u8(versions[kind])
  writer.u8(kind)
  return writer
}

function seal(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  viewOf(bytes).setUint32(0, crc32c(bytes.subarray(checksumBytes)), true)
  return bytes
}

function unseal(bytes: Uint8Array, kind: Kind): { reader: ByteReader; version: number } {
  const reader = new ByteReader(bytes)
  const checksum = reader.u32()
  if (crc32c(bytes.subarray(checksumBytes)) !== checksum) throw new BytesError('checksum mismatch')
  const version = reader.u8()
  const found = reader.u8()
  if (found !== kind) throw new WalError('CORRUPT', `a record of kind ${found} where ${kind} belongs`)
  if (version < 1 || version > versions[kind]) {
    throw new WalError('CORRUPT', `version ${version} of a record of kind ${kind} is not known here`)
  }
  return { reader, version }
}

/** Of version, kind and length. */
function headerChecksum(bytes: Uint8Array): number {
  return crc32c(bytes.subarray(checksumBytes, lengthEnd))
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}
