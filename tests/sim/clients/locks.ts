import type { LeaseId, RangeRequest, Revision, WriteRequest } from '../../../src/store/types.ts'
import type { Model } from '../judges/model.ts'
import type { Promises } from '../judges/promises.ts'
import type { Version } from '../judges/versions.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import { Violation } from '../violation.ts'
import type { Draw } from './draw.ts'
import type { OnAnswer, Page } from './page.ts'
import { bytes, deletion, oneKey, prefixed, put, range, text, watch } from './requests.ts'

/** A place in the line for a lock. Its key's create revision is the fencing token. */
export interface Place {
  readonly lock: string
  readonly key: string
  readonly lease: LeaseId
  readonly token: Revision
}

/** Whether those who believe that they hold a lock do, and are alone in it: by the model of the committed log. */
export class LockReferee {
  readonly #model: Model
  readonly #promises: Promises
  readonly #believers = new Set<Place>()

  constructor(model: Model, promises: Promises) {
    this.#model = model
    this.#promises = promises
  }

  /** Somebody was told that nobody was before it, as of that revision. */
  acquired(place: Place, revision: Revision): void {
    this.#promises.locks += 1
    this.#checkFirst(place, revision)
    for (const other of this.#believers) {
      if (other.lock !== place.lock || !this.#isThere(other, revision)) continue
      throw new Violation('a lock is never held twice', `${other.key} and ${place.key}, @${revision}`)
    }
    this.#believers.add(place)
  }

  /** A write that was to happen only while the lock was held did, as that revision. */
  wrote(place: Place, revision: Revision): void {
    this.#checkFirst(place, revision - 1)
  }

  /** Told that the lock is lost, as of that revision. */
  lost(place: Place, revision: Revision): void {
    this.gone(place)
    if (this.#isThere(place, revision))
      throw new Violation('a lock that is held is not lost', `${place.key} @${revision}`)
  }

  /** It does not believe so any more, or is not there to believe anything. */
  gone(place: Place): void {
    this.#believers.delete(place)
  }

  #isThere({ key, token }: Place, revision: Revision): boolean {
    return this.#model.versions.existingAt(key, revision)?.create === token
  }

  #checkFirst(place: Place, revision: Revision): void {
    const line = this.#model.versions.rangeAt(prefixed(`${place.lock}/`), revision)
    const [first] = line.sort((a: Version, b: Version) => a.create - b.create)
    if (first?.key === place.key && first.create === place.token) return
    throw new Violation('a lock is its holder’s', `${place.key} @${revision}, where ${first?.key ?? 'nobody'} is first`)
  }
}

type Phase =
  | { readonly phase: 'idle' }
  | { readonly phase: 'entering'; readonly lease: LeaseId }
  /** Its turn has not come yet; `unwatch` ends the wait for the one before. */
  | { readonly phase: 'waiting'; readonly place: Place; readonly unwatch: () => void }
  | { readonly phase: 'holding'; readonly place: Place }
  | { readonly phase: 'leaving'; readonly place: Place }

/**
 * Takes a lock, writes a few times under it, and lets go, over and over: with the requests that the client library makes for a
 * lock (`src/client/queue.ts`, `place.ts`), which are etcd's recipe.
 */
export class LockUser {
  readonly #page: Page
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #referee: LockReferee
  readonly #draw: Draw
  #phase: Phase = { phase: 'idle' }
  #isOver = false

  constructor(page: Page, schedule: Schedule, random: Random, referee: LockReferee, draw: Draw) {
    this.#page = page
    this.#schedule = schedule
    this.#random = random
    this.#referee = referee
    this.#draw = draw
  }

  /** What it is at, or null. */
  get unsettled(): string | null {
    return this.#phase.phase === 'idle' ? null : `${this.#phase.phase} a lock`
  }

  /** Gets in line, if it is not in one. */
  enter(lock: string): void {
    if (this.#phase.phase !== 'idle') return
    const lease = this.#random.integer(leaseIdMin, Number.MAX_SAFE_INTEGER)
    const ttlSeconds = this.#random.integer(2, 6)
    const sinceMs = this.#schedule.nowMs
    this.#phase = { phase: 'entering', lease }
    this.#write({ op: 'leaseGrant', lease, ttlSeconds }, response => {
      if (!response.ok) throw new Violation('writes are answered', `a lease of one's own: ${response.code}`)
      this.#page.keepLease(lease, ttlSeconds, sinceMs)
      this.#stand(lock, lease)
    })
  }

  /** The lease ended, or may have: whoever holds a lock with it must not count on it any more. */
  leaseLost(lease: LeaseId): void {
    const state = this.#phase
    if (state.phase === 'idle') return
    if (state.phase === 'entering' ? state.lease === lease : state.place.lease === lease) this.#idle()
  }

  /** The page is gone. */
  end(): void {
    this.#isOver = true
    if ('place' in this.#phase) this.#referee.gone(this.#phase.place)
    this.#phase = { phase: 'idle' }
  }

  #stand(lock: string, lease: LeaseId): void {
    if (!this.#isEntering(lease)) return
    const key = `${lock}/${lease.toString(16)}`
    const first = range(prefixed(`${lock}/`), { sortTarget: 'create', sortOrder: 'ascend', limit: 1, keysOnly: true })
    const request: WriteRequest = {
      op: 'txn',
      compare: [{ ...oneKey(key), target: 'create', result: '=', operand: 0 }],
      success: [put(key, this.#draw.value(), { lease }), first],
      failure: [],
    }
    this.#write(request, response => {
      if (!this.#isEntering(lease)) return
      // The lease may have ended on the way; that the key was there already would be a surprise to the model.
      if (!response.ok || response.response.op !== 'txn') return this.#idle()
      const { header, responses } = response.response
      const place = { lock, key, lease, token: header.revision }
      const found = responses[1]
      const isFirst = found?.op === 'range' && found.kvs[0] !== undefined && text(found.kvs[0].key) === key
      if (isFirst) this.#hold(place, header.revision)
      else this.#look(place)
    })
  }

  /** At the one before and at oneself, at one revision; then waits for the end of the one before, alone. */
  #look(place: Place): void {
    this.#phase = { phase: 'waiting', place, unwatch: () => {} }
    const request: RangeRequest = range(prefixed(`${place.lock}/`), {
      sortTarget: 'create',
      sortOrder: 'descend',
      limit: 2,
      keysOnly: true,
      maxCreateRevision: place.token,
    })
    const onAnswer: OnAnswer = response => {
      if (!this.#isAt('waiting', place) || !response.ok || response.response.op !== 'range') return
      const { header, kvs } = response.response
      const [own, before] = kvs
      if (own === undefined || text(own.key) !== place.key || own.createRevision !== place.token) {
        this.#referee.lost(place, header.revision)
        this.#idle()
      } else if (before === undefined) {
        this.#hold(place, header.revision)
      } else {
        const keys = oneKey(text(before.key))
        const request = watch(keys, { startRevision: header.revision + 1, filters: ['put'] })
        const unwatch = this.#page.watch(request, true, kind => {
          if (kind === 'created' || kind === 'progress' || !this.#isAt('waiting', place)) return
          unwatch()
          this.#look(place)
        })
        this.#phase = { phase: 'waiting', place, unwatch }
      }
    }
    this.#page.read(request, { firm: true, onAnswer })
  }

  #hold(place: Place, revision: Revision): void {
    this.#referee.acquired(place, revision)
    this.#phase = { phase: 'holding', place }
    this.#work(place, this.#random.integer(1, 3))
  }

  /** Writes that are to happen only while the lock is held, and then lets go of it. */
  #work(place: Place, writesLeft: number): void {
    this.#schedule.after(this.#random.between(0, workMsMax), () => {
      if (!this.#isAt('holding', place)) return
      if (writesLeft === 0) return this.#leave(place)
      const request: WriteRequest = {
        op: 'txn',
        compare: [isHeld(place)],
        success: [put(`fenced/${place.lock}`, this.#draw.value())],
        failure: [range(oneKey(place.key))],
      }
      this.#write(request, response => {
        if (!response.ok || response.response.op !== 'txn') return
        const { header, succeeded } = response.response
        if (succeeded) this.#referee.wrote(place, header.revision)
        else this.#referee.lost(place, header.revision)
        if (!this.#isAt('holding', place)) return
        if (succeeded) this.#work(place, writesLeft - 1)
        else this.#idle()
      })
    })
  }

  #leave(place: Place): void {
    this.#referee.gone(place)
    this.#phase = { phase: 'leaving', place }
    const request: WriteRequest = {
      op: 'txn',
      compare: [isHeld(place)],
      success: [deletion(oneKey(place.key))],
      failure: [],
    }
    this.#write(request, () => {
      if (!this.#isAt('leaving', place)) return
      this.#write({ op: 'leaseRevoke', lease: place.lease }, () => {})
      this.#idle()
    })
  }

  #idle(): void {
    const state = this.#phase
    if (state.phase === 'idle') return
    if (state.phase === 'waiting') state.unwatch()
    if ('place' in state) this.#referee.gone(state.place)
    this.#page.dropLease(state.phase === 'entering' ? state.lease : state.place.lease)
    this.#phase = { phase: 'idle' }
  }

  #write(request: WriteRequest, onAnswer: OnAnswer): void {
    this.#page.write(request, { firm: true, onAnswer })
  }

  #isEntering(lease: LeaseId): boolean {
    return !this.#isOver && this.#phase.phase === 'entering' && this.#phase.lease === lease
  }

  #isAt(phase: 'waiting' | 'holding' | 'leaving', place: Place): boolean {
    return !this.#isOver && this.#phase.phase === phase && this.#phase.place === place
  }
}

function isHeld({ key, token }: Place): Extract<WriteRequest, { op: 'txn' }>['compare'][number] {
  return { key: bytes(key), end: null, target: 'create', result: '=', operand: token }
}

/** Above those that all clients share. */
const leaseIdMin = 1_000
const workMsMax = 300
