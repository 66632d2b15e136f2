import type {
  Compare,
  DeleteRequest,
  KeyRange,
  PutRequest,
  RangeRequest,
  RangeResponse,
  Revision,
  TxnRequest,
} from '../store/types.ts'
import type { Connection } from './connection.ts'
import { FlotillaError } from './errors.ts'
import { txnOperationsMax } from './limits.ts'
import type { Abortable } from './namespace.ts'
import { compareBytes, keyText } from './range.ts'
import { checkSize, payloadBytes } from './requests.ts'
import { after } from './scan.ts'

/**
 * `serializableSnapshot`: nothing that was read, and nothing that is written, has been changed by others since the first
 * read. `serializable`: the same of what was read alone; what is only written is written over.
 */
export type Isolation = 'serializableSnapshot' | 'serializable'

export interface Item {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/**
 * One run of a software transaction, in bytes. All reads are of the revision that the first one found; writes are kept here, and
 * seen by later reads; `commit` makes them one transaction that is guarded by what was read.
 */
export class Attempt {
  readonly #connection: Connection
  readonly #options: Abortable
  /** From the first read on. */
  #snapshot: Promise<Revision> | null = null
  /** Keys that were seen, or seen not to be there (0), by `keyText`. */
  readonly #seen = new Map<string, { readonly key: Uint8Array; readonly modRevision: Revision }>()
  readonly #ranges: KeyRange[] = []
  readonly #writes = new Map<string, PutRequest | DeleteRequest>()
  #state: 'running' | 'stale' | 'over' = 'running'

  constructor(connection: Connection, options: Abortable) {
    this.#connection = connection
    this.#options = options
  }

  /** Its revision can no longer be read here: whatever the run came to, it does not count. */
  get stale(): boolean {
    return this.#state === 'stale'
  }

  async get(key: Uint8Array): Promise<Uint8Array | null> {
    this.#checkRunning()
    const own = this.#writes.get(keyText(key))
    if (own !== undefined) return own.op === 'put' ? own.value : null
    const { kvs } = await this.#read({ key, end: null }, 0)
    this.#seen.set(keyText(key), { key, modRevision: kvs[0]?.modRevision ?? 0 })
    return kvs[0]?.value ?? null
  }

  /** In key order; `limit` 0 is none. */
  async range(range: KeyRange, limit: number): Promise<Item[]> {
    this.#checkRunning()
    const deletes = this.#writesWithin(range).filter(({ op }) => op === 'delete').length
    const { kvs, more } = await this.#read(range, limit === 0 ? 0 : limit + deletes)
    const last = kvs.at(-1)
    // What lies behind the last key was not looked at, and may change.
    const looked = more && last !== undefined ? { key: range.key, end: after(last.key) } : range
    this.#ranges.push(looked)
    for (const { key, modRevision } of kvs) this.#seen.set(keyText(key), { key, modRevision })
    const items = new Map<string, Item>(kvs.map(kv => [keyText(kv.key), kv]))
    for (const write of this.#writesWithin(looked)) {
      if (write.op === 'put') items.set(keyText(write.key), write)
      else items.delete(keyText(write.key))
    }
    const sorted = [...items.values()].sort((a, b) => compareBytes(a.key, b.key))
    return limit === 0 ? sorted : sorted.slice(0, limit)
  }

  write(request: PutRequest | DeleteRequest): void {
    this.#checkRunning()
    this.#writes.set(keyText(request.key), request)
  }

  /** Nothing is read or written through it any more. */
  end(): void {
    if (this.#state === 'running') this.#state = 'over'
  }

  /** False if something changed that must not have. */
  async commit(isolation: Isolation): Promise<boolean> {
    // All reads saw one revision, so they are right by themselves.
    if (this.#writes.size === 0) return true
    const success = [...this.#writes.values()]
    const request: TxnRequest = { op: 'txn', compare: await this.#guards(isolation), success, failure: [] }
    if (Math.max(request.compare.length, success.length) > txnOperationsMax) throw tooMany(request)
    checkSize(payloadBytes(request))
    const { succeeded } = await this.#connection.write(request, this.#options)
    return succeeded
  }

  /**
   * A key is as it was seen if its modRevision is. That no key came into a range shows in all keys there being old enough;
   * that none went, only in each one that was seen.
   */
  async #guards(isolation: Isolation): Promise<Compare[]> {
    if (this.#snapshot === null) return []
    const revision = await this.#snapshot
    const unchanged = ({ key, end }: KeyRange): Compare => {
      return { key, end, target: 'mod', result: '<', operand: revision + 1 }
    }
    const guards = new Map<string, Compare>()
    for (const range of this.#ranges) guards.set(rangeText(range), unchanged(range))
    for (const [text, { key, modRevision }] of this.#seen) {
      guards.set(text, { key, end: null, target: 'mod', result: '=', operand: modRevision })
    }
    if (isolation === 'serializable') return [...guards.values()]
    for (const [text, { key }] of this.#writes) {
      const guarded = guards.has(text) || this.#ranges.some(range => holds(range, key))
      if (!guarded) guards.set(text, unchanged({ key, end: null }))
    }
    return [...guards.values()]
  }

  async #read(range: KeyRange, limit: number): Promise<RangeResponse> {
    if (this.#snapshot === null) {
      const first = this.#connection.read({ ...wholeRange, ...range, limit }, false, this.#options.signal)
      this.#snapshot = first.then(({ header }) => header.revision)
      return first
    }
    const revision = await this.#snapshot
    try {
      // What has been read at a revision here once is here: nobody needs to be asked.
      return await this.#connection.read({ ...wholeRange, ...range, limit, revision }, true, this.#options.signal)
    } catch (error) {
      const gone = error instanceof FlotillaError && (error.code === 'COMPACTED' || error.code === 'FUTURE_REVISION')
      if (gone && this.#state === 'running') this.#state = 'stale'
      throw error
    }
  }

  #writesWithin(range: KeyRange): (PutRequest | DeleteRequest)[] {
    return [...this.#writes.values()].filter(({ key }) => holds(range, key))
  }

  #checkRunning(): void {
    if (this.#state !== 'over') return
    throw new FlotillaError('INVALID_ARGUMENT', 'The transaction is over: its function has returned, or was given up.')
  }
}

const wholeRange: Omit<RangeRequest, 'key' | 'end' | 'limit'> = {
  op: 'range',
  revision: 0,
  sortTarget: 'key',
  sortOrder: 'none',
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
}

function holds(range: KeyRange, key: Uint8Array): boolean {
  if (range.end === null) return compareBytes(range.key, key) === 0
  const open = range.end.length === 1 && range.end[0] === 0
  return compareBytes(range.key, key) <= 0 && (open || compareBytes(key, range.end) < 0)
}

/** Unlike that of any key. */
function rangeText({ key, end }: KeyRange): string {
  return end === null ? keyText(key) : `${keyText(key)}\u0100${keyText(end)}`
}

function tooMany({ compare, success }: TxnRequest): FlotillaError {
  return new FlotillaError(
    'TOO_MANY_OPS',
    `A transaction may write ${txnOperationsMax} keys, and depend on as many keys and ranges; this one wrote ${success.length} and depends on ${compare.length}.`,
  )
}
