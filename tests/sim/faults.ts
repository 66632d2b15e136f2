import type { Cluster } from './cluster.ts'
import type { FaultKind, SimulationConfig } from './config.ts'
import type { SimulatedMember } from './member.ts'
import type { Random } from './random.ts'
import type { Schedule } from './schedule.ts'
import type { Trace } from './trace.ts'

/** What breaks things: one fault after the other and on top of each other, each undone after a while, until told to stop. */
export class Faults {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #config: SimulationConfig['faults']
  readonly #cluster: Cluster
  readonly #trace: Trace
  readonly counts = new Map<FaultKind, number>()
  #isOver = false

  constructor(schedule: Schedule, random: Random, cluster: Cluster, trace: Trace) {
    this.#schedule = schedule
    this.#random = random
    this.#config = cluster.config.faults
    this.#cluster = cluster
    this.#trace = trace
  }

  start(): void {
    this.#schedule.after(this.#random.between(...this.#config.everyMs), () => {
      if (this.#isOver) return
      this.#strike(this.#random.weighted(this.#config.weights))
      this.start()
    })
  }

  /** Everything works again, everyone is back. */
  stop(): void {
    this.#isOver = true
    this.#cluster.network.becomePerfect()
    for (const member of this.#cluster.members) {
      this.#cluster.restart(member)
      this.#cluster.wake(member)
    }
  }

  #strike(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    const cluster = this.#cluster
    const awake = cluster.hosts.filter(member => member.isRunning && !member.isFrozen)
    const victim = this.#random.pick(awake)
    if (victim === undefined) return
    const lastsMs = this.#random.between(...this.#config.lastMs)
    if (this.#trace.isOn) this.#trace.line(this.#schedule.nowMs, `=== fault: ${kind}, for ${lastsMs.toFixed(0)} ms`)
    switch (kind) {
      case 'crash':
        cluster.crash(victim)
        this.#later(lastsMs, () => cluster.restart(victim))
        return
      case 'crashAll':
        // A browser that is killed, or a machine that loses its power.
        for (const member of cluster.hosts) {
          if (!member.isRunning) continue
          cluster.crash(member)
          this.#later(this.#random.between(0, lastsMs), () => cluster.restart(member))
        }
        return
      case 'reload': {
        // As long as a page can hold the door, or as long as one that is closed by its program cares to wait.
        const withinMs = this.#random.pick([60, 1_000] as const)
        cluster.leave(victim, withinMs, () => {
          this.#later(this.#isOver ? 0 : lastsMs, () => cluster.restart(victim))
        })
        return
      }
      case 'adopt':
        cluster.crash(victim)
        this.#later(this.#random.between(50, 500), () => cluster.adopt(victim))
        return
      case 'freeze':
        cluster.freeze(victim)
        this.#later(lastsMs, () => cluster.wake(victim))
        return
      case 'stall':
        victim.disk.stall(Math.min(lastsMs, stallMsMax))
        return
      case 'open':
        if (cluster.hosts.length < cluster.config.membersMax) cluster.openTab('join')
        return
      case 'halves': {
        const members = this.#random.shuffled(cluster.members)
        const cut = this.#random.integer(1, members.length - 1)
        this.#part(members.slice(0, cut), members.slice(cut), lastsMs)
        return
      }
      case 'isolateLeader':
      case 'isolateOne': {
        const leader = awake.find(({ replica }) => replica?.status().role === 'leader')
        const alone = kind === 'isolateLeader' ? (leader ?? victim) : victim
        const others = cluster.members.filter(member => member !== alone)
        this.#part([alone], others, lastsMs)
        return
      }
      case 'transfer': {
        const leader = awake.find(({ replica }) => replica?.status().role === 'leader')
        leader?.push({ kind: 'transfer', to: victim.id })
        return
      }
      case 'cutLink':
      case 'cutOneWay': {
        const other = this.#random.pick(cluster.members.filter(member => member !== victim))
        if (other === undefined) return
        if (kind === 'cutLink') {
          this.#part([victim], [other], lastsMs)
          return
        }
        cluster.network.block(victim.id, other.id)
        this.#later(lastsMs, () => cluster.network.unblock(victim.id, other.id))
        return
      }
    }
  }

  #part(left: readonly SimulatedMember[], right: readonly SimulatedMember[], lastsMs: number): void {
    const { network } = this.#cluster
    const links = left.flatMap(a => right.map(b => [a.id, b.id] as const))
    for (const [a, b] of links) {
      network.block(a, b)
      network.block(b, a)
    }
    this.#later(lastsMs, () => {
      for (const [a, b] of links) {
        network.unblock(a, b)
        network.unblock(b, a)
      }
    })
  }

  /** What undoes a fault. `stop` has undone all that it could; undoing twice does nothing. */
  #later(delayMs: number, undo: () => void): void {
    this.#schedule.after(delayMs, undo)
  }
}

/** Longer than any election timeout, and still within what a disk may do. */
const stallMsMax = 3_000
