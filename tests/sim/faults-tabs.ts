import type { Cluster } from './cluster.ts'
import type { FaultKind } from './config.ts'
import type { Strike } from './faults.ts'
import type { Schedule } from './schedule.ts'

export type TabFaultKind = Extract<
  FaultKind,
  'crash' | 'crashAll' | 'reload' | 'adopt' | 'freeze' | 'open' | 'transfer'
>

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
        // A browser that is killed, or a machine that loses its power.
        for (const member of cluster.hosts) {
          if (!member.isRunning) continue
          cluster.crash(member)
          this.#schedule.after(random.between(0, lastsMs), () => cluster.restart(member))
        }
        return
      case 'reload': {
        // As long as a page can hold the door, or as long as one that is closed by its program cares to wait.
        const withinMs = random.pick([60, 1_000] as const)
        cluster.leave(victim, withinMs, () => {
          this.#schedule.after(this.#isOver ? 0 : lastsMs, () => cluster.restart(victim))
        })
        return
      }
      case 'adopt':
        cluster.crash(victim)
        this.#schedule.after(random.between(50, 500), () => cluster.adopt(victim))
        return
      case 'freeze':
        cluster.freeze(victim)
        this.#schedule.after(lastsMs, () => cluster.wake(victim))
        return
      case 'open':
        if (cluster.hosts.length < cluster.config.membersMax) cluster.openTab('join')
        return
      case 'transfer':
        cluster.leader?.push({ kind: 'transfer', to: victim.id })
        return
    }
  }

  /** Everyone is back, and awake. */
  stop(): void {
    this.#isOver = true
    for (const member of this.#cluster.members) {
      this.#cluster.restart(member)
      this.#cluster.wake(member)
    }
  }
}
