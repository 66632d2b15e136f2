import type { MemberId } from '../../src/raft/types.ts'
import type {
  ClientRequest,
  ClientResponse,
  Input,
  Output,
  RequestId,
  WatchNotification,
} from '../../src/replica/types.ts'
import type {
  Command,
  KeyRange,
  LeaseId,
  LeaseTimeToLiveRequest,
  RangeRequest,
  Revision,
  WatchRequest,
  WriteRequest,
} from '../../src/store/types.ts'
import type { SimulationConfig } from './config.ts'
import type { Model } from './model.ts'
import type { Promises } from './promises.ts'
import type { Random } from './random.ts'
import { deletion, oneKey, prefixed, put, putIfUnchanged, range, text, watch } from './requests.ts'
import type { Schedule } from './schedule.ts'

type Open =
  | { readonly kind: 'write'; readonly command: Command; readonly floor: Revision }
  | { readonly kind: 'read'; readonly request: RangeRequest; readonly floor: Revision }
  | {
      readonly kind: 'timeToLive'
      readonly request: LeaseTimeToLiveRequest
      readonly floor: Revision
      /** The model's, when it was asked. */
      readonly leaseChanges: number
    }
  | { readonly kind: 'localRead'; readonly request: RangeRequest }
  | { readonly kind: 'watch'; readonly watched: Watched }

/** A watch that is taken up again where it was, if the tab is reloaded. */
interface Watched {
  readonly request: WatchRequest
  /** The next revision it may be told of; 0 while that is not known. */
  next: Revision
  ended: boolean
}

/** Where a client's requests go: its tab's member. */
export type Push = (input: Input) => void

/**
 * One page: draws what to ask of its tab's member and holds every answer against what was promised. Requests outlive neither
 * page nor member, but a client with an outbox sends again what was not answered, and takes up its watches where they were.
 */
export class Client {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #config: SimulationConfig['clients']
  readonly #promises: Promises
  readonly #model: Model
  #clientId: string
  #seq = 0
  #acked = 0
  readonly #answered = new Set<number>()
  readonly #open = new Map<RequestId, Open>()
  readonly #unanswered = new Map<number, { command: Command; floor: Revision }>()
  #watches: Watched[] = []
  readonly #modRevisions = new Map<string, Revision>()
  #seen: Revision = 0
  #lastId = 0
  readonly #idStep: number
  #push: Push | null = null
  #sessions = 0
  #isActive = true

  constructor(around: {
    schedule: Schedule
    random: Random
    config: SimulationConfig['clients']
    promises: Promises
    model: Model
    /** Tells this client's requests from those of others in the tab: its ids are `ordinal` modulo `idStep`. */
    ordinal: number
    idStep: number
  }) {
    this.#schedule = around.schedule
    this.#random = around.random
    this.#config = around.config
    this.#promises = around.promises
    this.#model = around.model
    this.#lastId = around.ordinal
    this.#idStep = around.idStep
    this.#clientId = around.random.hex(32)
  }

  /** Writes and reads under way, and watches that have not been given all there is. */
  get unsettled(): readonly string[] {
    const asked = [...this.#open.values()].filter(({ kind }) => kind !== 'watch').map(({ kind }) => kind)
    const behind = this.#watches.filter(
      ({ request, next, ended }) => !ended && !this.#promises.isUpToDate(request, next),
    )
    return [...asked, ...behind.map(({ next }) => `watch at ${next}`)]
  }

  /** The tab's member is running. */
  connect(push: Push): void {
    this.#push = push
    this.#sessions += 1
    this.#seen = 0
    if (this.#config.outbox) {
      for (const { command, floor } of this.#unanswered.values()) {
        // What it was given in the meantime, it need not be given again, and it was applied somewhere.
        this.#write({ ...command, acked: this.#acked }, floor)
      }
      const watches = this.#watches.filter(({ ended }) => !ended)
      this.#watches = []
      for (const { request, next } of watches) this.#watch({ ...request, startRevision: next })
    } else {
      this.#forget()
    }
    if (this.#watches.length === 0) this.#watch(this.#drawWatch())
    this.#think(this.#sessions)
  }

  /** The tab is gone, or its member is. */
  disconnect(): void {
    this.#push = null
    this.#open.clear()
  }

  /** Asks for nothing new any more. */
  rest(): void {
    this.#isActive = false
  }

  responded(id: RequestId, response: ClientResponse): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    this.#open.delete(id)
    switch (open.kind) {
      case 'write':
        this.#promises.writeAnswered(open.command, response, open.floor)
        this.#settleWrite(open.command.seq)
        return
      case 'read':
        this.#promises.rangeAnswered(open.request, response, open.floor)
        return
      case 'timeToLive':
        this.#promises.timeToLiveAnswered(open.request, response, open.floor, open.leaseChanges)
        return
      case 'localRead':
        this.#seen = this.#promises.localRangeAnswered(open.request, response, this.#seen)
        if (response.ok && response.response.op === 'range') {
          for (const kv of response.response.kvs) this.#modRevisions.set(text(kv.key), kv.modRevision)
        }
        return
      case 'watch':
        throw new Error('a watch was answered like a request')
    }
  }

  notified(id: RequestId, notification: WatchNotification): void {
    const open = this.#open.get(id)
    if (open?.kind !== 'watch') return
    const { watched } = open
    watched.next = this.#promises.notified(watched.request, notification, watched.next)
    if (notification.kind === 'compacted') {
      watched.ended = true
      this.#open.delete(id)
      this.#watch(this.#drawWatch())
    }
    if (notification.kind === 'events') {
      this.#push?.({ kind: 'credit', id, batches: notification.batches.length })
    }
  }

  #settleWrite(seq: number): void {
    this.#unanswered.delete(seq)
    this.#answered.add(seq)
    while (this.#answered.delete(this.#acked + 1)) this.#acked += 1
  }

  /** A page without an outbox starts over under a new name. */
  #forget(): void {
    this.#clientId = this.#random.hex(32)
    this.#seq = 0
    this.#acked = 0
    this.#answered.clear()
    this.#unanswered.clear()
    this.#watches = []
  }

  #think(session: number): void {
    this.#schedule.after(this.#random.between(...this.#config.thinkMs), () => {
      if (!this.#isActive || this.#push === null || this.#sessions !== session) return
      const inFlight = [...this.#open.values()].filter(({ kind }) => kind !== 'watch').length
      if (inFlight < this.#config.inFlightMax) this.#ask()
      this.#think(session)
    })
  }

  #ask(): void {
    const floor = this.#promises.floor
    switch (this.#random.weighted({ write: 6, read: 3, localRead: 1, timeToLive: 0.5, progress: 0.5, cancel: 0.2 })) {
      case 'write': {
        this.#seq += 1
        const command = { clientId: this.#clientId, seq: this.#seq, acked: this.#acked, request: this.#drawWrite() }
        this.#unanswered.set(command.seq, { command, floor })
        this.#write(command, floor)
        return
      }
      case 'read': {
        const request = range(this.#drawKeys())
        this.#request({ kind: 'read', request, floor }, { kind: 'read', request, serializable: false })
        return
      }
      case 'localRead': {
        const request = range(this.#drawKeys())
        this.#request({ kind: 'localRead', request }, { kind: 'read', request, serializable: true })
        return
      }
      case 'timeToLive': {
        const lease = this.#drawLease()
        const request = { op: 'leaseTimeToLive', lease, keys: true } as const
        const leaseChanges = this.#model.leaseChanges(lease)
        this.#request(
          { kind: 'timeToLive', request, floor, leaseChanges },
          { kind: 'read', request, serializable: false },
        )
        return
      }
      case 'progress': {
        const [id] = this.#random.pick([...this.#open].filter(([, { kind }]) => kind === 'watch')) ?? []
        if (id !== undefined) this.#push?.({ kind: 'progress', id })
        return
      }
      case 'cancel':
        this.#cancel()
        return
    }
  }

  #write(command: Command, floor: Revision): void {
    this.#request({ kind: 'write', command, floor }, { kind: 'write', command })
  }

  #watch(request: WatchRequest): void {
    const watched = { request, next: request.startRevision, ended: false }
    this.#watches.push(watched)
    this.#request({ kind: 'watch', watched }, { kind: 'watch', request })
  }

  #request(open: Open, request: ClientRequest): void {
    this.#lastId += this.#idStep
    this.#open.set(this.#lastId, open)
    this.#push?.({ kind: 'request', id: this.#lastId, request })
  }

  /** Gives up waiting for a read, or ends a watch and begins another. */
  #cancel(): void {
    const candidates = [...this.#open].filter(([, { kind }]) => kind !== 'write')
    const chosen = this.#random.pick(candidates)
    if (chosen === undefined) return
    const [id, open] = chosen
    this.#open.delete(id)
    this.#push?.({ kind: 'cancel', id })
    if (open.kind !== 'watch') return
    this.#watches = this.#watches.filter(watched => watched !== open.watched)
    this.#watch(this.#drawWatch())
  }

  #drawWrite(): WriteRequest {
    const key = this.#drawKey()
    const prevKv = this.#random.chance(0.3)
    if (this.#random.chance(this.#config.compactProbability)) {
      return { op: 'compact', revision: Math.max(1, this.#promises.floor - this.#random.integer(0, 20)) }
    }
    const { leaseWeight } = this.#config
    switch (this.#random.weighted({ put: 6, putIfUnchanged: 3, delete: 1, txn: 1, lease: leaseWeight })) {
      case 'put':
        return put(key, this.#drawValue(), { prevKv, lease: this.#drawAttachment() })
      case 'putIfUnchanged': {
        // What this page believes, or what is true now: so some fail and some succeed.
        const believed = this.#random.chance(0.5) ? this.#modRevisions.get(key) : undefined
        return putIfUnchanged(key, believed ?? this.#model.modRevisionOf(key), this.#drawValue())
      }
      case 'delete':
        return deletion(this.#random.chance(0.2) ? prefixed('') : oneKey(key), { prevKv })
      case 'txn':
        return {
          op: 'txn',
          compare: [],
          success: [
            put(key, this.#drawValue()),
            range(prefixed('')),
            put(`${key}/copy`, this.#drawValue(), { prevKv, lease: this.#drawAttachment() }),
          ],
          failure: [],
        }
      case 'lease':
        return this.#drawLeaseWrite()
    }
  }

  #drawLeaseWrite(): WriteRequest {
    const lease = this.#drawLease()
    switch (this.#random.weighted({ grant: 2, keepAlive: 6, revoke: 0.5 })) {
      case 'grant':
        return { op: 'leaseGrant', lease, ttlSeconds: this.#random.integer(2, leaseTtlSecondsMax) }
      case 'keepAlive':
        return { op: 'leaseKeepAlive', lease }
      case 'revoke':
        return { op: 'leaseRevoke', lease }
    }
  }

  /** A few that all clients share, so that they end and begin under each other's hands. */
  #drawLease(): LeaseId {
    return this.#random.integer(1, leases)
  }

  /** Mostly of one that exists; of one that does not, the write is refused. */
  #drawAttachment(): LeaseId {
    if (this.#random.chance(0.6)) return 0
    const lease = this.#drawLease()
    return this.#model.lease(lease) !== null || this.#random.chance(0.1) ? lease : 0
  }

  #drawWatch(): WatchRequest {
    return watch(this.#drawKeys(), {
      startRevision: this.#random.chance(0.7) ? 0 : Math.max(1, this.#promises.floor - this.#random.integer(0, 50)),
      prevKv: this.#random.chance(0.3),
      filters: this.#random.pick([[], [], ['put'], ['delete']] as const),
    })
  }

  #drawKeys(): KeyRange {
    return this.#random.chance(0.6) ? oneKey(this.#drawKey()) : prefixed(this.#random.chance(0.5) ? '' : 'key')
  }

  #drawKey(): string {
    return `key${this.#random.integer(0, this.#config.keys - 1)}`
  }

  /** Every value is written once, so a value tells the write it came from. */
  #drawValue(): string {
    const value = `${this.#clientId.slice(0, 4)}.${this.#seq}.${this.#random.hex(3)}`
    return value.padEnd(this.#random.integer(0, this.#config.valueBytesMax), '.')
  }
}

const leases = 5
const leaseTtlSecondsMax = 8

/** The clients of one tab; they move on together to whatever member the tab has. */
export interface Tab {
  readonly clients: readonly Client[]
  member: MemberId
}

/** Gives an answer of a tab's member to the client it is for. */
export function passOn(tab: Tab, output: Extract<Output, { kind: 'respond' | 'notify' }>): void {
  const client = tab.clients[output.id % tab.clients.length]
  if (client === undefined) return
  if (output.kind === 'respond') client.responded(output.id, output.response)
  else client.notified(output.id, output.notification)
}
