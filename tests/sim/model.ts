import type {
  Command,
  Compare,
  KeyRange,
  RequestOp,
  Revision,
  WatchRequest,
  WriteRequest,
} from '../../src/store/types.ts'
import { text } from './requests.ts'

/** One version of one key; `version` 0 is a deletion. */
interface Version {
  readonly key: string
  readonly value: string
  readonly create: Revision
  readonly mod: Revision
  readonly version: number
}

/**
 * What the committed log means, worked out a second time in the plainest way there is: every version of every key in a
 * list. It knows as much of the store's semantics as the simulated clients use, and nothing of its code.
 */
export class Model {
  revision: Revision = 1
  compacted: Revision = 0
  /** Every change, in order. */
  readonly #changes: Version[] = []
  readonly #latest = new Map<string, Version>()
  readonly #results = new Map<string, string[]>()
  /** Applied writes, as against repeated ones. */
  writes = 0
  repeated = 0

  apply({ clientId, seq, request }: Command): void {
    let results = this.#results.get(clientId)
    if (results === undefined) {
      results = []
      this.#results.set(clientId, results)
    }
    if (seq <= results.length) this.repeated += 1
    if (seq !== results.length + 1) return
    this.writes += 1
    results.push(this.#execute(request))
  }

  /** What a client must be told of its write, or null if it was not applied. */
  resultOf(clientId: string, seq: number): string | null {
    return this.#results.get(clientId)?.[seq - 1] ?? null
  }

  /** The answer to a plain range, as of a revision. */
  rangeAt(keys: KeyRange, revision: Revision): string {
    const found = new Map<string, Version>()
    for (const change of this.#changes) {
      if (change.mod > revision) break
      if (isIn(keys, change.key)) found.set(change.key, change)
    }
    return describeKvs(sorted([...found.values()].filter(({ version }) => version > 0)))
  }

  modRevisionOf(key: string): Revision {
    return this.#existing(key)?.mod ?? 0
  }

  /** The next batch that a watcher is to be given from a revision on, or null if there is none yet. */
  nextBatch(request: WatchRequest, from: Revision): { revision: Revision; events: string } | null {
    let revision = 0
    const events: string[] = []
    for (let i = this.#firstChangeAt(from); i < this.#changes.length; i += 1) {
      const change = this.#changes[i]
      if (change === undefined || (revision !== 0 && change.mod !== revision)) break
      const type = change.version === 0 ? 'delete' : 'put'
      if (!isIn(request, change.key) || request.filters.includes(type)) continue
      revision = change.mod
      events.push(describeEvent(type, change))
    }
    return revision === 0 ? null : { revision, events: events.join(' ') }
  }

  /** The version of a key just before a revision, as an event's `prevKv` shows it. */
  before(key: string, revision: Revision): string {
    let found: Version | undefined
    for (const change of this.#changes) {
      if (change.mod >= revision) break
      if (change.key === key) found = change
    }
    return found === undefined || found.version === 0 ? 'none' : describeKv(found)
  }

  #firstChangeAt(revision: Revision): number {
    let low = 0
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#changes[middle]?.mod ?? 0) < revision) low = middle + 1
      else high = middle
    }
    return low
  }

  #execute(request: WriteRequest): string {
    if (request.op === 'compact') {
      if (request.revision <= this.compacted) return 'COMPACTED'
      if (request.revision > this.revision) return 'FUTURE_REVISION'
      this.compacted = request.revision
      return `compact @${this.revision}`
    }
    const before = this.#changes.length
    const next = this.revision + 1
    const answer = this.#run(request, next)
    if (this.#changes.length > before) this.revision = next
    return answer
  }

  #run(request: RequestOp, next: Revision): string {
    switch (request.op) {
      case 'put': {
        const key = text(request.key)
        const previous = this.#existing(key)
        const shown = request.prevKv ? describePrevious(previous) : 'none'
        const create = previous?.create ?? next
        this.#change({ key, value: text(request.value), create, mod: next, version: (previous?.version ?? 0) + 1 })
        return `put @${next} prev ${shown}`
      }
      case 'delete': {
        const gone = sorted([...this.#latest.values()].filter(({ key, version }) => version > 0 && isIn(request, key)))
        for (const { key } of gone) this.#change({ key, value: '', create: 0, mod: next, version: 0 })
        const revision = gone.length > 0 ? next : this.#now(next)
        return `delete @${revision} count ${gone.length} prev ${request.prevKv ? describeKvs(gone) : ''}`
      }
      case 'range': {
        const found = sorted([...this.#latest.values()].filter(({ key, version }) => version > 0 && isIn(request, key)))
        return `range @${this.#now(next)} ${describeKvs(found)}`
      }
      case 'txn': {
        const succeeded = request.compare.every(compare => this.#holds(compare))
        const answers = (succeeded ? request.success : request.failure).map(op => this.#run(op, next))
        return `txn @${this.#now(next)} ${succeeded} [${answers.join('; ')}]`
      }
    }
  }

  /** The revision seen from inside a transaction: the next one as soon as something was changed. */
  #now(next: Revision): Revision {
    return this.#changes.at(-1)?.mod === next ? next : this.revision
  }

  #holds(compare: Compare): boolean {
    if (compare.target !== 'mod' || compare.result !== '=' || compare.end !== null) {
      throw new Error('the model knows only guards on one key for its mod revision')
    }
    return this.modRevisionOf(text(compare.key)) === compare.operand
  }

  #existing(key: string): Version | undefined {
    const latest = this.#latest.get(key)
    return latest === undefined || latest.version === 0 ? undefined : latest
  }

  #change(version: Version): void {
    this.#changes.push(version)
    this.#latest.set(version.key, version)
  }
}

function sorted(versions: Version[]): Version[] {
  return versions.sort((a, b) => (a.key < b.key ? -1 : 1))
}

function isIn({ key, end }: KeyRange, name: string): boolean {
  const low = text(key)
  if (end === null) return name === low
  const high = text(end)
  return name >= low && (high === '\0' || name < high)
}

/** The model's answers and the store's are compared in this form. */
export function describeKv(kv: { key: string; value: string; create: number; mod: number; version: number }): string {
  return `${kv.key}=${kv.value}(create ${kv.create}, mod ${kv.mod}, version ${kv.version})`
}

export function describeKvs(kvs: Parameters<typeof describeKv>[0][]): string {
  return kvs.map(describeKv).join(',')
}

export function describeEvent(type: 'put' | 'delete', kv: Parameters<typeof describeKv>[0]): string {
  return `${type} ${describeKv(kv)}`
}

function describePrevious(previous: Version | undefined): string {
  return previous === undefined ? 'none' : describeKv(previous)
}
