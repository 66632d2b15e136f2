import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js'
import type { WatchNotification } from '../src/replica/types.ts'
import { compareBytes } from '../src/store/bytes.ts'
import type { Revision, WatchBatch } from '../src/store/types.ts'
import { fromEvent } from './answers.ts'
import type { WatchHandle } from './client.ts'
import { type Endpoint, headerOf } from './endpoint.ts'
import { toCallError } from './errors.ts'
import { toWatch } from './requests.ts'
import type * as wire from './wire.ts'

/** As often as etcd tells an idle watch that asked for it where it stands. */
export const progressNotifyMs = 10 * 60 * 1_000
/** Past events are sent together up to about this size; one revision stays whole. */
const historyBytesMax = 1024 * 1024
/** As etcd answers what is of no watch, or of none that came to be. */
const noWatch = -1

type Call = ServerDuplexStream<wire.WatchRequest, wire.WatchResponse>

/** etcd's service `Watch`: a stream carries any number of watches. */
export function watchService(endpoint: Endpoint, options: { readonly progressNotifyMs: number }) {
  const watch: handleBidiStreamingCall<wire.WatchRequest, wire.WatchResponse> = call => {
    new WatchStream(call, endpoint, options.progressNotifyMs).start()
  }
  return { Watch: watch }
}

/** `ended`: of itself, since what it was to be given was compacted; its id stays taken until it is canceled. */
type Watch = OpenWatch | { readonly phase: 'ended' }

interface OpenWatch {
  readonly phase: 'open'
  readonly handle: WatchHandle
  /** The store's revision when it came to be: what is no later is history. Null until it is there. */
  createdAt: Revision | null
  /** Whether it wants to hear from time to time that there was nothing, and had nothing since the last time. */
  readonly notifiesProgress: boolean
  isIdle: boolean
  isNotifyDue: boolean
}

class WatchStream {
  readonly #call: Call
  readonly #endpoint: Endpoint
  readonly #progressNotifyMs: number
  readonly #watches = new Map<number, Watch>()
  /** Batches written into a full stream: their watches may have as many more when it has drained. */
  readonly #owed = new Map<WatchHandle, number>()
  /** The client's question how far its watches are: those that may lack some of what was there when it was asked. */
  #question: { readonly waiting: Set<OpenWatch>; readonly revision: Revision } | null = null
  #nextId = 0

  constructor(call: Call, endpoint: Endpoint, progressNotifyMs: number) {
    this.#call = call
    this.#endpoint = endpoint
    this.#progressNotifyMs = progressNotifyMs
  }

  start(): void {
    const call = this.#call
    const timer = setInterval(() => this.#notifyProgress(), this.#progressNotifyMs)
    const stop = () => {
      clearInterval(timer)
      for (const id of [...this.#watches.keys()]) this.#remove(id)
    }
    // One after another, as some must see what became of those before: an id is free again when its watch was canceled.
    call.on('data', (request: wire.WatchRequest) => {
      call.pause()
      this.#handle(request).then(
        () => call.resume(),
        error => {
          stop()
          // Emitted, and the stream not destroyed with it: gRPC then still sends the reason.
          call.emit('error', toCallError(error))
        },
      )
    })
    call.on('drain', () => this.#payCredit())
    // A client that has nothing more to ask goes on watching; only the end of the call ends its watches.
    call.on('close', stop)
  }

  async #handle(request: wire.WatchRequest): Promise<void> {
    if (request.create_request) await this.#create(request.create_request)
    else if (request.cancel_request) this.#cancel(request.cancel_request.watch_id)
    else if (request.progress_request) this.#askProgress()
  }

  /** Resolves when the watch is there. */
  async #create(request: wire.WatchCreateRequest): Promise<void> {
    const watchRequest = toWatch(request)
    const { key, end } = watchRequest
    if (end !== null && !(end.length === 1 && end[0] === 0) && compareBytes(key, end) >= 0) {
      this.#refuse('mvcc: watcher range is empty')
      return
    }
    if (request.watch_id !== 0 && this.#watches.has(request.watch_id)) {
      this.#refuse('mvcc: duplicate watch ID provided on the WatchStream')
      return
    }
    const id = request.watch_id === 0 ? this.#takeId() : request.watch_id
    await new Promise<void>(created => {
      const handle = this.#endpoint.client.watch(watchRequest, notification => {
        this.#notify(id, watch, notification)
        if (notification.kind === 'created') created()
      })
      const notifiesProgress = request.progress_notify
      const watch: OpenWatch = {
        phase: 'open',
        handle,
        createdAt: null,
        notifiesProgress,
        isIdle: true,
        isNotifyDue: false,
      }
      this.#watches.set(id, watch)
    })
  }

  #takeId(): number {
    while (this.#watches.has(this.#nextId)) this.#nextId += 1
    this.#nextId += 1
    return this.#nextId - 1
  }

  #refuse(reason: string): void {
    const header = this.#header(this.#endpoint.member.status.revision)
    this.#call.write({ header, watch_id: noWatch, created: true, canceled: true, cancel_reason: reason })
  }

  /** What is not there need not be canceled, and etcd says nothing to it. */
  #cancel(id: number): void {
    if (!this.#remove(id)) return
    this.#call.write({ header: this.#header(this.#endpoint.member.status.revision), watch_id: id, canceled: true })
  }

  #remove(id: number): boolean {
    const watch = this.#watches.get(id)
    if (watch === undefined) return false
    this.#watches.delete(id)
    if (watch.phase === 'open') {
      watch.handle.cancel()
      this.#forget(watch)
    }
    return true
  }

  /** It will not be heard of again. */
  #forget(watch: OpenWatch): void {
    this.#owed.delete(watch.handle)
    if (this.#question?.waiting.delete(watch)) this.#answerIfKnown()
  }

  #notify(id: number, watch: OpenWatch, notification: WatchNotification): void {
    switch (notification.kind) {
      case 'created':
        watch.createdAt = notification.revision
        this.#call.write({ header: this.#header(notification.revision), watch_id: id, created: true })
        return
      case 'events':
        this.#passOn(id, watch, notification.batches)
        return
      case 'progress':
        this.#progressed(id, watch, notification.revision)
        return
      case 'compacted':
        this.#watches.set(id, { phase: 'ended' })
        this.#forget(watch)
        this.#call.write({
          header: this.#header(0),
          watch_id: id,
          canceled: true,
          compact_revision: notification.compactRevision,
        })
        return
      default:
        notification satisfies never
    }
  }

  #passOn(id: number, watch: OpenWatch, batches: readonly WatchBatch[]): void {
    watch.isIdle = false
    let hasRoom = true
    for (const { revision, events } of responsesFor(batches, watch.createdAt ?? 0)) {
      hasRoom = this.#call.write({ header: this.#header(revision), watch_id: id, events })
    }
    if (hasRoom) watch.handle.credit(batches.length)
    else this.#owed.set(watch.handle, (this.#owed.get(watch.handle) ?? 0) + batches.length)
  }

  #payCredit(): void {
    for (const [handle, batches] of this.#owed) handle.credit(batches)
    this.#owed.clear()
  }

  /** Answered when all watches have been given all there was; asked again before that, it is still answered once. */
  #askProgress(): void {
    const open = [...this.#watches.values()].filter(watch => watch.phase === 'open')
    this.#question = { waiting: new Set(open), revision: this.#endpoint.member.status.revision }
    for (const { handle } of open) handle.askProgress()
    this.#answerIfKnown()
  }

  #answerIfKnown(): void {
    if (this.#question === null || this.#question.waiting.size > 0) return
    this.#call.write({ header: this.#header(this.#question.revision), watch_id: noWatch })
    this.#question = null
  }

  #progressed(id: number, watch: OpenWatch, revision: Revision): void {
    if (watch.isNotifyDue) {
      watch.isNotifyDue = false
      this.#call.write({ header: this.#header(revision), watch_id: id })
    }
    if (this.#question?.waiting.delete(watch)) this.#answerIfKnown()
  }

  #notifyProgress(): void {
    for (const watch of this.#watches.values()) {
      if (watch.phase !== 'open' || !watch.notifiesProgress) continue
      if (watch.isIdle) {
        watch.isNotifyDue = true
        watch.handle.askProgress()
      }
      watch.isIdle = true
    }
  }

  #header(revision: Revision): wire.Header {
    return headerOf(this.#endpoint, revision)
  }
}

/**
 * As etcd cuts them: history comes together, as of when it was read, and from then on each revision by itself.
 */
function* responsesFor(
  batches: readonly WatchBatch[],
  createdAt: Revision,
): Generator<{ revision: Revision; events: wire.Event[] }> {
  let history: wire.Event[] = []
  let bytes = 0
  for (const { revision, events } of batches) {
    if (revision > createdAt) {
      if (history.length > 0) yield { revision: createdAt, events: history }
      history = []
      yield { revision, events: events.map(fromEvent) }
      continue
    }
    for (const event of events) {
      history.push(fromEvent(event))
      bytes += event.kv.key.length + event.kv.value.length + (event.prevKv?.value.length ?? 0)
    }
    if (bytes < historyBytesMax) continue
    yield { revision: createdAt, events: history }
    history = []
    bytes = 0
  }
  if (history.length > 0) yield { revision: createdAt, events: history }
}
