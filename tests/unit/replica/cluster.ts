import type { MemberId } from '../../../src/raft/types.ts'
import { emptyState, foundingWrite } from '../../../src/replica/founding.ts'
import { defaultReplicaOptions, type ReplicaOptions } from '../../../src/replica/options.ts'
import { Replica } from '../../../src/replica/replica.ts'
import {
  type ClientRequest,
  type ClientResponse,
  type ClusterEvent,
  type Input,
  type Output,
  type PeerMessage,
  type RequestId,
  roleOf,
  type WalState,
  type WalWrite,
  type WatchNotification,
} from '../../../src/replica/types.ts'
import type { Command, WriteRequest } from '../../../src/store/types.ts'
import { MemoryDisk, type MemoryWal } from '../../../src/wal/memory-wal.ts'
import { Random } from '../../sim/random.ts'

interface Member {
  readonly id: MemberId
  readonly disk: MemoryDisk
  replica: Replica
  wal: MemoryWal
  inputs: Input[]
  readonly said: ('left' | 'removed')[]
  readonly events: ClusterEvent[]
  /** With which write its disk begins to take its time. */
  stallsAt: (write: WalWrite) => boolean
  /** What it has not finished since. */
  readonly writing: number[]
}

interface Sent {
  readonly from: MemberId
  readonly to: MemberId
  readonly message: PeerMessage
}

/**
 * Real replicas with a disk and a network that take no time: `settle` runs until nobody has anything left to do. Time passes
 * only by `tick`. Links can be cut, and messages dropped by whatever a test does not like about them.
 */
export class TestCluster {
  readonly options: ReplicaOptions
  readonly responses = new Map<RequestId, ClientResponse>()
  readonly notifications = new Map<RequestId, WatchNotification[]>()
  readonly sent: Sent[] = []
  /** What is not to arrive. */
  drop: (sent: Sent) => boolean = () => false
  readonly #random: Random
  readonly #members = new Map<MemberId, Member>()
  readonly #stopped = new Map<MemberId, MemoryDisk>()
  readonly #cut = new Set<string>()
  #lastId = 0

  constructor(options: Partial<ReplicaOptions> = {}, seed = 1) {
    this.#random = new Random(seed)
    this.options = { ...defaultReplicaOptions, ...options }
  }

  /** Members 1 to `count`, the first the founder and leader, all of them voters as far as the policy wants. */
  static of(count: number, options: Partial<ReplicaOptions> = {}, seed = 1): TestCluster {
    const cluster = new TestCluster(options, seed)
    cluster.open(1, foundingWrite(1))
    for (let id = 2; id <= count; id += 1) cluster.join(id)
    cluster.tick(3 * cluster.options.gossipTicks)
    return cluster
  }

  join(id: MemberId): void {
    this.open(id, { hardState: emptyState.hardState, entries: [], install: null, compaction: null })
  }

  open(id: MemberId, initial: WalWrite): void {
    const disk = new MemoryDisk('whenTold')
    this.#start(id, disk, disk.create(initial))
  }

  /** Gone, and nobody notices. */
  vanish(id: MemberId): void {
    const { disk } = this.#member(id)
    disk.crash()
    this.#members.delete(id)
    this.#stopped.set(id, disk)
  }

  /** Gone; the others notice at once. */
  stop(id: MemberId): void {
    this.vanish(id)
    for (const other of this.#members.keys())
      if (!this.#isCut(id, other)) this.#push(other, { kind: 'peerDown', member: id })
    this.settle()
  }

  /** What a member that is gone has on its disk. */
  logOf(id: MemberId): WalState {
    const wal = this.#stopped.get(id)?.open()
    if (wal === undefined) throw new Error(`${id} was not stopped`)
    const { recovered } = wal
    void wal.close()
    return recovered
  }

  restart(id: MemberId, ...inputs: Input[]): void {
    const disk = this.#stopped.get(id)
    if (disk === undefined) throw new Error(`${id} was not stopped`)
    this.#stopped.delete(id)
    this.#start(id, disk, disk.open(), inputs)
  }

  /** Starts a member again, with a write of its client waiting for it before it has done anything. */
  restartWith(id: MemberId, command: Command): RequestId {
    this.#lastId += 1
    this.restart(id, { kind: 'request', id: this.#lastId, request: { kind: 'write', command } })
    return this.#lastId
  }

  cut(a: MemberId, b: MemberId): void {
    this.#cut.add(`${a}-${b}`).add(`${b}-${a}`)
    this.#push(a, { kind: 'peerDown', member: b })
    this.#push(b, { kind: 'peerDown', member: a })
    this.settle()
  }

  /** Its disk finishes neither that write, when it comes to it, nor any after it, until it is let. */
  stall(id: MemberId, at: (write: WalWrite) => boolean): void {
    this.#member(id).stallsAt = at
  }

  unstall(id: MemberId): void {
    const member = this.#member(id)
    member.stallsAt = () => false
    member.disk.complete()
    for (const write of member.writing.splice(0)) this.#push(id, { kind: 'walDone', id: write })
    this.settle()
  }

  /** Cuts a member off from all others. */
  isolate(id: MemberId): void {
    for (const other of this.#members.keys()) if (other !== id) this.cut(id, other)
  }

  heal(): void {
    for (const way of this.#cut) {
      const [here, there] = way.split('-').map(Number)
      if (here !== undefined && there !== undefined)
        this.#push(here, { kind: 'peerUp', member: there, viewer: isViewer(there) })
    }
    this.#cut.clear()
    this.settle()
  }

  tick(count = 1): void {
    for (let i = 0; i < count; i += 1) {
      for (const id of this.#members.keys()) this.#push(id, { kind: 'tick' })
      this.settle()
    }
  }

  /** Ticks until it is so. */
  until(what: string, isSo: () => boolean, ticksMax = 400): void {
    for (let i = 0; i < ticksMax; i += 1) {
      if (isSo()) return
      this.tick()
    }
    throw new Error(`not within ${ticksMax} ticks: ${what}`)
  }

  input(id: MemberId, input: Input): void {
    this.#push(id, input)
    this.settle()
  }

  /** Inputs that arrive together. */
  turn(id: MemberId, inputs: readonly Input[]): void {
    for (const input of inputs) this.#push(id, input)
    this.settle()
  }

  request(id: MemberId, request: ClientRequest): RequestId {
    this.#lastId += 1
    this.input(id, { kind: 'request', id: this.#lastId, request })
    return this.#lastId
  }

  write(id: MemberId, clientId: string, seq: number, request: WriteRequest, acked = 0): RequestId {
    return this.request(id, { kind: 'write', command: { clientId, seq, acked, request } })
  }

  replica(id: MemberId): Replica {
    return this.#member(id).replica
  }

  /** Of all that its disk holds. */
  diskBytes(id: MemberId): number {
    return this.#member(id).disk.bytes
  }

  said(id: MemberId): readonly string[] {
    return this.#member(id).said
  }

  /** What it saw happen since it was started. */
  events(id: MemberId): readonly ClusterEvent[] {
    return this.#member(id).events
  }

  /** The one member all running ones follow, or 0. */
  get leader(): MemberId {
    const known = new Set([...this.#members.values()].map(({ replica }) => replica.status().leader))
    const [leader] = known
    return known.size === 1 && leader !== undefined ? leader : 0
  }

  voters(as: MemberId = this.leader): MemberId[] {
    const { members } = this.replica(as).status()
    return members.filter(({ state }) => state === 'voter').map(({ member }) => member)
  }

  members(as: MemberId = this.leader): MemberId[] {
    return this.replica(as)
      .status()
      .members.map(({ member }) => member)
  }

  settle(): void {
    for (let turns = 0; turns < turnsMax; turns += 1) {
      const busy = [...this.#members.values()].filter(({ inputs }) => inputs.length > 0)
      if (busy.length === 0) return
      for (const member of busy) this.#turn(member)
    }
    throw new Error('the cluster does not come to rest')
  }

  #start(id: MemberId, disk: MemoryDisk, wal: MemoryWal, inputs: Input[] = []): void {
    const { options } = this
    const random = this.#random.fork().next
    const replica = new Replica({ member: id, recovered: wal.recovered, random, options })
    this.#members.set(id, { id, disk, replica, wal, inputs, said: [], events: [], stallsAt: () => false, writing: [] })
    for (const other of this.#members.keys()) {
      if (other === id || this.#isCut(id, other)) continue
      this.#push(id, { kind: 'peerUp', member: other, viewer: isViewer(other) })
      this.#push(other, { kind: 'peerUp', member: id, viewer: isViewer(id) })
    }
    this.tick()
  }

  #turn(member: Member): void {
    const inputs = member.inputs
    member.inputs = []
    for (const output of member.replica.handle(inputs)) this.#carryOut(member, output)
  }

  #carryOut(member: Member, output: Output): void {
    switch (output.kind) {
      case 'persist':
        void member.wal.append(output.write)
        if (member.writing.length > 0 || member.stallsAt(output.write)) {
          member.writing.push(output.id)
          return
        }
        member.disk.complete()
        this.#push(member.id, { kind: 'walDone', id: output.id })
        return
      case 'stage':
        this.#stage(member, output)
        return
      case 'send': {
        const sent = { from: member.id, to: output.to, message: output.message }
        this.sent.push(sent)
        if (this.#isCut(member.id, output.to) || this.drop(sent)) return
        if (this.#members.has(output.to)) {
          this.#push(output.to, {
            kind: 'message',
            viewer: isViewer(member.id),
            from: member.id,
            message: output.message,
          })
        }
        return
      }
      case 'respond':
        this.responses.set(output.id, output.response)
        return
      case 'notify':
        this.notifications.set(output.id, [...(this.notifications.get(output.id) ?? []), output.notification])
        return
      case 'left':
      case 'removed':
        member.said.push(output.kind)
        return
      case 'event':
        member.events.push(output.event)
        return
      case 'statusChanged':
        return
    }
  }

  #stage({ id, wal, disk, writing }: Member, output: Extract<Output, { kind: 'stage' }>): void {
    const isStalled = writing.length > 0
    const part = (_: Promise<void>, next: () => void) => {
      disk.complete()
      next()
    }
    const done = () => this.#push(id, { kind: 'staged', id: output.id })
    // What waits for the disk waits on.
    if (isStalled) done()
    else wal.stageBy(output.snapshot, part, done)
  }

  #push(id: MemberId, input: Input): void {
    this.#members.get(id)?.inputs.push(input)
  }

  #member(id: MemberId): Member {
    const member = this.#members.get(id)
    if (member === undefined) throw new Error(`${id} is not running`)
    return member
  }

  #isCut(a: MemberId, b: MemberId): boolean {
    return this.#cut.has(`${a}-${b}`)
  }
}

function isViewer(member: MemberId): boolean {
  return roleOf(member) === 'viewer'
}

/** Far more than any exchange takes. */
const turnsMax = 10_000
