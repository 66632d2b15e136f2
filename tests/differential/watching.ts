import { compareFields } from './compare.ts'
import type { Endpoint } from './endpoint.ts'
import { bytesOf, type Field, integer, type Message } from './protocol.ts'
import { show } from './show.ts'
import { type Watcher, WatchSide } from './watch-side.ts'

/** What both servers answered, and where that differs. */
export interface Outcome {
  readonly answers: readonly [Field, Field]
  readonly lines: readonly string[]
}

/** Where two watch streams differ. */
export interface WatchDifference {
  /** The operation that made the watch; null for the one that sees everything. */
  readonly operation: number | null
  readonly request: Message
  readonly lines: readonly string[]
}

/** One watch on both servers. */
interface Pair {
  readonly operation: number | null
  readonly stream: number
  readonly watchId: number
  readonly request: Message
  readonly watchers: readonly [Watcher, Watcher]
  readonly wants: (event: PastEvent) => boolean
  /** Its first revision was compacted when it was made, so it will be canceled. */
  readonly isDoomed: boolean
  /** How much of the history was looked through, and the newest revision in it that the watch wants. */
  scanned: number
  expected: number
}

interface PastEvent {
  readonly revision: number
  readonly key: Uint8Array
  readonly isDelete: boolean
}

/** What a new store is at, of which there is no event. */
const emptyRevision = 1
/** A stream of the run's own. */
const ownStream = -1
const everything: Message = { key: new Uint8Array(1), range_end: new Uint8Array(1), prev_kv: true }

/**
 * The watches on both servers, and what each was told by either. Events come when they come; so what both have told is
 * compared at any time, and at certain times (`settle`) each server has to have told all that it owes.
 */
export class Watching {
  readonly #sides: readonly [WatchSide, WatchSide]
  readonly #history: PastEvent[] = []
  readonly #deletes = new Set<number>()
  readonly #pairs: Pair[] = []
  #mayBeBehind = false

  private constructor(reference: Endpoint, subject: Endpoint) {
    this.#sides = [new WatchSide(reference), new WatchSide(subject)]
  }

  /** From here on every event is seen: one watch is on all keys. */
  static async start(reference: Endpoint, subject: Endpoint): Promise<{ watching: Watching; outcome: Outcome }> {
    const watching = new Watching(reference, subject)
    return { watching, outcome: await watching.#watch(null, ownStream, everything, -1) }
  }

  /** Streams and ids of what is being watched. */
  get open(): readonly { readonly stream: number; readonly watchId: number }[] {
    return this.#pairs.filter(({ stream }) => stream !== ownStream)
  }

  /** Makes a watch; gives both answers and where they differ. */
  create(operation: number, stream: number, request: Message, compactRevision: number): Promise<Outcome> {
    return this.#watch(operation, stream, request, compactRevision)
  }

  /** Ends a watch, if there is one of that id. */
  async cancel(stream: number, watchId: number): Promise<Outcome> {
    const [first, second] = await this.#both(side => side.cancel(stream, watchId))
    this.#drop(pair => pair.stream === stream && pair.watchId === watchId)
    return { answers: [first, second], lines: compareFields(first, second) }
  }

  async progress(stream: number): Promise<Outcome> {
    const [first, second] = await this.#both(side => side.progress(stream))
    return { answers: [first, second], lines: compareFields(first, second) }
  }

  end(stream: number): void {
    for (const side of this.#sides) side.end(stream)
    this.#drop(pair => pair.stream === stream)
  }

  close(): void {
    for (const side of this.#sides) side.close()
  }

  /** Whether a key was deleted in that revision, as far as has been compared. */
  deletesAt(revision: number): boolean {
    return this.#deletes.has(revision)
  }

  /** Whether a watch of the past was made that etcd may not have looked at yet. */
  get mayBeBehind(): boolean {
    return this.#mayBeBehind
  }

  /**
   * Waits until every watch has been looked at. etcd gives watches of the past a turn every 100 ms, all of them at once; one
   * that has nothing to tell says nothing, but a later one that has, the event of `revision` at `key`, shows that its turn was.
   */
  async catchUp(key: Uint8Array, revision: number): Promise<void> {
    await this.#both(async side => {
      const { answer, watcher } = await side.create(ownStream, { key, start_revision: revision })
      await side.until(() => watcher.revision >= revision, `the event of revision ${revision}`)
      await side.cancel(ownStream, integer(answer, 'watch_id'))
    })
    this.#mayBeBehind = false
  }

  /** Waits until both servers have told everything up to `revision`, to the watches of one stream or to all. */
  async settle(revision: number, stream: number | null): Promise<WatchDifference[]> {
    const [recorder] = this.#pairs
    if (recorder === undefined) throw new Error('settled before it was started')
    if (revision > emptyRevision) {
      await this.#both((side, at) =>
        side.until(() => recorder.watchers[at].revision >= revision, `the event of revision ${revision}`),
      )
    }
    const found = this.compare()
    const settled = this.#pairs.filter(pair => stream === null || pair.stream === stream || pair.stream === ownStream)
    await this.#both(async (side, at) => {
      for (const pair of settled) {
        const watcher = pair.watchers[at]
        const expected = this.#expected(pair)
        const isSettled = () => watcher.compacted || (!pair.isDoomed && watcher.revision >= expected)
        const owed = pair.isDoomed ? 'to be canceled as compacted' : `to be told revision ${expected}`
        await side.until(isSettled, `the watch ${show(pair.request)} of operation ${pair.operation} was ${owed}`)
      }
    })
    found.push(...this.compare())
    for (const { operation, request, watchers } of settled) {
      const rest = watchers.map(({ told }) => `told in excess: ${show(told)}`)
      if (watchers.some(({ told }) => told.length > 0)) found.push({ operation, request, lines: rest })
      const ahead = watchers.find(({ headerRevision }) => headerRevision > revision)
      if (ahead !== undefined)
        found.push({ operation, request, lines: [`a header from revision ${ahead.headerRevision}`] })
    }
    return found
  }

  /** Compares what both servers have told so far, and keeps only the rest. */
  compare(): WatchDifference[] {
    const found: WatchDifference[] = []
    for (const { operation, request, watchers } of this.#pairs) {
      const [first, second] = watchers
      const both = Math.min(first.told.length, second.told.length)
      if (both === 0) continue
      const told = first.told.splice(0, both)
      const lines = compareTold(told, second.told.splice(0, both))
      if (lines.length > 0) found.push({ operation, request, lines })
      if (operation === null) this.#remember(told.map(pastEvent))
    }
    for (const { endpoint, wrongs } of this.#sides) {
      for (const wrong of wrongs.splice(0)) {
        found.push({ operation: null, request: everything, lines: [`${endpoint.name}: ${wrong}`] })
      }
    }
    return found
  }

  async #watch(operation: number | null, stream: number, request: Message, compactRevision: number): Promise<Outcome> {
    const [first, second] = await this.#both(side => side.create(stream, request))
    const lines = compareFields(first.answer, second.answer)
    const outcome: Outcome = { answers: [first.answer, second.answer], lines }
    if (first.answer.canceled === true || lines.length > 0) return outcome
    const start = integer(request, 'start_revision')
    const revision = integer(first.answer.header, 'revision')
    const isPast = start !== 0 && start <= revision
    this.#mayBeBehind ||= isPast
    this.#pairs.push({
      operation,
      stream,
      watchId: integer(first.answer, 'watch_id'),
      request,
      watchers: [first.watcher, second.watcher],
      wants: filterOf(request, start === 0 ? revision + 1 : start),
      isDoomed: isPast && start < compactRevision,
      scanned: 0,
      expected: 0,
    })
    return outcome
  }

  #remember(events: readonly PastEvent[]): void {
    for (const event of events) {
      this.#history.push(event)
      if (event.isDelete) this.#deletes.add(event.revision)
    }
  }

  #expected(pair: Pair): number {
    for (; pair.scanned < this.#history.length; pair.scanned += 1) {
      const event = this.#history[pair.scanned]
      if (event !== undefined && pair.wants(event)) pair.expected = event.revision
    }
    return pair.expected
  }

  #drop(isOver: (pair: Pair) => boolean): void {
    const left = this.#pairs.filter(pair => !isOver(pair))
    this.#pairs.splice(0, this.#pairs.length, ...left)
  }

  #both<T>(ask: (side: WatchSide, at: 0 | 1) => Promise<T>): Promise<[T, T]> {
    const [reference, subject] = this.#sides
    return Promise.all([ask(reference, 0), ask(subject, 1)])
  }
}

function compareTold(first: readonly Message[], second: readonly Message[]): string[] {
  return first.flatMap((message, at) => {
    const lines = compareFields(message, second[at])
    return lines.length === 0
      ? []
      : [`told: ${show(message)}`, `and:  ${show(second[at])}`, ...lines.map(line => `at ${line}`)]
  })
}

function pastEvent(event: Message): PastEvent {
  const { kv, type } = event
  return { revision: integer(kv, 'mod_revision'), key: bytesOf(kv, 'key'), isDelete: Number(type) === 1 }
}

/** What a watch wants to be told, by the rules of the protocol. */
function filterOf(request: Message, start: number): (event: PastEvent) => boolean {
  const key = bytesOf(request, 'key')
  const end = bytesOf(request, 'range_end')
  const from = key.length === 0 ? new Uint8Array(1) : key
  const isOpenEnded = end.length === 1 && end[0] === 0
  const filters = Array.isArray(request.filters) ? request.filters : []
  return event => {
    if (event.revision < start || filters.includes(event.isDelete ? 1 : 0)) return false
    if (end.length === 0) return Buffer.compare(event.key, from) === 0
    return Buffer.compare(event.key, from) >= 0 && (isOpenEnded || Buffer.compare(event.key, end) < 0)
  }
}
