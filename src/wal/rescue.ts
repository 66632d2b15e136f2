import type { OutboxEntry } from '../worker/protocol.ts'
import { openDatabase, tolerated, type WalIdentity } from './database.ts'
import { OutboxLayout } from './outbox.ts'

/** What can be saved of a damaged log. */
export interface Rescued {
  /** In the order they were added, up to the first that cannot be read: what comes after waits for its number for good. */
  readonly entries: readonly OutboxEntry[]
  /** There may have been more. */
  readonly incomplete: boolean
}

/**
 * The outbox of a member whose log is damaged, as far as it can be read. Nothing is changed. Never rejects: what cannot be read is
 * not there.
 */
export async function rescueOutbox(identity: WalIdentity): Promise<Rescued> {
  try {
    const database = await openDatabase(identity, transaction => transaction.abort())
    try {
      const transaction = database.transaction(['outbox'], 'readonly')
      void tolerated(transaction.done)
      const store = transaction.objectStore('outbox')
      const entries: OutboxEntry[] = []
      for (const batch of await store.getAllKeys()) {
        const read = await readBatch(batch, () => store.get(batch))
        if (read === null) return { entries, incomplete: true }
        entries.push(...read)
      }
      return { entries, incomplete: false }
    } finally {
      database.close()
    }
  } catch {
    return { entries: [], incomplete: true }
  }
}

async function readBatch(batch: number, get: () => Promise<unknown>): Promise<readonly OutboxEntry[] | null> {
  try {
    return OutboxLayout.recover([{ batch, value: await get() }]).recovered
  } catch {
    return null
  }
}
