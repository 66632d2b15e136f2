import { type TabFaultKind, tickMs } from '../config.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import type { Cluster } from './cluster.ts'
import type { Strike } from './faults.ts'
import type { SimulatedMember } from './member.ts'

/** What becomes of tabs. */
export class TabFaults {
  readonly #schedule: Schedule
  readonly #cluster: Cluster
  #isOver = false

  constructor(schedule: Schedule, cluster: Cluster) {
    this.#schedule = schedule
    this.#cluster = cluster
  }

  strike(kind: TabFaultKind, { victim, lastsMs, random }: Strike): void {
    const cluster = this.#cluster
    switch (kind) {
      case 'crash':
        cluster.crash(victim)
        this.#schedule.after(lastsMs, () => cluster.restart(victim))
        return
      case 'crashAll':
        // One browser is killed, or all machines lose their power.
        for (const member of random.chance(0.5) ? cluster.siblingsOf(victim) : cluster.running) {
          cluster.crash(member)
          this.#schedule.after(random.between(0, lastsMs), () => cluster.restart(member))
        }
        return
      case 'kill':
        // It does not come back. Its log does, should another tab open it.
        cluster.crash(victim)
        return
      case 'reload': {
        // A page that is back before its farewell has arrived, or one that takes its time.
        const awayMs = random.chance(0.5) ? random.between(0, quickReloadMs) : lastsMs
        this.#leave(victim, random, () =>
          this.#schedule.after(awayMs, () => cluster.restart(victim, releasedLockWaitMs)),
        )
        return
      }
      case 'close':
        this.#leave(victim, random, () => {})
        return
      case 'changeMind':
        // The tab is asked whether it wants to go, or was about to be frozen, and goes on; members it lends a voice go on leaving.
        cluster.thinkOfLeaving(victim)
        this.#schedule.after(random.chance(0.5) ? random.between(0, quickReloadMs) : lastsMs, () =>
          cluster.stay(victim),
        )
        return
      case 'remove':
        cluster.crash(victim)
        this.#schedule.after(random.between(0, quickReloadMs), () => cluster.lend(victim, 'remove'))
        return
      case 'open':
        cluster.openAnother(random)
        return
      case 'freeze':
        cluster.freeze(victim)
        this.#schedule.after(lastsMs, () => cluster.wake(victim))
        return
      case 'stutter': {
        // Too short for anyone's clock to call it a freeze, or for a link to break.
        cluster.hold(victim)
        this.#schedule.after(random.between(...stutterMs), () => cluster.wake(victim))
        return
      }
      case 'sleepAll':
        this.#sleepAll(random)
        return
      case 'transfer':
        cluster.leader?.push({ kind: 'transfer', to: victim.id })
        return
    }
  }

  /** Everyone is awake, and whoever is needed is back. */
  stop(): void {
    this.#isOver = true
    for (const member of this.#cluster.members) this.#cluster.wake(member)
    for (const member of this.#cluster.members) this.#cluster.stay(member)
    this.#cluster.reopen()
  }

  #leave(victim: SimulatedMember, random: Random, onGone: () => void): void {
    // As long as a page can hold the door, or as long as one that is closed by its program cares to wait.
    const withinMs = random.pick([60, 1_000] as const)
    this.#cluster.leave(victim, withinMs, () => {
      if (this.#isOver) this.#cluster.restart(victim)
      else onGone()
    })
  }

  /** A lid is closed, for minutes or hours. Nothing happens meanwhile, but for every clock that jumps and links that may break. */
  #sleepAll(random: Random): void {
    const cluster = this.#cluster
    const asleep = cluster.running.filter(({ isFrozen }) => !isFrozen)
    const sleptMs = random.between(...sleepMs) ** 2
    const breaksLinks = random.chance(0.5)
    cluster.sleptMs += sleptMs
    for (const member of asleep) {
      if (breaksLinks) cluster.freeze(member)
      else cluster.hold(member)
      this.#schedule.after(random.between(0, wakeWithinMs), () => cluster.wake(member, sleptMs))
    }
  }
}

/** As in a tab: how long a page that follows one which said farewell waits for its lock. */
const releasedLockWaitMs = 2_000
/** A farewell takes about as long. */
const quickReloadMs = 60
/** Of a garbage collector, a breakpoint or a busy machine. */
const stutterMs = [2 * tickMs, 1_500] as const
/** Squared, from a few seconds to half a day: mostly minutes. */
const sleepMs = [60, 6_500] as const
const wakeWithinMs = 300
