import type { ClientResponse, ReplicaStatus, RequestId, TabRole, WatchNotification } from '../replica/types.ts'
import type { LeaseId, ReadRequest, ReadResponse, WatchRequest, WriteRequest, WriteResponse } from '../store/types.ts'
import { onlyReads } from '../store/validate.ts'
import type { EpochMs, FromHost, HostStatus, ToHost } from '../worker/protocol.ts'
import {
  answersRead,
  answersWrite,
  type Call,
  follow,
  type Offline,
  type ReadResponseTo,
  type ResponseTo,
  resumed,
  type Settle,
  toError,
  type WatchCall,
  type WatchSink,
  withUnknownOutcome,
} from './calls.ts'
import { aborted, FlotillaError } from './errors.ts'
import { type DatabaseEvent, EventLog } from './events.ts'
import type { PageCounts } from './page-metrics.ts'
import { type PendingWrite, type SettledWrite, writeBytes } from './pending.ts'
import { Observable, type Readable } from './readable.ts'
import { Writes } from './writes.ts'

type RequestMessage = Extract<ToHost, { type: 'requests' }>

export interface WriteOptions {
  /** Ends the wait and not the write, which may still happen (`ABORTED`, `outcome: 'unknown'`), unless it was not sent yet. */
  readonly signal?: AbortSignal | undefined
  /** What to do while there is no quorum: `queue` it, or `fail` (`UNAVAILABLE`). As the database was opened, if not given. */
  readonly offline?: Offline
}

export interface ConnectionOptions {
  /** `editor` if not given. */
  readonly role?: TabRole
  readonly offline?: Offline
  /** The cluster has acknowledged a write that was asked for here. */
  readonly onWritten?: () => void
}

export interface WatchHandle {
  /** So many batches were consumed, and as many more may come. */
  credit(batches: number): void
  /** Asks for a `progress` notification. It comes when all events up to then have been given. */
  progress(): void
  cancel(): void
}

/** Where the news of a lease go. After `lost` there are none. */
export interface LeaseSink {
  /** It was kept alive, and lives until then at least. */
  kept(untilMs: EpochMs): void
  /** It ended, or may have. */
  lost(): void
}

interface KeptLease {
  readonly ttlSeconds: number
  untilMs: EpochMs
  /** Whoever keeps it: a page may attach itself to a lease that it holds. */
  readonly sinks: Set<LeaseSink>
}

/**
 * The page's end of the data port. It numbers requests, sends those of one microtask as one message, and brings the
 * answers back to their callers. Speaks of bytes and revisions only; keys, codecs and ranges are its users' matter.
 *
 * It outlives its worker: attached to the next one, it asks again what was not answered, goes on with each watch
 * where it was, and repeats unanswered writes under the numbers they had, which the cluster knows to be the same writes.
 */
export class Connection {
  readonly #role: TabRole
  readonly #offline: Offline
  readonly #onWritten: () => void
  readonly #status: Observable<HostStatus | null> = new Observable<HostStatus | null>(null)
  readonly #writes = new Writes()
  readonly #events = new EventLog()
  #post: ((message: ToHost) => void) | null = null
  #nextId: RequestId = 1
  /** Asked for and not yet sent, in the order of the calls. */
  readonly #unsent = new Set<Call>()
  /** In the order of sending. */
  readonly #sent = new Map<RequestId, Call>()
  readonly #canceled: RequestId[] = []
  readonly #credits = new Map<RequestId, number>()
  readonly #progress = new Set<RequestId>()
  readonly #leases = new Map<LeaseId, KeptLease>()
  #flushScheduled = false
  #failure: FlotillaError | null = null
  #interruption: FlotillaError | null = null

  /** Nothing is sent before it is attached to a worker. */
  constructor({ role = 'editor', offline = 'queue', onWritten = () => {} }: ConnectionOptions = {}) {
    this.#role = role
    this.#offline = offline
    this.#onWritten = onWritten
  }

  /** The member's own view, as of its last word; null before the first. */
  get status(): Readable<HostStatus | null> & { readonly value: HostStatus | null } {
    return this.#status
  }

  /** Writes not yet answered, those of earlier lives first, in the order they will happen. */
  get pending(): Readable<readonly PendingWrite[]> & { readonly value: readonly PendingWrite[] } {
    return this.#writes.pending
  }

  /** What became of the writes of earlier lives: the latest `settledWritesMax`, in the order they were answered. */
  get settled(): Readable<readonly SettledWrite[]> & { readonly value: readonly SettledWrite[] } {
    return this.#writes.settled
  }

  /** What happened, the latest `eventsMax`, the oldest first. */
  get events(): Readable<readonly DatabaseEvent[]> & { readonly value: readonly DatabaseEvent[] } {
    return this.#events.latest
  }

  /** What a page has under way, for `metrics()`. */
  get counts(): PageCounts {
    const watches = [...this.#sent.values()].filter(({ kind }) => kind === 'watch').length
    return { writes: this.#writes.size, watches, leases: this.#leases.size }
  }

  /** Why nothing will be answered any more. */
  get failure(): FlotillaError | null {
    return this.#failure
  }

  /** Why there is no member to ask just now. It is opened again by and by; what is asked for waits. */
  get interruption(): FlotillaError | null {
    return this.#interruption
  }

  /** A worker's member runs: all that is unanswered goes to it, from the beginning. */
  attach(post: (message: ToHost) => void): void {
    if (this.#post !== null) throw new Error('assertion failed: attached to two workers')
    this.#post = post
    this.#interruption = null
    const requests = [...this.#sent.values()].map(call => this.#requestOf(call))
    if (requests.length > 0) post({ type: 'requests', requests })
    for (const call of this.#sent.values()) {
      if (call.kind === 'watch' && call.progressDue) this.#progress.add(call.id)
    }
    for (const [lease, { ttlSeconds, untilMs }] of this.#leases) {
      post({ type: 'keepLease', lease, ttlSeconds, sinceMs: untilMs - ttlSeconds * 1000 })
    }
    this.#scheduleFlush()
  }

  /** The worker is gone, and with it all it had not answered. What is asked for waits for the next one. */
  detach(): void {
    this.#post = null
    this.#canceled.length = 0
    this.#credits.clear()
    this.#progress.clear()
    this.#writes.detach()
  }

  /** As `detach`, and there will be no next one before something changes. Until then there is no quorum to ask either. */
  interrupt(error: FlotillaError): void {
    this.detach()
    this.#interruption = error
    const status = this.#status.value
    if (status === null) return
    const replica: ReplicaStatus = { ...status.replica, role: 'follower', leader: 0, quorum: false }
    this.receive({ type: 'status', status: { ...status, replica } })
  }

  async read<R extends ReadRequest>(
    request: R,
    serializable: boolean,
    signal?: AbortSignal,
  ): Promise<ReadResponseTo<R>> {
    const response = await this.#ask<ReadResponse>(signal, (id, settle) => {
      return { kind: 'read', id, request, serializable, settle }
    })
    if (!answersRead(request, response)) throw new Error(`assertion failed: ${request.op} answered by ${response.op}`)
    return response
  }

  /**
   * Rejects with `outcome: 'unknown'` where the write may have happened, aborting it after it was sent included. What every
   * member would refuse is refused here, before it takes a number: the cluster waits for each number it has not seen.
   *
   * Without a quorum: `UNAVAILABLE` if it is not to be queued, `OUTBOX_FULL` if too much is. A viewer's: `PERMISSION_DENIED`, unless it
   * is a transaction that only reads. The cluster would take nothing else from it, and it would wait for good.
   */
  async write<R extends WriteRequest>(request: R, options: WriteOptions = {}): Promise<ResponseTo<R>> {
    const { signal, offline = this.#offline } = options
    if (this.#role === 'viewer') return this.#lookInto(request, signal)
    const bytes = writeBytes(request)
    if (this.#failure === null) this.#writes.admit(request, bytes, offline, this.#hasQuorum)
    const response = await this.#ask<WriteResponse>(signal, (id, settle) => {
      const state = { command: null, renumbered: false, durable: false }
      return { kind: 'write', id, request, bytes, offline, at: Date.now(), settle, ...state }
    })
    if (!answersWrite(request, response)) throw new Error(`assertion failed: ${request.op} answered by ${response.op}`)
    this.#onWritten()
    return response
  }

  async #lookInto<R extends WriteRequest>(request: R, signal: AbortSignal | undefined): Promise<ResponseTo<R>> {
    if (request.op !== 'txn' || !onlyReads(request)) {
      throw new FlotillaError('PERMISSION_DENIED', 'This tab was let in to look, not to change anything.')
    }
    const response = await this.read(request, false, signal)
    if (!answersWrite(request, response)) throw new Error(`assertion failed: ${request.op} answered by ${response.op}`)
    return response
  }

  watch(request: WatchRequest, sink: WatchSink): WatchHandle {
    const call: WatchCall = { kind: 'watch', id: this.#takeId(), request, sink, next: null, progressDue: false }
    if (this.#failure !== null) {
      const failure = this.#failure
      queueMicrotask(() => sink.fail(failure))
    } else {
      this.#enqueue(call)
    }
    const isOpen = () => this.#unsent.has(call) || this.#sent.has(call.id)
    return {
      credit: batches => {
        if (!isOpen()) return
        this.#credits.set(call.id, (this.#credits.get(call.id) ?? 0) + batches)
        this.#scheduleFlush()
      },
      progress: () => {
        if (!isOpen()) return
        call.progressDue = true
        this.#progress.add(call.id)
        this.#scheduleFlush()
      },
      cancel: () => this.#withdraw(call),
    }
  }

  /**
   * Has the worker keep a lease alive that was granted, or last kept alive, by a request sent at `sinceMs`. Returns what
   * ends that; the lease then lives as long as it has left.
   */
  keepLease(lease: LeaseId, ttlSeconds: number, sinceMs: EpochMs, sink: LeaseSink): () => void {
    const untilMs = sinceMs + ttlSeconds * 1000
    const kept: KeptLease = this.#leases.get(lease) ?? { ttlSeconds, untilMs, sinks: new Set() }
    kept.untilMs = Math.max(kept.untilMs, untilMs)
    kept.sinks.add(sink)
    this.#leases.set(lease, kept)
    this.#post?.({ type: 'keepLease', lease, ttlSeconds, sinceMs })
    return () => {
      if (!kept.sinks.delete(sink) || kept.sinks.size > 0 || this.#leases.get(lease) !== kept) return
      this.#leases.delete(lease)
      this.#post?.({ type: 'dropLease', lease })
    }
  }

  /** Tells the worker, at once, what becomes of the page, with all that was asked for before. */
  tell(type: 'leave' | 'freeze' | 'wake'): void {
    if (this.#post === null) return
    this.#flush(this.#post)
    this.#post({ type })
  }

  receive(message: Exclude<FromHost, { type: 'alive' | 'failed' }>): void {
    if (this.#failure !== null) return
    switch (message.type) {
      case 'turn':
        for (const { id, response } of message.responses) this.#onResponse(id, response)
        for (const { id, notification } of message.notifications) this.#onNotification(id, notification)
        break
      case 'status':
        this.#status.set(message.status)
        if (!this.#hasQuorum) this.#writes.failUnqueued(call => this.#withdraw(call))
        break
      case 'events':
        this.#events.add(message.events)
        break
      case 'leaseKept': {
        const kept = this.#leases.get(message.lease)
        if (kept === undefined) return
        kept.untilMs = Math.max(kept.untilMs, message.untilMs)
        for (const sink of kept.sinks) sink.kept(kept.untilMs)
        break
      }
      case 'leaseLost': {
        const kept = this.#leases.get(message.lease)
        this.#leases.delete(message.lease)
        for (const sink of [...(kept?.sinks ?? [])]) sink.lost()
        break
      }
      case 'outbox':
        this.#writes.found(message.entries)
        break
      case 'kept':
        this.#writes.kept(message.ids)
        break
      case 'settled': {
        // It may be our own: an earlier worker kept it, and this one was faster than our repeating it.
        const own = this.#writes.own(message.entry.command)
        if (own !== undefined) this.#onResponse(own.id, message.response)
        else this.#writes.settle(message.entry, message.response)
        break
      }
      default:
        message satisfies never
    }
  }

  /** Ends everything: nothing will be answered. Writes already sent may have happened. */
  fail(error: FlotillaError): void {
    if (this.#failure !== null) return
    this.#failure = error
    const calls = [...this.#sent.values(), ...this.#unsent].filter(call => call.kind !== 'write')
    const writes = this.#writes.clear()
    const leases = [...this.#leases.values()]
    for (const queue of [this.#sent, this.#unsent, this.#credits, this.#progress, this.#leases]) queue.clear()
    for (const call of calls) {
      if (call.kind === 'watch') call.sink.fail(error)
      else call.settle.reject(error)
    }
    for (const { command, settle } of writes) settle.reject(command === null ? error : withUnknownOutcome(error))
    for (const { sinks } of leases) for (const sink of [...sinks]) sink.lost()
    // So that whoever shows the status shows this too.
    this.#status.set(this.#status.value)
  }

  get #hasQuorum(): boolean {
    // Unheard of, it is given the benefit of the doubt: the first status is on its way.
    return this.#status.value?.replica.quorum ?? true
  }

  #takeId(): RequestId {
    return this.#nextId++
  }

  #ask<R>(signal: AbortSignal | undefined, toCall: (id: RequestId, settle: Settle<R>) => Call): Promise<R> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal, 'definite'))
      if (this.#failure !== null) return reject(this.#failure)
      const onAbort = () => {
        // The listener is only ever there with its signal.
        if (signal !== undefined) reject(aborted(signal, this.#withdraw(call)))
      }
      const settle: Settle<R> = {
        resolve: response => {
          signal?.removeEventListener('abort', onAbort)
          resolve(response)
        },
        reject: error => {
          signal?.removeEventListener('abort', onAbort)
          reject(error)
        },
      }
      const call = toCall(this.#takeId(), settle)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#enqueue(call)
    })
  }

  /** Nobody waits for `call` any longer. Returns what is known about its effect. */
  #withdraw(call: Call): 'definite' | 'unknown' {
    if (call.kind === 'write') {
      // One that was sent stays: its answer is still to be counted, or its number would be outstanding for good.
      if (!this.#writes.withdraw(call)) return 'unknown'
      this.#unsent.delete(call)
      return 'definite'
    }
    if (this.#unsent.delete(call)) return 'definite'
    if (this.#sent.delete(call.id)) {
      this.#credits.delete(call.id)
      this.#progress.delete(call.id)
      this.#canceled.push(call.id)
      this.#scheduleFlush()
    }
    return 'definite'
  }

  #enqueue(call: Call): void {
    this.#unsent.add(call)
    if (call.kind === 'write') this.#writes.add(call)
    this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    queueMicrotask(() => {
      this.#flushScheduled = false
      if (this.#failure === null && this.#post !== null) this.#flush(this.#post)
    })
  }

  #flush(post: (message: ToHost) => void): void {
    const requests = []
    for (const call of [...this.#writes.takeWaiting(), ...this.#unsent]) {
      if (call.kind === 'write' && !this.#writes.number(call)) continue
      this.#sent.set(call.id, call)
      requests.push(this.#requestOf(call))
    }
    this.#unsent.clear()
    if (requests.length > 0) post({ type: 'requests', requests })
    if (this.#canceled.length > 0) post({ type: 'cancel', ids: this.#canceled.splice(0) })
    for (const [id, batches] of this.#credits) post({ type: 'credit', id, batches })
    this.#credits.clear()
    for (const id of this.#progress) post({ type: 'progress', id })
    this.#progress.clear()
  }

  #requestOf(call: Call): RequestMessage['requests'][number] {
    const { id } = call
    switch (call.kind) {
      case 'read':
        return { id, request: { kind: 'read', request: call.request, serializable: call.serializable } }
      case 'watch':
        return { id, request: { kind: 'watch', request: resumed(call) } }
      case 'write':
        return { id, request: { kind: 'write', command: this.#writes.again(call) } }
    }
  }

  #onResponse(id: RequestId, response: ClientResponse): void {
    const call = this.#sent.get(id)
    // Crossed a cancel on the way.
    if (call === undefined) return
    this.#sent.delete(id)
    if (call.kind === 'write') {
      if (this.#writes.answered(call, response)) this.#scheduleFlush()
    } else if (!response.ok && call.kind === 'watch') call.sink.fail(toError(response))
    else if (!response.ok && call.kind === 'read') call.settle.reject(toError(response))
    else if (response.ok && call.kind === 'read' && answersRead(call.request, response.response))
      call.settle.resolve(response.response)
    else throw new Error(`assertion failed: a ${call.kind} was answered by something else`)
  }

  #onNotification(id: RequestId, notification: WatchNotification): void {
    const call = this.#sent.get(id)
    if (call?.kind !== 'watch') return
    const isKnown = call.next !== null
    if (notification.kind === 'compacted') this.#sent.delete(id)
    // That it was made anew by another worker is nobody's business.
    if (notification.kind === 'created' && isKnown) return
    follow(call, notification)
    call.sink.notify(notification)
  }
}
