import { encodeCommand } from '../store/command-codec.ts'
import { DEFAULT_STORE_OPTIONS } from '../store/limits.ts'
import type { Store } from '../store/store.ts'
import { type Command, type CommandResult, StoreError } from '../store/types.ts'
import { checkCommand } from '../store/validate.ts'
import { answerRead } from './answers.ts'
import type { LeaseClock } from './lease-clock.ts'
import { type PendingRead, type PendingReads, pendingReadsMax } from './reads.ts'
import type { ClientRequest, ClientResponse, Output, RequestId } from './types.ts'
import { PendingWrites } from './writes.ts'

/**
 * The requests of this member's clients, from asking to answer. What needs the cluster waits in `writes` and `reads` for
 * the replica to get it through; what the member can answer from its own state is answered here.
 */
export class Clients {
  readonly writes = new PendingWrites()
  readonly reads: PendingReads
  readonly #store: Store
  readonly #leases: LeaseClock
  readonly #emit: (output: Output) => void
  readonly #watches = new Set<RequestId>()
  /** Watches that were asked how far they are, and are not done with what is there. */
  readonly #progressAsked = new Set<RequestId>()
  /** Whether there is a state to read from: false in a member that has not been given the cluster's yet. */
  #hasState: boolean
  /** Local reads and watches that wait for a state. */
  #deferred: { id: RequestId; request: ClientRequest }[] = []

  constructor(options: {
    reads: PendingReads
    store: Store
    leases: LeaseClock
    hasState: boolean
    emit: (output: Output) => void
  }) {
    this.reads = options.reads
    this.#store = options.store
    this.#leases = options.leases
    this.#hasState = options.hasState
    this.#emit = options.emit
  }

  request(id: RequestId, request: ClientRequest): void {
    switch (request.kind) {
      case 'write':
        this.#write(id, request.command)
        return
      case 'read':
        if (request.serializable && this.#hasState) this.#serve({ id, request: request.request })
        else if (this.reads.size + this.#deferred.length >= pendingReadsMax) this.#answer(id, tooManyReads)
        else if (request.serializable) this.#deferred.push({ id, request })
        else this.reads.add({ id, request: request.request })
        return
      case 'watch':
        if (!this.#hasState) {
          this.#deferred.push({ id, request })
          return
        }
        this.#watches.add(id)
        this.#store.watch(id, request.request)
        this.#emit({ kind: 'notify', id, notification: { kind: 'created', revision: this.#store.revision } })
        return
      default:
        request satisfies never
    }
  }

  /** A write goes on: it may have been proposed, and those behind it count on its number. */
  cancel(id: RequestId): void {
    this.reads.cancel(id)
    this.#deferred = this.#deferred.filter(deferred => deferred.id !== id)
    this.#progressAsked.delete(id)
    if (this.#watches.delete(id)) this.#store.unwatch(id)
  }

  credit(id: RequestId, batches: number): void {
    if (this.#watches.has(id)) this.#store.credit(id, batches)
  }

  /** Asked often, it is still answered once. */
  askProgress(id: RequestId): void {
    if (this.#watches.has(id) || this.#deferred.some(deferred => deferred.id === id)) this.#progressAsked.add(id)
  }

  /** A command of whichever member's client was applied. */
  applied({ clientId, seq }: Command, result: CommandResult): void {
    const id = this.writes.settle(clientId, seq)
    if (id !== null) this.#answer(id, toResponse(result))
  }

  /** The store was given a new state in place of entries, and with it the results of writes that were among them. */
  stateInstalled(): void {
    this.#hasState = true
    const deferred = this.#deferred
    this.#deferred = []
    for (const { id, request } of deferred) this.request(id, request)
    for (const { id, result } of this.writes.reconcile((client, seq) => this.#store.resultOf(client, seq))) {
      this.#answer(id, result === 'forgotten' ? resultForgotten : toResponse(result))
    }
  }

  /** Answers the confirmed reads that the applied state has caught up with, and gives watchers what they can take. */
  serve(applied: number): void {
    for (const read of this.reads.takeServable(applied)) this.#serve(read)
    for (const delivery of this.#store.drainWatches()) {
      const { id } = delivery
      if ('batches' in delivery) {
        this.#emit({ kind: 'notify', id, notification: { kind: 'events', batches: delivery.batches } })
      } else {
        this.#watches.delete(id)
        this.#progressAsked.delete(id)
        const { compactRevision } = delivery
        this.#emit({ kind: 'notify', id, notification: { kind: 'compacted', compactRevision } })
      }
    }
    for (const id of this.#progressAsked) {
      const revision = this.#store.progressOf(id)
      if (revision === null) continue
      this.#progressAsked.delete(id)
      this.#emit({ kind: 'notify', id, notification: { kind: 'progress', revision } })
    }
  }

  /** What every member would refuse is refused here, before it takes up room in the log. */
  #write(id: RequestId, command: Command): void {
    this.#orRefuse(id, () => {
      checkCommand(command, DEFAULT_STORE_OPTIONS)
      this.writes.add(id, command, encodeCommand(command))
    })
  }

  #serve({ id, request }: PendingRead): void {
    this.#orRefuse(id, () => this.#answer(id, { ok: true, response: answerRead(request, this.#store, this.#leases) }))
  }

  #orRefuse(id: RequestId, act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#answer(id, { ok: false, code: error.code, message: error.message, outcome: 'definite' })
    }
  }

  #answer(id: RequestId, response: ClientResponse): void {
    this.#emit({ kind: 'respond', id, response })
  }
}

const tooManyReads: ClientResponse = {
  ok: false,
  code: 'UNAVAILABLE',
  message: 'too many reads are waiting for an answer already',
  outcome: 'definite',
}

const resultForgotten: ClientResponse = {
  ok: false,
  code: 'RESULT_FORGOTTEN',
  message: 'the write may have happened, but its result is no longer known',
  outcome: 'unknown',
}

function toResponse(result: CommandResult): ClientResponse {
  if (result.ok) return { ok: true, response: result.response }
  const { code, message } = result
  // A forgotten result is that of a write which did happen, one way or the other; all else had no effect.
  return { ok: false, code, message, outcome: code === 'RESULT_FORGOTTEN' ? 'unknown' : 'definite' }
}
