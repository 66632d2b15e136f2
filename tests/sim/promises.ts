import type { ClientResponse, WatchNotification } from '../../src/replica/types.ts'
import type {
  Command,
  KeyValue,
  LeaseTimeToLiveRequest,
  RangeRequest,
  ReadResponse,
  ResponseOp,
  Revision,
  WatchEvent,
  WatchRequest,
  WriteResponse,
} from '../../src/store/types.ts'
import { describeEvent, describeKv, describeKvs, type Model, type Version } from './model.ts'
import { text } from './requests.ts'
import { Violation } from './violation.ts'

/**
 * What clients were promised, judged by the model of the committed log. Every answer names the revision it was given at,
 * which is its place in the one order of all operations; it remains to check that the answer is the model's at that
 * place, and that no operation comes in that order before one that was over when it began.
 */
export class Promises {
  readonly #model: Model
  /** The highest revision that anyone has been told of as the present one. */
  #floor: Revision = 1
  acknowledged = 0
  reads = 0
  events = 0

  constructor(model: Model) {
    this.#model = model
  }

  /** To be asked when an operation begins and given back when it is over. */
  get floor(): Revision {
    return this.#floor
  }

  writeAnswered({ clientId, seq }: Command, response: ClientResponse, floor: Revision): void {
    const name = `write ${seq} of ${clientId.slice(0, 4)}`
    const expected = this.#model.resultOf(clientId, seq)
    const actual = response.ok ? describeResponse(response.response) : response.code
    if (expected === null) throw new Violation('only committed writes are answered', `${name}: ${actual}`)
    if (actual !== expected) throw new Violation('writes happen once', `${name}: ${actual}, but it was ${expected}`)
    this.acknowledged += 1
    if (response.ok) this.#isNow(response.response.header.revision, floor, name)
  }

  rangeAnswered(request: RangeRequest, response: ClientResponse, floor: Revision): void {
    if (!response.ok) throw new Violation('reads of the present are answered', response.code)
    const revision = this.#checkRange(request, response)
    this.#isNow(revision, floor, 'read')
  }

  /** `leaseChanges` is how many the model knew of when the question was asked. */
  timeToLiveAnswered(
    { lease }: LeaseTimeToLiveRequest,
    response: ClientResponse,
    floor: Revision,
    leaseChanges: number,
  ): void {
    if (!response.ok || response.response.op !== 'leaseTimeToLive') {
      throw new Violation('reads of the present are answered', response.ok ? response.response.op : response.code)
    }
    const { header, ttlSeconds, grantedTtlSeconds } = response.response
    this.#isNow(header.revision, floor, 'time to live')
    this.reads += 1
    // What changed in between may have been seen or not.
    if (this.#model.leaseChanges(lease) === leaseChanges) {
      const now = this.#model.lease(lease)
      const expected = now === null ? 'none' : `of ${now.ttlSeconds} s`
      const actual = ttlSeconds === -1 ? 'none' : `of ${grantedTtlSeconds} s`
      if (actual !== expected) throw new Violation('leases are there to see', `${lease}: ${actual}, not ${expected}`)
    }
    if (ttlSeconds < -1 || ttlSeconds > grantedTtlSeconds) {
      throw new Violation('a lease has no more left than its time', `${lease}: ${ttlSeconds} of ${grantedTtlSeconds} s`)
    }
    const keys = response.response.keys.map(text).join(',')
    if (keys !== this.#model.keysOf(lease, header.revision)) {
      throw new Violation('a lease knows its keys', `${lease} @${header.revision}: ${keys}`)
    }
  }

  /** From the local state: as old as it may be, but never older than what this member has shown before. Its revision. */
  localRangeAnswered(request: RangeRequest, response: ClientResponse, seen: Revision): Revision {
    const revision = this.#checkRange(request, response)
    if (revision < seen) throw new Violation('a member never goes back', `read ${revision} after ${seen}`)
    return revision
  }

  #checkRange(request: RangeRequest, response: ClientResponse): Revision {
    if (!response.ok || response.response.op !== 'range') throw new Violation('a range answers a range', 'it did not')
    const { header, kvs } = response.response
    const expected = this.#model.rangeAt(request, header.revision)
    const actual = describeKvs(kvs.map(readable))
    if (actual !== expected || header.revision > this.#model.revision) {
      throw new Violation('reads show the committed state', `@${header.revision}: ${actual}, not ${expected}`)
    }
    this.reads += 1
    return header.revision
  }

  #isNow(revision: Revision, floor: Revision, name: string): void {
    if (revision < floor) throw new Violation('operations are linearizable', `${name} at ${revision}, after ${floor}`)
    this.#floor = Math.max(this.#floor, revision)
  }

  /** The next revision of a watch that was notified, having expected events from `from` on. */
  notified(request: WatchRequest, notification: WatchNotification, from: Revision): Revision {
    switch (notification.kind) {
      case 'created':
        return from === 0 ? notification.revision + 1 : from
      case 'progress': {
        const missed = this.#model.nextBatch(request, from)
        if (missed !== null && missed.revision <= notification.revision) {
          throw new Violation('progress is what was given', `${notification.revision}, wanted ${missed.revision}`)
        }
        return from
      }
      case 'compacted':
        if (notification.compactRevision > this.#model.compacted || from >= notification.compactRevision) {
          throw new Violation('a watch ends only for compaction', `${notification.compactRevision}, at ${from}`)
        }
        return from
      case 'events': {
        let next = from
        for (const batch of notification.batches) next = this.#checkBatch(request, batch.revision, batch.events, next)
        return next
      }
    }
  }

  #checkBatch(request: WatchRequest, revision: Revision, events: readonly WatchEvent[], from: Revision): Revision {
    const expected = this.#model.nextBatch(request, from)
    const actual = events.map(({ type, kv }) => describeEvent(type, readable(kv))).join(' ')
    if (expected === null || expected.revision !== revision || expected.events !== actual) {
      const wanted = expected === null ? 'none' : `@${expected.revision} ${expected.events}`
      throw new Violation('a watch skips and repeats nothing', `@${revision} ${actual}, wanted ${wanted}, from ${from}`)
    }
    for (const { kv, prevKv } of events) {
      if (prevKv === null && (!request.prevKv || revision - 1 < this.#model.compacted)) continue
      const before = prevKv === null ? 'none' : describeKv(readable(prevKv))
      if (before !== this.#model.before(text(kv.key), revision)) {
        throw new Violation('a watch shows what was before', `@${revision}: ${before}`)
      }
    }
    this.events += events.length
    return revision + 1
  }

  /** Whether a watch was given everything there is for it. */
  isUpToDate(request: WatchRequest, from: Revision): boolean {
    return this.#model.nextBatch(request, from) === null
  }
}

function readable(kv: KeyValue): Version {
  return {
    key: text(kv.key),
    value: text(kv.value),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  }
}

function describeResponse(response: WriteResponse | ResponseOp | ReadResponse): string {
  const { revision } = response.header
  switch (response.op) {
    case 'put':
      return `put @${revision} prev ${response.prevKv === null ? 'none' : describeKv(readable(response.prevKv))}`
    case 'delete':
      return `delete @${revision} count ${response.deleted} prev ${describeKvs(response.prevKvs.map(readable))}`
    case 'range':
      return `range @${revision} ${describeKvs(response.kvs.map(readable))}`
    case 'txn':
      return `txn @${revision} ${response.succeeded} [${response.responses.map(describeResponse).join('; ')}]`
    case 'compact':
    case 'leaseRevoke':
      return `${response.op} @${revision}`
    case 'leaseGrant':
    case 'leaseKeepAlive':
      return `${response.op} @${revision} ${response.lease} for ${response.ttlSeconds}`
    case 'leaseTimeToLive':
    case 'leases':
    case 'hashKv':
      throw new Error('no write is answered like this')
  }
}
