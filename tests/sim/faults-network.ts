import type { Cluster } from './cluster.ts'
import type { FaultKind } from './config.ts'
import type { Strike } from './faults.ts'
import type { SimulatedMember } from './member.ts'
import type { Schedule } from './schedule.ts'

export type NetworkFaultKind = Extract<FaultKind, 'halves' | 'isolateLeader' | 'isolateOne' | 'cutLink' | 'cutOneWay'>

/** Who cannot hear whom. */
export class NetworkFaults {
  readonly #schedule: Schedule
  readonly #cluster: Cluster

  constructor(schedule: Schedule, cluster: Cluster) {
    this.#schedule = schedule
    this.#cluster = cluster
  }

  strike(kind: NetworkFaultKind, { victim, lastsMs, random }: Strike): void {
    const { members, network } = this.#cluster
    switch (kind) {
      case 'halves': {
        const shuffled = random.shuffled(members)
        const cut = random.integer(1, shuffled.length - 1)
        this.#part(shuffled.slice(0, cut), shuffled.slice(cut), lastsMs)
        return
      }
      case 'isolateLeader':
      case 'isolateOne': {
        const alone = kind === 'isolateLeader' ? (this.#cluster.leader ?? victim) : victim
        const others = members.filter(member => member !== alone)
        this.#part([alone], others, lastsMs)
        return
      }
      case 'cutLink':
      case 'cutOneWay': {
        const other = random.pick(members.filter(member => member !== victim))
        if (other === undefined) return
        if (kind === 'cutLink') {
          this.#part([victim], [other], lastsMs)
          return
        }
        network.block(victim.id, other.id)
        this.#schedule.after(lastsMs, () => network.unblock(victim.id, other.id))
        return
      }
    }
  }

  /** Everyone hears everyone. */
  stop(): void {
    this.#cluster.network.becomePerfect()
  }

  #part(left: readonly SimulatedMember[], right: readonly SimulatedMember[], lastsMs: number): void {
    const { network } = this.#cluster
    const links = left.flatMap(a => right.map(b => [a.id, b.id] as const))
    for (const [a, b] of links) {
      network.block(a, b)
      network.block(b, a)
    }
    this.#schedule.after(lastsMs, () => {
      for (const [a, b] of links) {
        network.unblock(a, b)
        network.unblock(b, a)
      }
    })
  }
}
