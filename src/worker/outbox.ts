import type { ClientResponse, RequestId } from '../replica/types.ts'
import type { Command } from '../store/types.ts'
import type { OutboxChange, OutboxStore } from '../wal/outbox.ts'
import type { FromHost, OutboxEntry } from './protocol.ts'

/**
 * Writes of one client on their way to the cluster. The store remembers this many results of a client; with more
 * under way it could forget one that is still to be asked for again.
 */
export const writesInFlightMax = 1024
/** With a quorum, a write is answered within some milliseconds; one that is not for this long is kept. */
export const unansweredMsMax = 2_000
/** What was answered is taken out this much later, together with all that was answered meanwhile. */
export const removalDelayMs = 200

interface Write {
  readonly entry: OutboxEntry
  /** Up to where its client's writes are known to be answered, which may be more than the client knew when it asked. */
  readonly acked: number
  /** What the replica knows it by. */
  readonly id: RequestId
  readonly askedAtMs: number
  /** Who waits for the answer; null if it is of an earlier life. */
  page: RequestId | null
  kept: 'no' | 'beingKept' | 'yes'
}

export interface OutboxOptions {
  readonly store: OutboxStore
  /** Milliseconds, never going back. */
  readonly now: () => number
  /** Of requests that no page asked for. */
  readonly nextId: () => RequestId
  /** To the replica. */
  readonly send: (id: RequestId, command: Command) => void
  /** To the page. */
  readonly tell: (message: Extract<FromHost, { type: 'outbox' | 'kept' | 'settled' }>) => void
  readonly onFailure: (error: unknown) => void
}

/**
 * All the writes of a page that the cluster has not answered, in the order they are to happen. While a quorum answers at
 * once they only pass through; those it does not answer are written down, all of them (numbers must have no gaps), and so
 * outlive the page. Those of earlier lives are sent first, under the names and numbers they had.
 *
 * Only writes of one client are under way at a time: the cluster keeps each client's in order, but not those of two.
 */
export class Outbox {
  readonly #options: OutboxOptions
  /** By client and number, in the order of sending. */
  readonly #writes = new Map<string, Write>()
  readonly #byId = new Map<RequestId, Write>()
  /** In the same order. */
  readonly #held = new Set<Write>()
  readonly #unkept = new Set<Write>()
  /** Whose writes are under way. */
  #client: string | null = null
  #inFlight = 0
  /** Answered, and still in the store. */
  #removals: OutboxEntry[] = []
  #removalsSinceMs = 0
  #lastChange: Promise<void> = Promise.resolve()

  constructor(options: OutboxOptions) {
    this.#options = options
    const { recovered } = options.store
    const answered = answeredOf(recovered)
    for (const entry of recovered) {
      const acked = answered.get(entry.command.clientId) ?? 0
      // Its client had the result, and said so with a later write.
      if (entry.command.seq <= acked) this.#remove(entry)
      else this.#add({ entry, acked, id: options.nextId(), page: null, kept: 'yes' })
    }
    this.#tellEarlier()
    this.#sendNext()
  }

  /** Unanswered writes, and how many of them are kept. */
  get counts(): { readonly writes: number; readonly kept: number } {
    return { writes: this.#writes.size, kept: this.#writes.size - this.#unkept.size }
  }

  get unanswered(): readonly OutboxEntry[] {
    return [...this.#writes.values()].map(({ entry }) => entry)
  }

  /** The page asks for a write: a new one, or, having a new worker, one that it asked for before. */
  ask(id: RequestId, command: Command, at: number): void {
    const known = this.#writes.get(keyOf(command))
    if (known === undefined) {
      this.#add({ entry: { command, at }, acked: command.acked, id, page: id, kept: 'no' })
      this.#sendNext()
      return
    }
    known.page = id
    if (known.kept === 'yes') this.#options.tell({ type: 'kept', ids: [id] })
  }

  /** The replica has answered `id`. Returns the page's request it is the answer to, or null if the page asked for none. */
  answered(id: RequestId, response: ClientResponse): RequestId | null {
    const write = this.#byId.get(id)
    if (write === undefined) return id
    this.#byId.delete(id)
    this.#writes.delete(keyOf(write.entry.command))
    this.#unkept.delete(write)
    this.#inFlight -= 1
    if (write.kept !== 'no') this.#remove(write.entry)
    if (write.page === null) {
      this.#options.tell({ type: 'settled', entry: write.entry, response: inHindsight(response) })
    }
    this.#sendNext()
    return write.page
  }

  /** The end of a turn, and at least once with each tick: writes down what has to be, and takes out what is done with. */
  endTurn(quorum: boolean): void {
    const now = this.#options.now()
    const isLate = () => now - (first(this.#unkept)?.askedAtMs ?? now) > unansweredMsMax
    if (this.#unkept.size > 0 && (!quorum || isLate())) this.#keep()
    else if (this.#removals.length > 0 && now - this.#removalsSinceMs >= removalDelayMs) this.#change([])
  }

  /** Writes everything down, whatever the quorum: the page is going away. Resolves when it is durable. */
  async keepAll(): Promise<void> {
    if (this.#unkept.size > 0) this.#keep()
    else if (this.#removals.length > 0) this.#change([])
    await this.#lastChange
  }

  /** Takes over what another member's outbox held. Resolves when it is durable here; then it can be deleted there. */
  async adopt(entries: readonly OutboxEntry[]): Promise<void> {
    const answered = answeredOf(entries)
    const added = entries.filter(({ command }) => {
      return command.seq > (answered.get(command.clientId) ?? 0) && !this.#writes.has(keyOf(command))
    })
    for (const { command, at } of added) {
      const acked = answered.get(command.clientId) ?? 0
      this.#add({ entry: { command, at }, acked, id: this.#options.nextId(), page: null, kept: 'no' })
    }
    if (added.length > 0) {
      this.#keep()
      this.#tellEarlier()
      this.#sendNext()
    }
    await this.#lastChange
  }

  #add(write: Omit<Write, 'askedAtMs'>): void {
    const added: Write = { ...write, askedAtMs: this.#options.now() }
    this.#writes.set(keyOf(write.entry.command), added)
    this.#byId.set(added.id, added)
    this.#held.add(added)
    if (added.kept === 'no') this.#unkept.add(added)
  }

  #sendNext(): void {
    for (const write of this.#held) {
      const { command } = write.entry
      if (this.#inFlight === 0) this.#client = command.clientId
      if (this.#client !== command.clientId || this.#inFlight >= writesInFlightMax) return
      this.#held.delete(write)
      this.#inFlight += 1
      this.#options.send(write.id, { ...command, acked: write.acked })
    }
  }

  #keep(): void {
    const writes = [...this.#unkept]
    this.#unkept.clear()
    for (const write of writes) write.kept = 'beingKept'
    this.#change(writes)
  }

  #change(writes: readonly Write[]): void {
    const change: OutboxChange = { added: writes.map(({ entry }) => entry), removed: this.#removals }
    this.#removals = []
    this.#lastChange = this.#options.store.change(change).then(() => {
      for (const write of writes) write.kept = 'yes'
      const ids = writes.flatMap(({ id, page }) => (page !== null && this.#byId.has(id) ? [page] : []))
      if (ids.length > 0) this.#options.tell({ type: 'kept', ids })
    })
    this.#lastChange.catch(this.#options.onFailure)
  }

  #remove(entry: OutboxEntry): void {
    if (this.#removals.length === 0) this.#removalsSinceMs = this.#options.now()
    this.#removals.push(entry)
  }

  #tellEarlier(): void {
    const entries = [...this.#writes.values()].filter(({ page }) => page === null).map(({ entry }) => entry)
    if (entries.length > 0) this.#options.tell({ type: 'outbox', entries })
  }
}

function keyOf({ clientId, seq }: Command): string {
  return `${clientId}/${seq}`
}

/**
 * Up to where each client's writes were answered: as far as a later write of it says; and all before the first that was kept, since
 * what is not answered is kept together with all that comes after it. Told so, a member does not take what it has not applied
 * again yet for something that is missing.
 */
function answeredOf(entries: readonly OutboxEntry[]): Map<string, number> {
  const answered = new Map<string, number>()
  for (const { command } of entries) {
    const { clientId, seq, acked } = command
    answered.set(clientId, Math.max(acked, answered.get(clientId) ?? seq - 1))
  }
  return answered
}

function first<T>(set: ReadonlySet<T>): T | undefined {
  const [item] = set
  return item
}

/** A write that an earlier life sent may have happened before its client was forgotten. */
function inHindsight(response: ClientResponse): ClientResponse {
  if (response.ok || response.code !== 'SESSION_EXPIRED') return response
  return { ...response, outcome: 'unknown' }
}
