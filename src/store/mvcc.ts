import { EMPTY_BYTES, keyBytes, keyText } from './bytes.ts'
import { type ChangeId, ChangeLog, NO_CHANGE, type Slot } from './change-log.ts'
import { storeError } from './errors.ts'
import { spanHolds, spanOf } from './key-index.ts'
import { type Base, KeyTable } from './key-table.ts'
import type { KeyRange, KeyValue, LeaseId, Revision } from './types.ts'

/** What a change is counted with beside its key and value, for the quota. */
const CHANGE_OVERHEAD_BYTES = 64

/** A new store is at revision 1, so that 0 can mean "now" and the first write makes 2 (as in etcd). */
export const FIRST_REVISION = 1

/** Distinct from 0, as etcd lets revision 0 be compacted, once. */
const NOTHING_COMPACTED = -1

/** One state of a key: a change of the log, or one of these. */
export type StateId = ChangeId
/** There is no such key-value. Also said of a deleted key. */
export const NOTHING: StateId = NO_CHANGE
/** The slot's base. */
const BASE: StateId = -2

/** Holds back what `Mvcc.scrub` lets go of, so that all that can be read above a compacted revision stays. */
export interface Pin {
  readonly compactRevision: Revision
}

/**
 * Keys in many versions: a log of all changes in the order they were made, and a table of the keys, with each one's last
 * change and its base, the state in which the beginning of the log finds it. Changes are made at the next revision and
 * become one with `commit`, or never were with `rollback`.
 *
 * Compaction only moves a number. What it makes unreachable is counted at once, and `scrub` lets go of it later: it moves
 * the log's beginning on, and what is still needed of the changes passed into the bases.
 */
export class Mvcc {
  readonly #table = new KeyTable()
  readonly #log = new ChangeLog()
  readonly #pins = new Set<Pin>()
  #revision: Revision = FIRST_REVISION
  #compactRevision: Revision = NOTHING_COMPACTED
  /** The changes of the transaction under way, or of the last one. */
  #changes: KeyValue[] = []
  /** How much of the log is committed, and the sizes as of then. */
  #committedEnd: ChangeId = 0
  #committedBytes = 0
  #committedFreeable = 0
  /** What can be read, in bytes as counted for the quota. */
  #sizeBytes = 0
  /** Bytes that a compaction up to the revision under way would free, all told; and one up to the revision after it. */
  #freeableBytes = 0
  #freeableNextBytes = 0
  /** How much of `freeableBytes` has been freed. */
  #freedBytes = 0

  /** The last committed revision. */
  get revision(): Revision {
    return this.#revision
  }

  /** What a reader within the transaction under way sees: the next revision as soon as something was changed. */
  get revisionInside(): Revision {
    return this.#log.end > this.#committedEnd ? this.#revision + 1 : this.#revision
  }

  /** Revisions below this one are forgotten. Negative until something was compacted. */
  get compactRevision(): Revision {
    return this.#compactRevision
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** In order of revision and, within one, of being made. How far back it goes depends on what was scrubbed. */
  get log(): Omit<ChangeLog, 'append' | 'truncate' | 'dropFirst'> {
    return this.#log
  }

  /** The changes of the transaction under way or, after `commit`, of the one committed. To be looked at before the next. */
  get changes(): readonly KeyValue[] {
    return this.#changes
  }

  slotOf(text: string): Slot | undefined {
    return this.#table.find(text)
  }

  textOf(slot: Slot): string {
    return this.#table.text(slot)
  }

  newestOf(slot: Slot): ChangeId {
    return this.#table.newest(slot)
  }

  /** The next slots after a key, in key order, a page at a time; some may hold nothing that a reader can see. */
  slotsAfter(text: string, max: number): Slot[] {
    return this.#table.after(text, max)
  }

  /** Throws `COMPACTED` or `FUTURE_REVISION` if the state as of `revision` cannot be read. */
  checkReadable(revision: Revision): void {
    if (revision > this.revisionInside) throw storeError('FUTURE_REVISION')
    if (revision < this.#compactRevision) throw storeError('COMPACTED')
  }

  /** The state of a key as of a readable revision (at its end, if that revision changed it more than once). */
  at(slot: Slot, revision: Revision): StateId {
    const id = this.#log.newestUpTo(revision, this.#table.newest(slot))
    if (id !== NO_CHANGE) return this.#log.version(id) > 0 ? id : NOTHING
    return this.#table.hasBase(slot) && this.#table.baseModRevision(slot) <= revision ? BASE : NOTHING
  }

  /** Visits, in key order, the keys of a range that exist at a readable revision; 0 or less means now. `false` ends it. */
  forEachState(range: KeyRange, revision: Revision, visit: (slot: Slot, state: StateId) => unknown): void {
    const now = this.#isNow(revision)
    this.#table.forEach(spanOf(range), slot => {
      const state = now ? this.#latest(slot) : this.at(slot, revision)
      return state === NOTHING || visit(slot, state) !== false
    })
  }

  /**
   * How many keys of a range exist at a readable revision. Takes hardly any time for now, and for an earlier revision as much as
   * there were changes since, or are keys, whichever are fewer.
   */
  count(range: KeyRange, revision: Revision): number {
    const span = spanOf(range)
    let count = this.#table.countExisting(span)
    if (this.#isNow(revision)) return count
    const log = this.#log
    const start = log.firstAtOrAfter(revision + 1)
    if (this.#table.count(span) < log.end - start) {
      count = 0
      this.forEachState(range, revision, () => ++count)
      return count
    }
    for (let id = start; id < log.end; id++) {
      const slot = log.slot(id)
      // Each key once, by its newest change.
      if (this.#table.newest(slot) !== id || !spanHolds(span, this.#table.text(slot))) continue
      count += Number(this.at(slot, revision) !== NOTHING) - Number(log.version(id) > 0)
    }
    return count
  }

  /** The same, for those who want to see each one whole. */
  forEach(range: KeyRange, revision: Revision, visit: (kv: KeyValue) => void): void {
    this.forEachState(range, revision, (slot, state) => {
      visit(this.keyValue(slot, state))
    })
  }

  latest(key: Uint8Array): KeyValue | null {
    const slot = this.#table.find(keyText(key))
    if (slot === undefined) return null
    const state = this.#latest(slot)
    return state === NOTHING ? null : this.keyValue(slot, state)
  }

  /** Made anew by every call, and the caller's to keep. A deletion is one with version 0, as watchers see it. */
  keyValue(slot: Slot, state: StateId): KeyValue {
    const value = state === BASE ? this.#table.baseValue(slot) : this.#log.value(state)
    return this.#keyValue(slot, state, value)
  }

  /** The same with an empty value. */
  keyOnly(slot: Slot, state: StateId): KeyValue {
    return this.#keyValue(slot, state, EMPTY_BYTES)
  }

  /** The value of a state, to be looked at before the next change. */
  valueView(slot: Slot, state: StateId): Uint8Array {
    return state === BASE ? this.#table.baseValueView(slot) : this.#log.valueView(state)
  }

  numbersOf(slot: Slot, state: StateId): Omit<Base, 'value'> {
    if (state === BASE) return this.#table.baseNumbers(slot)
    return {
      createRevision: this.#log.createRevision(state),
      modRevision: this.#log.modRevision(state),
      version: this.#log.version(state),
      lease: this.#log.lease(state),
    }
  }

  put(key: Uint8Array, value: Uint8Array, lease: LeaseId): void {
    const text = keyText(key)
    const slot = this.#table.find(text) ?? this.#table.add(text)
    const before = this.#latest(slot)
    const modRevision = this.#revision + 1
    const { createRevision, version } =
      before === NOTHING ? { createRevision: modRevision, version: 0 } : this.numbersOf(slot, before)
    this.#add(slot, { key, value, createRevision, modRevision, version: version + 1, lease })
  }

  /** Deletes what exists in the range; returns what was there. */
  delete(range: KeyRange): KeyValue[] {
    const slots: Slot[] = []
    const deleted: KeyValue[] = []
    this.forEachState(range, 0, (slot, state) => {
      slots.push(slot)
      deleted.push(this.keyValue(slot, state))
    })
    for (const [i, slot] of slots.entries()) {
      this.#add(slot, tombstone(deleted[i]?.key ?? EMPTY_BYTES, this.#revision + 1))
    }
    return deleted
  }

  /** Makes what was changed one revision; no change, no revision. Returns where in the log it begins. */
  commit(): ChangeId {
    const start = this.#committedEnd
    if (this.#log.end === start) {
      this.#changes = []
      return start
    }
    if (this.#log.modRevision(start) !== this.#revision + 1) throw new Error('a revision was skipped')
    this.#revision++
    this.#freeableBytes += this.#freeableNextBytes
    this.#freeableNextBytes = 0
    this.#keep()
    return start
  }

  /** Undoes what was changed since the last commit. */
  rollback(): void {
    this.#changes = []
    for (let id = this.#log.end - 1; id >= this.#committedEnd; id--) {
      const slot = this.#log.slot(id)
      const previous = this.#log.previous(id)
      this.#table.setNewest(slot, this.#log.holds(previous) ? previous : NO_CHANGE)
      if (this.#isEmpty(slot)) this.#table.remove(slot)
      else this.#table.setExists(slot, this.#latest(slot) !== NOTHING)
    }
    this.#log.truncate(this.#committedEnd)
    this.#sizeBytes = this.#committedBytes
    this.#freeableBytes = this.#committedFreeable
    this.#freeableNextBytes = 0
  }

  /**
   * Forgets what only revisions before `revision` need: states that were over by then. The changes of `revision` itself stay, as
   * a watch may still start there. Throws `COMPACTED` or `FUTURE_REVISION` as etcd does.
   */
  compact(revision: Revision): void {
    if (this.#log.end !== this.#committedEnd) throw new Error('compaction inside a transaction')
    if (revision <= this.#compactRevision) throw storeError('COMPACTED')
    if (revision > this.#revision) throw storeError('FUTURE_REVISION')
    this.#compactRevision = revision
    const last = this.#log.firstAtOrAfter(revision + 1) - 1
    // Revisions 0 and 1 have no changes.
    if (!this.#log.holds(last)) return
    const freeable = this.#log.freeableBytes(last)
    if (freeable < this.#freedBytes) throw new Error('freed more than there was')
    this.#sizeBytes -= freeable - this.#freedBytes
    this.#committedBytes = this.#sizeBytes
    this.#freedBytes = freeable
  }

  /** Lets go of up to `changesMax` changes that nobody can reach any longer; true while there are more. */
  scrub(changesMax: number): boolean {
    if (this.#log.end !== this.#committedEnd) throw new Error('scrubbing inside a transaction')
    let limit = this.#compactRevision
    for (const pin of this.#pins) limit = Math.min(limit, pin.compactRevision)
    for (let left = changesMax; left > 0 && this.#beginsBefore(limit); left--) {
      this.#settle(this.#log.first, limit)
      this.#log.dropFirst()
    }
    return this.#beginsBefore(limit)
  }

  pin(): Pin {
    const pin = { compactRevision: this.#compactRevision }
    this.#pins.add(pin)
    return pin
  }

  unpin(pin: Pin): void {
    this.#pins.delete(pin)
  }

  /**
   * An empty state, to be given what there was as of its compaction, and then what happened since: each key in order with
   * `restoreKey`, the changes of each revision from the first one kept on with `restoreChange`, and a `commit` after each
   * revision. All of these throw `RangeError` for what cannot be.
   */
  static restoring(compactRevision: Revision): Mvcc {
    if (compactRevision < NOTHING_COMPACTED) throw new RangeError('no such revision')
    const mvcc = new Mvcc()
    mvcc.#compactRevision = compactRevision
    mvcc.#revision = Math.max(compactRevision - 1, FIRST_REVISION)
    return mvcc
  }

  /** The key gets the next slot: 0, 1, 2 and so on. Its base, if it has one, is from before the compacted revision. */
  restoreKey(text: string, base: Base | null): void {
    const slot = this.#table.add(text)
    if (base === null) return
    const { modRevision, createRevision, version } = base
    if (version < 1 || createRevision > modRevision || modRevision >= this.#compactRevision) {
      throw new RangeError('no state from before the compaction')
    }
    this.#table.setBase(slot, base, base.value)
    this.#sizeBytes += changeBytes(text.length, base.value.length)
  }

  /** One more change of the revision after the last one committed. A version of 0 is a deletion. */
  restoreChange(slot: Slot, version: number, createRevision: Revision, lease: LeaseId, value: Uint8Array): void {
    const modRevision = this.#revision + 1
    if (createRevision > modRevision) throw new RangeError('created after it was changed')
    if (modRevision === this.#compactRevision && this.#table.hasBase(slot)) throw new RangeError('an unreachable base')
    this.#append(slot, { value, createRevision, modRevision, version, lease })
  }

  /** What was given is all there is. */
  endRestore(slots: number): void {
    for (let slot = 0; slot < slots; slot++) if (this.#isEmpty(slot)) throw new RangeError('a key without a change')
    this.#keep()
  }

  #add(slot: Slot, kv: KeyValue): void {
    if (this.#log.end === this.#committedEnd) this.#changes = []
    this.#append(slot, kv)
    this.#changes.push(kv)
  }

  #append(slot: Slot, { value, createRevision, modRevision, version, lease }: Base): void {
    const keyLength = this.#table.text(slot).length
    const bytes = changeBytes(keyLength, value.length)
    const previous = this.#table.newest(slot)
    const before = this.#latest(slot)
    if (before !== NOTHING) {
      const beforeBytes = changeBytes(keyLength, this.#valueLength(slot, before))
      if (before !== BASE && this.#log.modRevision(before) === modRevision) this.#freeableNextBytes += beforeBytes
      else this.#freeableBytes += beforeBytes
    }
    if (version === 0) {
      this.#freeableNextBytes += bytes
      this.#table.setExists(slot, false)
    } else if (before === NOTHING) {
      this.#table.setExists(slot, true)
    }
    this.#sizeBytes += bytes
    const freeableBytes = this.#freeableBytes
    const change = { slot, previous, modRevision, createRevision, version, lease, value, freeableBytes }
    this.#table.setNewest(slot, this.#log.append(change))
  }

  #keep(): void {
    this.#committedEnd = this.#log.end
    this.#committedBytes = this.#sizeBytes
    this.#committedFreeable = this.#freeableBytes
  }

  #beginsBefore(revision: Revision): boolean {
    const { first, end } = this.#log
    return first < end && this.#log.modRevision(first) < revision
  }

  /** Makes the oldest change of the log its key's base, if it can still be read from `limit` on, or else nothing. */
  #settle(id: ChangeId, limit: Revision): void {
    const slot = this.#log.slot(id)
    const newest = this.#table.newest(slot)
    if (this.#log.version(id) > 0 && this.#log.newestUpTo(limit, newest) === id) {
      this.#table.setBase(slot, this.numbersOf(slot, id), this.#log.valueView(id))
    } else if (this.#table.hasBase(slot)) {
      this.#table.clearBase(slot)
    }
    if (newest !== id) return
    this.#table.setNewest(slot, NO_CHANGE)
    if (this.#isEmpty(slot)) this.#table.remove(slot)
  }

  #isEmpty(slot: Slot): boolean {
    return this.#table.newest(slot) === NO_CHANGE && !this.#table.hasBase(slot)
  }

  #isNow(revision: Revision): boolean {
    return revision <= 0 || revision >= this.revisionInside
  }

  #latest(slot: Slot): StateId {
    const newest = this.#table.newest(slot)
    if (newest !== NO_CHANGE) return this.#log.version(newest) > 0 ? newest : NOTHING
    return this.#table.hasBase(slot) ? BASE : NOTHING
  }

  #keyValue(slot: Slot, state: StateId, value: Uint8Array): KeyValue {
    const key = keyBytes(this.#table.text(slot))
    const { createRevision, modRevision, version, lease } = this.numbersOf(slot, state)
    return { key, value, createRevision, modRevision, version, lease }
  }

  #valueLength(slot: Slot, state: StateId): number {
    return state === BASE ? this.#table.baseValueLength(slot) : this.#log.valueLength(state)
  }
}

export function tombstone(key: Uint8Array, modRevision: Revision): KeyValue {
  return { key, value: EMPTY_BYTES, createRevision: 0, modRevision, version: 0, lease: 0 }
}

/** What holding one change counts for against the quota. */
export function changeBytes(keyLength: number, valueLength: number): number {
  return keyLength + valueLength + CHANGE_OVERHEAD_BYTES
}
