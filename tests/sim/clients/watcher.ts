import type { WatchNotification } from '../../../src/replica/types.ts'
import { WATCH_INITIAL_CREDIT_BATCHES } from '../../../src/store/limits.ts'
import type { Revision, WatchBatch, WatchEvent, WatchRequest } from '../../../src/store/types.ts'
import { describeVersion, describeVersions, sameVersion, sameVersions, versionOf } from '../judges/answers.ts'
import type { Model } from '../judges/model.ts'
import { Violation } from '../violation.ts'

/**
 * One watch as its page sees it, over as many lives of members as it takes, held against what etcd promises of watches:
 * ordered, unique and atomic (each batch is exactly the next one of the log, whole), reliable and resumable (none is left out,
 * whatever happens in between), bookmarkable (progress says how far it is).
 */
export class Watcher {
  readonly #model: Model
  readonly #request: WatchRequest
  /** The next revision it may be told of; 0 while that is not known. */
  #next: Revision
  /** Given, and not yet said to be consumed. */
  #unconsumed = 0
  isOver = false
  /** Events, by which the watch is counted. */
  events = 0

  constructor(model: Model, request: WatchRequest) {
    this.#model = model
    this.#request = request
    this.#next = request.startRevision
  }

  get next(): Revision {
    return this.#next
  }

  get unconsumed(): number {
    return this.#unconsumed
  }

  /** To be asked of a member, for the first time or to go on where another one left off. */
  asked(): WatchRequest {
    this.#unconsumed = 0
    return { ...this.#request, startRevision: this.#next }
  }

  consumed(batches: number): void {
    this.#unconsumed -= batches
  }

  /** Whether it was given everything there is for it. */
  get isUpToDate(): boolean {
    return this.isOver || this.#model.versions.nextBatch(this.#request, this.#next) === null
  }

  /** `seen` is the last revision that this member has shown, and the new one is returned: what it shows in any way, it has. */
  told(notification: WatchNotification, seen: Revision): Revision {
    switch (notification.kind) {
      case 'created':
        this.#checkSeen(notification.revision, seen)
        if (this.#next === 0) this.#next = notification.revision + 1
        return notification.revision
      case 'progress':
        this.#checkSeen(notification.revision, seen)
        this.#checkProgress(notification.revision)
        this.#next = Math.max(this.#next, notification.revision + 1)
        return notification.revision
      case 'compacted': {
        const { compactRevision } = notification
        if (compactRevision > this.#model.compacted || this.#next >= compactRevision) {
          throw new Violation('a watch ends only for compaction', `${compactRevision}, at ${this.#next}`)
        }
        this.isOver = true
        return seen
      }
      case 'events': {
        const { batches } = notification
        this.#unconsumed += batches.length
        if (this.#unconsumed > WATCH_INITIAL_CREDIT_BATCHES) {
          throw new Violation('a watch is given no more than it can take', `${this.#unconsumed} batches`)
        }
        for (const batch of batches) this.#take(batch)
        return Math.max(seen, this.#next - 1)
      }
    }
  }

  #checkSeen(revision: Revision, seen: Revision): void {
    if (revision < seen) throw new Violation('a member never goes back', `watch at ${revision} after ${seen}`)
  }

  #checkProgress(revision: Revision): void {
    const missed = this.#model.versions.nextBatch(this.#request, this.#next)
    if (revision > this.#model.revision || (missed !== null && missed.revision <= revision)) {
      throw new Violation('progress is what was given', `${revision}, wanted ${missed?.revision ?? 'nothing'}`)
    }
  }

  #take({ revision, events }: WatchBatch): void {
    const expected = this.#model.versions.nextBatch(this.#request, this.#next)
    const actual = events.map(({ kv }) => versionOf(kv))
    if (expected === null || expected.revision !== revision || !sameVersions(actual, expected.events)) {
      const wanted = expected === null ? 'nothing' : `@${expected.revision} ${describeVersions(expected.events)}`
      const given = `@${revision} ${describeVersions(actual)}, wanted ${wanted}, from ${this.#next}`
      throw new Violation('a watch skips and repeats nothing', given)
    }
    for (const event of events) this.#checkEvent(event, revision)
    this.#next = revision + 1
    this.events += events.length
  }

  #checkEvent({ type, kv, prevKv }: WatchEvent, revision: Revision): void {
    if ((type === 'delete') !== (kv.version === 0)) throw new Violation('a watch says what happened', type)
    const given = prevKv === null ? null : versionOf(prevKv)
    const { key } = versionOf(kv)
    // What makes a key has nothing before it; and what was compacted may be gone or not yet be gone.
    const before = kv.version === 1 ? null : this.#model.versions.existingAt(key, revision - 1)
    const mayBeLeftOut = !this.#request.prevKv || revision - 1 < this.#model.compacted
    if (sameVersion(given, before) && (this.#request.prevKv || given === null)) return
    if (given === null && mayBeLeftOut) return
    throw new Violation('a watch shows what was before', `@${revision}: ${describeVersion(given)}`)
  }
}
