import { WalError } from '../replica/types.ts'
import type { OutboxEntry } from '../worker/protocol.ts'
import { type Database, strict, tolerated, walError } from './database.ts'
import { type OutboxChange, OutboxLayout, type OutboxStore, type OutboxWrites } from './outbox.ts'

/**
 * The outbox of one member, a store in its database. Each change is one strict transaction. Its scope takes in the log's, so the
 * two run one after another: Chromium 156, killed while two writing transactions of one database run side by side, may find
 * its storage corrupt ("Got corruption", `content/browser/indexed_db/instance/leveldb/backing_store.cc`) and open nothing again.
 */
export class IdbOutbox implements OutboxStore {
  readonly recovered: readonly OutboxEntry[]
  readonly #database: Database
  readonly #layout: OutboxLayout
  #lastDone: Promise<void> = Promise.resolve()
  #refusal: WalError | null = null

  private constructor(database: Database, layout: OutboxLayout, recovered: readonly OutboxEntry[]) {
    this.#database = database
    this.#layout = layout
    this.recovered = recovered
  }

  /** Errors: `CORRUPT`. */
  static async open(database: Database): Promise<IdbOutbox> {
    const transaction = database.transaction(['outbox'], 'readonly')
    const store = transaction.objectStore('outbox')
    const [batches, values] = await Promise.all([store.getAllKeys(), store.getAll(), transaction.done])
    const stored = batches.map((batch, i) => ({ batch, value: values[i] }))
    const { layout, recovered } = OutboxLayout.recover(stored)
    return new IdbOutbox(database, layout, recovered)
  }

  change(change: OutboxChange): Promise<void> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    this.#lastDone = this.#write(this.#layout.plan(change))
    return this.#lastDone
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    this.#refusal ??= new WalError('CLOSED', 'the outbox is closed')
    await tolerated(this.#lastDone)
  }

  async #write(writes: OutboxWrites): Promise<void> {
    try {
      const transaction = this.#database.transaction(['records', 'outbox'], 'readwrite', strict)
      void tolerated(transaction.done)
      const store = transaction.objectStore('outbox')
      for (const { batch, bytes } of writes.put) void tolerated(store.put(bytes, batch))
      for (const batch of writes.delete) void tolerated(store.delete(batch))
      await transaction.done
    } catch (error) {
      // A change behind this one counts on it, so from here on there are none.
      this.#refusal ??= walError(error, 'FAILED')
      throw this.#refusal
    }
  }
}
