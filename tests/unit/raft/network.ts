import { expect } from 'vitest'
import { decodeConfChange } from '../../../src/raft/conf-change.ts'
import { EMPTY_CONF_STATE } from '../../../src/raft/configuration.ts'
import { RaftError } from '../../../src/raft/errors.ts'
import { MemoryStorage } from '../../../src/raft/memory-storage.ts'
import { type RaftConfig, RawNode, type Ready } from '../../../src/raft/raw-node.ts'
import {
  type ConfChangeSingle,
  type ConfState,
  EMPTY_BYTES,
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type MemberId,
  type Message,
  type MessageType,
  type ReadState,
  type Snapshot,
} from '../../../src/raft/types.ts'

/** Rounds of ready and delivery after which a network that should come to rest is declared restless. */
const SETTLE_ROUNDS_MAX = 10_000
const ELECTION_TICKS = 10

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (data: Uint8Array): string => new TextDecoder().decode(data)

/** A seeded generator (mulberry32): the same network runs the same way every time. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface NetworkOptions {
  readonly voters: readonly MemberId[]
  readonly learners?: readonly MemberId[]
  readonly seed?: number
  readonly config?: Partial<RaftConfig>
}

/** One member with everything its owner would do for it: a disk, a state machine, and the sending of messages. */
export class Peer {
  readonly id: MemberId
  readonly #network: Network
  storage: MemoryStorage
  node: RawNode
  /** The state machine: the non-empty payloads, in order. */
  applied: string[] = []
  appliedIndex = 0
  confState: ConfState
  reads: ReadState[] = []
  /** What this member claimed to have on disk and lost, were it restarted now. Async only. */
  readonly diskQueue: Message[] = []
  readonly applyQueue: Message[] = []
  /** The disk is slow: nothing in its queue is finished before it is released. Async only. */
  diskHeld = false
  applyHeld = false
  up = true

  constructor(network: Network, id: MemberId, confState: ConfState) {
    this.#network = network
    this.id = id
    this.confState = confState
    this.storage = new MemoryStorage({ makeSnapshot: () => this.snapshot() })
    if (confState !== EMPTY_CONF_STATE) {
      // Founded with a configuration: as if by a snapshot at index 1.
      this.storage.applySnapshot({ metadata: { confState, index: 1, term: 1 }, data: bytes('[]') })
      this.storage.setHardState({ term: 1, vote: 0, commit: 1 })
      this.appliedIndex = 1
    }
    this.node = this.#start()
  }

  #start(): RawNode {
    return new RawNode({ ...this.#network.configOf(this.id), storage: this.storage, applied: this.appliedIndex })
  }

  /** A crash and a new start on what is durable. The state machine is kept, or rebuilt from the log. */
  restart(state: 'kept' | 'rebuilt' = 'kept'): void {
    if (state === 'rebuilt') {
      const { confState } = this.storage.initialState()
      this.applied = []
      this.confState = confState
      this.appliedIndex = this.storage.firstIndex() - 1
    } else {
      this.#storeConfState()
      // What was applied was committed, even if that has not reached the disk.
      const { hardState } = this.storage.initialState()
      this.storage.setHardState({ ...hardState, commit: Math.max(hardState.commit, this.appliedIndex) })
    }
    this.reads = []
    this.diskQueue.length = 0
    this.applyQueue.length = 0
    this.diskHeld = false
    this.applyHeld = false
    this.up = true
    this.node = this.#start()
  }

  /** A real owner keeps the configuration with its state; here the stored snapshot carries it. */
  #storeConfState(): void {
    const stored = this.storage.initialState()
    const { index } = this.snapshot().metadata
    if (JSON.stringify(stored.confState) === JSON.stringify(this.confState)) return
    this.storage.createSnapshot(index, this.confState, this.snapshot().data)
  }

  snapshot(): Snapshot {
    const term = this.storage.term(this.appliedIndex)
    return {
      metadata: { confState: this.confState, index: this.appliedIndex, term },
      data: bytes(JSON.stringify(this.applied)),
    }
  }

  /** Takes one Ready and does what it says. False if there was nothing to do. */
  turn(): boolean {
    if (this.#async) return this.#turnAsync()
    if (!this.node.hasReady()) return false
    const ready = this.node.ready()
    this.#store(ready.snapshot, ready.entries, ready.hardState)
    for (const message of ready.messages) this.#network.send(message)
    this.#apply(ready.committedEntries)
    this.#observe(ready)
    this.node.advance()
    return true
  }

  get #async(): boolean {
    return this.#network.configOf(this.id).asyncStorageWrites === true
  }

  #turnAsync(): boolean {
    let worked = false
    if (this.node.hasReady()) {
      const ready = this.node.ready()
      for (const message of ready.messages) {
        if (message.to === LOCAL_APPEND_THREAD) this.diskQueue.push(message)
        else if (message.to === LOCAL_APPLY_THREAD) this.applyQueue.push(message)
        else this.#network.send(message)
      }
      this.#observe(ready)
      worked = true
    }
    if (!this.diskHeld) worked = this.finishWrite() || worked
    if (!this.applyHeld) worked = this.finishApply() || worked
    return worked
  }

  /** The oldest write under way becomes durable. */
  finishWrite(): boolean {
    const write = this.diskQueue.shift()
    if (write === undefined) return false
    const { term, vote, commit } = write
    const hardState = term === 0 && vote === 0 && commit === 0 ? null : { term, vote, commit }
    this.#store(write.snapshot, write.entries, hardState)
    this.#answer(write)
    return true
  }

  finishApply(): boolean {
    const work = this.applyQueue.shift()
    if (work === undefined) return false
    this.#apply(work.entries)
    this.#answer(work)
    return true
  }

  #answer(work: Message): void {
    for (const response of work.responses) {
      if (response.to === this.id) this.receive(response)
      else this.#network.send(response)
    }
  }

  #store(snapshot: Snapshot | null, entries: readonly Entry[], hardState: HardState | null): void {
    if (snapshot !== null) {
      this.storage.applySnapshot(snapshot)
      this.applied = JSON.parse(text(snapshot.data))
      this.appliedIndex = snapshot.metadata.index
      this.confState = snapshot.metadata.confState
    }
    this.storage.append(entries)
    if (hardState !== null) this.storage.setHardState(hardState)
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      // Overtaken by a snapshot while it waited to be applied.
      if (this.#async && entry.index <= this.appliedIndex) continue
      expect(entry.index, `member ${this.id} applies without gaps`).toBe(this.appliedIndex + 1)
      this.appliedIndex = entry.index
      if (entry.type !== 'normal') this.confState = this.node.applyConfChange(decodeConfChange(entry.data))
      else if (entry.data.length > 0) this.applied.push(text(entry.data))
      this.#network.checkAgreement(entry)
    }
  }

  #observe(ready: Ready): void {
    this.reads.push(...ready.readStates)
    this.#network.checkLeaders(this)
  }

  receive(message: Message): void {
    try {
      this.node.step(message)
    } catch (error) {
      if (!(error instanceof RaftError)) throw error
    }
  }

  /** The whole log as `term:payload`, from the first index it still has. */
  log(): string[] {
    const { storage } = this
    if (storage.lastIndex() < storage.firstIndex()) return []
    return storage
      .entries(storage.firstIndex(), storage.lastIndex() + 1, Number.POSITIVE_INFINITY)
      .map(entry => `${entry.term}:${entry.type === 'normal' ? text(entry.data) : entry.type}`)
  }
}

/**
 * Members and the wires between them, run to rest after every act. Checks as it goes what must hold in every run: one leader
 * a term (paper 5.2), and the same entry at the same index wherever it is applied (5.4.3).
 */
export class Network {
  readonly peers = new Map<MemberId, Peer>()
  readonly #options: NetworkOptions
  readonly #random: () => number
  readonly #inbox: Message[] = []
  readonly #cut = new Set<string>()
  readonly #ignored = new Set<MessageType>()
  /** How likely a message is lost, delivered twice, or held back for another round. */
  weather = { loss: 0, duplication: 0, delay: 0 }
  readonly #leaders = new Map<number, MemberId>()
  readonly #committed = new Map<number, string>()
  /** Everything that was sent, also what was lost. */
  readonly sent: Message[] = []

  constructor(options: NetworkOptions) {
    this.#options = options
    this.#random = seeded(options.seed ?? 1)
    const { voters, learners = [] } = options
    const confState = { ...EMPTY_CONF_STATE, voters, learners }
    for (const id of [...voters, ...learners]) this.peers.set(id, new Peer(this, id, confState))
  }

  configOf(id: MemberId): Omit<RaftConfig, 'storage'> {
    return {
      id,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: 1,
      maxSizePerMessageBytes: 1024 * 1024,
      maxInflightMessages: 64,
      checkQuorum: false,
      preVote: false,
      random: this.#random,
      ...this.#options.config,
    }
  }

  peer(id: MemberId): Peer {
    const peer = this.peers.get(id)
    if (peer === undefined) throw new Error(`no member ${id}`)
    return peer
  }

  node(id: MemberId): RawNode {
    return this.peer(id).node
  }

  /** A member with nothing, not even a configuration: it waits to be added. */
  addStranger(id: MemberId): Peer {
    const peer = new Peer(this, id, EMPTY_CONF_STATE)
    this.peers.set(id, peer)
    return peer
  }

  send(message: Message): void {
    this.sent.push(message)
    this.#inbox.push(message)
  }

  // Faults.

  cut(a: MemberId, b: MemberId): void {
    this.#cut.add(`${a}-${b}`).add(`${b}-${a}`)
  }

  isolate(...ids: MemberId[]): void {
    for (const id of ids) for (const other of this.peers.keys()) if (!ids.includes(other)) this.cut(id, other)
  }

  ignore(...types: MessageType[]): void {
    for (const type of types) this.#ignored.add(type)
  }

  heal(): void {
    this.#cut.clear()
    this.#ignored.clear()
    this.weather = { loss: 0, duplication: 0, delay: 0 }
  }

  crash(id: MemberId): void {
    this.peer(id).up = false
  }

  #happens(probability: number): boolean {
    return probability > 0 && this.#random() < probability
  }

  // Acts. Each runs the network to rest.

  campaign(id: MemberId): void {
    this.node(id).campaign()
    this.settle()
  }

  propose(id: MemberId, ...payloads: string[]): 'ok' | 'dropped' {
    const result = this.node(id).propose(...payloads.map(bytes))
    this.settle()
    return result
  }

  change(id: MemberId, changes: readonly ConfChangeSingle[], transition: 'auto' | 'jointExplicit' = 'auto'): void {
    this.node(id).proposeConfChange({ transition, changes, context: EMPTY_BYTES })
    this.settle()
  }

  /** Time passes for some members, or for all that are up. */
  tick(count: number, ...ids: MemberId[]): void {
    const ticking = ids.length > 0 ? ids : [...this.peers.keys()]
    for (let i = 0; i < count; i++) {
      for (const id of ticking) if (this.peer(id).up) this.node(id).tick()
      this.settle()
    }
  }

  tickUntil(condition: () => boolean, ticksMax = 20 * ELECTION_TICKS): void {
    let holds = condition()
    for (let i = 0; i < ticksMax && !holds; i++) {
      this.tick(1)
      holds = condition()
    }
    expect(holds, `within ${ticksMax} ticks`).toBe(true)
  }

  /** One turn for everyone, and everything sent by then delivered. False if there was nothing to do. */
  step(): boolean {
    let worked = false
    for (const peer of this.peers.values()) if (peer.up) worked = peer.turn() || worked
    return this.#deliver() || worked
  }

  /** Delivers and works until nobody has anything left to do. */
  settle(): void {
    for (let round = 0; round < SETTLE_ROUNDS_MAX; round++) if (!this.step()) return
    throw new Error(`not at rest after ${SETTLE_ROUNDS_MAX} rounds`)
  }

  #deliver(): boolean {
    const messages = this.#inbox.splice(0)
    const { loss, duplication, delay } = this.weather
    for (const message of messages) {
      const lost = this.#cut.has(`${message.from}-${message.to}`) || this.#ignored.has(message.type)
      const to = this.peers.get(message.to)
      if (lost || to?.up !== true || this.#happens(loss)) continue
      if (this.#happens(delay)) {
        this.#inbox.push(message)
        continue
      }
      to.receive(message)
      if (this.#happens(duplication)) to.receive(message)
    }
    return messages.length > 0
  }

  // Observations.

  /** The leader of the highest term among the members that are up; 0 if there is none. */
  get leader(): MemberId {
    const leaders = [...this.peers.values()].filter(peer => peer.up && peer.node.status().role === 'leader')
    leaders.sort((a, b) => b.node.status().term - a.node.status().term)
    return leaders[0]?.id ?? 0
  }

  checkLeaders(peer: Peer): void {
    const { role, term } = peer.node.status()
    if (role !== 'leader') return
    const known = this.#leaders.get(term) ?? peer.id
    expect(known, `the one leader of term ${term}`).toBe(peer.id)
    this.#leaders.set(term, peer.id)
  }

  checkAgreement(entry: Entry): void {
    const value = `${entry.term}:${entry.type}:${text(entry.data)}`
    const known = this.#committed.get(entry.index) ?? value
    expect(known, `the one entry at index ${entry.index}`).toBe(value)
    this.#committed.set(entry.index, value)
  }

  /** All members that are up have applied the same. */
  expectApplied(payloads: readonly string[], ...ids: MemberId[]): void {
    for (const id of ids.length > 0 ? ids : this.peers.keys()) {
      if (this.peer(id).up) expect(this.peer(id).applied, `applied at ${id}`).toEqual(payloads)
    }
  }
}
