import { WriteSession } from '../../../src/client/session.ts'
import type { ClientResponse, RequestId, WatchNotification } from '../../../src/replica/types.ts'
import type { Command, LeaseId, ReadRequest, Revision, WatchRequest, WriteRequest } from '../../../src/store/types.ts'
import type { LeaseKeeperOptions } from '../../../src/worker/lease-keeper.ts'
import type { Begun, History } from '../judges/history.ts'
import type { Model } from '../judges/model.ts'
import type { Moment, Promises } from '../judges/promises.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import type { ClientConfig } from './client-config.ts'
import type { LockReferee } from './locks.ts'
import { Watcher } from './watcher.ts'
import type { WorkerHalf } from './worker-half.ts'

/** What all clients of a run have in common. */
export interface World {
  readonly schedule: Schedule
  readonly config: ClientConfig
  readonly clockDrift: number
  readonly promises: Promises
  readonly history: History
  readonly model: Model
  readonly referee: LockReferee
}

export type OnAnswer = (response: ClientResponse) => void
/** A watch was told something. */
export type OnNews = (kind: WatchNotification['kind']) => void

/** `firm`: whoever asks waits for it, and never gives it up. */
export interface Waiting {
  readonly firm: boolean
  readonly onAnswer?: OnAnswer
}

/** What was asked for, and has not been seen the end of. */
type Open =
  | { readonly kind: 'write'; readonly waiting: Waiting; readonly command: Command }
  | {
      readonly kind: 'read'
      readonly waiting: Waiting
      readonly request: ReadRequest
      /** From the member's own state. */
      readonly serializable: boolean
      /** What the answer must not be older than; null if it may be as old as it likes. */
      readonly since: Moment | null
      /** In the history, if it is a part of it. */
      readonly begun: Begun | null
    }
  | {
      readonly kind: 'watch'
      readonly waiting: Waiting
      readonly watcher: Watcher
      /** Takes its time with what it is given. */
      readonly isSlow: boolean
      readonly onNews: OnNews
    }

/** A lease that is kept alive for the page, and when it may end as far as the page knows. */
interface Kept {
  readonly ttlSeconds: number
  untilMs: number
}

/**
 * One life of a page: what it asked of its worker and was not answered, held against what was promised when the answer comes. It may
 * outlive its worker, and then asks the next one for all of it again: writes under the numbers they had, watches from where they
 * were.
 */
export class Page {
  readonly #world: World
  readonly #random: Random
  readonly #nextId: () => RequestId
  readonly #session: WriteSession
  readonly #open = new Map<RequestId, Open>()
  readonly #kept = new Map<LeaseId, Kept>()
  #worker: WorkerHalf | null = null
  /** The last revision that the member has shown, in this life of it. */
  #seen: Revision = 0
  /** Writes and reads, ever. */
  asked = 0

  constructor(world: World, random: Random, nextId: () => RequestId) {
    this.#world = world
    this.#random = random
    this.#nextId = nextId
    this.#session = new WriteSession(random.hex(32))
  }

  get name(): string {
    return this.#session.clientId.slice(0, 8)
  }

  get inFlight(): number {
    return this.#open.size - this.watches
  }

  get watches(): number {
    let watches = 0
    for (const { kind } of this.#open.values()) if (kind === 'watch') watches += 1
    return watches
  }

  get unsettled(): readonly string[] {
    const waits: string[] = []
    for (const open of this.#open.values()) {
      if (open.kind !== 'watch') waits.push(open.kind)
      else if (!open.watcher.isUpToDate) waits.push(`watch at ${open.watcher.next}`)
    }
    return waits
  }

  attach(worker: WorkerHalf): void {
    this.#worker = worker
    this.#seen = 0
    for (const [lease, { ttlSeconds, untilMs }] of this.#kept) {
      worker.keepLease(lease, ttlSeconds, untilMs - ttlSeconds * 1_000)
    }
    for (const [id, open] of this.#open) this.#send(worker, id, open)
  }

  detach(): void {
    this.#worker = null
  }

  write(request: WriteRequest, waiting: Waiting): void {
    const command = this.#session.next(request)
    this.#world.history.writes(command)
    this.#request({ kind: 'write', command, waiting })
  }

  /** Of the present. */
  read(request: ReadRequest, waiting: Waiting): void {
    const begun = request.op === 'range' ? this.#world.history.reads(request) : null
    this.#request({ kind: 'read', request, serializable: false, since: this.#now(request), begun, waiting })
  }

  /** Of the member's own state, as old as it may be. */
  readLocally(request: ReadRequest, waiting: Waiting): void {
    this.#request({ kind: 'read', request, serializable: true, since: null, begun: null, waiting })
  }

  /** The same when it is known that this state is that of the present. */
  inspect(request: ReadRequest, waiting: Waiting): void {
    this.#request({ kind: 'read', request, serializable: true, since: this.#now(request), begun: null, waiting })
  }

  /** Returns what ends it. */
  watch(request: WatchRequest, firm: boolean, onNews: OnNews): () => void {
    const isSlow = !firm && this.#random.chance(this.#world.config.slowWatches)
    const watcher = new Watcher(this.#world.model, request)
    const id = this.#request({ kind: 'watch', watcher, isSlow, onNews, waiting: { firm } })
    return () => {
      if (this.#open.delete(id)) this.#worker?.push({ kind: 'cancel', id })
    }
  }

  /** Asks one of the watches how far it is. */
  askProgress(): void {
    const [id] = this.#pick(({ kind }) => kind === 'watch') ?? []
    if (id !== undefined) this.#worker?.push({ kind: 'progress', id })
  }

  /** Gives up waiting for a write, which goes on, or for a read; or ends a watch. */
  abort(): void {
    const [id, open] = this.#pick(({ waiting }) => !waiting.firm) ?? []
    if (id === undefined || open === undefined) return
    if (open.kind !== 'write') this.#open.delete(id)
    this.#worker?.push({ kind: 'cancel', id })
  }

  /** Asks for a write again, under the number it has. */
  retry(): void {
    const [id, open] = this.#pick(({ kind }) => kind === 'write') ?? []
    if (this.#worker !== null && id !== undefined && open !== undefined) this.#send(this.#worker, id, open)
  }

  keepLease(lease: LeaseId, ttlSeconds: number, sinceMs: number): void {
    this.#kept.set(lease, { ttlSeconds, untilMs: sinceMs + ttlSeconds * 1_000 })
    this.#worker?.keepLease(lease, ttlSeconds, sinceMs)
  }

  dropLease(lease: LeaseId): void {
    this.#kept.delete(lease)
    this.#worker?.dropLease(lease)
  }

  /** They end, or soon will: the page is going. */
  forgetLeases(): void {
    this.#kept.clear()
  }

  leaseTold(message: Parameters<LeaseKeeperOptions['tell']>[0]): void {
    const kept = this.#kept.get(message.lease)
    if (message.type === 'leaseLost') this.#kept.delete(message.lease)
    else if (kept !== undefined) kept.untilMs = message.untilMs
  }

  /** Leases that it has every reason to count on are there. */
  checkLeases(): void {
    const { schedule, clockDrift, promises } = this.#world
    for (const [lease, { ttlSeconds, untilMs }] of this.#kept) {
      if (schedule.nowMs < untilMs - ttlSeconds * 1_000 * clockDrift) promises.countsOn(lease)
    }
  }

  answered(id: RequestId, response: ClientResponse): void {
    const open = this.#open.get(id)
    if (open === undefined) return
    if (open.kind === 'watch') throw new Error('a watch was answered like a request')
    this.#open.delete(id)
    const { history, promises } = this.#world
    if (open.kind === 'write') {
      history.answered(history.writes(open.command), response)
      promises.writeAnswered(open.command, response)
      this.#session.received(open.command.seq)
      if (response.ok) this.#showed(response.response.header.revision)
    } else {
      history.answered(open.begun, response)
      this.#showed(promises.readAnswered(open.request, response, open.since, this.#seen))
    }
    open.waiting.onAnswer?.(response)
  }

  notified(id: RequestId, notification: WatchNotification): void {
    const open = this.#open.get(id)
    if (open?.kind !== 'watch') return
    const { watcher, onNews } = open
    const before = watcher.events
    this.#showed(watcher.told(notification, this.#seen))
    this.#world.promises.events += watcher.events - before
    if (notification.kind === 'events') this.#consume(id, open, notification.batches.length)
    if (watcher.isOver) this.#open.delete(id)
    onNews(notification.kind)
  }

  #request(open: Open): RequestId {
    const id = this.#nextId()
    this.#open.set(id, open)
    if (open.kind !== 'watch') this.asked += 1
    if (this.#worker !== null) this.#send(this.#worker, id, open)
    return id
  }

  #send(worker: WorkerHalf, id: RequestId, open: Open): void {
    switch (open.kind) {
      case 'write':
        worker.write(id, this.#session.again(open.command))
        return
      case 'read': {
        const { request, serializable } = open
        worker.push({ kind: 'request', id, request: { kind: 'read', request, serializable } })
        return
      }
      case 'watch':
        worker.push({ kind: 'request', id, request: { kind: 'watch', request: open.watcher.asked() } })
        return
    }
  }

  /** At once, or when a slow consumer comes to it. */
  #consume(id: RequestId, { watcher, isSlow }: Extract<Open, { kind: 'watch' }>, batches: number): void {
    const worker = this.#worker
    const consumed = () => {
      if (worker === null || this.#worker !== worker || !this.#open.has(id)) return
      watcher.consumed(batches)
      worker.push({ kind: 'credit', id, batches })
    }
    if (isSlow) this.#world.schedule.after(this.#random.between(0, slowMsMax), consumed)
    else consumed()
  }

  #now(request: ReadRequest): Moment {
    return this.#world.promises.now('lease' in request ? request.lease : 0)
  }

  /** What the member has shown in any way, it shows in every other from then on. */
  #showed(revision: Revision): void {
    this.#seen = Math.max(this.#seen, revision)
  }

  #pick(isWanted: (open: Open) => boolean): readonly [RequestId, Open] | undefined {
    return this.#random.pick([...this.#open].filter(([, open]) => isWanted(open)))
  }
}

/** What a slow consumer takes to consume what it was given, at most. */
const slowMsMax = 4_000
