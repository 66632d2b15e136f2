import { Writer } from './binary.ts'
import { EMPTY_BYTES, EVERY_KEY } from './bytes.ts'
import type { ChangeId, Slot } from './change-log.ts'
import { writeClientId } from './command-codec.ts'
import type { Leases } from './leases.ts'
import { FIRST_REVISION, type Mvcc, NOTHING, type Pin } from './mvcc.ts'
import { writeResult } from './result-codec.ts'
import type { Sessions } from './sessions.ts'
import { CHECKSUM_BYTES, Checksum, FORMAT, KEY_TAGS } from './snapshot-format.ts'
import type { Revision } from './types.ts'

export interface StoreState {
  readonly mvcc: Mvcc
  readonly leases: Leases
  readonly sessions: Sessions
  readonly hash: number
}

/** What is encoded is collected in pieces of about this size, as a large buffer that grows would be copied whole. */
const PIECE_BYTES = 256 * 1024

/** Room for what the last of a piece is beyond that, unless it is a long value. */
const PIECE_SLACK_BYTES = 4 * 1024

/** Copying a piece and summing it up is counted as so many changes; it takes about as long. */
const PIECE_CHANGES = 1_000

/** Slots looked up at once. */
const PAGE_SLOTS = 256

/** The numbers of so many slots are held together, as a power of two. */
const NUMBER_BITS = 12

type Phase =
  | { readonly kind: 'keys'; after: string }
  | { readonly kind: 'changes'; next: ChangeId }
  | {
      readonly kind: 'gathering'
      readonly whole: Uint8Array<ArrayBuffer>
      readonly checksum: Checksum
      pieces: number
      end: number
    }
  | { readonly kind: 'ended' }

/**
 * A snapshot being made, in steps between which the store goes on. What it applies, compacts or scrubs meanwhile does not show:
 * leases and sessions are encoded at once, and keys and changes are read as of the revision at the beginning, which
 * stay reachable until the end.
 */
export class SnapshotWriter {
  readonly #mvcc: Mvcc
  readonly #pin: Pin
  readonly #revision: Revision
  readonly #compactRevision: Revision
  /** The first change from the compacted revision on, and the end of what is committed. */
  readonly #start: ChangeId
  readonly #end: ChangeId
  readonly #pieces: Uint8Array[] = []
  readonly #numbers = new KeyNumbers()
  #writer = new Writer(PIECE_BYTES)
  #phase: Phase = { kind: 'keys', after: '' }
  /** Keys and changes looked at, and how many there are. */
  #seen = 0
  readonly #total: number

  constructor({ mvcc, leases, sessions, hash }: StoreState) {
    this.#mvcc = mvcc
    this.#pin = mvcc.pin()
    this.#revision = mvcc.revision
    this.#compactRevision = mvcc.compactRevision
    this.#start = mvcc.log.firstAtOrAfter(Math.max(mvcc.compactRevision, FIRST_REVISION + 1))
    this.#end = mvcc.log.end
    this.#total = mvcc.count(EVERY_KEY, 0) + this.#end - this.#start
    this.#writer.byte(FORMAT)
    this.#writer.uint(mvcc.revision)
    this.#writer.int(mvcc.compactRevision)
    this.#writer.uint32(hash)
    writeLeases(this.#writer, leases)
    writeSessions(this.#writer, sessions)
  }

  /** What it is a snapshot of. */
  get revision(): Revision {
    return this.#revision
  }

  /** How much of it is done, from 0 to 1, roughly. */
  get progress(): number {
    return this.#total === 0 ? 1 : Math.min(1, this.#seen / this.#total)
  }

  /** Encodes up to about `changesMax` more keys and changes. Returns the whole, in a buffer of its own, when it is done. */
  step(changesMax: number): Uint8Array<ArrayBuffer> | null {
    for (let left = Math.max(1, changesMax); left > 0; ) {
      const phase = this.#phase
      switch (phase.kind) {
        case 'keys':
          left -= this.#writeKeys(phase, Math.min(left, PAGE_SLOTS))
          break
        case 'changes':
          left -= this.#writeChanges(phase, left)
          break
        case 'gathering':
          if (this.#gather(phase)) {
            this.abandon()
            return phase.whole
          }
          left -= PIECE_CHANGES
          break
        case 'ended':
          throw new Error('the snapshot has ended')
      }
    }
    return null
  }

  /** It is not wanted any longer. Harmless after the end. */
  abandon(): void {
    this.#mvcc.unpin(this.#pin)
    this.#phase = { kind: 'ended' }
  }

  #writeKeys(phase: Phase & { kind: 'keys' }, max: number): number {
    const page = this.#mvcc.slotsAfter(phase.after, max)
    for (const slot of page) this.#writeKey(slot)
    const last = page.at(-1)
    if (page.length === max && last !== undefined) {
      phase.after = this.#mvcc.textOf(last)
    } else {
      this.#writer.byte(KEY_TAGS.end)
      this.#phase = { kind: 'changes', next: this.#start }
    }
    this.#seen += page.length
    return page.length
  }

  #writeKey(slot: Slot): void {
    const { log } = this.#mvcc
    const newest = log.newestUpTo(this.#revision, this.#mvcc.newestOf(slot))
    const hasChanges = newest >= this.#start
    const base = this.#mvcc.at(slot, this.#compactRevision)
    const hasBase = base !== NOTHING && base < this.#start
    if (!hasChanges && !hasBase) return
    const writer = this.#writer
    this.#numbers.give(slot)
    writer.byte(hasBase ? KEY_TAGS.withBase : KEY_TAGS.alone)
    writer.latin1(this.#mvcc.textOf(slot))
    if (hasBase) {
      const { modRevision, createRevision, version, lease } = this.#mvcc.numbersOf(slot, base)
      writer.uint(modRevision)
      writer.uint(createRevision)
      writer.uint(version)
      writer.uint(lease)
      writer.bytes(this.#mvcc.valueView(slot, base))
    }
    this.#cut()
  }

  #writeChanges(phase: Phase & { kind: 'changes' }, max: number): number {
    const { log } = this.#mvcc
    const first = phase.next
    const end = Math.min(this.#end, first + max)
    for (; phase.next < end; phase.next++) {
      const id = phase.next
      const revision = log.modRevision(id)
      const isFirst = id === this.#start || log.modRevision(id - 1) !== revision
      if (isFirst) this.#writer.uint(Math.min(this.#end, log.firstAtOrAfter(revision + 1)) - id)
      this.#writeChange(id)
    }
    if (end === this.#end) this.#phase = this.#endPieces()
    this.#seen += end - first
    return end - first
  }

  #writeChange(id: ChangeId): void {
    const { log } = this.#mvcc
    const writer = this.#writer
    const version = log.version(id)
    writer.uint(this.#numbers.of(log.slot(id)))
    writer.uint(version)
    if (version > 0) {
      writer.uint(log.createRevision(id))
      writer.uint(log.lease(id))
      writer.bytes(log.valueView(id))
    }
    this.#cut()
  }

  /** Ends the piece being written if it is large enough. */
  #cut(): void {
    if (this.#writer.length < PIECE_BYTES) return
    this.#pieces.push(this.#writer.view())
    this.#writer = new Writer(PIECE_BYTES + PIECE_SLACK_BYTES)
  }

  #endPieces(): Phase {
    this.#pieces.push(this.#writer.view())
    const bytes = this.#pieces.reduce((sum, piece) => sum + piece.length, CHECKSUM_BYTES)
    return { kind: 'gathering', whole: new Uint8Array(bytes), pieces: 0, end: 0, checksum: new Checksum() }
  }

  /** Copies one piece to where it belongs, and lets go of it; true at the end. */
  #gather(phase: Phase & { kind: 'gathering' }): boolean {
    const { whole, checksum } = phase
    const piece = this.#pieces[phase.pieces] ?? EMPTY_BYTES
    this.#pieces[phase.pieces++] = EMPTY_BYTES
    whole.set(piece, phase.end)
    phase.end += piece.length
    checksum.upTo(whole.subarray(0, phase.end))
    if (phase.pieces < this.#pieces.length) return false
    const writer = new Writer(CHECKSUM_BYTES)
    writer.uint32(checksum.end(whole.subarray(0, phase.end)))
    whole.set(writer.view(), phase.end)
    return true
  }
}

/** The numbers by which the changes in a snapshot name their keys: each key's place among them. */
class KeyNumbers {
  readonly #chunks: Uint32Array[] = []
  #next = 0

  give(slot: Slot): void {
    const at = slot >>> NUMBER_BITS
    this.#chunks[at] ??= new Uint32Array(1 << NUMBER_BITS)
    const chunk = this.#chunks[at]
    if (chunk !== undefined) chunk[slot & ((1 << NUMBER_BITS) - 1)] = this.#next++
  }

  of(slot: Slot): number {
    const number = this.#chunks[slot >>> NUMBER_BITS]?.[slot & ((1 << NUMBER_BITS) - 1)]
    if (number === undefined) throw new Error('a change of a key that is not in the snapshot')
    return number
  }
}

function writeLeases(writer: Writer, leases: Leases): void {
  writer.uint(leases.endedRenewals)
  writer.uint(leases.size)
  for (const { lease, ttlSeconds, remainingSeconds, renewals } of leases.states()) {
    writer.uint(lease)
    writer.uint(ttlSeconds)
    writer.uint(remainingSeconds)
    writer.uint(renewals)
  }
}

function writeSessions(writer: Writer, sessions: Sessions): void {
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
}
