import { DecodeError, Reader } from './binary.ts'
import { EMPTY_BYTES, EVERY_KEY, keyText } from './bytes.ts'
import { readClientId } from './command-codec.ts'
import type { Base } from './key-table.ts'
import { Leases } from './leases.ts'
import type { StoreOptions } from './limits.ts'
import { FIRST_REVISION, Mvcc } from './mvcc.ts'
import { readResult } from './result-codec.ts'
import { Sessions } from './sessions.ts'
import type { StoreState } from './snapshot.ts'
import { CHECKSUM_BYTES, Checksum, FORMAT, KEY_TAGS } from './snapshot-format.ts'
import type { CommandResult } from './types.ts'

/** No change takes fewer bytes than this, no lease, session or remembered result fewer than these. */
const CHANGE_BYTES_MIN = 2
const LEASE_BYTES_MIN = 4
const SESSION_BYTES_MIN = 18
const RESULT_BYTES_MIN = 3

/** Throws `DecodeError` for anything that no `SnapshotWriter` returned, or that was damaged since. */
export function decodeSnapshot(bytes: Uint8Array, options: StoreOptions): StoreState {
  if (bytes.length <= CHECKSUM_BYTES) throw new DecodeError('cut short')
  const body = bytes.subarray(0, bytes.length - CHECKSUM_BYTES)
  const checksum = new Reader(bytes.subarray(body.length)).uint32()
  if (body[0] !== FORMAT) throw new DecodeError('unknown snapshot format')
  if (new Checksum().end(body) !== checksum) throw new DecodeError('the checksum does not match')
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
  if (revision < FIRST_REVISION || compactRevision > revision) throw new DecodeError('revisions out of order')
  const hash = reader.uint32()
  const leases = readLeases(reader)
  const sessions = readSessions(reader, options)
  const mvcc = Mvcc.restoring(compactRevision)
  const keys = readKeys(reader, mvcc)
  while (mvcc.revision < revision) {
    const changes = reader.count(CHANGE_BYTES_MIN)
    if (changes === 0) throw new DecodeError('a revision without a change')
    for (let left = changes; left > 0; left--) readChange(reader, mvcc, keys)
    mvcc.commit()
  }
  reader.end()
  mvcc.endRestore(keys)
  mvcc.forEachState(EVERY_KEY, 0, (slot, state) => {
    if (mvcc.numbersOf(slot, state).lease !== 0) leases.follow(mvcc.keyOnly(slot, state))
  })
  return { mvcc, leases, sessions, hash }
}

/** Returns how many there are. */
function readKeys(reader: Reader, mvcc: Mvcc): number {
  let previous = ''
  for (let keys = 0; ; keys++) {
    const tag = reader.byte()
    if (tag === KEY_TAGS.end) return keys
    if (tag !== KEY_TAGS.alone && tag !== KEY_TAGS.withBase) throw new DecodeError('unknown kind of key')
    const text = keyText(reader.bytes())
    if (text <= previous) throw new DecodeError('keys out of order')
    previous = text
    mvcc.restoreKey(text, tag === KEY_TAGS.withBase ? readBase(reader) : null)
  }
}

function readBase(reader: Reader): Base {
  return {
    modRevision: reader.uint(),
    createRevision: reader.uint(),
    version: reader.uint(),
    lease: reader.uint(),
    value: reader.bytes(),
  }
}

function readChange(reader: Reader, mvcc: Mvcc, keys: number): void {
  const slot = reader.uint()
  if (slot >= keys) throw new DecodeError('a change of no key')
  const version = reader.uint()
  if (version === 0) mvcc.restoreChange(slot, 0, 0, 0, EMPTY_BYTES)
  else mvcc.restoreChange(slot, version, reader.uint(), reader.uint(), reader.bytes())
}

function readLeases(reader: Reader): Leases {
  const leases = new Leases()
  leases.restoreEnded(reader.uint())
  let previous = 0
  for (let left = reader.count(LEASE_BYTES_MIN); left > 0; left--) {
    const lease = reader.uint()
    if (lease <= previous) throw new DecodeError('leases out of order')
    previous = lease
    leases.restore({ lease, ttlSeconds: reader.uint(), remainingSeconds: reader.uint(), renewals: reader.uint() })
  }
  return leases
}

function readSessions(reader: Reader, options: StoreOptions): Sessions {
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
  return sessions
}
