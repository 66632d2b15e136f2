import { HASH_SEED, mixBytes, mixNumber, mixText } from './hash.ts'
import { type StoreOptions, storeOptions } from './limits.ts'
import { Mvcc } from './mvcc.ts'
import { range } from './range.ts'
import { Sessions } from './sessions.ts'
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts'
import { applyDelete, applyPut, applyTxn } from './txn.ts'
import {
  type Command,
  type CommandResult,
  type RangeRequest,
  type RangeResponse,
  type Revision,
  StoreError,
  type WatchRequest,
  type WriteRequest,
  type WriteResponse,
} from './types.ts'
import { checkRange, checkWrite } from './validate.ts'
import { type WatchDelivery, Watches } from './watch.ts'

export { DecodeError } from './binary.ts'

/**
 * The replicated state machine: keys in all their revisions, the clients' sessions, and the watchers of this member.
 *
 * Deterministic: stores with the same options that applied the same commands have equal hashes and byte-identical
 * snapshots. Watchers are the member's own and no part of that.
 */
export class Store {
  readonly #options: StoreOptions
  readonly #watches = new Watches()
  #mvcc: Mvcc
  #sessions: Sessions
  #hash: number

  constructor(options: Partial<StoreOptions> = {}) {
    this.#options = storeOptions(options)
    this.#mvcc = new Mvcc()
    this.#sessions = new Sessions(this.#options)
    this.#hash = HASH_SEED
  }

  /** A store in the state that `snapshot()` saw. Throws `DecodeError` for damaged bytes. */
  static restore(snapshot: Uint8Array, options: Partial<StoreOptions> = {}): Store {
    const store = new Store(options)
    store.install(snapshot)
    return store
  }

  /** The whole replicated state, in a buffer of its own. */
  snapshot(): Uint8Array {
    return encodeSnapshot({ mvcc: this.#mvcc, sessions: this.#sessions, hash: this.#hash })
  }

  /**
   * Replaces the state by a newer one. Watchers go on where they are and skip nothing: what they lack and the snapshot still
   * has they get, and where it has not, they end. Throws `DecodeError` for damaged bytes, and then nothing has changed.
   */
  install(snapshot: Uint8Array): void {
    const { mvcc, sessions, hash } = decodeSnapshot(snapshot, this.#options)
    this.#watches.moveOn(this.revision, mvcc.revision)
    this.#mvcc = mvcc
    this.#sessions = sessions
    this.#hash = hash
  }

  /** The last revision made; 1 for a new store. */
  get revision(): Revision {
    return this.#mvcc.revision
  }

  /** The oldest revision that can be read; 0 until something was compacted. */
  get compactRevision(): Revision {
    return Math.max(0, this.#mvcc.compactRevision)
  }

  /** Bytes held, as counted against `quotaBytesMax`. */
  get sizeBytes(): number {
    return this.#mvcc.sizeBytes
  }

  /** Depends on every write executed and all it changed: members that applied the same log have the same. */
  get hash(): number {
    return this.#hash
  }

  /**
   * Applies a committed command. Never throws for one that `decodeCommand` returned: failures are results, all of a request
   * happens or nothing, and a repeated command returns the result of the first time.
   */
  apply(command: Command): CommandResult {
    return this.#sessions.once(command, () => {
      const start = this.#mvcc.history.length
      const result = this.#execute(command.request)
      this.#mixIn(command, result, start)
      return result
    })
  }

  /** What `apply` returned for a write of a client, for those who were not there (after `restore`). */
  resultOf(clientId: string, seq: number): CommandResult | 'unknown' | 'forgotten' {
    return this.#sessions.resultOf(clientId, seq)
  }

  /** Throws `StoreError`: `COMPACTED`, `FUTURE_REVISION`, `EMPTY_KEY`, `INVALID_SORT_OPTION`, `INVALID_ARGUMENT`. */
  range(request: RangeRequest): RangeResponse {
    checkRange(request)
    return range(this.#mvcc, request)
  }

  /** Starts a watch under an id that no other open one has. What it is to be given comes from `drainWatches`. */
  watch(id: number, request: WatchRequest): void {
    this.#watches.add(id, request, this.revision)
  }

  unwatch(id: number): void {
    this.#watches.remove(id)
  }

  /** The watcher's consumer can take this many more batches, beyond the first `WATCH_INITIAL_CREDIT_BATCHES`. */
  credit(id: number, batches: number): void {
    this.#watches.credit(id, batches)
  }

  /** What watchers lack and can take, to be called after each turn. A delivery with a `compactRevision` ends its watch. */
  drainWatches(): WatchDelivery[] {
    return this.#watches.drain(this.#mvcc)
  }

  #execute(request: WriteRequest): CommandResult {
    try {
      checkWrite(request, this.#options)
      const response = this.#run(request)
      const start = this.#mvcc.commit()
      this.#watches.wake(this.#mvcc.history, start, this.#mvcc.revision)
      return { ok: true, response }
    } catch (error) {
      this.#mvcc.rollback()
      if (error instanceof StoreError) return { ok: false, code: error.code, message: error.message }
      throw error
    }
  }

  #run(request: WriteRequest): WriteResponse {
    const context = { mvcc: this.#mvcc, quotaBytesMax: this.#options.quotaBytesMax, leaseExists: noLeaseExists }
    switch (request.op) {
      case 'put':
        return applyPut(context, request)
      case 'delete':
        return applyDelete(context, request)
      case 'txn':
        return applyTxn(context, request)
      case 'compact':
        this.#mvcc.compact(request.revision)
        return { op: 'compact', header: { revision: this.revision } }
    }
  }

  #mixIn({ clientId, seq, request }: Command, result: CommandResult, start: number): void {
    let hash = mixNumber(mixText(this.#hash, clientId), seq)
    if (!result.ok) hash = mixText(hash, result.code)
    else if (request.op === 'compact') hash = mixNumber(hash, request.revision)
    else hash = this.#mixChanges(mixNumber(hash, this.revision), start)
    this.#hash = hash
  }

  #mixChanges(hash: number, start: number): number {
    let mixed = hash
    const { history } = this.#mvcc
    for (let i = start; i < history.length; i++) {
      const kv = history[i]?.kv
      if (kv === undefined) break
      mixed = mixBytes(mixBytes(mixed, kv.key), kv.value)
      mixed = mixNumber(mixNumber(mixNumber(mixed, kv.version), kv.createRevision), kv.lease)
    }
    return mixed
  }
}

/** There are no leases yet, so none that a key could be attached to. */
function noLeaseExists(): boolean {
  return false
}
