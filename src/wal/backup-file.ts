import { ByteReader, BytesError, ByteWriter, integerBytes } from '../binary/bytes.ts'
import type { Revision } from '../store/types.ts'
import { crc32c } from './crc32c.ts'

/**
 * A cluster's data as a file that a person keeps: a header of fixed size, then a snapshot of the store (`docs/storage.md`). Integers
 * as everywhere in this room.
 *
 *     header  magic, version u8, cluster id (16 bytes), revision, when it was made (ms since 1970), length of the data,
 *             CRC-32C u32 of the data, CRC-32C u32 of the header before
 */
export interface BackupHeader {
  /** Of the cluster whose data it is, as 32 hex digits. */
  readonly clusterId: string
  readonly revision: Revision
  readonly createdAtMs: number
  readonly dataBytes: number
  readonly dataChecksum: number
}

/** No backup, or not a whole and sound one. The message is for a person. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

/**
 * Begins with a byte that is no text and holds both kinds of line end, as PNG's does: a transfer that takes the file for
 * text breaks it at the front, where it shows at once.
 */
const magic = Uint8Array.of(0x89, 0x46, 0x4c, 0x4f, 0x54, 0x0d, 0x0a, 0x1a)
const version = 1
const clusterIdBytes = 16
export const backupHeaderBytes = magic.length + 1 + clusterIdBytes + 3 * integerBytes + 2 * 4

/** What the file is told to be by browsers and operating systems. */
export const backupMediaType = 'application/vnd.flotilla.backup'

/** Summed up at a time. Takes about a millisecond. */
const checksumStepBytes = 1024 * 1024

export function encodeBackupHeader(header: BackupHeader): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(backupHeaderBytes)
  writer.bytes(magic)
  writer.u8(version)
  writer.bytes(Uint8Array.from(header.clusterId.match(/../g) ?? [], byte => Number.parseInt(byte, 16)))
  writer.integer(header.revision)
  writer.integer(header.createdAtMs)
  writer.integer(header.dataBytes)
  writer.u32(header.dataChecksum)
  writer.u32(0)
  const bytes = writer.finish()
  new DataView(bytes.buffer).setUint32(backupHeaderBytes - 4, headerChecksum(bytes), true)
  return bytes
}

/** `bytes`: the file's first `backupHeaderBytes`, or all of it if it has fewer. Throws `BackupError`. */
export function decodeBackupHeader(bytes: Uint8Array, fileBytes: number): BackupHeader {
  if (!magic.subarray(0, bytes.length).every((byte, i) => bytes[i] === byte)) {
    throw new BackupError('This file is not a backup, or its beginning is damaged.')
  }
  if (bytes.length < backupHeaderBytes)
    throw new BackupError(`The backup is cut short: only ${fileBytes} bytes are here.`)
  const reader = new ByteReader(bytes)
  reader.bytes(magic.length)
  const found = reader.u8()
  if (found !== version) throw new BackupError(`The backup is of version ${found}, which is not known here.`)
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(backupHeaderBytes - 4, true) !== headerChecksum(bytes)) {
    throw new BackupError('The backup is damaged: the checksum of its header does not match.')
  }
  const header = readHeader(reader)
  const expected = backupHeaderBytes + header.dataBytes
  if (fileBytes < expected) {
    throw new BackupError(`The backup is cut short: ${fileBytes} of its ${expected} bytes are here.`)
  }
  if (fileBytes > expected) throw new BackupError(`Something follows the backup's end: ${fileBytes - expected} bytes.`)
  return header
}

function readHeader(reader: ByteReader): BackupHeader {
  try {
    return {
      clusterId: Array.from(reader.bytes(clusterIdBytes), byte => byte.toString(16).padStart(2, '0')).join(''),
      revision: reader.integer(),
      createdAtMs: reader.integer(),
      dataBytes: reader.integer(),
      dataChecksum: reader.u32(),
    }
  } catch (error) {
    // Its checksum is right, so a program wrote it.
    if (error instanceof BytesError) throw new BackupError(`The backup's header makes no sense: ${error.message}.`)
    throw error
  }
}

/** Only the header is looked at. Throws `BackupError`. */
export async function readBackupHeader(file: Blob): Promise<BackupHeader> {
  return decodeBackupHeader(await bytesOf(file.slice(0, backupHeaderBytes)), file.size)
}

/** The whole file, checked up to what the data mean. Throws `BackupError`. */
export async function readBackup(file: Blob): Promise<{ readonly header: BackupHeader; readonly data: Uint8Array }> {
  const header = await readBackupHeader(file)
  const data = await bytesOf(file.slice(backupHeaderBytes))
  if (crc32c(data) !== header.dataChecksum) {
    throw new BackupError('The backup is damaged: the checksum of its data does not match.')
  }
  return { header, data }
}

/** CRC-32C in steps, between which others get their turn: `pause` is awaited after each. */
export async function checksumInSteps(data: Uint8Array, pause: () => Promise<unknown>): Promise<number> {
  let sum = 0
  for (let at = 0; at < data.length; at += checksumStepBytes) {
    sum = crc32c(data.subarray(at, at + checksumStepBytes), sum)
    await pause()
  }
  return sum
}

function headerChecksum(bytes: Uint8Array): number {
  return crc32c(bytes.subarray(0, backupHeaderBytes - 4))
}

async function bytesOf(part: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await part.arrayBuffer())
  } catch (cause) {
    // Moved, deleted or changed since it was chosen.
    throw new BackupError('The file cannot be read any more. Choose it again.', { cause })
  }
}
