import { EMPTY_CONF_STATE } from '../src/raft/configuration.ts'
import { MemoryStorage } from '../src/raft/memory-storage.ts'
import { RawNode } from '../src/raft/raw-node.ts'
import { EMPTY_BYTES, type Message, type Snapshot } from '../src/raft/types.ts'

const MEMBERS = [1, 2, 3]
const LEADER = 1
/** What a member keeps of its log behind what it has applied: enough for a slow follower, not for the heap to grow. */
const KEPT_ENTRIES = 10_000

interface Member {
  readonly node: RawNode
  readonly storage: MemoryStorage
  applied: number
}

/** Three members of the bare engine in one process: storage in memory, a queue of messages for a network, nothing to apply to. */
export class Trio {
  readonly #members: readonly Member[]
  readonly #keepAll: boolean
  #bus: Message[] = []
  #cutOff: number | null = null

  /** With `keepAll` the log is never compacted. */
  constructor({ keepAll }: { keepAll: boolean }) {
    this.#keepAll = keepAll
    this.#members = MEMBERS.map(found)
    this.#member(LEADER).node.campaign()
    this.settle()
    if (this.#member(LEADER).node.role !== 'leader') throw new Error('nobody leads')
  }

  #member(id: number): Member {
    const member = this.#members[id - 1]
    if (member === undefined) throw new Error(`no member ${id}`)
    return member
  }

  /** Proposes the payloads in one message and works until all members that can have applied them. */
  commit(payloads: readonly Uint8Array[]): void {
    if (this.#member(LEADER).node.propose(...payloads) !== 'ok') throw new Error('a proposal was dropped')
    this.settle()
    if (!this.#keepAll) this.#compact()
  }

  appliedBy(id: number): number {
    return this.#member(id).applied
  }

  /** Nothing reaches this member from now on, nor comes from it. Null: everybody is there. */
  cutOff(id: number | null): void {
    this.#cutOff = id
  }

  /** A heartbeat, and all that comes of it. */
  beat(): void {
    this.#member(LEADER).node.tick()
    this.settle()
  }

  settle(): void {
    for (;;) {
      for (const member of this.#members) while (member.node.hasReady()) this.#turn(member)
      if (this.#bus.length === 0) return
      const messages = this.#bus
      this.#bus = []
      for (const message of messages) {
        if (message.to === this.#cutOff || message.from === this.#cutOff) continue
        this.#member(message.to).node.step(message)
      }
    }
  }

  #turn(member: Member): void {
    const { node, storage } = member
    const ready = node.ready()
    storage.append(ready.entries)
    if (ready.hardState !== null) storage.setHardState(ready.hardState)
    for (const message of ready.messages) this.#bus.push(message)
    const last = ready.committedEntries.at(-1)
    if (last !== undefined) member.applied = last.index
    node.advance()
  }

  #compact(): void {
    for (const { storage, applied } of this.#members) {
      if (applied - storage.firstIndex() > 2 * KEPT_ENTRIES) storage.compact(applied - KEPT_ENTRIES)
    }
  }
}

function found(id: number): Member {
  const confState = { ...EMPTY_CONF_STATE, voters: MEMBERS }
  const founding: Snapshot = { metadata: { confState, index: 1, term: 1 }, data: EMPTY_BYTES }
  const storage = new MemoryStorage()
  storage.applySnapshot(founding)
  storage.setHardState({ term: 1, vote: 0, commit: 1 })
  const node = new RawNode({
    id,
    storage,
    applied: 1,
    electionTicks: 10,
    heartbeatTicks: 1,
    maxSizePerMessageBytes: 1024 * 1024,
    maxInflightMessages: 256,
    maxInflightBytes: 64 * 1024 * 1024,
    preVote: true,
    checkQuorum: true,
    stepDownOnRemoval: true,
    random: () => 0.5,
  })
  return { node, storage, applied: 1 }
}
