import { deleteDB, type IDBPTransaction } from 'idb'
import type { Snapshot } from '../raft/types.ts'
import { type Wal, WalError, type WalState, type WalWrite } from '../replica/types.ts'
import {
  type Database,
  databaseName,
  openDatabase,
  type StoredIdentity,
  type StoreName,
  strict,
  type Transaction,
  tolerated,
  type WalIdentity,
  type WalSchema,
  walError,
} from './database.ts'
import { IdbOutbox } from './idb-outbox.ts'
import {
  checkIdentity,
  deleteRecord,
  deleteStaleParts,
  IDENTITY_FORMAT,
  IDENTITY_KEY,
  readStored,
  SNAPSHOT_KEY,
  staleParts,
} from './idb-read.ts'
import { type Change, Layout, recoveredOf, type TailCut } from './layout.ts'
import type { PartWrite } from './snapshot-parts.ts'

/**
 * The log of one member in one IndexedDB database: its identity, its records, its snapshot, its outbox. So when a browser
 * evicts data, the votes go together with the id they were cast under.
 *
 * An append counts when the `complete` of its transaction, of `durability: 'strict'`, has fired, not when its put has succeeded: only
 * then has the browser asked the disk to keep it. What is appended while a transaction is under way shares the next one, since a
 * transaction costs the disk about the same whatever is in it.
 */

/**
 * Makes the log of a member that has none. Resolves when identity and initial state are durable.
 * Errors: `FAILED` if the log exists (a member id is never used twice), `UNAVAILABLE`, `NOSPACE`.
 */
export async function createWal(identity: WalIdentity, initial: WalWrite): Promise<IdbWal> {
  const { layout, change } = Layout.found(initial)
  const stored: StoredIdentity = { ...identity, format: IDENTITY_FORMAT }
  let created = false
  // All of it in the transaction that makes the database, so a database that exists is never without a whole log.
  const database = await openDatabase(identity, transaction => {
    created = true
    void tolerated(transaction.objectStore('meta').put(stored, IDENTITY_KEY))
    carryOut(transaction, change)
  })
  try {
    if (!created) throw new WalError('FAILED', `${databaseName(identity)} exists`)
    // That transaction's durability cannot be chosen. A strict one behind it pushes both to the disk.
    const transaction = database.transaction(['meta'], 'readwrite', strict)
    void tolerated(transaction.objectStore('meta').put(stored, IDENTITY_KEY))
    await transaction.done
    const { state } = Layout.recover(await readStored(database))
    return new IdbWal(identity, database, layout, { state, cut: null, outbox: await IdbOutbox.open(database) })
  } catch (error) {
    database.close()
    throw walError(error, 'FAILED')
  }
}

/**
 * Opens what `createWal` made. A newest record that was never finished is cut off first, see `cut`.
 * Errors: `CORRUPT` for any damage, `FAILED` if there is no such log, `UNAVAILABLE`.
 */
export async function openWal(identity: WalIdentity): Promise<IdbWal> {
  let missing = false
  const database = await openDatabase(identity, transaction => {
    missing = true
    // Opening makes a database that does not exist; aborting unmakes it.
    transaction.abort()
  }).catch((error: unknown) => {
    throw missing ? new WalError('FAILED', `${databaseName(identity)} does not exist`) : error
  })
  try {
    await checkIdentity(database, identity)
    const stored = await readStored(database)
    const { layout, state, cut } = Layout.recover(stored)
    if (cut !== null) await deleteRecord(database, cut.sequence)
    await deleteStaleParts(database, stored.snapshot?.generation ?? 0)
    return new IdbWal(identity, database, layout, { state, cut, outbox: await IdbOutbox.open(database) })
  } catch (error) {
    database.close()
    throw walError(error, 'FAILED')
  }
}

/**
 * Deletes a log, or does nothing if there is none. Errors: `FAILED` if someone has it open and does not let go at once (the
 * browser still deletes it when they do), `UNAVAILABLE`.
 */
export async function deleteWal(identity: WalIdentity): Promise<void> {
  const name = databaseName(identity)
  const deleted = new Promise<void>((resolve, reject) => {
    const blocked = () => reject(new WalError('FAILED', `${name} is in use`))
    deleteDB(name, { blocked }).then(resolve, reject)
  })
  await deleted.catch((error: unknown) => {
    throw walError(error, 'UNAVAILABLE')
  })
}

export class IdbWal implements Wal {
  /** The unfinished record that was cut off the end when this log was opened. */
  readonly cut: TailCut | null
  /** The writes this member keeps, in the same database. */
  readonly outbox: IdbOutbox
  /** Resolves, with why, if the log is taken away under its owner: `EVICTED` if it is gone, `FAILED` if it may still be there. */
  readonly lost: Promise<WalError>
  readonly #identity: WalIdentity
  readonly #database: Database
  readonly #layout: Layout
  readonly #inFlight = new Set<Transaction>()
  /** Of the last append: since they complete in order, all are done when it is. */
  #lastDone: Promise<void> = Promise.resolve()
  /** Appended while a transaction is under way. No more than the replica lets be on its way to the disk. */
  #waiting: Change[] = []
  /** When those are durable; null if there are none. */
  #waitingDone: Promise<void> | null = null
  #lastStaged: Promise<void> = Promise.resolve()
  /** Set once, and then every append is refused with it. */
  #refusal: WalError | null = null
  /** A write failed, so none may become durable any more; not so if it was only closed. */
  #isBroken = false
  #recovered: WalState | null

  constructor(
    identity: WalIdentity,
    database: Database,
    layout: Layout,
    found: { readonly state: WalState; readonly cut: TailCut | null; readonly outbox: IdbOutbox },
  ) {
    this.#recovered = found.state
    this.cut = found.cut
    this.outbox = found.outbox
    this.#identity = identity
    this.#database = database
    this.#layout = layout
    let onLost: (error: WalError) => void = () => {}
    this.lost = new Promise(resolve => {
      onLost = resolve
    })
    // Someone deletes the database, or a newer version of this code wants to change it: either waits until we let go.
    database.addEventListener('versionchange', ({ newVersion }) => {
      const deleted = new WalError('EVICTED', 'someone deletes the log')
      const replaced = new WalError('FAILED', 'a newer version of this program takes over the log')
      onLost(this.#refuse(newVersion === null ? deleted : replaced))
      database.close()
    })
    // The browser closed it: storage was cleared or evicted, or its backing store failed.
    database.addEventListener('close', () => {
      onLost(this.#refuse(new WalError('EVICTED', 'the browser closed the log: storage was cleared or failed')))
    })
  }

  get recovered(): WalState {
    return recoveredOf(this.#recovered)
  }

  /** Throws RangeError at once, and does nothing, for a write that does not fit the log: a bug of the caller's. */
  append(write: WalWrite): Promise<void> {
    this.#recovered = null
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    this.#waiting.push(this.#layout.plan(write))
    this.#waitingDone ??= tolerated(this.#lastDone).then(() => this.#writeWaiting())
    this.#lastDone = this.#waitingDone
    return this.#lastDone
  }

  stage(snapshot: Snapshot): Promise<void> {
    this.#recovered = null
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    const staging = this.#layout.stage(snapshot)
    if (staging === null) return Promise.resolve()
    this.#lastStaged = staging.write(this.#lastStaged, part => this.#writePart(part))
    return this.#lastStaged
  }

  async close(): Promise<void> {
    this.#refusal ??= new WalError('CLOSED', 'the log is closed')
    await Promise.all([tolerated(this.#lastDone), tolerated(this.#lastStaged), this.outbox.close()])
    this.#database.close()
  }

  async destroy(): Promise<void> {
    await this.close()
    await deleteWal(this.#identity)
  }

  async #writeWaiting(): Promise<void> {
    const changes = this.#waiting
    this.#waiting = []
    this.#waitingDone = null
    if (this.#isBroken) throw this.#refusal
    const replaces = changes.some(({ replacement }) => replacement !== null)
    await this.#write(replaces ? ['records', 'snapshot', 'parts'] : ['records'], transaction => {
      for (const change of changes) carryOut(transaction, change)
      return changes.length === 1 && !replaces
    })
  }

  /** The records are in its scope though it changes none, so that it never runs side by side with an append. */
  async #writePart({ key, bytes }: PartWrite): Promise<void> {
    if (this.#refusal !== null) throw this.#refusal
    await this.#write(['records', 'parts'], transaction => {
      void tolerated(transaction.objectStore('parts').add(bytes, key))
      return true
    })
  }

  /** `carryOut` returns whether it made a single request. */
  async #write(stores: StoreName[], carryOut: (transaction: Transaction) => boolean): Promise<void> {
    let transaction: Transaction | null = null
    try {
      transaction = this.#database.transaction(stores, 'readwrite', strict)
      this.#inFlight.add(transaction)
      // Should a request be refused at once, nobody gets to wait for `done`.
      void tolerated(transaction.done)
      const isSingle = carryOut(transaction)
      // Spares a round trip to the browser's process, which else waits until our thread has seen the put succeed. But a
      // transaction told to commit no longer needs our thread, so one with others before it is not told, see `#refuse`; and
      // Firefox 153, told so, commits what is left of one of whose requests one has failed.
      if (isSingle && this.#inFlight.size === 1) transaction.commit()
      await transaction.done
    } catch (error) {
      throw this.#refuse(walError(error, 'FAILED'))
    } finally {
      if (transaction !== null) this.#inFlight.delete(transaction)
    }
  }

  /**
   * Nothing may become durable behind a failed write, or the log would have a hole. A transaction behind it has not begun (their
   * scopes overlap, so they run one after another), and needs our thread to commit, which aborts it here.
   */
  #refuse(error: WalError): WalError {
    this.#refusal ??= error
    this.#isBroken = true
    for (const transaction of this.#inFlight) abort(transaction)
    return this.#refusal
  }
}

/** Issues the requests of one change; the transaction's `done` tells the outcome of them all. */
function carryOut(
  transaction: IDBPTransaction<WalSchema, StoreName[], 'readwrite' | 'versionchange'>,
  { sequence, record, replacement }: Change,
): void {
  const records = transaction.objectStore('records')
  void tolerated(records.add(record, sequence))
  if (replacement === null) return
  void tolerated(records.delete(IDBKeyRange.upperBound(replacement.firstSequence, true)))
  const parts = transaction.objectStore('parts')
  for (const { key, bytes } of replacement.parts) void tolerated(parts.add(bytes, key))
  for (const range of staleParts(replacement.generation)) void tolerated(parts.delete(range))
  void tolerated(transaction.objectStore('snapshot').put(replacement.snapshot, SNAPSHOT_KEY))
}

function abort(transaction: Transaction): void {
  try {
    transaction.abort()
  } catch {
    // It has already ended, one way or the other, and its `done` tells which.
  }
}
