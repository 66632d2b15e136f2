import { EVERY_KEY } from './bytes.ts'
import { storeError } from './errors.ts'
import { HASH_SEED, mixKeyValue, mixNumber, mixText } from './hash.ts'
import { hashKv } from './hash-kv.ts'
import { LEASE_BYTES, Leases } from './leases.ts'
import { type StoreOptions, storeOptions } from './limits.ts'
import { Mvcc } from './mvcc.ts'
import { range } from './range.ts'
import { Sessions } from './sessions.ts'
import { SnapshotWriter } from './snapshot.ts'
import { decodeSnapshot } from './snapshot-reader.ts'
import { Counts, type StoreStatistics } from './statistics.ts'
import { applyDelete, applyPut, applyTxn } from './txn.ts'
import {
  type Command,
  type CommandResult,
  type HashKvResponse,
  type LeaseCheckpointRequest,
  type LeaseExpireRequest,
  type LeaseGrantRequest,
  type LeaseGrantResponse,
  type LeaseId,
  type LeaseState,
  type RangeRequest,
  type RangeResponse,
  type Revision,
  StoreError,
  type SystemCommand,
  type TxnRequest,
  type TxnResponse,
  type WatchRequest,
  type WriteRequest,
  type WriteResponse,
} from './types.ts'
import { checkRange, checkWrite, onlyReads } from './validate.ts'
import { type WatchDelivery, Watches } from './watch.ts'

export { DecodeError } from './binary.ts'

/**
 * The replicated state machine: keys in all their revisions, leases, the clients' sessions, and the watchers of this member.
 *
 * Deterministic: stores with the same options that applied the same commands have equal hashes and byte-identical
 * snapshots. Watchers and counts are the member's own and no part of that.
 */
export class Store {
  readonly #options: StoreOptions
  readonly #watches = new Watches()
  readonly #counts = new Counts()
  #mvcc: Mvcc
  #leases: Leases
  #sessions: Sessions
  #hash: number
  /** How many keys exist. */
  #keys = 0

  constructor(options: Partial<StoreOptions> = {}) {
    this.#options = storeOptions(options)
    this.#mvcc = new Mvcc()
    this.#leases = new Leases()
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
    const writer = this.beginSnapshot()
    for (;;) {
      const bytes = writer.step(Number.MAX_SAFE_INTEGER)
      if (bytes !== null) return bytes
    }
  }

  /** Starts to save the state as it is now, in steps, between which the store goes on. See `SnapshotWriter`. */
  beginSnapshot(): SnapshotWriter {
    return new SnapshotWriter({ mvcc: this.#mvcc, leases: this.#leases, sessions: this.#sessions, hash: this.#hash })
  }

  /**
   * The same for a file, which another cluster may begin with. Leases have all their time in it: nobody knows when that will be. The
   * clients' sessions are left out: no client of this cluster writes to the other under its old name, and results that are
   * remembered may hold values that were deleted since.
   */
  beginExport(): SnapshotWriter {
    const leases = this.#leases.renewed()
    return new SnapshotWriter({ mvcc: this.#mvcc, leases, sessions: new Sessions(this.#options), hash: this.#hash })
  }

  /**
   * The same for the cluster that takes this one's place. Leases have all their time, and sessions are kept: writes that were not
   * answered are sent again there, under the numbers they had.
   */
  beginSuccession(): SnapshotWriter {
    const leases = this.#leases.renewed()
    return new SnapshotWriter({ mvcc: this.#mvcc, leases, sessions: this.#sessions, hash: this.#hash })
  }

  /**
   * Lets go of the memory of up to `changesMax` changes that compaction made unreachable; true while there is more. Member-local:
   * nothing that can be read, watched, saved or hashed depends on how often it was called.
   */
  scrub(changesMax: number): boolean {
    return this.#mvcc.scrub(changesMax)
  }

  /**
   * Replaces the state by a newer one. Watchers go on where they are and skip nothing: what they lack and the snapshot still
   * has they get, and where it has not, they end. Throws `DecodeError` for damaged bytes, and then nothing has changed.
   */
  install(snapshot: Uint8Array): void {
    const { mvcc, leases, sessions, hash } = decodeSnapshot(snapshot, this.#options)
    this.#watches.moveOn(this.revision, mvcc.revision)
    leases.replaces(this.#leases)
    this.#mvcc = mvcc
    this.#leases = leases
    this.#sessions = sessions
    this.#hash = hash
    this.#keys = countKeys(mvcc)
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
    return this.#mvcc.sizeBytes + this.#leases.sizeBytes
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
      const result = this.#execute(command.request)
      if (result.ok) this.#counts.addResponse(result.response)
      this.#mixIn(command, result)
      return result
    })
  }

  /** Applies a committed command of the leader's own. One that came too late, or again, changes nothing. */
  applySystem({ request }: SystemCommand): void {
    switch (request.op) {
      case 'leaseExpire':
        this.#expire(request)
        return
      case 'leaseCheckpoint':
        this.#checkpoint(request)
        return
      case 'compact':
        if (request.revision <= this.#mvcc.compactRevision || request.revision > this.revision) return
        this.#compact(request.revision)
        this.#counts.add('compactions')
    }
  }

  /** What `apply` returned for a write of a client, for those who were not there (after `restore`). */
  resultOf(clientId: string, seq: number): CommandResult | 'unknown' | 'forgotten' {
    return this.#sessions.resultOf(clientId, seq)
  }

  /** Throws `StoreError`: `COMPACTED`, `FUTURE_REVISION`, `EMPTY_KEY`, `INVALID_SORT_OPTION`, `INVALID_ARGUMENT`. */
  range(request: RangeRequest): RangeResponse {
    checkRange(request)
    const response = range(this.#mvcc, request)
    this.#counts.add('ranges')
    return response
  }

  /** Of the state as it is. Throws as a transaction that is applied would, and `INVALID_ARGUMENT` for one that writes. */
  readTxn(request: TxnRequest): TxnResponse {
    checkWrite(request, this.#options)
    if (!onlyReads(request)) throw storeError('INVALID_ARGUMENT')
    return applyTxn({ mvcc: this.#mvcc, leases: this.#leases, freeBytes: 0 }, request)
  }

  /**
   * A digest of all that can be read at `revision` (0: now) and of the history that leads there: members that hold the same
   * give the same, whatever they have freed of what was compacted. Throws `COMPACTED` (at the compacted revision too, as
   * etcd does), `FUTURE_REVISION`, `INVALID_ARGUMENT`. Takes time in proportion to the history.
   */
  hashKv(revision: Revision): HashKvResponse {
    if (!Number.isSafeInteger(revision)) throw storeError('INVALID_ARGUMENT')
    const hash = hashKv(this.#mvcc, revision)
    return { op: 'hashKv', header: { revision: this.revision }, hash, compactRevision: this.compactRevision }
  }

  lease(id: LeaseId): LeaseState | null {
    return this.#leases.state(id)
  }

  /** In the order of their ids. */
  leaseStates(): Iterable<LeaseState> {
    return this.#leases.states()
  }

  /** The keys attached to a lease, in key order; none if there is no such lease. */
  leaseKeys(id: LeaseId): readonly Uint8Array[] {
    return this.#leases.keys(id)
  }

  /**
   * Leases granted, kept alive, checkpointed or ended since the last call, for whoever counts their time. To be called after
   * each turn. After `restore` and `install`, all leases count as changed.
   */
  takeLeaseChanges(): readonly LeaseId[] {
    return this.#leases.takeChanges()
  }

  statistics(): StoreStatistics {
    return {
      ...this.#counts.get(),
      keys: this.#keys,
      sizeBytes: this.sizeBytes,
      quotaBytes: this.#options.quotaBytesMax,
      compactRevision: this.compactRevision,
      watchers: this.#watches.size,
      slowWatchers: this.#watches.slow,
      leases: this.#leases.size,
    }
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

  /** Up to which revision a watch has been given everything; null while it lags, or if there is none. To be asked after a drain. */
  progressOf(id: number): Revision | null {
    return this.#watches.isSynced(id) ? this.revision : null
  }

  /**
   * What watchers lack and can take, to be called after each turn. A delivery with a `compactRevision` ends its watch. Of much
   * that is lacking only a part is given at once; the next turn goes on, and there is one with every tick.
   */
  drainWatches(): WatchDelivery[] {
    const deliveries = this.#watches.drain(this.#mvcc)
    for (const delivery of deliveries) {
      if (!('batches' in delivery)) continue
      for (const { events } of delivery.batches) this.#counts.add('eventsSent', events.length)
    }
    return deliveries
  }

  #execute(request: WriteRequest): CommandResult {
    try {
      checkWrite(request, this.#options)
      const response = this.#run(request)
      this.#commit()
      return { ok: true, response }
    } catch (error) {
      this.#mvcc.rollback()
      if (error instanceof StoreError) return { ok: false, code: error.code, message: error.message }
      throw error
    }
  }

  #run(request: WriteRequest): WriteResponse {
    const freeBytes = this.#options.quotaBytesMax - this.sizeBytes
    const context = { mvcc: this.#mvcc, leases: this.#leases, freeBytes }
    switch (request.op) {
      case 'put':
        return applyPut(context, request)
      case 'delete':
        return applyDelete(context, request)
      case 'txn':
        return applyTxn(context, request)
      case 'compact':
        this.#compact(request.revision)
        return { op: 'compact', header: { revision: this.revision } }
      case 'leaseGrant':
        return this.#grant(request, freeBytes)
      case 'leaseRevoke':
        this.#leases.check(request.lease)
        this.#endLease(request.lease)
        return { op: 'leaseRevoke', header: { revision: this.revision } }
      case 'leaseKeepAlive': {
        const ttlSeconds = this.#leases.renew(request.lease)
        this.#mix(request.lease)
        return { op: 'leaseKeepAlive', header: { revision: this.revision }, lease: request.lease, ttlSeconds }
      }
    }
  }

  /** Makes what was changed a revision, if there was anything, and tells all who follow the changes. */
  #commit(): void {
    const start = this.#mvcc.commit()
    for (const kv of this.#mvcc.changes) {
      this.#hash = mixKeyValue(this.#hash, kv)
      this.#leases.follow(kv)
      if (kv.version === 1) this.#keys++
      if (kv.version === 0) this.#keys--
    }
    this.#watches.wake(this.#mvcc, start)
  }

  #compact(revision: Revision): void {
    this.#mvcc.compact(revision)
    this.#mix(revision)
  }

  #grant(request: LeaseGrantRequest, freeBytes: number): LeaseGrantResponse {
    const { lease } = request
    this.#leases.checkFree(lease)
    if (LEASE_BYTES > freeBytes) throw storeError('NOSPACE')
    const ttlSeconds = Math.max(request.ttlSeconds, this.#options.leaseTtlSecondsMin)
    this.#leases.grant(lease, ttlSeconds)
    this.#mix(lease, ttlSeconds)
    return { op: 'leaseGrant', header: { revision: this.revision }, lease, ttlSeconds }
  }

  /** The keys go as one revision, in key order; no keys, no revision. */
  #endLease(lease: LeaseId): void {
    for (const key of this.#leases.keys(lease)) this.#mvcc.delete({ key, end: null })
    this.#commit()
    this.#leases.end(lease)
    this.#mix(lease)
  }

  #expire({ lease, renewals }: LeaseExpireRequest): void {
    if (this.#leases.state(lease)?.renewals !== renewals) return
    this.#endLease(lease)
    this.#counts.add('leasesExpired')
  }

  #checkpoint({ checkpoints }: LeaseCheckpointRequest): void {
    for (const { lease, renewals, remainingSeconds } of checkpoints) {
      if (this.#leases.checkpoint(lease, renewals, remainingSeconds)) this.#mix(lease, remainingSeconds)
    }
  }

  #mixIn({ clientId, seq }: Command, result: CommandResult): void {
    const hash = mixNumber(mixText(this.#hash, clientId), seq)
    this.#hash = result.ok ? mixNumber(hash, this.revision) : mixText(hash, result.code)
  }

  #mix(...values: number[]): void {
    for (const value of values) this.#hash = mixNumber(this.#hash, value)
  }
}

function countKeys(mvcc: Mvcc): number {
  let count = 0
  mvcc.forEachState(EVERY_KEY, 0, () => {
    count++
  })
  return count
}
