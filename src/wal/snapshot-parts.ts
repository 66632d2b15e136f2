import { BytesError } from '../binary/bytes.ts'
import type { Snapshot } from '../raft/types.ts'
import { WalError } from '../replica/types.ts'
import {
  bytesOf,
  decodePart,
  decodeSnapshot,
  encodePart,
  type SnapshotRecord,
  type WholeSnapshotRecord,
} from './record.ts'

/**
 * A snapshot in parts, as it is written and as it is read. Each is a value of its own under its generation and number, so that
 * a large state is never cloned by the browser at once, nor written in one transaction that appends would have to wait for.
 */

/**
 * Payload of a part; the last may have less. An append waits for one part at most, and each part costs a transaction:
 * measured in `docs/storage.md`.
 */
export const snapshotPartBytes = 512 * 1024

/**
 * A record's word for how long its snapshot is is believed for so many times what has been read of it: one that lies costs no memory, and
 * one that does not is moved a few times at most, while it is small.
 */
const believedBytesPerByte = 16

/** As an IndexedDB key: generation, number. */
export type PartKey = [generation: number, number: number]

export interface PartWrite {
  readonly key: PartKey
  readonly bytes: Uint8Array<ArrayBuffer>
}

export function partCount(bytes: number, partBytes: number): number {
  return Math.ceil(bytes / partBytes)
}

/** One part, encoded when it is asked for. */
export function partOf(data: Uint8Array, generation: number, number: number, partBytes: number): PartWrite {
  const payload = data.subarray(number * partBytes, (number + 1) * partBytes)
  return { key: [generation, number], bytes: encodePart({ generation, number, data: payload }) }
}

/** A snapshot on its way to the disk, beside the log, before anything refers to it. */
export class Staging {
  readonly generation: number
  readonly data: Uint8Array
  readonly count: number
  readonly #partBytes: number
  #phase: 'underWay' | 'complete' | 'superseded' = 'underWay'

  constructor(data: Uint8Array, generation: number, partBytes: number) {
    this.data = data
    this.generation = generation
    this.count = partCount(data.length, partBytes)
    this.#partBytes = partBytes
  }

  part(number: number): PartWrite {
    return partOf(this.data, this.generation, number, this.#partBytes)
  }

  /**
   * Writes the parts, when those of the snapshot before it are written or given up: each begun when the one before it is durable, so
   * that appends come in between.
   */
  async write(before: Promise<void>, writePart: (part: PartWrite) => Promise<void>): Promise<void> {
    await before.catch(() => {})
    for (let number = 0; number < this.count && !this.isSuperseded; number++) await writePart(this.part(number))
    this.complete()
  }

  /** Another snapshot has taken its place: what is written of it is deleted with the next one, and more is in vain. */
  get isSuperseded(): boolean {
    return this.#phase === 'superseded'
  }

  get isComplete(): boolean {
    return this.#phase === 'complete'
  }

  /** All parts are durable. */
  complete(): void {
    if (this.#phase === 'underWay') this.#phase = 'complete'
  }

  supersede(): void {
    this.#phase = 'superseded'
  }
}

/** What there is of a snapshot before its parts are read. Throws `WalError` `CORRUPT`. */
export function readSnapshotRecord(value: unknown): SnapshotRecord | WholeSnapshotRecord {
  return decoding('snapshot', () => decodeSnapshot(bytesOf(value)))
}

/** Puts a snapshot together from parts that are read one after the other, so that hardly more than one copy of it is held. */
export class SnapshotAssembly {
  readonly record: SnapshotRecord
  #data: Uint8Array
  #end: number
  #parts = 0

  constructor(record: SnapshotRecord | WholeSnapshotRecord) {
    this.record = record
    this.#data = 'data' in record ? record.data : new Uint8Array()
    this.#end = 'data' in record ? record.bytes : 0
  }

  /** The number of the part wanted next; null when there is all of it. */
  get next(): number | null {
    return this.#end === this.record.bytes ? null : this.#parts
  }

  /** Throws `WalError` `CORRUPT` unless this is the next part; undefined is one that is missing. */
  add(value: unknown): void {
    const name = `snapshot part ${this.#parts}`
    if (value === undefined) throw new WalError('CORRUPT', `${name} is missing`)
    const { generation, number, data } = decoding(name, () => decodePart(bytesOf(value)))
    if (generation !== this.record.generation || number !== this.#parts) {
      throw new WalError('CORRUPT', `part ${number} of generation ${generation} where ${name} belongs`)
    }
    if (data.length === 0 || data.length > this.record.bytes - this.#end) {
      throw new WalError('CORRUPT', `${name} has ${data.length} bytes, the snapshot ${this.record.bytes}`)
    }
    this.#makeRoom(this.#end + data.length)
    this.#data.set(data, this.#end)
    this.#end += data.length
    this.#parts += 1
  }

  #makeRoom(end: number): void {
    if (end <= this.#data.length) return
    const larger = new Uint8Array(Math.min(this.record.bytes, end * believedBytesPerByte))
    larger.set(this.#data)
    this.#data = larger
  }

  finish(): Snapshot {
    if (this.next !== null) throw new WalError('CORRUPT', `snapshot part ${this.#parts} is missing`)
    return { metadata: this.record.metadata, data: this.#data }
  }
}

function decoding<T>(name: string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof BytesError)) throw error
    throw new WalError('CORRUPT', `${name}: ${error.message}`, { cause: error })
  }
}
