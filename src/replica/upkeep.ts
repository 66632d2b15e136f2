import { encodeSystemCommand } from '../store/command-codec.ts'
import type { Store } from '../store/store.ts'
import type { Revision, SystemCommand } from '../store/types.ts'
import { AutoCompactor } from './auto-compaction.ts'
import { LeaseClock } from './lease-clock.ts'
import type { ReplicaOptions } from './options.ts'

/**
 * What is done by the clock: leases end and old revisions go. Every member keeps count, so that any can take over; only the leader
 * acts, by proposing. What is let go of in memory is each member's own affair, a little every tick.
 */
export class Upkeep {
  readonly leases: LeaseClock
  readonly #store: Store
  readonly #compactor: AutoCompactor
  readonly #scrubStepChanges: number
  #compactAt: Revision | null = null

  constructor(store: Store, options: ReplicaOptions) {
    this.#store = store
    this.leases = new LeaseClock(store, {
      ticksPerSecond: options.ticksPerSecond,
      graceTicks: options.electionTicks,
      checkpointTicks: options.leaseCheckpointTicks,
    })
    this.#compactor = new AutoCompactor(options.autoCompaction, store)
    this.#scrubStepChanges = options.scrubStepChanges
  }

  /** To be called before what came in the same turn as the ticks is applied. */
  advance(ticks: number): void {
    if (ticks === 0) return
    this.leases.advance(ticks)
    this.#compactAt = this.#compactor.advance(ticks)
    this.#store.scrub(this.#scrubStepChanges)
  }

  /** Leader, once a turn that brought ticks. `propose` says whether the log took it. */
  lead(propose: (data: Uint8Array) => boolean): void {
    const proposed = (command: SystemCommand) => propose(encodeSystemCommand(command))
    this.leases.act(proposed)
    if (this.#compactAt === null) return
    proposed({ clientId: null, request: { op: 'compact', revision: this.#compactAt } })
    this.#compactAt = null
  }
}
