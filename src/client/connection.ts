import type { ClientResponse, RequestId, WatchNotification } from '../replica/types.ts'
import type { RangeRequest, RangeResponse, WatchRequest, WriteRequest, WriteResponse } from '../store/types.ts'
import type { FromHost, HostStatus, ToHost } from '../worker/protocol.ts'
import { aborted, FlotillaError } from './errors.ts'
import { Observable, type Readable } from './readable.ts'
import { randomName, WriteSession } from './session.ts'

type RequestMessage = Extract<ToHost, { type: 'requests' }>
type Refusal = Extract<ClientResponse, { ok: false }>

/** The answer that belongs to a request. */
export type ResponseTo<R extends WriteRequest> = Extract<WriteResponse, { op: R['op'] }>

/** Where a watch's news go. After `fail` there are none. */
export interface WatchSink {
  notify(notification: WatchNotification): void
  fail(error: FlotillaError): void
}

export interface WatchHandle {
  /** So many batches were consumed, and as many more may come. */
  credit(batches: number): void
  cancel(): void
}

interface ReadCall {
  readonly kind: 'read'
  readonly id: RequestId
  readonly request: RangeRequest
  readonly serializable: boolean
  readonly settle: Settle<RangeResponse>
}

interface WriteCall {
  readonly kind: 'write'
  readonly id: RequestId
  readonly request: WriteRequest
  readonly settle: Settle<WriteResponse>
  /** Its number, from when it is sent. */
  seq: number | null
  /** Refused for want of its predecessor, and sent under a new number once: a second time would be a bug. */
  renumbered: boolean
}

interface WatchCall {
  readonly kind: 'watch'
  readonly id: RequestId
  readonly request: WatchRequest
  readonly sink: WatchSink
}

type Call = ReadCall | WriteCall | WatchCall

interface Settle<R> {
  resolve(response: R): void
  reject(error: FlotillaError): void
}

/**
 * The page's end of the data port. It numbers requests, sends those of one microtask as one message, and brings the
 * answers back to their callers. Speaks of bytes and revisions only; keys, codecs and ranges are its users' matter.
 */
export class Connection {
  readonly #post: (message: ToHost) => void
  readonly #status: Observable<HostStatus | null> = new Observable<HostStatus | null>(null)
  #nextId: RequestId = 1
  #session = new WriteSession(randomName())
  /** Asked for and not yet sent, in the order of the calls. */
  readonly #unsent = new Set<Call>()
  /** Writes that wait for room in the session; all of them are older than any unsent one. */
  #waiting = new Set<WriteCall>()
  /** Refused by a broken session without having happened; they go first in the next one. */
  readonly #renumber: WriteCall[] = []
  readonly #sent = new Map<RequestId, Call>()
  readonly #canceled: RequestId[] = []
  readonly #credits = new Map<RequestId, number>()
  #flushScheduled = false
  #failure: FlotillaError | null = null

  constructor(post: (message: ToHost) => void) {
    this.#post = post
  }

  /** The member's own view, as of its last word; null before the first. */
  get status(): Readable<HostStatus | null> & { readonly value: HostStatus | null } {
    return this.#status
  }

  /** Why nothing will be answered any more. */
  get failure(): FlotillaError | null {
    return this.#failure
  }

  read(request: RangeRequest, serializable: boolean, signal?: AbortSignal): Promise<RangeResponse> {
    return this.#ask(signal, (id, settle) => ({ kind: 'read', id, request, serializable, settle }))
  }

  /** Rejects with `outcome: 'unknown'` where the write may have happened, aborting it after it was sent included. */
  async write<R extends WriteRequest>(request: R, signal?: AbortSignal): Promise<ResponseTo<R>> {
    const response = await this.#ask<WriteResponse>(signal, (id, settle) => {
      return { kind: 'write', id, request, settle, seq: null, renumbered: false }
    })
    if (!answers(request, response)) throw new Error(`assertion failed: ${request.op} answered by ${response.op}`)
    return response
  }

  watch(request: WatchRequest, sink: WatchSink): WatchHandle {
    const call: WatchCall = { kind: 'watch', id: this.#takeId(), request, sink }
    if (this.#failure !== null) {
      const failure = this.#failure
      queueMicrotask(() => sink.fail(failure))
    } else {
      this.#enqueue(call)
    }
    return {
      credit: batches => {
        if (!this.#unsent.has(call) && !this.#sent.has(call.id)) return
        this.#credits.set(call.id, (this.#credits.get(call.id) ?? 0) + batches)
        this.#scheduleFlush()
      },
      cancel: () => this.#withdraw(call),
    }
  }

  /** Tells the worker, at once, that the page is going away. */
  leave(): void {
    this.#post({ type: 'leave' })
  }

  receive(message: FromHost): void {
    if (this.#failure !== null) return
    switch (message.type) {
      case 'turn':
        for (const { id, response } of message.responses) this.#onResponse(id, response)
        for (const { id, notification } of message.notifications) this.#onNotification(id, notification)
        break
      case 'status':
        this.#status.set(message.status)
        break
      case 'failed':
        this.fail(new FlotillaError(message.code, message.message))
        break
      default:
        message satisfies never
    }
  }

  /** Ends everything: nothing will be answered. Writes already sent may have happened. */
  fail(error: FlotillaError): void {
    if (this.#failure !== null) return
    this.#failure = error
    const calls = [...this.#sent.values(), ...this.#renumber, ...this.#waiting, ...this.#unsent]
    for (const queue of [this.#sent, this.#waiting, this.#unsent, this.#credits]) queue.clear()
    for (const call of calls) {
      if (call.kind === 'watch') call.sink.fail(error)
      else if (call.kind === 'write' && call.seq !== null) call.settle.reject(withUnknownOutcome(error))
      else call.settle.reject(error)
    }
    // So that whoever shows the status shows this too.
    this.#status.set(this.#status.value)
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
    if (this.#unsent.delete(call)) return 'definite'
    if (call.kind === 'write') {
      if (this.#waiting.delete(call)) return 'definite'
      // It stays: its answer is still to be counted, or its number would be outstanding for good.
      return 'unknown'
    }
    if (this.#sent.delete(call.id)) {
      this.#credits.delete(call.id)
      this.#canceled.push(call.id)
      this.#scheduleFlush()
    }
    return 'definite'
  }

  #enqueue(call: Call): void {
    this.#unsent.add(call)
    this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    queueMicrotask(() => {
      this.#flushScheduled = false
      if (this.#failure === null) this.#flush()
    })
  }

  #flush(): void {
    const requests = []
    for (const call of this.#waiting) {
      if (!this.#session.hasRoom) break
      this.#waiting.delete(call)
      requests.push(this.#send(call))
    }
    for (const call of this.#unsent) {
      if (call.kind === 'write' && (this.#waiting.size > 0 || !this.#session.hasRoom)) this.#waiting.add(call)
      else requests.push(this.#send(call))
    }
    this.#unsent.clear()
    if (requests.length > 0) this.#post({ type: 'requests', requests })
    if (this.#canceled.length > 0) this.#post({ type: 'cancel', ids: this.#canceled.splice(0) })
    for (const [id, batches] of this.#credits) this.#post({ type: 'credit', id, batches })
    this.#credits.clear()
  }

  #send(call: Call): RequestMessage['requests'][number] {
    this.#sent.set(call.id, call)
    switch (call.kind) {
      case 'read':
        return { id: call.id, request: { kind: 'range', request: call.request, serializable: call.serializable } }
      case 'watch':
        return { id: call.id, request: { kind: 'watch', request: call.request } }
      case 'write': {
        const command = this.#session.next(call.request)
        call.seq = command.seq
        return { id: call.id, request: { kind: 'write', command } }
      }
    }
  }

  #onResponse(id: RequestId, response: ClientResponse): void {
    const call = this.#sent.get(id)
    // Crossed a cancel on the way.
    if (call === undefined) return
    this.#sent.delete(id)
    if (call.kind === 'write') this.#onWriteResponse(call, response)
    else if (!response.ok && call.kind === 'watch') call.sink.fail(toError(response))
    else if (!response.ok && call.kind === 'read') call.settle.reject(toError(response))
    else if (response.ok && call.kind === 'read' && response.response.op === 'range')
      call.settle.resolve(response.response)
    else throw new Error(`assertion failed: a ${call.kind} was answered by something else`)
  }

  #onWriteResponse(call: WriteCall, response: ClientResponse): void {
    if (call.seq === null) throw new Error('assertion failed: an answer to a write that was not sent')
    this.#session.received(call.seq)
    call.seq = null
    if (!response.ok && losesNumber(response)) this.#session.break()
    if (!response.ok && isOutOfSequence(response) && response.outcome === 'definite' && !call.renumbered) {
      call.renumbered = true
      this.#renumber.push(call)
    } else if (!response.ok) {
      call.settle.reject(toError(response))
    } else if (response.response.op === 'range') {
      throw new Error('assertion failed: write answered by range')
    } else {
      call.settle.resolve(response.response)
    }
    if (this.#session.over) {
      this.#session = new WriteSession(randomName())
      const earlier = this.#renumber.splice(0).sort((a, b) => a.id - b.id)
      this.#waiting = new Set([...earlier, ...this.#waiting])
    }
    if (this.#waiting.size > 0) this.#scheduleFlush()
  }

  #onNotification(id: RequestId, notification: WatchNotification): void {
    const call = this.#sent.get(id)
    if (call?.kind !== 'watch') return
    if (notification.kind === 'compacted') this.#sent.delete(id)
    call.sink.notify(notification)
  }
}

function answers<R extends WriteRequest>(request: R, response: WriteResponse): response is ResponseTo<R> {
  return response.op === request.op
}

/** The refusal did not come out of the log, so the write's number was not used up, or may not have been. */
function losesNumber(response: Refusal): boolean {
  return response.code === 'UNAVAILABLE' || response.code === 'STOPPED' || isOutOfSequence(response)
}

/** The cluster misses an earlier write of this session, or has forgotten the session. */
function isOutOfSequence(response: Refusal): boolean {
  return response.code === 'GAP' || response.code === 'SESSION_EXPIRED'
}

function toError(response: Refusal): FlotillaError {
  return new FlotillaError(response.code, response.message, { outcome: response.outcome })
}

function withUnknownOutcome(error: FlotillaError): FlotillaError {
  return new FlotillaError(error.code, error.message, { outcome: 'unknown', cause: error })
}
