import type { MemberId, Snapshot } from '../src/raft/types.ts'
import type { ReplicaOptions } from '../src/replica/options.ts'
import { Replica } from '../src/replica/replica.ts'
import type { Input, Output, PeerMessage, ReplicaMetrics, ReplicaStatus, WalWrite } from '../src/replica/types.ts'
import { MemoryDisk, type MemoryWal } from '../src/wal/memory-wal.ts'

/** Where a member's outputs go that are not for its log. */
export interface Surroundings {
  readonly send: (from: MemberId, to: MemberId, message: PeerMessage) => void
  readonly statusChanged: () => void
}

/** What a member's client is told. */
export type Answer = Extract<Output, { kind: 'respond' | 'notify' }>

/** One member of the cluster: a replica, its log in memory, and turns that take in all that has come since the last. */
export class Member {
  readonly id: MemberId
  readonly #replica: Replica
  readonly #wal: MemoryWal
  readonly #around: Surroundings
  #answer: (answer: Answer) => void = () => {}
  #inputs: Input[] = []
  #turnIsDue = false
  #isGathering = false
  #isStopped = false
  #status: ReplicaStatus | null = null

  constructor(id: MemberId, founding: WalWrite, options: ReplicaOptions, around: Surroundings) {
    this.id = id
    this.#around = around
    this.#wal = new MemoryDisk().create(founding)
    this.#replica = new Replica({ member: id, recovered: this.#wal.recovered, random: Math.random, options })
  }

  /** Who is given the answers to requests; there is one. */
  serve(answer: (answer: Answer) => void): void {
    this.#answer = answer
  }

  /** Taken in with the next turn, which is at the end of this task. */
  push(input: Input): void {
    this.#inputs.push(input)
    if (this.#turnIsDue) return
    this.#turnIsDue = true
    queueMicrotask(() => this.#turn())
  }

  /**
   * Taken in after what else has come from the network is read: the requests of many callers then share a turn, which with 64
   * of them halves the work for each. What members say to each other is not to wait for it.
   */
  ask(input: Input): void {
    this.#inputs.push(input)
    if (this.#turnIsDue || this.#isGathering) return
    this.#isGathering = true
    setImmediate(() => {
      this.#isGathering = false
      this.#turn()
    })
  }

  /** As of the last turn. */
  get status(): ReplicaStatus {
    this.#status ??= this.#replica.status()
    return this.#status
  }

  get metrics(): ReplicaMetrics {
    return this.#replica.metrics()
  }

  get stateHash(): number {
    return this.#replica.stateHash
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#wal.close()
  }

  #turn(): void {
    this.#turnIsDue = false
    if (this.#isStopped || this.#inputs.length === 0) return
    const inputs = this.#inputs
    this.#inputs = []
    const outputs = this.#replica.handle(inputs)
    this.#status = null
    for (const output of outputs) this.#carryOut(output)
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case 'persist':
        this.#persist(output.id, output.write)
        return
      case 'stage':
        this.#stage(output.id, output.snapshot)
        return
      case 'send':
        this.#around.send(this.id, output.to, output.message)
        return
      case 'respond':
      case 'notify':
        this.#answer(output)
        return
      case 'statusChanged':
        this.#around.statusChanged()
        return
      case 'event':
        return
      case 'left':
      case 'removed':
        throw new Error(`assertion failed: nobody asked member ${this.id} to go, yet it ${output.kind}`)
      default:
        output satisfies never
    }
  }

  async #persist(id: number, write: WalWrite): Promise<void> {
    await this.#wal.append(write)
    this.push({ kind: 'walDone', id })
  }

  async #stage(id: number, snapshot: Snapshot): Promise<void> {
    await this.#wal.stage(snapshot)
    this.push({ kind: 'staged', id })
  }
}
