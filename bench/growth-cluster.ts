import { decodeLinkFrame } from '../src/net/codec.ts'
import { Router } from '../src/net/worker/router.ts'
import { Topology } from '../src/net/worker/topology.ts'
import type { MemberId } from '../src/raft/types.ts'
import { defaultReplicaOptions } from '../src/replica/options.ts'
import { Replica } from '../src/replica/replica.ts'
import type { Input, WalState } from '../src/replica/types.ts'
import { Store } from '../src/store/store.ts'
import { Random } from '../tests/sim/random.ts'
import { Schedule } from '../tests/sim/schedule.ts'
import { linksOf, nameOf, recordsOf, type Wants } from './growth-tree.ts'

/** One way over a link, before the bytes are counted. */
export const latencyMs = 5
/** What a tab's line takes upwards: 8 Mbit/s. */
export const uplinkBytesPerMs = 1_000
export const diskMs = 1
/** Numbers of editors' members. */
const firstMember = 1_001
const tickMs = 1_000 / defaultReplicaOptions.ticksPerSecond

/** What one tab has sent and received since it came. */
export interface Load {
  readonly sentFrames: number
  readonly sentBytes: number
  readonly receivedFrames: number
  readonly receivedBytes: number
}

interface Tab {
  readonly at: number
  readonly member: MemberId
  readonly topology: Topology
  readonly router: Router
  readonly replica: Replica
  inputs: Input[]
  isDue: boolean
  /** When its line is free again. */
  lineFreeMs: number
  readonly load: { -readonly [Name in keyof Load]: Load[Name] }
  /** When it applied which entry. */
  readonly appliedAt: Map<number, number>
}

/**
 * Whole members on the worker's own routing, over links that take time and lines that take bytes. No time but virtual.
 *
 * The voters know everyone. A learner's configuration names the voters and itself: no learner does anything about another, and what
 * it sends is the same to the byte, but each of a thousand that is told of a thousand others would go through a thousand names each time.
 */
export class GrowthCluster {
  readonly schedule = new Schedule()
  readonly #tabs: Tab[] = []
  readonly #byName = new Map<string, Tab>()
  #leader: Tab | null = null
  #lastWrite = 0

  constructor(wants: Wants, voters: number) {
    const memberOf = (at: number) => firstMember + at
    const members = wants.map((_, at) => memberOf(at))
    const voting = new Set(members.slice(0, voters))
    const data = new Store().snapshot()
    const recoveredWith = (learners: readonly MemberId[]): WalState => {
      const confState = { voters: [...voting], learners, votersOutgoing: [], learnersNext: [], autoLeave: false }
      return {
        hardState: { term: 1, vote: 0, commit: 1 },
        snapshot: { metadata: { confState, index: 1, term: 1 }, data },
        entries: [],
      }
    }
    const voterRecovered = recoveredWith(members.slice(voters))
    const records = recordsOf(wants, memberOf)
    for (const [at, peers] of linksOf(wants).entries()) {
      const member = memberOf(at)
      const tab = this.#makeTab(at, member, voting, voting.has(member) ? voterRecovered : recoveredWith([member]))
      for (const peer of peers) tab.topology.link(nameOf(peer), false, [memberOf(peer)])
      for (const record of records) tab.topology.learn(record)
      this.#tabs.push(tab)
      this.#byName.set(nameOf(at), tab)
    }
    const ups = members.map((member): Input => ({ kind: 'peerUp', member, viewer: false }))
    for (const tab of this.#tabs) {
      // Each hears of the others in an order of its own, and tells them where it stands in that order.
      for (const up of [...ups.slice(tab.at + 1), ...ups.slice(0, tab.at)]) this.#push(tab, up)
      // Nobody's clock ticks in step with another's.
      const tick = () => {
        this.#push(tab, { kind: 'tick' })
        this.schedule.after(tickMs, tick)
      }
      this.schedule.after((tab.at * 7.3) % tickMs, tick)
    }
  }

  run(ms: number): void {
    this.schedule.runUntil(this.schedule.nowMs + ms)
  }

  /** The only one there ever is. Throws while nobody leads, and if another leads than before. */
  get leader(): Tab {
    const leader = this.#tabs.find(({ replica }) => replica.position.role === 'leader')
    if (leader === undefined) throw new Error('nobody leads')
    this.#leader ??= leader
    if (this.#leader !== leader) throw new Error('another leads')
    return leader
  }

  /** Of the leader, up to now. */
  get leaderLoad(): Load {
    return { ...this.leader.load }
  }

  /** How many peers the leader is linked to. */
  get leaderLinks(): number {
    const { topology } = this.leader
    return topology.neighboursOf(topology.self).size
  }

  /** Writes at the leader, and gives the index that the entry will have. */
  write(valueBytes: number): number {
    this.#lastWrite += 1
    const seq = this.#lastWrite
    const { leader } = this
    const request = {
      op: 'put',
      key: new TextEncoder().encode(`key/${seq}`),
      value: new Uint8Array(valueBytes),
      lease: 0,
      prevKv: false,
      ignoreValue: false,
      ignoreLease: false,
    } as const
    const command = { clientId: '0'.repeat(32), seq, acked: seq - 1, request }
    const index = leader.replica.position.commit + 1
    this.#push(leader, { kind: 'request', id: seq, request: { kind: 'write', command } })
    return index
  }

  /** How much later than the leader everyone else applied the entry, in milliseconds. Throws if somebody has not. */
  lags(index: number): number[] {
    const { leader } = this
    const committedAt = leader.appliedAt.get(index)
    if (committedAt === undefined) throw new Error(`the leader has not applied ${index}`)
    return this.#tabs
      .filter(tab => tab !== leader)
      .map(({ member, appliedAt }) => {
        const at = appliedAt.get(index)
        if (at === undefined) throw new Error(`member ${member} has not applied ${index}`)
        return at - committedAt
      })
  }

  #makeTab(at: number, member: MemberId, voting: ReadonlySet<MemberId>, recovered: WalState): Tab {
    const topology = new Topology(nameOf(at))
    topology.host([member])
    const random = new Random(at + 1)
    const appliedAt = new Map<number, number>()
    const router = new Router({
      topology,
      votes: member => voting.has(member),
      transmit: (peer, frame) => {
        this.#transmit(tab, peer, frame.slice())
        return true
      },
      deliver: (from, _to, message, viewer) => this.#push(tab, { kind: 'message', from, message, viewer }),
      after: (ms, callback) => this.schedule.after(ms, callback),
    })
    const replica = new Replica({
      member,
      recovered,
      random: () => random.next(),
      observer: { applied: ({ index }) => appliedAt.set(index, this.schedule.nowMs) },
    })
    const tab: Tab = {
      ...{ at, member, topology, router, replica, appliedAt },
      ...{ inputs: [], isDue: false, lineFreeMs: 0 },
      load: { sentFrames: 0, sentBytes: 0, receivedFrames: 0, receivedBytes: 0 },
    }
    return tab
  }

  #push(tab: Tab, input: Input): void {
    tab.inputs.push(input)
    if (tab.isDue) return
    tab.isDue = true
    this.schedule.after(0, () => this.#turn(tab))
  }

  #turn(tab: Tab): void {
    tab.isDue = false
    const { inputs } = tab
    tab.inputs = []
    for (const output of tab.replica.handle(inputs)) {
      if (output.kind === 'send') tab.router.send(tab.member, output.to, output.message)
      else if (output.kind === 'persist') {
        this.schedule.after(diskMs, () => this.#push(tab, { kind: 'walDone', id: output.id }))
      } else if (output.kind === 'stage') {
        this.schedule.after(diskMs, () => this.#push(tab, { kind: 'staged', id: output.id }))
      }
    }
    tab.router.flush()
  }

  #transmit(tab: Tab, peer: string, frame: Uint8Array): void {
    const to = this.#byName.get(peer)
    if (to === undefined) throw new Error(`no tab ${peer}`)
    tab.load.sentFrames += 1
    tab.load.sentBytes += frame.length
    tab.lineFreeMs = Math.max(tab.lineFreeMs, this.schedule.nowMs) + frame.length / uplinkBytesPerMs
    this.schedule.after(tab.lineFreeMs - this.schedule.nowMs + latencyMs, () => {
      to.load.receivedFrames += 1
      to.load.receivedBytes += frame.length
      this.#receive(to, tab, frame)
    })
  }

  #receive(tab: Tab, from: Tab, frame: Uint8Array): void {
    const decoded = decodeLinkFrame(frame)
    if (!decoded.ok) throw new Error(decoded.reason)
    const { value } = decoded
    if (value.kind === 'routed') tab.router.receive(nameOf(from.at), value)
    else if (value.kind === 'peer')
      this.#push(tab, { kind: 'message', from: value.from, message: value.message, viewer: false })
  }
}
