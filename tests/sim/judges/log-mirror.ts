import type { Entry, Index, Snapshot, Term } from '../../../src/raft/types.ts'
import { Violation } from '../violation.ts'

/** An entry as the checks remember it: enough to tell it from any other at its index. */
export interface Seen {
  readonly term: Term
  readonly digest: number
  readonly isChange: boolean
}

/** One member's log as it must be after the writes it was given: as issued to the disk, or as the disk has it. */
export class LogMirror {
  /** Of what comes before the entries: all of that is committed. */
  #baseIndex: Index
  #baseTerm: Term
  readonly #entries: Seen[] = []

  constructor(snapshot: Snapshot | null) {
    this.#baseIndex = snapshot?.metadata.index ?? 0
    this.#baseTerm = snapshot?.metadata.term ?? 0
  }

  get baseIndex(): Index {
    return this.#baseIndex
  }

  get lastIndex(): Index {
    return this.#baseIndex + this.#entries.length
  }

  at(index: Index): Seen | undefined {
    return this.#entries[index - this.#baseIndex - 1]
  }

  /** Null where the log holds no entry, or stands on a snapshot that covers it. */
  termAt(index: Index): Term | null {
    return index === this.#baseIndex ? this.#baseTerm : (this.at(index)?.term ?? null)
  }

  /** Whether it has this committed entry, as such or within a snapshot. */
  holds(index: Index, term: Term): boolean {
    return index <= this.#baseIndex || this.at(index)?.term === term
  }

  /** A snapshot takes the place of all there is. */
  install({ metadata }: Snapshot): void {
    this.#baseIndex = metadata.index
    this.#baseTerm = metadata.term
    this.#entries.length = 0
  }

  /** Makes room for entries from this index on. */
  cut(from: Index): void {
    if (from <= this.#baseIndex)
      throw new Violation('a snapshot is not overwritten', `${from} under ${this.#baseIndex}`)
    if (from > this.lastIndex + 1) throw new Violation('a log has no gaps', `${from} after ${this.lastIndex}`)
    this.#entries.length = from - this.#baseIndex - 1
  }

  add(seen: Seen): void {
    this.#entries.push(seen)
  }
}

export function seenOf({ term, type, data }: Entry): Seen {
  let hash = 0x811c9dc5 ^ type.length
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193)
  return { term, digest: hash >>> 0, isChange: type !== 'normal' }
}
