import { WalError } from '../replica/types.ts'
import { type OutboxChange, OutboxLayout, type OutboxStore } from './outbox.ts'

/** The outbox in memory, for tests: the same records and bookkeeping, on a disk that outlives who has it open. */
export class MemoryOutboxDisk {
  readonly #records = new Map<number, Uint8Array>()
  #failing = false

  open(): OutboxStore {
    const batches = [...this.#records.keys()].sort((a, b) => a - b)
    const stored = batches.map(batch => ({ batch, value: this.#records.get(batch) }))
    const { layout, recovered } = OutboxLayout.recover(stored)
    return { recovered, change: change => this.#change(layout, change) }
  }

  get records(): number {
    return this.#records.size
  }

  /** From now on nothing can be written. */
  fail(): void {
    this.#failing = true
  }

  async #change(layout: OutboxLayout, change: OutboxChange): Promise<void> {
    const writes = layout.plan(change)
    await Promise.resolve()
    if (this.#failing) throw new WalError('FAILED', 'the disk failed, as it was told to')
    for (const { batch, bytes } of writes.put) this.#records.set(batch, bytes)
    for (const batch of writes.delete) this.#records.delete(batch)
  }
}
