import { diskFaultKinds, electionFaultKinds, type FaultKind, networkFaultKinds } from '../config.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import type { Trace } from '../trace.ts'
import type { Cluster } from './cluster.ts'
import { DiskFaults } from './faults-disk.ts'
import { ElectionFaults } from './faults-elections.ts'
import { NetworkFaults } from './faults-network.ts'
import { TabFaults } from './faults-tabs.ts'
import type { SimulatedMember } from './member.ts'

/** What a fault has to know of itself. */
export interface Strike {
  /** One that was up and awake when it struck. */
  readonly victim: SimulatedMember
  readonly lastsMs: number
  /** Its own: what one fault draws does not shift what the next will. */
  readonly random: Random
}

/**
 * What breaks things: one fault after the other and on top of each other, each undone after a while, until told to stop. Strikes
 * are numbered, and when and how the Nth strikes does not depend on those before it; so a run that is limited to its first N is
 * the same up to there, which is how the shortest failing prefix is found.
 */
export class Faults {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #cluster: Cluster
  readonly #trace: Trace
  readonly #strikesMax: number
  readonly #network: NetworkFaults
  readonly #disks: DiskFaults
  readonly #tabs: TabFaults
  readonly #elections: ElectionFaults
  readonly counts = new Map<FaultKind, number>()
  #strikes = 0
  #isOver = false

  constructor(
    schedule: Schedule,
    random: Random,
    cluster: Cluster,
    trace: Trace,
    strikesMax = Number.POSITIVE_INFINITY,
  ) {
    this.#schedule = schedule
    this.#random = random
    this.#cluster = cluster
    this.#trace = trace
    this.#strikesMax = strikesMax
    this.#network = new NetworkFaults(schedule, cluster)
    this.#disks = new DiskFaults(schedule, cluster)
    this.#tabs = new TabFaults(schedule, cluster)
    this.#elections = new ElectionFaults(schedule, cluster)
  }

  /** How many have struck. */
  get strikes(): number {
    return this.#strikes
  }

  start(): void {
    const { everyMs, lastMs, weights } = this.#cluster.config.faults
    if (Object.values(weights).every(weight => weight === 0)) return
    this.#schedule.after(this.#random.between(...everyMs), () => {
      if (this.#isOver || this.#strikes >= this.#strikesMax) return
      const kind = this.#random.weighted(weights)
      this.#strike(kind, this.#random.between(...lastMs), this.#random.fork())
      this.start()
    })
  }

  /** Everything works again, everyone is back. */
  stop(): void {
    this.#isOver = true
    this.#elections.stop()
    this.#network.stop()
    this.#disks.stop()
    this.#tabs.stop()
  }

  #strike(kind: FaultKind, lastsMs: number, random: Random): void {
    this.#strikes += 1
    const victim = random.pick(this.#cluster.hosts.filter(member => member.isRunning && !member.isFrozen))
    if (victim === undefined) return
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    if (this.#trace.isOn) {
      const what = `=== fault ${this.#strikes}: ${kind}, for ${lastsMs.toFixed(0)} ms`
      this.#trace.line(this.#schedule.nowMs, what)
    }
    const strike = { victim, lastsMs, random }
    if (isOneOf(networkFaultKinds, kind)) this.#network.strike(kind, strike)
    else if (isOneOf(diskFaultKinds, kind)) this.#disks.strike(kind, strike)
    else if (isOneOf(electionFaultKinds, kind)) this.#elections.strike(kind, strike)
    else this.#tabs.strike(kind, strike)
  }
}

function isOneOf<K extends FaultKind>(kinds: readonly K[], kind: FaultKind): kind is K {
  return kinds.some(known => known === kind)
}
