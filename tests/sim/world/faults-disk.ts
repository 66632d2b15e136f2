import { type DiskFaultKind, tickMs } from '../config.ts'
import type { Schedule } from '../schedule.ts'
import type { Cluster } from './cluster.ts'
import type { Strike } from './faults.ts'
import type { SimulatedMember } from './member.ts'

/** What becomes of disks. */
export class DiskFaults {
  readonly #schedule: Schedule
  readonly #cluster: Cluster
  #isOver = false

  constructor(schedule: Schedule, cluster: Cluster) {
    this.#schedule = schedule
    this.#cluster = cluster
  }

  strike(kind: DiskFaultKind, { victim, lastsMs, random }: Strike): void {
    const { disk } = victim
    switch (kind) {
      case 'stall':
        disk.stall(Math.min(lastsMs, stallMsMax))
        return
      case 'slowDisk':
        disk.slowDown(random.between(2, slownessMax), lastsMs)
        return
      case 'full':
        // The tabs of a browser share what room there is.
        for (const sibling of this.#cluster.siblingsOf(victim)) sibling.disk.fill(lastsMs)
        return
      case 'writeError':
        disk.failNext()
        return
      case 'crashTorn':
        disk.interruptNext(() => {
          this.#cluster.crash(victim, { torn: true })
          this.#schedule.after(lastsMs, () => this.#cluster.restart(victim))
        })
        return
      case 'corrupt':
        this.#lose(victim, lastsMs, () => disk.damage())
        return
      case 'wipe':
        // One log, or all that a browser keeps of this origin, as when it evicts it or is told to forget it.
        for (const one of random.chance(0.5) ? [victim] : this.#cluster.siblingsOf(victim)) {
          this.#lose(one, lastsMs, () => one.disk.erase())
        }
        return
    }
  }

  /** All disks work. */
  stop(): void {
    this.#isOver = true
    for (const { disk } of this.#cluster.members) disk.heal()
  }

  /**
   * A log is lost while its tab is closed, and the tab finds out when it comes back. By then the others have noticed that it is
   * gone: who may be counted on is theirs to judge, and they cannot know of what has just happened.
   */
  #lose(victim: SimulatedMember, lastsMs: number, lose: () => void): void {
    const cluster = this.#cluster
    cluster.crash(victim)
    const noticedMs = cluster.config.replica.membership.liveTicks * tickMs * 2
    const loseOrWait = (waitsMs: number) => {
      // Its tab is back before its time. A sibling that speaks for it will be done before long.
      if (this.#isOver || (victim.isRunning && cluster.hosts.includes(victim))) return
      const canLose = cluster.canLose(victim)
      if (canLose) lose()
      if (canLose || waitsMs <= 0) cluster.restart(victim)
      else this.#schedule.after(patienceStepMs, () => loseOrWait(waitsMs - patienceStepMs))
    }
    this.#schedule.after(Math.max(noticedMs, lastsMs), () => loseOrWait(patienceMs))
  }
}

/** Longer than any election timeout, and still within what a disk may do. */
const stallMsMax = 3_000
const slownessMax = 50
/** A cluster that cannot do without a member now may be able to before long. */
const patienceMs = 3_000
const patienceStepMs = 300
