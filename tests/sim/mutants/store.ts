import { KeyTable } from '../../../src/store/key-table.ts'
import { Leases } from '../../../src/store/leases.ts'
import { DEFAULT_STORE_OPTIONS, type StoreOptions } from '../../../src/store/limits.ts'
import { Mvcc } from '../../../src/store/mvcc.ts'
import { Sessions } from '../../../src/store/sessions.ts'
import type { WatchRequest } from '../../../src/store/types.ts'
import { Watches } from '../../../src/store/watch.ts'
import type { Mutant } from './mutants.ts'
import { all, replaceGetter, replaceMethod } from './patch.ts'

/** The replicated state: keys and revisions, transactions, sessions, watches, snapshots. */
export const storeMutants: readonly Mutant[] = [
  {
    name: 'repeated writes run again',
    install: () =>
      replaceMethod(
        Sessions.prototype,
        'once',
        original =>
          function (this: Sessions, command, execute) {
            const isNew = this.resultOf(command.clientId, command.seq) === 'unknown'
            return isNew ? original.call(this, command, execute) : execute()
          },
      ),
  },
  {
    name: 'a gap in the writes of a client is let pass',
    install: () =>
      replaceMethod(
        Sessions.prototype,
        'once',
        original =>
          function (this: Sessions, command, execute) {
            const result = original.call(this, command, execute)
            return !result.ok && result.code === 'GAP' ? execute() : result
          },
      ),
  },
  {
    name: 'clients are forgotten while they still write',
    install: () => withBounds({ sessionsMax: 2 }),
  },
  {
    name: 'results are forgotten before they are acknowledged',
    install: () => withBounds({ rememberedResultsMax: 1 }),
  },
  {
    name: 'snapshots are without sessions',
    install: () =>
      all(
        replaceGetter(Sessions.prototype, 'size', () => 0),
        replaceMethod(Sessions.prototype, 'states', () => function* () {}),
      ),
  },
  {
    name: 'snapshots are without the results of writes',
    install: () =>
      replaceMethod(
        Sessions.prototype,
        'states',
        original =>
          function* (this: Sessions) {
            for (const state of original.call(this)) yield { ...state, results: new Map() }
          },
      ),
  },
  {
    name: 'snapshots are without leases',
    install: () =>
      all(
        replaceGetter(Leases.prototype, 'size', () => 0),
        replaceMethod(Leases.prototype, 'states', () => function* () {}),
      ),
  },
  {
    name: 'what a snapshot needs may be let go of while it is made',
    install: () =>
      replaceMethod(
        Mvcc.prototype,
        'pin',
        original =>
          function (this: Mvcc) {
            const pin = original.call(this)
            this.unpin(pin)
            return pin
          },
      ),
  },
  {
    name: 'a compaction takes what still exists',
    install: () => replaceMethod(KeyTable.prototype, 'setBase', () => () => {}),
  },
  {
    name: 'deleting a range leaves its last key',
    install: () =>
      replaceMethod(
        Mvcc.prototype,
        'delete',
        original =>
          function (this: Mvcc, range) {
            if (range.end === null) return original.call(this, range)
            const keys: Uint8Array[] = []
            this.forEach(range, 0, ({ key }) => keys.push(key))
            return keys.slice(0, -1).flatMap(key => original.call(this, { key, end: null }))
          },
      ),
  },
  {
    name: 'each put of a transaction is a revision of its own',
    install: () =>
      replaceMethod(
        Mvcc.prototype,
        'put',
        original =>
          function (this: Mvcc, key, value, lease) {
            if (this.revisionInside > this.revision) this.commit()
            original.call(this, key, value, lease)
          },
      ),
  },
  {
    name: 'a key that is put without its lease goes with it all the same',
    install: () =>
      replaceMethod(
        Leases.prototype,
        'follow',
        original =>
          function (this: Leases, kv) {
            if (kv.lease !== 0 || kv.version === 0) original.call(this, kv)
          },
      ),
  },
  {
    name: 'what was before a change is looked up one revision too early',
    install: () =>
      replaceMethod(
        Mvcc.prototype,
        'at',
        original =>
          function (this: Mvcc, slot, revision) {
            return original.call(this, slot, revision - 1)
          },
      ),
  },
  {
    name: 'watches do not wait for their consumer, and what is too much for it is lost',
    install: () =>
      replaceMethod(
        Watches.prototype,
        'drain',
        original =>
          function (this: Watches, mvcc) {
            return original.call(this, mvcc).map(delivery => {
              return 'batches' in delivery ? { ...delivery, batches: delivery.batches.slice(0, 1) } : delivery
            })
          },
      ),
  },
  {
    name: 'a watch is given the events of one revision in two batches',
    install: () =>
      replaceMethod(
        Watches.prototype,
        'drain',
        original =>
          function (this: Watches, mvcc) {
            return original.call(this, mvcc).map(delivery => {
              if (!('batches' in delivery)) return delivery
              const batches = delivery.batches.flatMap(({ revision, events }) =>
                events.map(event => ({ revision, events: [event] })),
              )
              return { ...delivery, batches }
            })
          },
      ),
  },
  {
    name: 'a watch goes on silently after what was compacted away',
    install: () => {
      const requests = new WeakMap<Watches, Map<number, WatchRequest>>()
      return all(
        replaceMethod(
          Watches.prototype,
          'add',
          original =>
            function (this: Watches, id, request, revision) {
              const known = requests.get(this) ?? new Map<number, WatchRequest>()
              requests.set(this, known.set(id, request))
              original.call(this, id, request, revision)
            },
        ),
        replaceMethod(
          Watches.prototype,
          'drain',
          original =>
            function (this: Watches, mvcc) {
              return original.call(this, mvcc).filter(delivery => {
                if (!('compactRevision' in delivery)) return true
                const request = requests.get(this)?.get(delivery.id)
                if (request === undefined) return true
                this.add(delivery.id, { ...request, startRevision: delivery.compactRevision }, mvcc.revision)
                return false
              })
            },
        ),
      )
    },
  },
  {
    name: 'a watch misses what a snapshot brought',
    install: () => replaceMethod(Watches.prototype, 'moveOn', () => () => {}),
  },
]

/** The store's bounds are the same for all members, and part of what the log means. */
function withBounds(bounds: Partial<StoreOptions>): () => void {
  const before = { ...DEFAULT_STORE_OPTIONS }
  Object.assign(DEFAULT_STORE_OPTIONS, bounds)
  return () => Object.assign(DEFAULT_STORE_OPTIONS, before)
}
