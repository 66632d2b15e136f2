import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { SnapshotWriter } from '../../../src/store/snapshot.ts'
import { Store } from '../../../src/store/store.ts'
import type { LeaseState, RangeRequest, SystemCommand, WatchRequest, WriteRequest } from '../../../src/store/types.ts'
import { Model } from './model.ts'
import { everything, text, Writer } from './requests.ts'

/** One thing that can happen to a store. */
export type Step =
  | { readonly kind: 'write'; readonly request: WriteRequest }
  | { readonly kind: 'system'; readonly command: SystemCommand }
  | { readonly kind: 'read'; readonly request: RangeRequest }
  | { readonly kind: 'watch'; readonly request: WatchRequest }
  /** The state is saved and put back, under the feet of the watchers. */
  | { readonly kind: 'install' }
  /** A snapshot is begun, and made bit by bit while other steps go on. */
  | { readonly kind: 'save' }
  /** Some of what was compacted is let go of. */
  | { readonly kind: 'scrub'; readonly changes: number }

/** The leases that steps speak of. */
const LEASES = [1, 2, 3] as const

interface OpenWatch {
  readonly request: WatchRequest
  next: number
}

/** A store and its naive model, which must say the same of everything at every step. */
export class Twins {
  readonly store = new Store()
  readonly model = new Model()
  readonly #writer = new Writer(this.store)
  readonly #watches = new Map<number, OpenWatch>()
  #watchesOpened = 0
  #saving: { readonly writer: SnapshotWriter; readonly expected: Uint8Array } | null = null

  take(step: Step): void {
    const leasesBefore = this.#leaseStates()
    this.#do(step)
    this.#goOnSaving()
    this.#expectSameState()
    this.#expectSameWatches()
    const changed = LEASES.filter(lease => {
      const known = leasesBefore.get(lease) ?? this.store.lease(lease)
      const same = JSON.stringify(leasesBefore.get(lease) ?? null) === JSON.stringify(this.store.lease(lease))
      return step.kind === 'install' ? known !== null : !same
    })
    expectSame([...this.store.takeLeaseChanges()].sort(), changed)
  }

  read(request: RangeRequest): void {
    const answer = this.model.read(request)
    if (typeof answer === 'string') {
      expect(() => this.store.range(request)).toThrow(expect.objectContaining({ code: answer }))
    } else {
      expectSame(this.store.range(request), { op: 'range', header: { revision: this.model.revision }, ...answer })
    }
  }

  #do(step: Step): void {
    switch (step.kind) {
      case 'write': {
        const result = this.#writer.apply(step.request)
        expectSame(result.ok ? result.response : result.code, this.model.apply(step.request))
        return
      }
      case 'system':
        this.store.applySystem(step.command)
        this.model.applySystem(step.command)
        return
      case 'read':
        this.read(step.request)
        return
      case 'watch':
        this.#watch(step.request)
        return
      case 'install':
        this.store.install(this.store.snapshot())
        return
      case 'save':
        this.#saving?.writer.abandon()
        this.#saving = { writer: this.store.beginSnapshot(), expected: this.store.snapshot() }
        return
      case 'scrub':
        this.store.scrub(step.changes)
    }
  }

  /** What is saved is the state as of the beginning, to the byte. */
  #goOnSaving(): void {
    const bytes = this.#saving?.writer.step(1) ?? null
    if (bytes === null) return
    expectSame(bytes, this.#saving?.expected)
    this.#saving = null
  }

  #watch(request: WatchRequest): void {
    const id = ++this.#watchesOpened
    this.store.watch(id, request)
    if (request.startRevision > 0 && request.startRevision < this.model.compactRevision) {
      expect(this.store.drainWatches()).toEqual([{ id, compactRevision: this.model.compactRevision }])
    } else {
      const next = request.startRevision === 0 ? this.model.revision + 1 : request.startRevision
      this.#watches.set(id, { request, next })
    }
  }

  #expectSameState(): void {
    const { store, model } = this
    this.read(everything())
    const actual = {
      revision: store.revision,
      compactRevision: store.compactRevision,
      sizeBytes: store.sizeBytes,
      keys: store.statistics().keys,
      leases: [...store.leaseStates()],
      attached: LEASES.map(lease => store.leaseKeys(lease).map(text)),
    }
    expectSame(actual, {
      revision: model.revision,
      compactRevision: model.compactRevision,
      sizeBytes: model.sizeBytes,
      keys: model.keysAt(0).size,
      leases: model.leases,
      attached: LEASES.map(lease => model.attachedTo(lease)),
    })
  }

  /** Every watcher is given all it lacks, and nothing twice. */
  #expectSameWatches(): void {
    const given = new Map(this.store.drainWatches().map(delivery => [delivery.id, delivery]))
    for (const [id, watch] of this.#watches) {
      const batches = this.model.eventsFrom(watch.request, watch.next)
      if (batches.length > 0) expectSame(given.get(id), { id, batches })
      else expect(given.has(id)).toBe(false)
      watch.next = Math.max(watch.next, this.model.revision + 1)
      given.delete(id)
    }
    expect([...given.keys()]).toEqual([])
  }

  #leaseStates(): Map<number, LeaseState> {
    return new Map([...this.store.leaseStates()].map(state => [state.lease, state]))
  }
}

/** Vitest's own comparison takes far longer, so it is asked only when there is a difference to show. */
function expectSame(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected)
}
