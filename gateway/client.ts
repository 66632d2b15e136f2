import { randomBytes } from 'node:crypto'
import type { ClientRequest, ClientResponse, RequestId, WatchNotification } from '../src/replica/types.ts'
import { DEFAULT_STORE_OPTIONS } from '../src/store/limits.ts'
import type { ReadRequest, ReadResponse, WatchRequest, WriteRequest, WriteResponse } from '../src/store/types.ts'
import { checkWrite } from '../src/store/validate.ts'
import { refused, stopped, timedOut, tooManyRequests } from './errors.ts'
import type { Answer, Member } from './member.ts'

/** Unanswered writes: so many results of one client the store remembers, and may have to give again. */
const writesInFlightMax = DEFAULT_STORE_OPTIONS.rememberedResultsMax
const openRequestsMax = 10_000
/** As long as etcd waits for its cluster: 5 s, and two election timeouts. */
const requestMsMax = 7_000

type AnswerTo<R extends ReadRequest | WriteRequest> = Extract<ReadResponse | WriteResponse, { op: R['op'] }>

interface OpenRequest {
  readonly settle: (response: ClientResponse) => void
  readonly fail: (error: Error) => void
}

interface WaitingWrite {
  readonly id: RequestId
  readonly request: WriteRequest
}

/** A watch that is under way. */
export interface WatchHandle {
  /** So many batches were passed on, and as many more may come. */
  credit(batches: number): void
  askProgress(): void
  cancel(): void
}

/**
 * The client of one member: numbers the writes, in the order of the calls, so that each is applied once, and brings the
 * answers back to those who asked.
 */
export class Client {
  readonly #member: Member
  readonly #clientId = randomBytes(16).toString('hex')
  readonly #open = new Map<RequestId, OpenRequest>()
  readonly #watches = new Map<RequestId, (notification: WatchNotification) => void>()
  /** Writes not yet sent, as too many are unanswered; oldest first. */
  #waiting: WaitingWrite[] = []
  /** The number of each unanswered write, in their order. */
  readonly #unanswered = new Map<RequestId, number>()
  #lastSeq = 0
  #lastId: RequestId = 0
  #isStopped = false

  constructor(member: Member) {
    this.#member = member
    member.serve(answer => this.#take(answer))
  }

  async read<R extends ReadRequest>(request: R, { serializable }: { serializable: boolean }): Promise<AnswerTo<R>> {
    return answerTo(request, await this.#ask(id => this.#request(id, { kind: 'read', request, serializable })))
  }

  /** What the store would refuse at sight is refused before it has a number, since a number must not be skipped. */
  async write<R extends WriteRequest>(request: R): Promise<AnswerTo<R>> {
    checkWrite(request, DEFAULT_STORE_OPTIONS)
    const response = await this.#ask(id => {
      this.#waiting.push({ id, request })
      this.#sendWrites()
    })
    return answerTo(request, response)
  }

  /** The first word is `created`; after `compacted` there is none. */
  watch(request: WatchRequest, notify: (notification: WatchNotification) => void): WatchHandle {
    const id = this.#takeId()
    this.#watches.set(id, notify)
    this.#request(id, { kind: 'watch', request })
    return {
      credit: batches => this.#member.push({ kind: 'credit', id, batches }),
      askProgress: () => this.#member.push({ kind: 'progress', id }),
      cancel: () => {
        if (this.#watches.delete(id)) this.#member.push({ kind: 'cancel', id })
      },
    }
  }

  /** Nothing will be answered any more. */
  stop(): void {
    this.#isStopped = true
    for (const { fail } of this.#open.values()) fail(stopped())
    this.#watches.clear()
  }

  #ask(send: (id: RequestId) => void): Promise<ClientResponse> {
    if (this.#isStopped) return Promise.reject(stopped())
    if (this.#open.size >= openRequestsMax) return Promise.reject(tooManyRequests())
    const id = this.#takeId()
    return new Promise<ClientResponse>((settle, reject) => {
      const timer = setTimeout(() => this.#giveUp(id), requestMsMax)
      const end = () => {
        clearTimeout(timer)
        this.#open.delete(id)
      }
      this.#open.set(id, {
        settle: response => {
          end()
          settle(response)
        },
        fail: error => {
          end()
          reject(error)
        },
      })
      send(id)
    })
  }

  #request(id: RequestId, request: ClientRequest): void {
    this.#member.ask({ kind: 'request', id, request })
  }

  /** A write that was sent goes on, and keeps its number. */
  #giveUp(id: RequestId): void {
    this.#waiting = this.#waiting.filter(write => write.id !== id)
    if (!this.#unanswered.has(id)) this.#member.push({ kind: 'cancel', id })
    this.#open.get(id)?.fail(timedOut())
  }

  #sendWrites(): void {
    while (this.#lastSeq - this.#acked < writesInFlightMax) {
      const write = this.#waiting.shift()
      if (write === undefined) return
      const { id, request } = write
      const acked = this.#acked
      this.#lastSeq += 1
      this.#unanswered.set(id, this.#lastSeq)
      this.#request(id, { kind: 'write', command: { clientId: this.#clientId, seq: this.#lastSeq, acked, request } })
    }
  }

  /** All writes up to this one are answered. */
  get #acked(): number {
    for (const seq of this.#unanswered.values()) return seq - 1
    return this.#lastSeq
  }

  #take(answer: Answer): void {
    if (answer.kind === 'notify') {
      this.#watches.get(answer.id)?.(answer.notification)
      return
    }
    const wasWrite = this.#unanswered.delete(answer.id)
    this.#open.get(answer.id)?.settle(answer.response)
    if (wasWrite) this.#sendWrites()
  }

  #takeId(): RequestId {
    this.#lastId += 1
    return this.#lastId
  }
}

function answerTo<R extends ReadRequest | WriteRequest>(request: R, response: ClientResponse): AnswerTo<R> {
  if (!response.ok) throw refused(response)
  const answer = response.response
  if (!answers(request, answer)) throw new Error(`assertion failed: ${request.op} answered by ${answer.op}`)
  return answer
}

function answers<R extends ReadRequest | WriteRequest>(
  request: R,
  answer: ReadResponse | WriteResponse,
): answer is AnswerTo<R> {
  return answer.op === request.op
}
