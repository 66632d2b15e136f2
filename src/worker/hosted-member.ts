import type { MemberId, Snapshot } from '../raft/types.ts'
import { Replica } from '../replica/replica.ts'
import type { Input, Output, WalError, WalWrite } from '../replica/types.ts'
import type { IdbWal } from '../wal/idb-wal.ts'
import type { OutboxStore } from '../wal/outbox.ts'
import type { Identity } from './identity.ts'
import { fsyncBucketsSeconds, Histogram } from './metrics.ts'
import { replicaOptions } from './policy.ts'
import type { MembershipOptions } from './protocol.ts'

/** One member this worker speaks for: its replica, its log, its lock, and what has happened since its last turn. */
export class HostedMember {
  readonly replica: Replica
  /** How long its durable writes took. */
  readonly fsync = new Histogram(fsyncBucketsSeconds)
  readonly #wal: IdbWal
  readonly #identity: Identity
  /** It knew of nothing committed when its log was opened: it was never let in, and has nothing that anyone could miss. */
  readonly isBlank: boolean
  #inputs: Input[] = []
  /** Nothing depends on it any more. */
  hasLeft = false
  /** Whether the cluster was asked to remove it, and has. One that is removed without having asked was away too long. */
  removal: 'none' | 'asked' | 'done' = 'none'

  constructor(identity: Identity, wal: IdbWal, membership: MembershipOptions) {
    this.#identity = identity
    this.#wal = wal
    const { member } = identity
    const options = replicaOptions(membership)
    const { recovered } = wal
    this.isBlank = recovered.snapshot === null && recovered.hardState.commit === 0
    this.replica = new Replica({ member, recovered, random: Math.random, options })
  }

  get id(): MemberId {
    return this.#identity.member
  }

  /** What its page was not answered, in this life or an earlier one. */
  get outbox(): OutboxStore {
    return this.#wal.outbox
  }

  /** Resolves, with why, if its log is taken away under it. */
  get lost(): Promise<WalError> {
    return this.#wal.lost
  }

  push(input: Input): void {
    this.#inputs.push(input)
  }

  turn(): Output[] {
    const inputs = this.#inputs
    this.#inputs = []
    return this.replica.handle(inputs)
  }

  async persist(write: WalWrite): Promise<void> {
    const begunAt = performance.now()
    await this.#wal.append(write)
    this.fsync.observe((performance.now() - begunAt) / 1000)
  }

  stage(snapshot: Snapshot): Promise<void> {
    return this.#wal.stage(snapshot)
  }

  /** Lets go of the log and then of the name; the log stays for whoever claims it next. */
  async close(): Promise<void> {
    await this.#wal.close()
    this.#identity.release()
  }

  async destroy(): Promise<void> {
    await this.#wal.destroy()
    this.#identity.release()
  }
}
