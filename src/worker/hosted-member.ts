import type { MemberId } from '../raft/types.ts'
import { Replica } from '../replica/replica.ts'
import type { Input, Output, Wal, WalWrite } from '../replica/types.ts'
import type { Identity } from './identity.ts'

/** One member this worker speaks for: its replica, its log, its lock, and what has happened since its last turn. */
export class HostedMember {
  readonly replica: Replica
  readonly #wal: Wal
  readonly #identity: Identity
  #inputs: Input[] = []
  /** Nothing depends on it any more. */
  hasLeft = false

  constructor(identity: Identity, wal: Wal) {
    this.#identity = identity
    this.#wal = wal
    this.replica = new Replica({ member: identity.member, recovered: wal.recovered, random: Math.random })
  }

  get id(): MemberId {
    return this.#identity.member
  }

  push(input: Input): void {
    this.#inputs.push(input)
  }

  turn(): Output[] {
    const inputs = this.#inputs
    this.#inputs = []
    return this.replica.handle(inputs)
  }

  persist(write: WalWrite): Promise<void> {
    return this.#wal.append(write)
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
