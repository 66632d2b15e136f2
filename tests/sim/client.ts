import { WriteSession } from '../../src/client/session.ts'
import type { ClientResponse, RequestId, WatchNotification } from '../../src/replica/types.ts'
import type { Command, LeaseId, ReadRequest, Revision, WatchRequest, WriteRequest } from '../../src/store/types.ts'
import { versionOf } from './answers.ts'
import type { ClientConfig } from './client-config.ts'
import { Draw } from './draw.ts'
import type { Begun, History } from './history.ts'
import { type LockReferee, LockUser } from './locks.ts'
import type { Model } from './model.ts'
import type { OutboxDisk } from './outbox-disk.ts'
import type { Moment, Promises } from './promises.ts'
import type { Random } from './random.ts'
import { prefixed, range } from './requests.ts'
import type { Schedule } from './schedule.ts'
import { Watcher } from './watcher.ts'
import { type Push, WorkerHalf } from './worker-half.ts'

type OnAnswer = (response: ClientResponse) => void

/** What a page has asked for and not seen the end of. */
type Open =
  | { readonly kind: 'write'; readonly command: Command; onAnswer: OnAnswer | null }
  | {
      readonly kind: 'read'
      readonly request: ReadRequest
      /** From the member's own state. */
      readonly serializable: boolean
      /** What the answer must not be older than; null if it may be as old as it likes. */
      readonly since: Moment | null
      /** In the history, if it is a part of it. */
      readonly begun: Begun | null
      readonly onAnswer: OnAnswer | null
    }
  | {
      readonly kind: 'watch'
      readonly watcher: Watcher
      readonly isSlow: boolean
      readonly onNews: (() => void) | null
    }

/** A lease that is kept alive for the page, and when it may end as far as the page knows. */
interface Kept {
  readonly ttlSeconds: number
  untilMs: number
}

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

/**
 * One page and its worker's part in it: draws what to ask of its tab's member and holds every answer against what was promised.
 * The numbering of writes, and what the worker does for it, are the tab's own code. A page may outlive its worker, and then asks the next one for all it was not answered; or go with it, and leave behind what its outbox kept.
 */
export class Client {
  readonly #world: World
  readonly #random: Random
  readonly #idStep: number
  #session: WriteSession
  #draw: Draw
  readonly #open = new Map<RequestId, Open>()
  readonly #kept = new Map<LeaseId, Kept>()
  #locks: LockUser | null = null
  #worker: WorkerHalf | null = null
  #lastId: RequestId
  #page = 0
  #pageGoes = false
  /** The last revision that the member shows, in this life of it. */
  #seen: Revision = 0
  #asked = 0
  #isActive = true

  /** Its request ids are `ordinal` modulo `idStep`, which tells them from those of others in the tab. */
  constructor(world: World, random: Random, ordinal: number, idStep: number) {
    this.#world = world
    this.#random = random
    this.#lastId = ordinal
    this.#idStep = idStep
    this.#session = new WriteSession(random.hex(32))
    this.#draw = this.#newPage()
  }

  /** What it waits for: answers, events, a lock. */
  get unsettled(): readonly string[] {
    const waits: string[] = []
    for (const open of this.#open.values()) {
      if (open.kind !== 'watch') waits.push(open.kind)
      else if (!open.watcher.isUpToDate) waits.push(`watch at ${open.watcher.next}`)
    }
    waits.push(...(this.#worker?.unsettled ?? []))
    const lock = this.#locks?.unsettled ?? null
    if (lock !== null) waits.push(lock)
    return waits
  }

  /** The tab's member is running, and beside its log there is an outbox, or none. */
  connect(push: Push, disk: OutboxDisk | null): void {
    this.#seen = 0
    if (this.#pageGoes) this.#draw = this.#newPage()
    this.#pageGoes = false
    const worker = this.#newWorker(push, disk)
    this.#worker = worker
    for (const [lease, { ttlSeconds, untilMs }] of this.#kept) {
      worker.keepLease(lease, ttlSeconds, untilMs - ttlSeconds * 1_000)
    }
    for (const [id, open] of this.#open) this.#send(worker, id, open)
    const watches = [...this.#open.values()].filter(({ kind }) => kind === 'watch').length
    for (let i = watches; i < this.#world.config.watchesMax; i += 1) this.#watchSomething()
    this.#think(worker)
  }

  /** The tab's member is gone, and the page with it or not. */
  disconnect(): void {
    if (this.#worker === null) return
    this.#worker.end()
    this.#worker = null
    if (!this.#random.chance(this.#world.config.pageOutlives)) this.#pageGoes = true
    if (this.#pageGoes) this.#locks?.end()
  }

  /** The page says goodbye: what it was not answered is kept, and its leases end. */
  leaving(): void {
    this.#pageGoes = true
    this.#worker?.leave()
    this.#kept.clear()
  }

  /** What was not answered to an orphan's page is asked from here. */
  takeOver(orphan: OutboxDisk): void {
    this.#worker?.takeOver(orphan)
  }

  /** Asks for nothing new any more. */
  rest(): void {
    this.#isActive = false
  }

  /** Asks this member for all that it holds, which must be all there is. */
  inspect(): void {
    const everything: ReadRequest[] = [range(prefixed('')), { op: 'leases' }, { op: 'hashKv', revision: 0 }]
    for (const { lease } of this.#world.model.leases) everything.push({ op: 'leaseTimeToLive', lease, keys: true })
    for (const request of everything) {
      const onAnswer = (response: ClientResponse) => {
        if (!response.ok || response.response.op !== 'leases') return
        this.#world.promises.inspected(response.response.leases, response.response.header.revision)
      }
      this.#request({ kind: 'read', request, serializable: true, since: this.#now(request), begun: null, onAnswer })
    }
  }

  /** After each turn of the member. */
  turned(hasQuorum: () => boolean): void {
    if (this.#worker === null) return
    this.#worker.turned(hasQuorum)
    for (const [lease, { ttlSeconds, untilMs }] of this.#kept) {
      const driftMs = ttlSeconds * 1_000 * this.#world.clockDrift
      if (this.#world.schedule.nowMs < untilMs - driftMs) this.#world.promises.countsOn(lease)
    }
  }

  responded(id: RequestId, response: ClientResponse): void {
    const asked = this.#worker?.answered(id, response) ?? null
    const open = asked === null ? undefined : this.#open.get(asked)
    if (asked === null || open === undefined) return
    if (open.kind === 'watch') throw new Error('a watch was answered like a request')
    this.#open.delete(asked)
    if (open.kind === 'write') this.#writeAnswered(open.command, response)
    else {
      this.#world.history.answered(open.begun, response)
      this.#showed(this.#world.promises.readAnswered(open.request, response, open.since, this.#seen))
      this.#learn(response)
    }
    open.onAnswer?.(response)
  }

  notified(id: RequestId, notification: WatchNotification): void {
    const open = this.#open.get(id)
    if (open?.kind !== 'watch') return
    const { watcher, onNews } = open
    const before = watcher.events
    this.#showed(watcher.told(notification, this.#seen))
    this.#world.promises.events += watcher.events - before
    if (notification.kind === 'events') this.#consume(id, open, notification.batches.length)
    if (watcher.isOver) {
      this.#open.delete(id)
      if (onNews === null) this.#watchSomething()
    }
    if (notification.kind !== 'created' && notification.kind !== 'progress') onNews?.()
  }

  #newPage(): Draw {
    const { config, model, referee, schedule } = this.#world
    this.#page += 1
    this.#session = new WriteSession(this.#random.hex(32))
    this.#open.clear()
    this.#kept.clear()
    const draw = new Draw(this.#random.fork(), config, model, this.#session.clientId.slice(0, 8))
    const page = this.#page
    if (config.locks === 0) return draw
    const desk = {
      get nowMs() {
        return schedule.nowMs
      },
      write: (request: WriteRequest, onAnswer: OnAnswer) => this.#write(request, onAnswer),
      read: (request: ReadRequest, onAnswer: OnAnswer) => this.#read(request, onAnswer),
      watch: (request: WatchRequest, onNews: () => void) => this.#watch(request, onNews),
      keepLease: (lease: LeaseId, ttlSeconds: number, sinceMs: number) => this.#keepLease(lease, ttlSeconds, sinceMs),
      dropLease: (lease: LeaseId) => {
        this.#kept.delete(lease)
        this.#worker?.dropLease(lease)
      },
      after: (delayMs: number, then: () => void) =>
        schedule.after(delayMs, () => {
          if (this.#page === page) then()
        }),
    }
    this.#locks = new LockUser(desk, this.#random.fork(), referee, () => draw.value())
    return draw
  }

  #newWorker(push: Push, disk: OutboxDisk | null): WorkerHalf {
    const { schedule, promises, history } = this.#world
    return new WorkerHalf({
      schedule,
      random: this.#random.fork(),
      promises,
      history,
      disk,
      nextId: () => this.#takeId(),
      push,
      tellOfLease: message => {
        const kept = this.#kept.get(message.lease)
        if (message.type === 'leaseKept' && kept !== undefined) kept.untilMs = message.untilMs
        if (message.type !== 'leaseLost') return
        this.#kept.delete(message.lease)
        this.#locks?.leaseLost(message.lease)
      },
    })
  }

  #think(worker: WorkerHalf): void {
    const { schedule, config } = this.#world
    schedule.after(this.#random.between(...config.thinkMs), () => {
      if (!this.#isActive || this.#worker !== worker || this.#asked >= config.requestsMax) return
      const inFlight = [...this.#open.values()].filter(({ kind }) => kind !== 'watch').length
      if (inFlight < config.inFlightMax) this.#ask()
      this.#think(worker)
    })
  }

  #ask(): void {
    const { abortWeight, locks } = this.#world.config
    const weights = { write: 6, read: 3, localRead: 1, sideRead: 0.5, progress: 0.5 }
    switch (this.#random.weighted({ ...weights, abort: abortWeight, retry: abortWeight / 2, lock: locks })) {
      case 'write':
        this.#write(this.#draw.write(), null)
        return
      case 'read':
        this.#read(this.#draw.read(), null)
        return
      case 'localRead':
        this.#readLocally(this.#draw.read())
        return
      case 'sideRead':
        if (this.#random.chance(0.7)) this.#read(this.#draw.sideRead(), null)
        else this.#readLocally(this.#draw.sideRead())
        return
      case 'progress': {
        const [id] = this.#random.pick([...this.#open].filter(([, { kind }]) => kind === 'watch')) ?? []
        if (id !== undefined) this.#worker?.push({ kind: 'progress', id })
        return
      }
      case 'abort':
        this.#abort()
        return
      case 'retry':
        this.#retry()
        return
      case 'lock':
        this.#locks?.enter(`lock${this.#random.integer(1, locks)}`)
        return
    }
  }

  #write(request: WriteRequest, onAnswer: OnAnswer | null): void {
    const command = this.#session.next(request)
    this.#world.history.writes(command)
    this.#request({ kind: 'write', command, onAnswer })
  }

  #read(request: ReadRequest, onAnswer: OnAnswer | null): void {
    const begun = request.op === 'range' ? this.#world.history.reads(request) : null
    this.#request({ kind: 'read', request, serializable: false, since: this.#now(request), begun, onAnswer })
  }

  #readLocally(request: ReadRequest): void {
    this.#request({ kind: 'read', request, serializable: true, since: null, begun: null, onAnswer: null })
  }

  #now(request: ReadRequest): Moment {
    return this.#world.promises.now('lease' in request ? request.lease : 0)
  }

  #watchSomething(): void {
    this.#watch(this.#draw.watch(), null)
  }

  #watch(request: WatchRequest, onNews: (() => void) | null): () => void {
    const isSlow = onNews === null && this.#random.chance(this.#world.config.slowWatches)
    const id = this.#request({ kind: 'watch', watcher: new Watcher(this.#world.model, request), isSlow, onNews })
    return () => {
      if (this.#open.delete(id)) this.#worker?.push({ kind: 'cancel', id })
    }
  }

  #request(open: Open): RequestId {
    const id = this.#takeId()
    this.#open.set(id, open)
    if (open.kind !== 'watch') this.#asked += 1
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

  #writeAnswered(command: Command, response: ClientResponse): void {
    const { history, promises } = this.#world
    history.answered(history.writes(command), response)
    promises.writeAnswered(command, response)
    this.#session.received(command.seq)
    if (response.ok) this.#showed(response.response.header.revision)
  }

  /** What the member has shown in any way, it shows in every other from then on. */
  #showed(revision: Revision): void {
    this.#seen = Math.max(this.#seen, revision)
  }

  #learn(response: ClientResponse): void {
    if (!response.ok || response.response.op !== 'range') return
    for (const kv of response.response.kvs) this.#draw.believes(versionOf(kv))
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

  /** Gives up waiting for a write, which goes on, or for a read; or ends a watch and begins another. */
  #abort(): void {
    const [id, open] = this.#random.pick([...this.#open]) ?? []
    if (id === undefined || open === undefined) return
    // Whoever uses a lock waits for what it asked for.
    if (open.kind === 'watch' ? open.onNews !== null : open.onAnswer !== null) return
    if (open.kind === 'write') this.#world.promises.aborted(open.command)
    else this.#open.delete(id)
    this.#worker?.push({ kind: 'cancel', id })
    if (open.kind === 'watch') this.#watchSomething()
  }

  /** Asks for a write again, under the number it has. */
  #retry(): void {
    const [id, open] = this.#random.pick([...this.#open].filter(([, { kind }]) => kind === 'write')) ?? []
    if (this.#worker !== null && id !== undefined && open !== undefined) this.#send(this.#worker, id, open)
  }

  #keepLease(lease: LeaseId, ttlSeconds: number, sinceMs: number): void {
    this.#kept.set(lease, { ttlSeconds, untilMs: sinceMs + ttlSeconds * 1_000 })
    this.#worker?.keepLease(lease, ttlSeconds, sinceMs)
  }

  #takeId(): RequestId {
    this.#lastId += this.#idStep
    return this.#lastId
  }
}

/** What a slow consumer takes to consume what it was given, at most. */
const slowMsMax = 4_000
