import type { NetworkFaultKind } from '../config.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import type { Cluster } from './cluster.ts'
import type { Strike } from './faults.ts'
import type { SimulatedMember } from './member.ts'

/** A direction in which nothing gets through. */
type Way = readonly [from: SimulatedMember, to: SimulatedMember]

/** Who cannot hear whom, and for how long. */
export class NetworkFaults {
  readonly #schedule: Schedule
  readonly #cluster: Cluster
  #isOver = false

  constructor(schedule: Schedule, cluster: Cluster) {
    this.#schedule = schedule
    this.#cluster = cluster
  }

  strike(kind: NetworkFaultKind, { victim, lastsMs, random }: Strike): void {
    const members = random.shuffled(this.#cluster.members)
    const leader = this.#cluster.leader ?? victim
    const others = (one: SimulatedMember) => members.filter(member => member !== one)
    switch (kind) {
      case 'halves': {
        const at = random.integer(1, members.length - 1)
        this.#cut(between(members.slice(0, at), members.slice(at)), lastsMs)
        return
      }
      case 'isolateLeader':
        this.#cut(between([leader], others(leader)), lastsMs)
        return
      case 'isolateOne':
        this.#cut(between([victim], others(victim)), lastsMs)
        return
      case 'deafLeader':
        this.#cut(
          others(leader).map(other => [other, leader]),
          lastsMs,
        )
        return
      case 'muteLeader':
        this.#cut(
          others(leader).map(other => [leader, other]),
          lastsMs,
        )
        return
      case 'chaseLeader':
        this.#chase(random, this.#schedule.nowMs + lastsMs)
        return
      case 'cutLink':
        this.#cut(between([victim], others(victim).slice(0, 1)), lastsMs)
        return
      case 'cutOneWay':
        this.#cut(
          others(victim)
            .slice(0, 1)
            .map(other => [victim, other]),
          lastsMs,
        )
        return
      case 'flap': {
        const far = random.chance(0.5) ? others(victim) : others(victim).slice(0, 1)
        this.#flap(random, between([victim], far), this.#schedule.nowMs + lastsMs)
        return
      }
      case 'ring':
        this.#keepOnly((a, b) => [1, members.length - 1].includes(Math.abs(a - b)), members, lastsMs)
        return
      case 'star':
        this.#keepOnly((a, b) => a === 0 || b === 0, members, lastsMs)
        return
      case 'bridge': {
        // The first alone sees both halves.
        const at = random.integer(1, members.length)
        this.#keepOnly((a, b) => a === 0 || b === 0 || a < at === b < at, members, lastsMs)
        return
      }
      case 'congestion':
        this.#cluster.network.congest(lastsMs)
        return
    }
  }

  /** Everyone hears everyone, and goes on doing so. */
  stop(): void {
    this.#isOver = true
    this.#cluster.network.becomePerfect()
  }

  /** Nothing gets through but between those pairs, named by their places in the list. */
  #keepOnly(isKept: (a: number, b: number) => boolean, members: readonly SimulatedMember[], lastsMs: number): void {
    const ways = members.flatMap((from, a) =>
      members.flatMap((to, b): Way[] => (a === b || isKept(a, b) ? [] : [[from, to]])),
    )
    this.#cut(ways, lastsMs)
  }

  #cut(ways: readonly Way[], lastsMs: number): void {
    this.#schedule.after(lastsMs, this.#cluster.network.cut(ways.map(([from, to]) => [from.id, to.id])))
  }

  /** Whoever leads is cut off, and who comes after it, too. */
  #chase(random: Random, untilMs: number): void {
    if (this.#isOver || this.#schedule.nowMs > untilMs) return
    const { leader, members } = this.#cluster
    const lastsMs = random.between(...chaseMs)
    const others = members.filter(member => member !== leader)
    if (leader !== undefined) this.#cut(between([leader], others), lastsMs)
    this.#schedule.after(lastsMs, () => this.#chase(random, untilMs))
  }

  #flap(random: Random, ways: readonly Way[], untilMs: number): void {
    if (this.#isOver || this.#schedule.nowMs > untilMs) return
    const downMs = random.between(...flapMs)
    this.#cut(ways, downMs)
    this.#schedule.after(downMs + random.between(...flapMs), () => this.#flap(random, ways, untilMs))
  }
}

function between(left: readonly SimulatedMember[], right: readonly SimulatedMember[]): Way[] {
  return left.flatMap(a =>
    right.flatMap((b): Way[] => [
      [a, b],
      [b, a],
    ]),
  )
}

/** About as long as an election takes. */
const chaseMs = [200, 2_000] as const
/** Shorter and longer than what a broken link takes to be noticed. */
const flapMs = [20, 1_500] as const
