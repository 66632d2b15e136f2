import { DecodeError, Reader, Writer } from './binary.ts'
import { EVERY_KEY } from './bytes.ts'
import { readClientId, writeClientId } from './command-codec.ts'
import { HASH_SEED, mixBytes } from './hash.ts'
import { Leases } from './leases.ts'
import type { StoreOptions } from './limits.ts'
import { Mvcc } from './mvcc.ts'
import { readKeyValue, readResult, writeKeyValue, writeResult } from './result-codec.ts'
import { Sessions } from './sessions.ts'
import type { CommandResult, KeyValue } from './types.ts'

/**
 * The whole replicated state as bytes: a format number, revisions, the state hash, the history that is not compacted, the
 * leases by id (what is attached to them follows from the history), and the sessions from the least to the most recently
 * active; a checksum over all of it ends it. Equal states are equal bytes.
 */
const FORMAT = 2

const CHECKSUM_BYTES = 4

/** No change takes fewer bytes than this, no lease, session or remembered result fewer than these. */
const CHANGE_BYTES_MIN = 3
const LEASE_BYTES_MIN = 4
const SESSION_BYTES_MIN = 18
const RESULT_BYTES_MIN = 3

/** What one change takes beside its key and value, at most, in all practice. */
const CHANGE_BYTES_GUESS = 24

/** A snapshot being made. What the store applies, compacts or frees meanwhile does not show in it. */
export interface SnapshotWriter {
  /** Encodes up to about `changesMax` more changes. Returns the whole snapshot, in a buffer of its own, when it is done. */
  step(changesMax: number): Uint8Array | null
  /** It is not wanted any longer. Harmless after the end. */
  abandon(): void
}

export interface StoreState {
  readonly mvcc: Mvcc
  readonly leases: Leases
  readonly sessions: Sessions
  readonly hash: number
}

export function encodeSnapshot({ mvcc, leases, sessions, hash }: StoreState): Uint8Array {
  const writer = new Writer(mvcc.sizeBytes + mvcc.history.length * CHANGE_BYTES_GUESS + sessions.size * 64)
  writer.byte(FORMAT)
  writer.uint(mvcc.revision)
  writer.int(mvcc.compactRevision)
  writer.uint32(hash)
  writer.uint(mvcc.history.length)
  for (const { kv } of mvcc.history) writeKeyValue(writer, kv)
  writer.uint(leases.size)
  for (const { lease, ttlSeconds, remainingSeconds, renewals } of leases.states()) {
    writer.uint(lease)
    writer.uint(ttlSeconds)
    writer.uint(remainingSeconds)
    writer.uint(renewals)
  }
  writer.uint(sessions.size)
  for (const { clientId, lastSeq, results } of sessions.states()) {
    writeClientId(writer, clientId)
    writer.uint(lastSeq)
    writer.uint(results.size)
    for (const [seq, result] of results) {
      writer.uint(seq)
      writeResult(writer, result)
    }
  }
  writer.uint32(mixBytes(HASH_SEED, writer.view()))
  return writer.finish()
}

/** Throws `DecodeError` for anything that `encodeSnapshot` did not return, or that was damaged since. */
export function decodeSnapshot(bytes: Uint8Array, options: StoreOptions): StoreState {
  if (bytes.length <= CHECKSUM_BYTES) throw new DecodeError('cut short')
  const body = bytes.subarray(0, bytes.length - CHECKSUM_BYTES)
  const checksum = new Reader(bytes.subarray(body.length)).uint32()
  if (body[0] !== FORMAT) throw new DecodeError('unknown snapshot format')
  if (mixBytes(HASH_SEED, body) !== checksum) throw new DecodeError('the checksum does not match')
  const reader = new Reader(body)
  try {
    return readState(reader, options)
  } catch (error) {
    // What is well-formed but cannot be a state.
    if (error instanceof RangeError) throw new DecodeError(error.message)
    throw error
  }
}

function readState(reader: Reader, options: StoreOptions): StoreState {
  reader.byte()
  const revision = reader.uint()
  const compactRevision = reader.int()
  const hash = reader.uint32()
  const mvcc = Mvcc.from(revision, compactRevision, readHistory(reader))
  const leases = readLeases(reader)
  mvcc.forEach(EVERY_KEY, 0, kv => leases.follow(kv))
  const sessions = new Sessions(options)
  for (let left = reader.count(SESSION_BYTES_MIN); left > 0; left--) {
    const clientId = readClientId(reader)
    const lastSeq = reader.uint()
    const results = new Map<number, CommandResult>()
    for (let left = reader.count(RESULT_BYTES_MIN); left > 0; left--) {
      const seq = reader.uint()
      if (results.has(seq)) throw new DecodeError('result given twice')
      results.set(seq, readResult(reader))
    }
    sessions.restore({ clientId, lastSeq, results })
  }
  reader.end()
  return { mvcc, leases, sessions, hash }
}

function readLeases(reader: Reader): Leases {
  const leases = new Leases()
  let previous = 0
  for (let left = reader.count(LEASE_BYTES_MIN); left > 0; left--) {
    const lease = reader.uint()
    if (lease <= previous) throw new DecodeError('leases out of order')
    previous = lease
    leases.restore({ lease, ttlSeconds: reader.uint(), remainingSeconds: reader.uint(), renewals: reader.uint() })
  }
  return leases
}

function* readHistory(reader: Reader): Generator<KeyValue> {
  for (let left = reader.count(CHANGE_BYTES_MIN); left > 0; left--) yield readKeyValue(reader)
}
