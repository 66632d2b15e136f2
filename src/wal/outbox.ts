import { BytesError } from '../binary/bytes.ts'
import { WalError } from '../replica/types.ts'
import type { OutboxEntry } from '../worker/protocol.ts'
import { bytesOf, decodeOutboxBatch, encodeOutboxBatch } from './record.ts'

/**
 * Port: the writes a member keeps until the cluster has answered them. It lies in the member's own database, so who
 * loses the one has lost the other. Implemented over IndexedDB and, for Node and tests, in memory.
 */
export interface OutboxStore {
  /** What was kept when it was opened, in the order it was added. */
  readonly recovered: readonly OutboxEntry[]
  /**
   * Resolves when `added` is durable behind all that was kept, and `removed` is gone; in order of the calls. Entries are
   * told apart by identity: what is removed are objects that were added or recovered. Rejects with `WalError`, and so
   * does all that follows.
   */
  change(change: OutboxChange): Promise<void>
}

export interface OutboxChange {
  readonly added: readonly OutboxEntry[]
  readonly removed: readonly OutboxEntry[]
}

/** What a disk has to do for one change, whole or not at all. A batch that was there is replaced. */
export interface OutboxWrites {
  readonly put: readonly { readonly batch: number; readonly bytes: Uint8Array<ArrayBuffer> }[]
  readonly delete: readonly number[]
}

/**
 * How entries lie on a disk: what is added together is one record, numbered 1, 2, 3, ... A record goes when its last
 * entry does, and is written anew, shorter, when some of it goes.
 */
export class OutboxLayout {
  readonly #batches = new Map<number, Set<OutboxEntry>>()
  readonly #batchOf = new Map<OutboxEntry, number>()
  #nextBatch = 1

  /** `stored` in the order of its keys. Throws `WalError` `CORRUPT` for what cannot be read. */
  static recover(stored: readonly { readonly batch: number; readonly value: unknown }[]): {
    layout: OutboxLayout
    recovered: readonly OutboxEntry[]
  } {
    const layout = new OutboxLayout()
    for (const { batch, value } of stored) {
      layout.#hold(batch, readBatch(batch, value))
      layout.#nextBatch = batch + 1
    }
    return { layout, recovered: [...layout.#batchOf.keys()] }
  }

  plan({ added, removed }: OutboxChange): OutboxWrites {
    const touched = new Set<number>()
    for (const entry of removed) {
      const batch = this.#batchOf.get(entry)
      if (batch === undefined) throw new Error('assertion failed: removed from the outbox, but not in it')
      this.#batchOf.delete(entry)
      this.#batches.get(batch)?.delete(entry)
      touched.add(batch)
    }
    if (added.length > 0) {
      touched.add(this.#nextBatch)
      this.#hold(this.#nextBatch, added)
      this.#nextBatch += 1
    }
    const put = []
    const emptied = []
    for (const batch of touched) {
      const entries = this.#batches.get(batch) ?? new Set()
      if (entries.size > 0) put.push({ batch, bytes: encodeOutboxBatch([...entries]) })
      else emptied.push(batch)
      if (entries.size === 0) this.#batches.delete(batch)
    }
    return { put, delete: emptied }
  }

  #hold(batch: number, entries: readonly OutboxEntry[]): void {
    this.#batches.set(batch, new Set(entries))
    for (const entry of entries) {
      if (this.#batchOf.has(entry)) throw new Error('assertion failed: added to the outbox twice')
      this.#batchOf.set(entry, batch)
    }
  }
}

function readBatch(batch: number, value: unknown): readonly OutboxEntry[] {
  try {
    return decodeOutboxBatch(bytesOf(value))
  } catch (error) {
    if (!(error instanceof BytesError)) throw error
    throw new WalError('CORRUPT', `outbox ${batch}: ${error.message}`, { cause: error })
  }
}
