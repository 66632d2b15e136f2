import type { ClientResponse, Input, RequestId } from '../../../src/replica/types.ts'
import type { Command, LeaseId } from '../../../src/store/types.ts'
import { LeaseKeeper, type LeaseKeeperOptions } from '../../../src/worker/lease-keeper.ts'
import { Outbox } from '../../../src/worker/outbox.ts'
import type { History } from '../judges/history.ts'
import type { Promises } from '../judges/promises.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import type { OutboxDisk } from './outbox-disk.ts'

/** Where a client's requests go: its tab's member. */
export type Push = (input: Input) => void

/**
 * What stands between a page and its member in the worker of a tab, for one life of it: the outbox that its writes go by way of, if it
 * has one, and the keeper of its leases. Both are the tab's own code.
 */
export class WorkerHalf {
  readonly push: Push
  readonly #schedule: Schedule
  readonly #promises: Promises
  readonly #history: History
  readonly #disk: OutboxDisk | null
  readonly #outbox: Outbox | null
  readonly #keeper: LeaseKeeper
  /** Asked for by the keeper, which is a client of its own. */
  readonly #asked = new Map<RequestId, Command>()

  constructor(around: {
    readonly schedule: Schedule
    readonly random: Random
    readonly promises: Promises
    readonly history: History
    readonly disk: OutboxDisk | null
    readonly nextId: () => RequestId
    readonly push: Push
    readonly tellOfLease: LeaseKeeperOptions['tell']
  }) {
    const { schedule, random, promises, history, disk, nextId, push } = around
    this.push = push
    this.#schedule = schedule
    this.#promises = promises
    this.#history = history
    this.#disk = disk
    const now = () => schedule.nowMs
    this.#keeper = new LeaseKeeper({
      now,
      nextId,
      newClientId: () => random.hex(32),
      send: (id, command) => {
        history.writes(command)
        this.#asked.set(id, command)
        this.#send(id, command)
      },
      tell: around.tellOfLease,
    })
    if (disk === null) {
      this.#outbox = null
      return
    }
    this.#outbox = new Outbox({
      store: disk.open(),
      now,
      nextId,
      send: (id, command) => this.#send(id, command),
      tell: message => {
        if (message.type === 'settled') this.#writeAnswered(message.entry.command, message.response)
      },
      onFailure: error => {
        throw error
      },
    })
  }

  get unsettled(): readonly string[] {
    const unsent = this.#outbox?.counts.writes ?? 0
    return [
      ...(unsent > 0 ? [`${unsent} writes in the outbox`] : []),
      ...(this.#asked.size > 0 ? ['what was asked of a lease'] : []),
    ]
  }

  write(id: RequestId, command: Command): void {
    if (this.#outbox === null) this.#send(id, command)
    else this.#outbox.ask(id, command, Math.floor(this.#schedule.nowMs))
  }

  keepLease(lease: LeaseId, ttlSeconds: number, sinceMs: number): void {
    this.#keeper.keep(lease, ttlSeconds, sinceMs)
  }

  dropLease(lease: LeaseId): void {
    this.#keeper.drop(lease)
  }

  /** The page's request that this is the answer to; null if it is none of the page's, or of one that is no more. */
  answered(id: RequestId, response: ClientResponse): RequestId | null {
    const asked = this.#asked.get(id)
    if (asked === undefined) return this.#outbox === null ? id : this.#outbox.answered(id, response)
    this.#asked.delete(id)
    this.#writeAnswered(asked, response)
    this.#keeper.answered(id, response)
    return null
  }

  /** After each turn of the member. */
  turned(hasQuorum: () => boolean): void {
    if (this.#outbox !== null) {
      const { writes, kept } = this.#outbox.counts
      this.#outbox.endTurn(writes === kept || hasQuorum())
    }
    this.#keeper.tick()
  }

  /** The page says goodbye. */
  leave(): void {
    this.#keeper.revokeAll()
    this.#outbox?.keepAll().catch(() => {})
  }

  /** Takes over what the outbox of an orphan holds; when it is durable here, it is taken out there. */
  takeOver(orphan: OutboxDisk): void {
    const store = orphan.open()
    if (this.#disk === null || this.#outbox === null || store.recovered.length === 0) return
    this.#outbox.adopt(store.recovered).catch(() => {})
    this.#disk.whenIdle(() => store.change({ added: [], removed: store.recovered }))
  }

  /** The worker is gone, in the middle of whatever it did. */
  end(): void {
    this.#disk?.crash()
  }

  #writeAnswered(command: Command, response: ClientResponse): void {
    this.#history.answered(this.#history.writes(command), response)
    this.#promises.writeAnswered(command, response)
  }

  #send(id: RequestId, command: Command): void {
    this.push({ kind: 'request', id, request: { kind: 'write', command } })
  }
}
