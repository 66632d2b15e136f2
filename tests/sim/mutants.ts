import { RaftLog } from '../../src/raft/log.ts'
import { LeaseClock } from '../../src/replica/lease-clock.ts'
import type { Input, WalState } from '../../src/replica/types.ts'
import { PendingWrites } from '../../src/replica/writes.ts'
import { Leases } from '../../src/store/leases.ts'
import { Mvcc } from '../../src/store/mvcc.ts'
import { Sessions } from '../../src/store/sessions.ts'
import { Store } from '../../src/store/store.ts'
import { Watches } from '../../src/store/watch.ts'

/** A known bug, put in from outside, to see that the checks find it. */
export interface Mutant {
  readonly name: string
  /** Members are told that a write is durable as soon as they issue it. */
  readonly completesBeforeDurable?: boolean
  /** Changes what a member finds on its disk. */
  readonly recover?: (state: WalState) => WalState
  /** Changes what a member is told. */
  readonly input?: (input: Input) => Input
  /** Changes the code itself; returns what undoes it. */
  readonly install?: () => () => void
}

export const mutants: readonly Mutant[] = [
  { name: 'writes count as durable before they are', completesBeforeDurable: true },
  {
    name: 'the last entry is forgotten in a crash',
    recover: state => {
      const entries = state.entries.slice(0, -1)
      const last = entries.at(-1)?.index ?? state.snapshot?.metadata.index ?? 0
      const { hardState } = state
      return { ...state, entries, hardState: { ...hardState, commit: Math.min(hardState.commit, last) } }
    },
  },
  {
    name: 'voters do not compare logs',
    install: () => replaceMethod(RaftLog.prototype, 'isUpToDate', () => () => true),
  },
  {
    name: 'followers do not look at what comes before the entries they are sent',
    install: () => replaceMethod(RaftLog.prototype, 'matchTerm', () => () => true),
  },
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
    name: 'lost writes are not proposed again',
    install: () => replaceMethod(PendingWrites.prototype, 'repropose', () => () => 0),
  },
  {
    name: 'linearizable reads are answered from the local state',
    input: input =>
      input.kind === 'request' && input.request.kind === 'read'
        ? { ...input, request: { ...input.request, serializable: true } }
        : input,
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
    name: 'leases end although they were kept alive since that was decided',
    install: () =>
      replaceMethod(
        Store.prototype,
        'applySystem',
        original =>
          function (this: Store, { clientId, request }) {
            const renewals = request.op === 'leaseExpire' ? (this.lease(request.lease)?.renewals ?? 0) : 0
            const mutated = request.op === 'leaseExpire' ? { ...request, renewals } : request
            original.call(this, { clientId, request: mutated })
          },
      ),
  },
  {
    name: 'the time of leases runs twice as fast',
    install: () =>
      replaceMethod(
        LeaseClock.prototype,
        'advance',
        original =>
          function (this: LeaseClock, ticks) {
            original.call(this, 2 * ticks)
          },
      ),
  },
  {
    name: 'a checkpoint gives half of what is left away',
    install: () =>
      replaceMethod(
        Leases.prototype,
        'checkpoint',
        original =>
          function (this: Leases, lease, renewals, remainingSeconds) {
            return original.call(this, lease, renewals, Math.max(1, remainingSeconds >> 1))
          },
      ),
  },
  {
    name: 'snapshots are without leases',
    install: () =>
      replaceMethod(
        Leases.prototype,
        'states',
        () =>
          function* () {
            // None.
          },
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
]

/** Puts another method in a class's place; returns what puts the first one back. */
function replaceMethod<T extends object, K extends keyof T>(prototype: T, name: K, make: (original: T[K]) => T[K]) {
  const original = prototype[name]
  prototype[name] = make(original)
  return () => {
    prototype[name] = original
  }
}
