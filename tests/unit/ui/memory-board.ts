import { type Writable, writable } from 'svelte/store'
import type { BoardStore, BoardTxn, Committed, Guard, Settled, Unanswered } from '../../../src/ui/board/board-store.ts'
import { type BoardItem, buildBoard, type Snapshot } from '../../../src/ui/board/model.ts'

/**
 * A board without a cluster: etcd's revisions over a map. `held` keeps every commit waiting, as without a quorum, until
 * `release()`; `failure` makes them fail.
 */
export class MemoryBoard implements BoardStore {
  readOnly = false
  readonly live: Writable<Snapshot> = writable({ revision: 1, items: [] })
  readonly unanswered: Writable<readonly Unanswered[]> = writable([])
  readonly #settled: Writable<readonly Settled[]> = writable([])
  readonly #history: { readonly revision: number; readonly key: string; readonly item: BoardItem | null }[] = []
  readonly #items = new Map<string, BoardItem>()
  #revision = 1
  #waiting: (() => void)[] = []
  held = false
  failure: unknown = null
  /** What was before this revision is forgotten. */
  compacted = 0
  commits = 0
  /** Runs right before the next commit is judged: what someone else does in between. */
  before: (() => void) | null = null

  async commit(txn: BoardTxn): Promise<Committed> {
    const unanswered: Unanswered = { writes: txn.writes, kept: this.held, earlier: false }
    this.unanswered.update(all => [...all, unanswered])
    try {
      if (this.held) await new Promise<void>(resolve => this.#waiting.push(resolve))
      return this.#judge(txn)
    } finally {
      this.unanswered.update(all => all.filter(one => one !== unanswered))
    }
  }

  /** What an earlier life asked for is answered now, to nobody. */
  settle({ guards, writes }: Pick<BoardTxn, 'guards' | 'writes'>, failure: unknown = null): void {
    const { succeeded, revision } = failure === null ? this.#apply({ guards, writes, read: [] }) : noAnswer
    const result: Settled['result'] = succeeded
      ? { kind: 'committed', revision }
      : failure === null
        ? { kind: 'refused' }
        : { kind: 'failed', error: failure }
    const at = Date.UTC(2026, 4, 1, 12)
    this.#settled.update(all => [...all, { guards, writes, at, result }])
  }

  onSettled(run: (settled: Settled) => void): () => void {
    const heard = new Set<Settled>()
    return this.#settled.subscribe(all => {
      for (const settled of all) {
        if (heard.has(settled)) continue
        heard.add(settled)
        run(settled)
      }
    })
  }

  async past(key: string, revision: number): Promise<BoardItem | null> {
    if (revision < this.compacted) return null
    return this.#history.findLast(change => change.key === key && change.revision <= revision)?.item ?? null
  }

  #judge(txn: BoardTxn): Committed {
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
    this.#change(key, value)
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
    // As bytes would: nothing is shared with the writer.
    for (const write of writes) this.#change(write.key, write.kind === 'put' ? structuredClone(write.value) : null)
    this.#show()
    return { succeeded: true, revision: this.#revision, current: [] }
  }

  #change(key: string, value: unknown): void {
    const [revision, createRevision] = [this.#revision, this.get(key)?.createRevision ?? this.#revision]
    const item = value === null ? null : { key, value, createRevision, modRevision: revision }
    if (item) this.#items.set(key, item)
    else this.#items.delete(key)
    this.#history.push({ revision, key, item })
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

const noAnswer = { succeeded: false, revision: 0 }
