import type { MemberId } from '../../../src/raft/types.ts'
import { type ElectionFaultKind, tickMs } from '../config.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import type { Cluster } from './cluster.ts'
import type { Strike } from './faults.ts'
import type { SimulatedMember } from './member.ts'

/** What hits the narrow places of elections, which chance alone seldom finds. */
export class ElectionFaults {
  readonly #schedule: Schedule
  readonly #cluster: Cluster
  #isOver = false

  constructor(schedule: Schedule, cluster: Cluster) {
    this.#schedule = schedule
    this.#cluster = cluster
  }

  strike(kind: ElectionFaultKind, { random }: Strike): void {
    const { leader } = this.#cluster
    if (leader === undefined) return
    switch (kind) {
      case 'crashVoters':
        this.#crashVoters(leader, random)
        return
      case 'deafHandOver':
        this.#deafHandOver(leader, random)
        return
      case 'lateAnswers':
        this.#lateAnswers(leader, random)
        return
      case 'longOldLog':
        this.#longOldLog(leader, random)
        return
      case 'slowOldDisk':
        this.#slowOldDisk(leader, random)
        return
    }
  }

  stop(): void {
    this.#isOver = true
    this.#cluster.voteTold = null
  }

  /**
   * The leader is cut off, and whoever votes for another crashes as it says so, and that other is cut off in its turn. Then the
   * first one is back, in the term before, and asks the same voters for their votes in the term they have just voted in.
   */
  #crashVoters(leader: SimulatedMember, random: Random): void {
    const voters = new Set<SimulatedMember>()
    const candidates = new Set<MemberId>()
    const hearLeader = this.#cluster.network.cut(this.#waysOf(leader.id))
    this.#cluster.voteTold = (voter, candidate) => {
      if (voter === leader || candidate === leader.id || !voter.isRunning || voter.isFrozen) return
      if (voters.size === 0) this.#schedule.after(this.#electionMs * random.between(1, 2.5), comeBack)
      if (!candidates.has(candidate)) {
        const hearCandidate = this.#cluster.network.cut(this.#waysOf(candidate))
        this.#schedule.after(4 * this.#electionMs, hearCandidate)
      }
      candidates.add(candidate)
      voters.add(voter)
      this.#cluster.crash(voter)
    }
    const comeBack = () => {
      if (!this.#isOver) this.#cluster.voteTold = null
      hearLeader()
      for (const voter of voters) this.#schedule.after(random.between(0, tickMs), () => this.#cluster.restart(voter))
      voters.clear()
    }
    this.#schedule.after(4 * this.#electionMs, comeBack)
  }

  /** The leader hands over, and hears nothing of what becomes of it. */
  #deafHandOver(leader: SimulatedMember, random: Random): void {
    const heir = random.pick(this.#othersThan(leader))
    if (heir === undefined) return
    leader.push({ kind: 'transfer', to: heir.id })
    const hear = this.#cluster.network.cut(this.#othersThan(leader).map(({ id }) => [id, leader.id] as const))
    this.#schedule.after(this.#electionMs * random.between(0.5, 2), hear)
  }

  /**
   * What the leader is told is held up, then what it says; when another leads and has committed something, the old leader hears what
   * its followers told it before, and only then of its successor.
   */
  #lateAnswers(leader: SimulatedMember, random: Random): void {
    const others = this.#othersThan(leader)
    const hear = others.map(other => ({ other, from: this.#cluster.network.cut([[other.id, leader.id]]) }))
    const { heartbeatTicks } = this.#cluster.config.replica
    let speak = () => {}
    const deafMs = Math.min(heartbeatTicks * tickMs * random.between(2, 8), this.#electionMs / 2)
    this.#schedule.after(deafMs, () => {
      if (!this.#isOver) speak = this.#cluster.network.cut(others.map(({ id }) => [leader.id, id] as const))
    })
    const untilMs = this.#schedule.nowMs + 2 * this.#electionMs
    const positionOf = ({ replica }: SimulatedMember) => replica?.position ?? null
    const listen = () => {
      const old = positionOf(leader)
      const isSucceeded = ({ other }: { other: SimulatedMember }) => {
        const position = positionOf(other)
        return position !== null && old !== null && position.term > old.term && position.commit > old.commit + 1
      }
      const successors = hear.filter(isSucceeded)
      const isPast = old?.role !== 'leader' || successors.length > 0 || this.#schedule.nowMs >= untilMs
      if (!this.#isOver && !isPast) {
        this.#schedule.after(tickMs, listen)
        return
      }
      const waitMs = random.between(0, this.#electionMs / 2)
      const newLeader = hear.find(({ other }) => positionOf(other)?.role === 'leader')
      for (const way of hear) this.#schedule.after(way === newLeader ? waitMs + 4 * tickMs : waitMs, way.from)
      this.#schedule.after(waitMs + 4 * tickMs, () => speak())
    }
    listen()
  }

  /**
   * The leader still hears what it is asked to write, and nobody hears it; then it hears nobody either. Another is elected, and cut
   * off as soon as it has committed an entry of its own. The old leader comes back to the rest, with a log that may be longer than
   * theirs, and older.
   */
  #longOldLog(leader: SimulatedMember, random: Random): void {
    const others = this.#othersThan(leader)
    if (others.length < 2) return
    const speak = this.#cluster.network.cut(others.map(({ id }) => [leader.id, id] as const))
    let hear = () => {}
    let isBack = false
    // Until then nobody campaigns: who is elected would tell the old leader what to replace.
    this.#schedule.after(this.#electionMs * random.between(0.8, 0.95), () => {
      if (!this.#isOver && !isBack) hear = this.#cluster.network.cut(others.map(({ id }) => [id, leader.id] as const))
    })
    const untilMs = this.#schedule.nowMs + 5 * this.#electionMs
    const comeBack = () => {
      const old = leader.replica?.position
      const successor = others.find(({ replica }) => {
        if (replica === null || old === undefined) return false
        const { role, term, commit } = replica.position
        return role === 'leader' && term > old.term && commit > old.commit
      })
      if (!this.#isOver && successor === undefined && this.#schedule.nowMs < untilMs) {
        this.#schedule.after(electionLookMs, comeBack)
        return
      }
      if (!this.#isOver && successor !== undefined) {
        this.#schedule.after(5 * this.#electionMs, this.#cluster.network.cut(this.#waysOf(successor.id)))
      }
      isBack = true
      speak()
      hear()
    }
    comeBack()
  }

  /**
   * Nobody hears the leader any more, and its disk stalls with what it is asked to write. By the time it hears another leader, which
   * has it replace all that, the disk goes on: with what was replaced first.
   */
  #slowOldDisk(leader: SimulatedMember, random: Random): void {
    const others = this.#othersThan(leader)
    const speak = this.#cluster.network.cut(others.map(({ id }) => [leader.id, id] as const))
    const stallMs = this.#electionMs * random.between(2, 4)
    leader.disk.stall(stallMs)
    this.#schedule.after(stallMs - random.between(1, 8) * tickMs, speak)
  }

  get #electionMs(): number {
    return this.#cluster.config.replica.electionTicks * tickMs
  }

  #othersThan(member: SimulatedMember): SimulatedMember[] {
    return this.#cluster.members.filter(other => other !== member)
  }

  #waysOf(id: MemberId): (readonly [MemberId, MemberId])[] {
    return this.#cluster.members.flatMap(other =>
      other.id === id ? [] : [[id, other.id] as const, [other.id, id] as const],
    )
  }
}

/** A new leader is caught with few entries of its own: it adds some with every round of messages. */
const electionLookMs = 1
