import type { LeaseId, Revision } from './types.ts'
import { ValueCells } from './value-cells.ts'

/**
 * Names one change: its place in the order of all that this member has made since it was opened. Not replicated: another
 * member, or this one after a restart, counts from elsewhere.
 */
export type ChangeId = number

/** No change of the log. */
export const NO_CHANGE: ChangeId = -1

/** Where a key's row is in the `KeyTable`. */
export type Slot = number

/** One change of one key, as it is written down. A deletion has version 0, and all else beside the revision is zero. */
export interface Change {
  readonly slot: Slot
  /** The key's change before this one; `NO_CHANGE` if the log holds none. */
  readonly previous: ChangeId
  readonly modRevision: Revision
  readonly createRevision: Revision
  readonly version: number
  readonly lease: LeaseId
  readonly value: Uint8Array
  /** How many bytes compaction frees, all told, if it goes as far as this change, the last of its revision. Counted from anywhere. */
  readonly freeableBytes: number
}

/** Chunks of a power of two, so that a row is found by shifting; small enough that making one takes no time to speak of. */
const ROW_BITS = 10
const ROWS = 1 << ROW_BITS

const MOD_REVISION = 0
const CREATE_REVISION = 1
const VERSION = 2
const LEASE = 3
const PREVIOUS = 4
const SKIP = 5
const DEPTH = 6
const FREEABLE_BYTES = 7
const NUMBERS = 8

class Chunk {
  readonly numbers = new Float64Array(ROWS * NUMBERS)
  readonly slots = new Uint32Array(ROWS)
  readonly values = new ValueCells(ROWS)
}

/**
 * The changes in the order they were made, as rows of numbers in chunks: five million objects would take four times the
 * memory, and stop everything for as long as the collector looks at them. Rows are added at the end, and let go of at the
 * beginning.
 *
 * The changes of one key are linked backwards, each to the one before and to one much further back, chosen so that any of
 * n predecessors is found in O(log n) steps (E. Myers, "An applicative random-access stack", 1983).
 */
export class ChangeLog {
  #chunks: Chunk[] = []
  /** The id that the first row of the first chunk has. */
  #origin: ChangeId = 0
  #first: ChangeId = 0
  #end: ChangeId = 0

  /** The oldest change still held. */
  get first(): ChangeId {
    return this.#first
  }

  /** The id of the next change. */
  get end(): ChangeId {
    return this.#end
  }

  holds(id: ChangeId): boolean {
    return id >= this.#first && id < this.#end
  }

  append(change: Change): ChangeId {
    const id = this.#end
    const row = (id - this.#origin) & (ROWS - 1)
    if (row === 0) {
      this.#chunks.at(-1)?.values.seal()
      this.#chunks.push(new Chunk())
    }
    this.#end++
    const { numbers, slots, values } = this.#chunk(id)
    const at = row * NUMBERS
    numbers[at + MOD_REVISION] = change.modRevision
    numbers[at + CREATE_REVISION] = change.createRevision
    numbers[at + VERSION] = change.version
    numbers[at + LEASE] = change.lease
    numbers[at + PREVIOUS] = change.previous
    numbers[at + SKIP] = this.#skipFrom(change.previous)
    numbers[at + DEPTH] = this.holds(change.previous) ? this.#depth(change.previous) + 1 : 0
    numbers[at + FREEABLE_BYTES] = change.freeableBytes
    slots[row] = change.slot
    values.set(row, change.value)
    return id
  }

  /** Takes back the newest changes. */
  truncate(end: ChangeId): void {
    if (end < this.#first || end > this.#end) throw new Error('no such end')
    for (let id = end; id < this.#end; id++) this.#chunk(id).values.clear(this.#row(id))
    this.#end = end
    this.#chunks.length = Math.ceil((end - this.#origin) / ROWS)
  }

  /** Lets go of the oldest change. */
  dropFirst(): void {
    if (this.#first >= this.#end) throw new Error('nothing to let go of')
    this.#first++
    if (this.#first - this.#origin < ROWS) return
    this.#chunks.shift()
    this.#origin += ROWS
  }

  slot(id: ChangeId): Slot {
    return this.#chunk(id).slots[this.#row(id)] ?? 0
  }

  modRevision(id: ChangeId): Revision {
    return this.#number(id, MOD_REVISION)
  }

  createRevision(id: ChangeId): Revision {
    return this.#number(id, CREATE_REVISION)
  }

  version(id: ChangeId): number {
    return this.#number(id, VERSION)
  }

  lease(id: ChangeId): LeaseId {
    return this.#number(id, LEASE)
  }

  previous(id: ChangeId): ChangeId {
    return this.#number(id, PREVIOUS)
  }

  freeableBytes(id: ChangeId): number {
    return this.#number(id, FREEABLE_BYTES)
  }

  /** A value that may be kept. */
  value(id: ChangeId): Uint8Array {
    return this.#chunk(id).values.get(this.#row(id))
  }

  /** The value, to be looked at before the log changes. */
  valueView(id: ChangeId): Uint8Array {
    return this.#chunk(id).values.view(this.#row(id))
  }

  valueLength(id: ChangeId): number {
    return this.#chunk(id).values.length(this.#row(id))
  }

  /** The first change of `revision` or a later one; `end` if there is none. */
  firstAtOrAfter(revision: Revision): ChangeId {
    let low = this.#first
    let high = this.#end
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2)
      if (this.modRevision(middle) < revision) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Of a change and its key's earlier ones, the newest of `revision` or before; `NO_CHANGE` if the log holds none. */
  newestUpTo(revision: Revision, newest: ChangeId): ChangeId {
    if (!this.holds(newest)) return NO_CHANGE
    if (this.modRevision(newest) <= revision) return newest
    const previous = this.previous(this.oldestAfter(revision, newest))
    return this.holds(previous) ? previous : NO_CHANGE
  }

  /** Of a change later than `revision` and its key's earlier ones, the oldest that is later, too. */
  oldestAfter(revision: Revision, newest: ChangeId): ChangeId {
    let id = newest
    for (;;) {
      const skip = this.#number(id, SKIP)
      const previous = this.previous(id)
      if (this.holds(skip) && this.modRevision(skip) > revision) id = skip
      else if (this.holds(previous) && this.modRevision(previous) > revision) id = previous
      else return id
    }
  }

  /**
   * Of the changes of a key from `oldest` to `newest`, up to `max` of the oldest, in order. Takes O(log n + max) steps.
   */
  between(oldest: ChangeId, newest: ChangeId, max: number): ChangeId[] {
    const depthMax = this.#depth(oldest) + max - 1
    let id = newest
    while (this.#depth(id) > depthMax) {
      const skip = this.#number(id, SKIP)
      id = this.holds(skip) && this.#depth(skip) >= depthMax ? skip : this.previous(id)
    }
    const ids: ChangeId[] = []
    for (; id >= oldest; id = this.previous(id)) ids.push(id)
    return ids.reverse()
  }

  /** Twice as far as the change before skips, if that one and the one it skips to skip equally far. */
  #skipFrom(previous: ChangeId): ChangeId {
    if (!this.holds(previous)) return NO_CHANGE
    const once = this.#number(previous, SKIP)
    if (!this.holds(once)) return previous
    const twice = this.#number(once, SKIP)
    if (!this.holds(twice)) return previous
    const depth = this.#depth(once)
    return this.#depth(previous) - depth === depth - this.#depth(twice) ? twice : previous
  }

  /** How many changes before it in the key's list, since the list was last begun. */
  #depth(id: ChangeId): number {
    return this.#number(id, DEPTH)
  }

  #number(id: ChangeId, field: number): number {
    return this.#chunk(id).numbers[this.#row(id) * NUMBERS + field] ?? 0
  }

  #row(id: ChangeId): number {
    return (id - this.#origin) & (ROWS - 1)
  }

  #chunk(id: ChangeId): Chunk {
    const chunk = id < this.#end && id >= this.#first ? this.#chunks[(id - this.#origin) >>> ROW_BITS] : undefined
    if (chunk === undefined) throw new Error(`change ${id} is not in the log`)
    return chunk
  }
}
