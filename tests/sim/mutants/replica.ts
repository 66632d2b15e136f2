import { Applied } from '../../../src/replica/applied.ts'
import { Chronicle } from '../../../src/replica/events.ts'
import { LeaseClock } from '../../../src/replica/lease-clock.ts'
import { PendingReads } from '../../../src/replica/reads.ts'
import { Replica } from '../../../src/replica/replica.ts'
import type { Input } from '../../../src/replica/types.ts'
import { PendingWrites } from '../../../src/replica/writes.ts'
import { Leases } from '../../../src/store/leases.ts'
import { Sessions } from '../../../src/store/sessions.ts'
import { Store } from '../../../src/store/store.ts'
import type { Mutant } from './mutants.ts'
import { all, replaceMethod } from './patch.ts'

/** One member: its state over a restart and from a snapshot, its clients' requests, its clock. */
export const replicaMutants: readonly Mutant[] = [
  {
    name: 'the first entry after a restart is applied twice',
    install: () => {
      const restarted = new WeakSet<Applied>()
      let isAgain = false
      return all(
        replaceMethod(
          Applied.prototype,
          'apply',
          original =>
            function (this: Applied, entry, takeEffect) {
              original.call(this, entry, takeEffect)
              if (restarted.has(this)) return
              restarted.add(this)
              isAgain = true
              if (entry.type === 'normal') original.call(this, entry, takeEffect)
              isAgain = false
            },
        ),
        replaceMethod(
          Sessions.prototype,
          'once',
          original =>
            function (this: Sessions, command, execute) {
              return isAgain ? execute() : original.call(this, command, execute)
            },
        ),
      )
    },
  },
  {
    name: 'that a member is removed is not told',
    install: () =>
      replaceMethod(
        Chronicle.prototype,
        'changed',
        original =>
          function (this: Chronicle, index, states, proposed) {
            if (proposed.changes.every(({ type }) => type !== 'removeMember')) {
              original.call(this, index, states, proposed)
            }
          },
      ),
  },
  {
    name: 'that nobody leads any more is not told',
    install: () =>
      replaceMethod(
        Chronicle.prototype,
        'leads',
        original =>
          function (this: Chronicle, leader, term) {
            if (leader !== 0) original.call(this, leader, term)
          },
      ),
  },
  {
    name: 'a snapshot brings no configuration along',
    install: () =>
      replaceMethod(
        Applied.prototype,
        'install',
        original =>
          function (this: Applied, snapshot) {
            const { confState, hasState } = this
            original.call(this, snapshot)
            if (hasState) this.confState = confState
          },
      ),
  },
  {
    name: 'a snapshot is of the state of when it is finished',
    install: () =>
      replaceMethod(
        Store.prototype,
        'beginSnapshot',
        original =>
          function (this: Store) {
            let writer: ReturnType<typeof original> | null = null
            let isFirst = true
            const late: Pick<ReturnType<typeof original>, 'step' | 'abandon'> = {
              step: changes => {
                if (isFirst) {
                  isFirst = false
                  return null
                }
                writer ??= original.call(this)
                return writer.step(changes)
              },
              abandon: () => writer?.abandon(),
            }
            return late as ReturnType<typeof original>
          },
      ),
  },
  {
    name: 'lost writes are not proposed again',
    install: () => replaceMethod(PendingWrites.prototype, 'repropose', () => () => 0),
  },
  {
    name: 'what is sent again has a new number',
    install: () => {
      seen.clear()
      return () => seen.clear()
    },
    input: renumbered,
  },
  {
    name: 'linearizable reads are answered from the local state',
    input: input =>
      input.kind === 'request' && input.request.kind === 'read'
        ? { ...input, request: { ...input.request, serializable: true } }
        : input,
  },
  {
    name: 'reads do not wait until their index is applied',
    install: () =>
      replaceMethod(
        PendingReads.prototype,
        'takeServable',
        original =>
          function (this: PendingReads) {
            return original.call(this, Number.POSITIVE_INFINITY)
          },
      ),
  },
  {
    name: 'a late word of the commit index is taken for one asked for since',
    install: () => {
      const asked = new WeakMap<PendingReads, Uint8Array>()
      return all(
        replaceMethod(
          PendingReads.prototype,
          'begin',
          original =>
            function (this: PendingReads) {
              const context = original.call(this)
              if (context !== null) asked.set(this, context)
              return context
            },
        ),
        replaceMethod(
          PendingReads.prototype,
          'confirm',
          original =>
            function (this: PendingReads, context, index) {
              original.call(this, asked.get(this) ?? context, index)
            },
        ),
      )
    },
  },
  {
    name: 'who was frozen goes on as if nothing had been',
    install: () =>
      replaceMethod(
        Replica.prototype,
        'handle',
        original =>
          function (this: Replica, inputs) {
            return original.call(
              this,
              inputs.map(input => (input.kind === 'resume' ? { kind: 'tick' } : input)),
            )
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
    name: 'leases have no time left under a new leader',
    install: () =>
      replaceMethod(
        Store.prototype,
        'leaseStates',
        original =>
          function* (this: Store) {
            for (const state of original.call(this)) yield { ...state, remainingSeconds: 0 }
          },
      ),
  },
  {
    name: 'who counts the time of leases does not hear of keepalives',
    install: () =>
      replaceMethod(
        Store.prototype,
        'takeLeaseChanges',
        original =>
          function (this: Store) {
            return original.call(this).filter(lease => {
              const state = this.lease(lease)
              return state === null || state.renewals === 1
            })
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
]

/** Writes that were handed in before, by client and number. */
const seen = new Set<string>()

function renumbered(input: Input): Input {
  if (input.kind !== 'request' || input.request.kind !== 'write') return input
  const { command } = input.request
  const name = `${command.clientId}.${command.seq}`
  if (!seen.has(name)) {
    seen.add(name)
    return input
  }
  const clientId = [...command.clientId].reverse().join('')
  return { ...input, request: { kind: 'write', command: { ...command, clientId, seq: 1, acked: 0 } } }
}
