import { type Writable, writable } from 'svelte/store'
import type { BoardStore, BoardTxn, Committed, Guard } from '../../../src/ui/board/board-store.ts'
import { type BoardItem, buildBoard, type Snapshot } from '../../../src/ui/board/model.ts'

/**
 * A board without a cluster: etcd's revisions over a map. `held` keeps every commit waiting, as without a quorum, until
 * `release()`; `failure` makes them fail.
 */
export class MemoryBoard implements BoardStore {
  readonly live: Writable<Snapshot> = writable({ revision: 1, items: [] })
  readonly #items = new Map<string, BoardItem>()
  #revision = 1
  #waiting: (() => void)[] = []
  held = false
  failure: unknown = null
  commits = 0
  /** Runs right before the next commit is judged: what someone else does in between. */
  before: (() => void) | null = null

  async commit(txn: BoardTxn): Promise<Committed> {
    if (this.held) await new Promise<void>(resolve => this.#waiting.push(resolve))
    if (this.failure !== null) throw this.failure
    const before = this.before
    this.before = null
    before?.()
    return this.#apply(txn)
  }

  release(): void {
    this.held = false
    for (const go of this.#waiting.splice(0)) go()
  }

  /** What another tab writes, at once. A null value deletes. */
  write(key: string, value: unknown): void {
    this.#revision += 1
    const createRevision = this.#items.get(key)?.createRevision ?? this.#revision
    if (value === null) this.#items.delete(key)
    else this.#items.set(key, { key, value, createRevision, modRevision: this.#revision })
    this.#show()
  }

  get(key: string): BoardItem | null {
    return this.#items.get(key) ?? null
  }

  get revision(): number {
    return this.#revision
  }

  board() {
    return buildBoard({ revision: this.#revision, items: [...this.#items.values()] }, [])
  }

  #apply({ guards, writes, read }: BoardTxn): Committed {
    this.commits += 1
    if (!guards.every(guard => this.#holds(guard))) {
      return { succeeded: false, revision: this.#revision, current: read.map(key => this.get(key)) }
    }
    this.#revision += 1
    for (const write of writes) {
      if (write.kind === 'delete') this.#items.delete(write.key)
      else {
        const createRevision = this.get(write.key)?.createRevision ?? this.#revision
        // As bytes would: nothing is shared with the writer.
        const value = structuredClone(write.value)
        this.#items.set(write.key, { key: write.key, value, createRevision, modRevision: this.#revision })
      }
    }
    this.#show()
    return { succeeded: true, revision: this.#revision, current: [] }
  }

  #holds(guard: Guard): boolean {
    switch (guard.kind) {
      case 'exists':
        return this.#items.has(guard.key)
      case 'missing':
        return !this.#items.has(guard.key)
      case 'unchanged':
        return (this.get(guard.key)?.modRevision ?? 0) === guard.modRevision
      case 'quietSince':
        return [...this.#items.values()].every(
          ({ key, modRevision }) => !key.startsWith(guard.prefix) || modRevision <= guard.revision,
        )
    }
  }

  #show(): void {
    const items = [...this.#items.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
    this.live.set({ revision: this.#revision, items })
  }
}
