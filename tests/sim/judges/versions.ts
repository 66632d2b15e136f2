import type { KeyRange, LeaseId, Revision, WatchRequest } from '../../../src/store/types.ts'
import { text } from '../clients/requests.ts'

/** One version of one key; `version` 0 is a deletion. */
export interface Version {
  readonly key: string
  readonly value: string
  readonly create: Revision
  readonly mod: Revision
  readonly version: number
  readonly lease: LeaseId
}

/** What a watcher is given at one revision. */
export interface Batch {
  readonly revision: Revision
  readonly events: readonly Version[]
}

/** Every version of every key, for good: what was compacted can still be asked for by those who judge old answers. */
export class Versions {
  /** The last one committed. */
  revision: Revision = 1
  readonly #changes: Version[] = []
  /** Of each key, the oldest first. */
  readonly #ofKey = new Map<string, Version[]>()
  /** Every key there ever was, in order. */
  readonly #keys: string[] = []
  #committed = 0

  /** The revision seen from inside a transaction: the next one as soon as something was changed. */
  get revisionInside(): Revision {
    return this.#changes.length > this.#committed ? this.revision + 1 : this.revision
  }

  /** In order. */
  get changes(): readonly Version[] {
    return this.#changes
  }

  put(key: string, value: string, lease: LeaseId): void {
    const mod = this.revision + 1
    const previous = this.existing(key)
    this.#change({ key, value, create: previous?.create ?? mod, mod, version: (previous?.version ?? 0) + 1, lease })
  }

  /** The key exists. */
  delete(key: string): void {
    this.#change({ key, value: '', create: 0, mod: this.revision + 1, version: 0, lease: 0 })
  }

  commit(): void {
    this.revision = this.revisionInside
    this.#committed = this.#changes.length
  }

  rollback(): void {
    for (const { key } of this.#changes.splice(this.#committed)) this.#ofKey.get(key)?.pop()
  }

  /** A key as it is now, from inside a transaction too. */
  existing(key: string): Version | null {
    const latest = this.#ofKey.get(key)?.at(-1)
    return latest === undefined || latest.version === 0 ? null : latest
  }

  /** A key as of the end of a revision. */
  existingAt(key: string, revision: Revision): Version | null {
    const versions = this.#ofKey.get(key)
    const found = versions?.[firstFrom(versions, revision + 1) - 1]
    return found === undefined || found.version === 0 ? null : found
  }

  /** The keys of a range as of the end of a revision, in order; of the next one, inside a transaction, as they are now. */
  rangeAt(range: KeyRange, revision: Revision): Version[] {
    const low = text(range.key)
    if (range.end === null) {
      const only = this.existingAt(low, revision)
      return only === null ? [] : [only]
    }
    const high = text(range.end)
    const found: Version[] = []
    for (let i = lowerBound(this.#keys, low); i < this.#keys.length; i += 1) {
      const key = this.#keys[i]
      if (key === undefined || (high !== openEnd && key >= high)) break
      const version = this.existingAt(key, revision)
      if (version !== null) found.push(version)
    }
    return found
  }

  /** The next batch that a watcher is to be given from a revision on, or null if there is none yet. */
  nextBatch(request: WatchRequest, from: Revision): Batch | null {
    const low = text(request.key)
    const high = request.end === null ? null : text(request.end)
    const changes = high === null ? (this.#ofKey.get(low) ?? []) : this.#changes
    const events: Version[] = []
    for (let i = firstFrom(changes, from); i < changes.length; i += 1) {
      const change = changes[i]
      if (change === undefined || change.mod !== (events[0]?.mod ?? change.mod)) break
      const isIn = high === null || (change.key >= low && (high === openEnd || change.key < high))
      if (isIn && !request.filters.includes(change.version === 0 ? 'delete' : 'put')) events.push(change)
    }
    const [first] = events
    return first === undefined ? null : { revision: first.mod, events }
  }

  #change(version: Version): void {
    this.#changes.push(version)
    const versions = this.#ofKey.get(version.key)
    if (versions !== undefined) {
      versions.push(version)
      return
    }
    this.#ofKey.set(version.key, [version])
    this.#keys.splice(lowerBound(this.#keys, version.key), 0, version.key)
  }
}

const openEnd = '\0'

/** Where the first change of that revision, or of a later one, is. */
function firstFrom(changes: readonly Version[], revision: Revision): number {
  let low = 0
  let high = changes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((changes[middle]?.mod ?? 0) < revision) low = middle + 1
    else high = middle
  }
  return low
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
