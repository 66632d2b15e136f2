import type { ClientResponse, Input, RequestId, WatchNotification } from '../replica/types.ts'
import type { Command } from '../store/types.ts'
import type { OutboxStore } from '../wal/outbox.ts'
import { epochNowMs } from './clock.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { Outbox } from './outbox.ts'
import type { FromHost, OutboxEntry, ToHost } from './protocol.ts'

type TurnMessage = Extract<FromHost, { type: 'turn' }>

/**
 * What one page asks of its member, on the way there and back. Reads and watches pass through; writes go by way of the
 * outbox, and leases are kept alive from here. The page numbers its requests upwards; those made here count downwards.
 */
export class PageClient {
  readonly #post: (message: FromHost) => void
  readonly #push: (input: Input) => void
  readonly #outbox: Outbox
  readonly #leases: LeaseKeeper
  #lastOwnId: RequestId = 0
  #quorum = false
  #responses: TurnMessage['responses'][number][] = []
  #notifications: TurnMessage['notifications'][number][] = []

  constructor(options: {
    readonly post: (message: FromHost) => void
    /** To the member. */
    readonly push: (input: Input) => void
    readonly store: OutboxStore
    readonly onFailure: (error: unknown) => void
  }) {
    this.#post = options.post
    this.#push = options.push
    const nextId = () => --this.#lastOwnId
    const send = (id: RequestId, command: Command) => {
      options.push({ kind: 'request', id, request: { kind: 'write', command } })
    }
    const now = epochNowMs
    const { post: tell, store, onFailure } = options
    this.#outbox = new Outbox({ store, now, nextId, send, tell, onFailure })
    this.#leases = new LeaseKeeper({ now, nextId, send, tell, newClientId })
  }

  get counts(): { readonly outboxWrites: number; readonly unansweredWrites: number; readonly keptLeases: number } {
    const { writes, kept } = this.#outbox.counts
    return { outboxWrites: kept, unansweredWrites: writes, keptLeases: this.#leases.size }
  }

  /** Writes not answered, kept or not, in order. */
  get unanswered(): readonly OutboxEntry[] {
    return this.#outbox.unanswered
  }

  receive(message: Exclude<ToHost, { type: 'leave' | 'freeze' | 'wake' }>): void {
    switch (message.type) {
      case 'requests':
        for (const { id, request } of message.requests) {
          if (request.kind === 'write') this.#outbox.ask(id, request.command, Date.now())
          else this.#push({ kind: 'request', id, request })
        }
        return
      case 'cancel':
        for (const id of message.ids) this.#push({ kind: 'cancel', id })
        return
      case 'credit':
        this.#push({ kind: 'credit', id: message.id, batches: message.batches })
        return
      case 'progress':
        this.#push({ kind: 'progress', id: message.id })
        return
      case 'keepLease':
        this.#leases.keep(message.lease, message.ttlSeconds, message.sinceMs)
        return
      case 'dropLease':
        this.#leases.drop(message.lease)
        return
      default:
        message satisfies never
    }
  }

  /** Whether, as far as the member knows, what is asked for now can be answered soon. */
  set quorum(quorum: boolean) {
    this.#quorum = quorum
  }

  respond(id: RequestId, response: ClientResponse): void {
    if (this.#leases.answered(id, response)) return
    const asked = this.#outbox.answered(id, response)
    if (asked !== null) this.#responses.push({ id: asked, response })
  }

  notify(id: RequestId, notification: WatchNotification): void {
    this.#notifications.push({ id, notification })
  }

  /** What the turn brought, as one message. */
  flush(): void {
    if (this.#responses.length === 0 && this.#notifications.length === 0) return
    this.#post({ type: 'turn', responses: this.#responses, notifications: this.#notifications })
    this.#responses = []
    this.#notifications = []
  }

  /** When all that others wait for is on its way. */
  endTurn(): void {
    this.#outbox.endTurn(this.#quorum)
  }

  tick(): void {
    this.#leases.tick()
  }

  /** See `Clock`: so much of the time that has passed is on no clock. */
  slept(ms: number): void {
    this.#leases.slept(ms)
  }

  adopt(entries: readonly OutboxEntry[]): Promise<void> {
    return this.#outbox.adopt(entries)
  }

  /** The page says goodbye: its leases end, and what it was not answered is kept. Resolves when it is. */
  leave(): Promise<void> {
    this.#leases.revokeAll()
    return this.keepAll()
  }

  /** What the page was not answered is kept, should it be gone without another word. Resolves when it is. */
  keepAll(): Promise<void> {
    return this.#outbox.keepAll()
  }
}

function newClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
