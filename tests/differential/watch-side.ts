import type { Answer, Endpoint, WatchStream } from './endpoint.ts'
import { integer, type Message, messagesOf } from './protocol.ts'
import { show } from './show.ts'

/** A server kept silent for longer than any that works would. */
export class Stalled extends Error {}

const silenceMsMax = 10_000

/** What one watcher was told on one server, in order. Where messages began and ended is timing, and is not kept. */
export class Watcher {
  /** In the protocol's words: a message with `created` or `canceled`, or an event. */
  readonly told: Message[] = []
  /** Revision of the newest event. */
  revision = 0
  /** The newest revision that a header named. */
  headerRevision = 0
  /** The last message was a part of a larger one. */
  isInFragments = false
  /** The server ended the watch, as its revisions are compacted. */
  compacted = false
}

interface Question {
  readonly answers: Message[]
  readonly isLast: (message: Message) => boolean
  done: boolean
}

interface OpenStream {
  readonly stream: WatchStream
  /** By watch id. Compacted ones stay: etcd keeps their ids, too. */
  readonly watchers: Map<number, Watcher>
  question: Question | null
}

/** All watches on one server. */
export class WatchSide {
  readonly endpoint: Endpoint
  /** What no server may say, whatever the other one says. */
  readonly wrongs: string[] = []
  readonly #streams = new Map<number, OpenStream>()
  readonly #waiting = new Set<() => void>()
  #ended: Answer | null = null

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint
  }

  /** Asks for a watch and waits for the answer, which is the first thing that the watcher is told. */
  async create(at: number, request: Message): Promise<{ answer: Message; watcher: Watcher }> {
    const open = this.#streams.get(at) ?? this.#open(at)
    const [answer] = await this.#ask(open, [{ create_request: request }], message => message.created === true)
    const watcher = answer === undefined ? undefined : open.watchers.get(integer(answer, 'watch_id'))
    if (answer?.canceled !== true && watcher !== undefined) return { answer: answer ?? {}, watcher }
    return { answer: answer ?? {}, watcher: new Watcher() }
  }

  /** A cancellation of what is not there is not answered; a progress request behind it is, and shows that. */
  async cancel(at: number, watchId: number): Promise<readonly Message[]> {
    const open = this.#streams.get(at) ?? this.#open(at)
    const requests = [{ cancel_request: { watch_id: watchId } }, { progress_request: {} }]
    const answers = await this.#ask(open, requests, isProgress)
    open.watchers.delete(watchId)
    return answers
  }

  async progress(at: number): Promise<readonly Message[]> {
    return this.#ask(this.#streams.get(at) ?? this.#open(at), [{ progress_request: {} }], isProgress)
  }

  end(at: number): void {
    this.#streams.get(at)?.stream.cancel()
    this.#streams.delete(at)
  }

  close(): void {
    for (const at of [...this.#streams.keys()]) this.end(at)
  }

  /** Waits until `condition` holds; it can change with any message that arrives. Throws `Stalled` if it does not. */
  until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const stop = (reason: string | null) => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        if (reason === null) resolve()
        else reject(new Stalled(`${this.endpoint.name} ${reason}: ${what}`))
      }
      const check = () => {
        if (condition()) stop(null)
        else if (this.#ended !== null) stop(`ended a watch stream (${endOf(this.#ended)})`)
      }
      const timer = setTimeout(() => stop(`was silent for ${silenceMsMax / 1_000} s`), silenceMsMax)
      this.#waiting.add(check)
      check()
    })
  }

  #open(at: number): OpenStream {
    const stream = this.endpoint.openWatch(
      message => this.#received(open, message),
      reason => {
        this.#ended = reason
        this.#wake()
      },
    )
    const open: OpenStream = { stream, watchers: new Map(), question: null }
    this.#streams.set(at, open)
    return open
  }

  async #ask(open: OpenStream, requests: readonly Message[], isLast: Question['isLast']): Promise<Message[]> {
    const question: Question = { answers: [], isLast, done: false }
    open.question = question
    for (const request of requests) open.stream.send(request)
    await this.until(() => question.done, `no answer to ${requests.map(show).join(', ')}`)
    return question.answers
  }

  #received(open: OpenStream, message: Message): void {
    const watchId = integer(message, 'watch_id')
    if (message.created === true && message.canceled !== true) open.watchers.set(watchId, new Watcher())
    const watcher = open.watchers.get(watchId)
    const events = messagesOf(message, 'events')
    if (events.length > 0) this.#toldEvents(watcher, message, events)
    else if (integer(message, 'compact_revision') !== 0 && watcher !== undefined) {
      watcher.compacted = true
      watcher.told.push(message)
    } else if (open.question !== null && !open.question.done) {
      open.question.answers.push(message)
      open.question.done = open.question.isLast(message)
    } else this.wrongs.push(`unasked on a watch stream: ${show(message)}`)
    this.#wake()
  }

  #toldEvents(watcher: Watcher | undefined, message: Message, events: readonly Message[]): void {
    if (watcher === undefined) {
      this.wrongs.push(`events for a watch that is not there: ${show(message)}`)
      return
    }
    const first = integer(events[0]?.kv, 'mod_revision')
    const last = integer(events.at(-1)?.kv, 'mod_revision')
    const named = integer(message.header, 'revision')
    if (first <= watcher.revision && !watcher.isInFragments)
      this.wrongs.push(`revision ${first} in two messages: ${show(message)}`)
    if (named < last) this.wrongs.push(`a header older than its events: ${show(message)}`)
    watcher.revision = last
    watcher.headerRevision = named
    watcher.isInFragments = message.fragment === true
    watcher.told.push(...events)
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check()
  }
}

function isProgress(message: Message): boolean {
  return integer(message, 'watch_id') === -1 && message.created !== true && message.canceled !== true
}

function endOf(answer: Answer): string {
  return answer.ok ? 'with an answer' : `${answer.code} ${answer.message}`
}
