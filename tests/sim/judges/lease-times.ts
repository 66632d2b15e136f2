import type { Entry } from '../../../src/raft/types.ts'
import type { Command, LeaseId, SystemCommand } from '../../../src/store/types.ts'
import type { Schedule } from '../schedule.ts'
import { Violation } from '../violation.ts'
import type { History } from './history.ts'
import type { Model } from './model.ts'

/**
 * Holds the ends of leases against virtual time. No lease may end before its time has passed since it was last granted or
 * kept alive: from when any member first applied that, and so before anyone could be told of it, to when the end was decided,
 * the moment at which a leader first issued it to its disk. Nobody needs a word of how leaders count.
 */
export class LeaseTimes {
  readonly #schedule: Schedule
  readonly #model: Model
  readonly #history: History
  /** How much faster than time a clock may run, as a share. */
  readonly #drift: number
  /** By term and index of the entry. */
  readonly #proposedMs = new Map<string, number>()
  readonly #renewedMs = new Map<LeaseId, number>()
  ended = 0

  constructor(schedule: Schedule, model: Model, history: History, drift: number) {
    this.#schedule = schedule
    this.#model = model
    this.#history = history
    this.#drift = drift
  }

  /** An entry was seen for the first time. */
  proposed(entry: Entry): void {
    this.#proposedMs.set(nameOf(entry), this.#schedule.nowMs)
  }

  /** Lets a command take effect, for the first time anywhere. */
  apply(entry: Entry, command: Command | SystemCommand): void {
    const { request } = command
    const lease = 'lease' in request && request.op !== 'put' ? request.lease : 0
    const before = this.#model.lease(lease)
    const changes = this.#model.leaseChanges(lease)
    const { revision } = this.#model
    this.#model.apply(command)
    const after = this.#model.lease(lease)
    if (after !== null && this.#model.leaseChanges(lease) > changes) this.#renewedMs.set(lease, this.#schedule.nowMs)
    if (request.op !== 'leaseExpire' || before === null || after !== null) return
    this.ended += 1
    const proposedMs = this.#proposedMs.get(nameOf(entry)) ?? 0
    // With no keys to take along, nobody can see it.
    if (this.#model.revision > revision) this.#history.leaseEnded(lease, proposedMs, this.#model.revision)
    const livedMs = proposedMs - (this.#renewedMs.get(lease) ?? 0)
    if (livedMs < before.ttlSeconds * 1_000 * (1 - this.#drift)) {
      throw new Violation('no lease ends before its time', `${lease} lived ${livedMs} ms of ${before.ttlSeconds} s`)
    }
  }

  /**
   * The lease that should have ended by now but has not, for a cluster that has been whole since `wholeSinceMs`: its leader has
   * counted no more than the lease's time and the grace since then.
   */
  overdue(wholeSinceMs: number, graceMs: number): string | null {
    for (const { lease, ttlSeconds } of this.#model.leases) {
      const sinceMs = Math.max(wholeSinceMs, this.#renewedMs.get(lease) ?? 0)
      const boundMs = (ttlSeconds * 1_000 + graceMs) * (1 + this.#drift) + slackMs
      if (this.#schedule.nowMs - sinceMs > boundMs) return `lease ${lease} of ${ttlSeconds} s`
    }
    return null
  }
}

/** Two ticks, and the way through a log whose disk may be slow. */
const slackMs = 2_000

function nameOf({ term, index }: Entry): string {
  return `${term}/${index}`
}
