import type { ClientResponse, RequestId } from '../replica/types.ts'
import { DEFAULT_STORE_OPTIONS } from '../store/limits.ts'
import { type Command, StoreError, type WriteRequest } from '../store/types.ts'
import { checkWrite } from '../store/validate.ts'
import type { OutboxEntry } from '../worker/protocol.ts'
import { answersWrite, isOutOfSequence, losesNumber, type Offline, toError, type WriteCall } from './calls.ts'
import { FlotillaError } from './errors.ts'
import { pendingBytesMax, pendingWritesMax, settledWritesMax } from './limits.ts'
import { PendingList, type PendingWrite, type SettledWrite, writtenKeys } from './pending.ts'
import { Observable } from './readable.ts'
import { randomName, WriteSession } from './session.ts'

/** The writes of a page from asking to answer: their numbers, their order, and those that an earlier life left behind. */
export class Writes {
  readonly pending = new PendingList(() => this.#pendingWrites())
  readonly settled = new Observable<readonly SettledWrite[]>([])
  #session = new WriteSession(randomName())
  /** The names this page has written under, by which it knows its own writes in the outbox. */
  readonly #names = new Set([this.#session.clientId])
  /** Not answered, in the order of asking. */
  readonly #open = new Map<RequestId, WriteCall>()
  #openBytes = 0
  /** For want of a session with numbers to give; older than any that was not sent yet. */
  #waiting = new Set<WriteCall>()
  /** Refused by a broken session without having happened; they go first in the next one. */
  readonly #renumber = new Set<WriteCall>()
  /** Kept by an earlier life, and to be answered before any write of this one is sent. */
  #earlier: readonly OutboxEntry[] = []

  get size(): number {
    return this.#earlier.length + this.#open.size
  }

  /** Throws what can be said against a write before it has a number. */
  admit(request: WriteRequest, bytes: number, offline: Offline, quorum: boolean): void {
    try {
      checkWrite(request, DEFAULT_STORE_OPTIONS)
    } catch (error) {
      if (error instanceof StoreError) throw new FlotillaError(error.code, error.message)
      throw error
    }
    if (quorum) return
    if (offline === 'fail') throw withoutQuorum('definite')
    if (this.size >= pendingWritesMax || this.#openBytes + bytes > pendingBytesMax) {
      throw new FlotillaError('OUTBOX_FULL', 'Too many writes are waiting for a quorum already.')
    }
  }

  add(call: WriteCall): void {
    this.#open.set(call.id, call)
    this.#openBytes += call.bytes
    this.pending.changed()
  }

  /** It will not be sent. False if it was, or may have been. */
  withdraw(call: WriteCall): boolean {
    if (call.command !== null) return false
    this.#waiting.delete(call)
    this.#renumber.delete(call)
    this.#close(call)
    return true
  }

  /** Gives a write its number; or, if there is none to be had, lets it wait, and returns false. */
  number(call: WriteCall): boolean {
    if (this.#session.broken) {
      this.#waiting.add(call)
      return false
    }
    call.command = this.#session.next(call.request)
    return true
  }

  /** A write that was sent before, as it is to be sent now. */
  again(call: WriteCall): Command {
    if (call.command === null) throw new Error('assertion failed: a write without a number is sent')
    return this.#session.again(call.command)
  }

  /** Those that waited for a number and can now be given one, in order. */
  takeWaiting(): WriteCall[] {
    if (this.#session.broken) return []
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    return waiting
  }

  /** True if, after this answer, some that waited can be sent. */
  answered(call: WriteCall, response: ClientResponse): boolean {
    if (call.command === null) throw new Error('assertion failed: an answer to a write that was not sent')
    this.#session.received(call.command.seq)
    call.command = null
    call.durable = false
    if (!response.ok && losesNumber(response)) this.#session.break()
    if (!response.ok && isOutOfSequence(response) && response.outcome === 'definite' && !call.renumbered) {
      call.renumbered = true
      this.#renumber.add(call)
    } else {
      this.#close(call)
      if (!response.ok) call.settle.reject(toError(response))
      else if (answersWrite(call.request, response.response)) call.settle.resolve(response.response)
      else throw new Error(`assertion failed: ${call.request.op} answered by ${response.response.op}`)
    }
    if (!this.#session.over) return false
    this.#session = new WriteSession(randomName())
    this.#names.add(this.#session.clientId)
    const earlier = [...this.#renumber].sort((a, b) => a.id - b.id)
    this.#renumber.clear()
    this.#waiting = new Set([...earlier, ...this.#waiting])
    return this.#waiting.size > 0
  }

  /** The quorum is lost, and these were not to wait for another. */
  failUnqueued(withdraw: (call: WriteCall) => 'definite' | 'unknown'): void {
    for (const call of [...this.#open.values()]) {
      if (call.offline === 'fail') call.settle.reject(withoutQuorum(withdraw(call)))
    }
  }

  kept(ids: readonly RequestId[]): void {
    for (const id of ids) {
      const call = this.#open.get(id)
      if (call !== undefined) call.durable = true
    }
    this.pending.changed()
  }

  /** What the worker found in the outbox when it was opened, which after the end of an earlier worker may be our own. */
  found(entries: readonly OutboxEntry[]): void {
    for (const { command } of entries) {
      const own = this.own(command)
      if (own !== undefined) own.durable = true
    }
    this.#earlier = entries.filter(({ command }) => !this.#names.has(command.clientId))
    this.pending.changed()
  }

  /** A write of the outbox that no request of this page's asked for was answered. */
  settle({ command, at }: OutboxEntry, response: ClientResponse): void {
    if (this.#names.has(command.clientId)) return
    this.#earlier = this.#earlier.filter(({ command: { clientId, seq } }) => {
      return clientId !== command.clientId || seq !== command.seq
    })
    const { request } = command
    const settled = {
      operation: request.op,
      keys: writtenKeys(request),
      request,
      at,
      result: settledResult(request, response),
    }
    this.settled.set([...this.settled.value, settled].slice(-settledWritesMax))
    this.pending.changed()
  }

  /** The write of this page that goes by this name and number. */
  own({ clientId, seq }: Command): WriteCall | undefined {
    if (!this.#names.has(clientId)) return undefined
    for (const call of this.#open.values()) {
      if (call.command?.clientId === clientId && call.command.seq === seq) return call
    }
    return undefined
  }

  /** The worker is gone; what the next one keeps, it will say. */
  detach(): void {
    for (const call of this.#open.values()) call.durable = false
    this.#earlier = []
    this.pending.changed()
  }

  /** Nothing will be answered. Returns all that was not. */
  clear(): WriteCall[] {
    const calls = [...this.#open.values()]
    this.#open.clear()
    this.#openBytes = 0
    this.#waiting.clear()
    this.#renumber.clear()
    this.pending.changed()
    return calls
  }

  #close(call: WriteCall): void {
    this.#open.delete(call.id)
    this.#openBytes -= call.bytes
    this.pending.changed()
  }

  #pendingWrites(): readonly PendingWrite[] {
    return [
      ...this.#earlier.map(({ command: { request }, at }) => pendingWrite(request, at, true, true)),
      ...[...this.#open.values()].map(({ request, at, durable }) => pendingWrite(request, at, durable, false)),
    ]
  }
}

function pendingWrite(request: WriteRequest, at: number, durable: boolean, fromEarlierLife: boolean): PendingWrite {
  return { operation: request.op, keys: writtenKeys(request), request, at, durable, fromEarlierLife }
}

function settledResult(request: WriteRequest, response: ClientResponse): SettledWrite['result'] {
  if (!response.ok) return { ok: false, error: toError(response) }
  const answer = response.response
  if (!answersWrite(request, answer)) throw new Error(`assertion failed: ${request.op} answered by ${answer.op}`)
  return { ok: true, revision: answer.header.revision, response: answer }
}

function withoutQuorum(outcome: 'definite' | 'unknown'): FlotillaError {
  const message =
    outcome === 'definite'
      ? 'There is no quorum, and the write was not to wait for one.'
      : 'The quorum was lost while the write was on its way; it may have happened or may still happen.'
  return new FlotillaError('UNAVAILABLE', message, { outcome })
}
