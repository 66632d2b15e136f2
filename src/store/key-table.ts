import { type ChangeId, NO_CHANGE, type Slot } from './change-log.ts'
import { KeyIndex, type Span } from './key-index.ts'
import type { LeaseId, Revision } from './types.ts'
import { ValueCells } from './value-cells.ts'

const SLOT_BITS = 10
const SLOTS = 1 << SLOT_BITS

/** The newest change of the key in the log; of a free slot, the next free one. */
const NEWEST = 0
const MOD_REVISION = 1
const CREATE_REVISION = 2
const VERSION = 3
const LEASE = 4
const NUMBERS = 5

const NO_SLOT = -1

/** A key-value but for its key: what a slot keeps of a key from before the log begins. */
export interface Base {
  readonly modRevision: Revision
  readonly createRevision: Revision
  readonly version: number
  readonly lease: LeaseId
  readonly value: Uint8Array
}

class Chunk {
  readonly texts: string[] = []
  readonly numbers = new Float64Array(SLOTS * NUMBERS)
  readonly values = new ValueCells(SLOTS)
}

/**
 * All keys that anything is remembered of, each in a slot: where its changes in the log end, and its base, the one state
 * from before the log begins that can still be read.
 */
export class KeyTable {
  readonly #index = new KeyIndex()
  /** Those that are remembered, but do not exist now. */
  readonly #deleted = new KeyIndex()
  readonly #chunks: Chunk[] = []
  #free: Slot = NO_SLOT
  #slots = 0

  find(text: string): Slot | undefined {
    return this.#index.get(text)
  }

  /** A slot for a key that has none. */
  add(text: string): Slot {
    const slot = this.#take()
    const { texts, numbers } = this.#chunk(slot)
    texts[slot & (SLOTS - 1)] = text
    numbers[at(slot, NEWEST)] = NO_CHANGE
    this.#index.set(text, slot)
    return slot
  }

  /** Forgets a key of which nothing is left. */
  remove(slot: Slot): void {
    if (this.newest(slot) !== NO_CHANGE || this.hasBase(slot)) throw new Error('a key that is still in use')
    const { texts, numbers } = this.#chunk(slot)
    this.#index.delete(this.text(slot))
    this.#deleted.delete(this.text(slot))
    texts[slot & (SLOTS - 1)] = ''
    numbers[at(slot, NEWEST)] = this.#free
    this.#free = slot
  }

  /** Visits the slots of a span in key order, until told `false`. The visitor must not add or remove any. */
  forEach(span: Span, visit: (slot: Slot) => boolean): void {
    this.#index.forEach(span, visit)
  }

  /** Says whether the key of a slot exists now. */
  setExists(slot: Slot, exists: boolean): void {
    if (exists) this.#deleted.delete(this.text(slot))
    else this.#deleted.set(this.text(slot), slot)
  }

  /** How many keys of a span there are, those too that do not exist now. */
  count(span: Span): number {
    return this.#index.count(span)
  }

  /** How many keys of a span exist now. */
  countExisting(span: Span): number {
    return this.#index.count(span) - this.#deleted.count(span)
  }

  /** The next slots after a key, in key order: all of them, a page at a time, if one begins with the empty text. */
  after(text: string, max: number): Slot[] {
    return this.#index.after(text, max)
  }

  text(slot: Slot): string {
    return this.#chunk(slot).texts[slot & (SLOTS - 1)] ?? ''
  }

  newest(slot: Slot): ChangeId {
    return this.#number(slot, NEWEST)
  }

  setNewest(slot: Slot, id: ChangeId): void {
    this.#chunk(slot).numbers[at(slot, NEWEST)] = id
  }

  hasBase(slot: Slot): boolean {
    return this.#number(slot, VERSION) > 0
  }

  baseModRevision(slot: Slot): Revision {
    return this.#number(slot, MOD_REVISION)
  }

  baseNumbers(slot: Slot): Omit<Base, 'value'> {
    return {
      createRevision: this.#number(slot, CREATE_REVISION),
      modRevision: this.#number(slot, MOD_REVISION),
      version: this.#number(slot, VERSION),
      lease: this.#number(slot, LEASE),
    }
  }

  baseValue(slot: Slot): Uint8Array {
    return this.#chunk(slot).values.get(slot & (SLOTS - 1))
  }

  /** To be looked at before the base changes. */
  baseValueView(slot: Slot): Uint8Array {
    return this.#chunk(slot).values.view(slot & (SLOTS - 1))
  }

  baseValueLength(slot: Slot): number {
    return this.#chunk(slot).values.length(slot & (SLOTS - 1))
  }

  setBase(slot: Slot, base: Omit<Base, 'value'>, value: Uint8Array): void {
    const { numbers, values } = this.#chunk(slot)
    numbers[at(slot, MOD_REVISION)] = base.modRevision
    numbers[at(slot, CREATE_REVISION)] = base.createRevision
    numbers[at(slot, VERSION)] = base.version
    numbers[at(slot, LEASE)] = base.lease
    values.set(slot & (SLOTS - 1), value)
  }

  clearBase(slot: Slot): void {
    const { numbers, values } = this.#chunk(slot)
    numbers[at(slot, VERSION)] = 0
    values.clear(slot & (SLOTS - 1))
  }

  #take(): Slot {
    const free = this.#free
    if (free !== NO_SLOT) {
      this.#free = this.newest(free)
      return free
    }
    const slot = this.#slots++
    if ((slot & (SLOTS - 1)) === 0) this.#chunks.push(new Chunk())
    return slot
  }

  #number(slot: Slot, field: number): number {
    return this.#chunk(slot).numbers[at(slot, field)] ?? 0
  }

  #chunk(slot: Slot): Chunk {
    const chunk = this.#chunks[slot >>> SLOT_BITS]
    if (chunk === undefined) throw new Error(`slot ${slot} does not exist`)
    return chunk
  }
}

/** The place of a slot's field in the numbers of its chunk. */
function at(slot: Slot, field: number): number {
  return (slot & (SLOTS - 1)) * NUMBERS + field
}
