import type { Compare, KeyRange, LeaseId } from '../../../src/store/types.ts'
import { text } from '../clients/requests.ts'
import type { Span, VersionId } from './history-operations.ts'
import type { Version } from './versions.ts'

/**
 * The keys and the values of a history, numbered. Every value is written once, so a value names its write; and the committed log
 * says which revision, lease and so on that write got, by which guards refer to it.
 */
export class HistoryVersions {
  readonly keys: readonly string[]
  readonly #at: ReadonlyMap<string, number>
  readonly #ids = new Map<string, VersionId>()
  /** By id; null for what the log does not hold. */
  readonly #committed: (Version | null)[] = [null]
  readonly #byMod = new Map<string, VersionId>()
  /** By id, the lease that a write of it asks for. */
  readonly #leases: LeaseId[] = [0]

  constructor(keys: ReadonlySet<string>, log: Iterable<Version>) {
    this.keys = [...keys].sort()
    this.#at = new Map(this.keys.map((key, at) => [key, at]))
    for (const version of log) {
      if (version.version === 0) continue
      const id = this.idOf(version.key, version.value, version.lease)
      this.#committed[id] = version
      this.#byMod.set(`${version.key}@${version.mod}`, id)
    }
  }

  idOf(key: string, value: string, lease: LeaseId): VersionId {
    const name = `${key}=${value.slice(0, nameLength)}`
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const id = this.#committed.length
    if (id > idMax) throw new Error('a history has fewer values than there are characters')
    this.#ids.set(name, id)
    this.#committed.push(null)
    this.#leases.push(lease)
    return id
  }

  /** By its revision, for answers that do not show values. */
  idAt(key: string, mod: number): VersionId | null {
    return this.#byMod.get(`${key}@${mod}`) ?? null
  }

  placeOf(key: string): number {
    const at = this.#at.get(key)
    if (at === undefined) throw new Error(`${key} was not among the keys of the history`)
    return at
  }

  spanOf({ key, end }: KeyRange): Span {
    const low = text(key)
    if (end === null) return { from: this.placeOf(low), to: this.placeOf(low) + 1 }
    const high = text(end)
    const from = this.#firstFrom(low)
    // A range may end before it begins, and then holds nothing.
    return { from, to: high === openEnd ? this.keys.length : Math.max(from, this.#firstFrom(high)) }
  }

  leaseOf = (id: VersionId): LeaseId => this.#leases[id] ?? 0

  /** Whether a guard holds for a version; of no key all numbers are 0, and no comparison with its value holds. */
  compare(guard: Compare, id: VersionId): boolean | null {
    const version = this.#committed[id] ?? null
    if (id !== 0 && version === null) return null
    if (guard.target !== 'value') return isAsCompared(guard.result, version?.[guard.target] ?? 0, guard.operand)
    return version !== null && isAsCompared(guard.result, version.value, text(guard.operand))
  }

  /** What a state holds, for a person. */
  describe(state: string): string {
    const names = [...this.#ids.keys()]
    const held = this.keys.flatMap((_, at) => names[state.charCodeAt(at) - 1] ?? [])
    return held.length === 0 ? 'nothing' : held.join(', ')
  }

  #firstFrom(key: string): number {
    const at = this.keys.findIndex(other => other >= key)
    return at === -1 ? this.keys.length : at
  }
}

/** A value's first characters tell it from all others; the rest is padding. */
const nameLength = 24
/** States hold a character for an id. */
const idMax = 0xffff
const openEnd = '\0'

function isAsCompared<T extends string | number>(result: Compare['result'], a: T, b: T): boolean {
  switch (result) {
    case '=':
      return a === b
    case '!=':
      return a !== b
    case '>':
      return a > b
    case '<':
      return a < b
  }
}
