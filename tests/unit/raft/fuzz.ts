import { decodeConfChange, encodeConfChange } from '../../../src/raft/conf-change.ts'
import { EMPTY_CONF_STATE } from '../../../src/raft/configuration.ts'
import { RaftError, type RaftErrorCode } from '../../../src/raft/errors.ts'
import { MemoryStorage } from '../../../src/raft/memory-storage.ts'
import { newMessage } from '../../../src/raft/message.ts'
import { type RaftConfig, RawNode } from '../../../src/raft/raw-node.ts'
import {
  type ConfState,
  EMPTY_BYTES,
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type MemberId,
  type Message,
  type MessageType,
  type Snapshot,
} from '../../../src/raft/types.ts'
import { bytes, seeded } from './network.ts'

/** Messages kept to be delivered again, out of order, damaged. */
const POOL_MAX = 512
const FOUNDERS: readonly MemberId[] = [1, 2, 3, 4, 5]
/** What `RawNode.step` documents. */
const DOCUMENTED: ReadonlySet<RaftErrorCode> = new Set([
  'STEP_LOCAL',
  'STEP_PEER_NOT_FOUND',
  'STEP_MALFORMED',
  'STEP_CONTRADICTION',
  'PROPOSAL_DROPPED',
])
const TYPES: readonly MessageType[] = [
  'MsgHup',
  'MsgBeat',
  'MsgProp',
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgUnreachable',
  'MsgSnapStatus',
  'MsgCheckQuorum',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgStorageAppend',
  'MsgStorageAppendResp',
  'MsgStorageApply',
  'MsgStorageApplyResp',
  'MsgForgetLeader',
]

/** A promise that was broken, in a form that replays: the seed is in the test's name. */
export class Broken extends Error {
  override readonly name = 'Broken'
}

function check(holds: boolean, promise: string): void {
  if (!holds) throw new Broken(promise)
}

/** One member with the least that an owner does, and its own view of what must never change. */
class Victim {
  readonly id: MemberId
  node: RawNode
  storage: MemoryStorage
  confState: ConfState = { ...EMPTY_CONF_STATE, voters: FOUNDERS }
  readonly #config: Omit<RaftConfig, 'id' | 'storage'>
  /** Applied, by index: the term and the payload's identity. */
  readonly applied = new Map<number, Entry>()
  appliedIndex = 1
  #term = 0
  #vote = 0
  #commit = 0
  readonly #work: Message[] = []

  constructor(id: MemberId, config: Omit<RaftConfig, 'id' | 'storage'>) {
    this.id = id
    this.#config = config
    this.storage = new MemoryStorage({ makeSnapshot: () => this.snapshot() })
    this.storage.applySnapshot({ metadata: { confState: this.confState, index: 1, term: 1 }, data: EMPTY_BYTES })
    this.storage.setHardState({ term: 1, vote: 0, commit: 1 })
    this.node = new RawNode({ ...config, id, storage: this.storage, applied: 1 })
  }

  snapshot(): Snapshot {
    const term = this.storage.term(this.appliedIndex)
    return { metadata: { confState: this.confState, index: this.appliedIndex, term }, data: EMPTY_BYTES }
  }

  /** A crash: what is durable stays. */
  restart(): void {
    const { confState } = this.storage.initialState()
    const { index } = this.snapshot().metadata
    if (confState !== this.confState && index > 1) this.storage.createSnapshot(index, this.confState, EMPTY_BYTES)
    const { hardState } = this.storage.initialState()
    this.storage.setHardState({ ...hardState, commit: Math.max(hardState.commit, this.appliedIndex) })
    this.#work.length = 0
    // What was not durable was promised to nobody.
    this.#term = hardState.term
    this.#vote = hardState.vote
    this.#commit = 0
    this.node = new RawNode({ ...this.#config, id: this.id, storage: this.storage, applied: this.appliedIndex })
  }

  /** False if it was refused. Whatever is thrown beside what is documented goes through. */
  step(message: Message): boolean {
    try {
      this.node.step(message)
      return true
    } catch (error) {
      if (!(error instanceof RaftError) || !DOCUMENTED.has(error.code)) throw error
      return false
    }
  }

  /** Takes and does what is ready. Returns what is to be sent. */
  turn(): readonly Message[] {
    if (!this.node.hasReady()) return []
    const ready = this.node.ready()
    if (this.#config.asyncStorageWrites === true) return this.#startWork(ready.messages)
    if (ready.snapshot !== null) this.#restore(ready.snapshot)
    this.storage.append(ready.entries)
    if (ready.hardState !== null) this.storage.setHardState(ready.hardState)
    this.#apply(ready.committedEntries)
    this.node.advance()
    return ready.messages
  }

  #startWork(messages: readonly Message[]): Message[] {
    const sent: Message[] = []
    for (const message of messages) {
      if (message.to === LOCAL_APPEND_THREAD || message.to === LOCAL_APPLY_THREAD) this.#work.push(message)
      else sent.push(message)
    }
    return sent
  }

  /** Async: does the oldest work. Returns what is to be sent. */
  work(): readonly Message[] {
    const work = this.#work.shift()
    if (work === undefined) return []
    if (work.to === LOCAL_APPLY_THREAD) this.#apply(work.entries)
    else {
      if (work.snapshot !== null) this.#restore(work.snapshot)
      this.storage.append(work.entries)
      const { term, vote, commit } = work
      if (term + vote + commit > 0) this.storage.setHardState({ term, vote, commit })
    }
    const sent: Message[] = []
    for (const response of work.responses) {
      if (response.to !== this.id) sent.push(response)
      else check(this.step(response) || response.type !== 'MsgStorageAppendResp', 'its own disk is believed')
    }
    return sent
  }

  #restore(snapshot: Snapshot): void {
    this.storage.applySnapshot(snapshot)
    this.appliedIndex = snapshot.metadata.index
    this.confState = snapshot.metadata.confState
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      // Overtaken by a snapshot while it waited.
      if (entry.index <= this.appliedIndex) continue
      check(entry.index === this.appliedIndex + 1, 'entries are applied in order, without gaps')
      this.appliedIndex = entry.index
      if (entry.type !== 'normal') this.confState = this.node.applyConfChange(decodeConfChange(entry.data))
      this.applied.set(entry.index, entry)
    }
  }

  /** What holds for a member whatever others say to it. */
  checkOwn(): void {
    const { node } = this
    const { term, vote, commit, applied, lastIndex } = node.status()
    check(term >= this.#term, 'the term never falls')
    check(term > this.#term || this.#vote === 0 || vote === this.#vote, 'one vote a term')
    check(commit >= this.#commit, 'the commit index never falls')
    check(applied <= commit && commit <= lastIndex, 'applied <= committed <= last')
    this.#term = term
    this.#vote = vote
    this.#commit = commit
  }
}

export interface FuzzOptions {
  readonly seed: number
  readonly messages: number
  readonly async: boolean
}

/** What a run did, so that one that did nothing is seen. */
export interface FuzzReport {
  readonly delivered: number
  readonly refused: number
  readonly leaders: number
  readonly committed: number
}

class Fuzz {
  readonly random: () => number
  readonly victims: readonly Victim[]
  readonly pool: Message[] = []
  delivered = 0
  refused = 0
  #proposals = 0
  readonly #leaders = new Map<number, MemberId>()
  readonly #entries = new Map<number, Entry>()

  constructor({ seed, async }: FuzzOptions) {
    this.random = seeded(seed)
    const config = {
      asyncStorageWrites: async,
      electionTicks: 6,
      heartbeatTicks: 1,
      maxSizePerMessageBytes: 128,
      maxInflightMessages: 4,
      maxUncommittedBytes: 4096,
      preVote: seed % 2 === 0,
      checkQuorum: seed % 3 === 0,
      stepDownOnRemoval: true,
      random: this.random,
    }
    this.victims = FOUNDERS.map(id => new Victim(id, config))
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }

  keep(messages: readonly Message[]): void {
    for (const message of messages) {
      if (this.pool.length < POOL_MAX) this.pool.push(message)
      else this.pool[this.below(POOL_MAX)] = message
    }
  }

  deliver(victim: Victim, message: Message): void {
    this.delivered++
    if (!victim.step(message)) this.refused++
  }

  /** What members have sent, in any order: mostly once, but what stays in the pool may come again at any time. */
  deliverSome(limit: number): void {
    for (let i = this.below(limit); i > 0 && this.pool.length > 0; i--) {
      const at = this.below(this.pool.length)
      const message = this.pool[at]
      const to = message === undefined ? undefined : this.victims[message.to - 1]
      if (message === undefined || to === undefined) return
      if (this.below(4) !== 0) {
        const last = this.pool.pop()
        if (last !== undefined && at < this.pool.length) this.pool[at] = last
      }
      this.deliver(to, this.below(4) === 0 ? cut(message, this) : message)
    }
  }

  /** Something other than a message happens to somebody. */
  live(victim: Victim): void {
    const chance = this.below(64)
    if (chance < 8) victim.node.tick()
    else if (chance < 12) victim.node.propose(bytes(`${this.#proposals++}`))
    else if (chance === 12) victim.node.readIndex(bytes('read'))
    else if (chance === 13) victim.node.transferLeader(this.pick(FOUNDERS))
    else if (chance === 14) victim.node.reportSnapshot(this.pick(FOUNDERS), 'failure')
    else if (chance === 15) victim.node.reportUnreachable(this.pick(FOUNDERS))
    else if (chance === 16 && this.below(16) === 0) victim.node.campaign()
    else if (chance === 17 && this.below(16) === 0) victim.node.forgetLeader()
    else if (chance === 18 && victim.appliedIndex > victim.storage.firstIndex() + 8)
      victim.storage.compact(victim.appliedIndex - this.below(8))
    else if (chance === 19 && this.below(16) === 0) this.#changeMembership(victim)
  }

  /** Only between voter and learner, of one member: ids are never used again, and three stay to decide. */
  #changeMembership({ node }: Victim): void {
    const type = this.pick(['addVoter', 'addLearner'] as const)
    const transition = this.pick(['auto', 'jointImplicit'] as const)
    node.proposeConfChange({ transition, changes: [{ type, member: 5 }], context: EMPTY_BYTES })
  }

  /** What holds between members that only ever say what Raft has them say. */
  checkTogether(victim: Victim): void {
    const { node, id } = victim
    if (node.role === 'leader') {
      check((this.#leaders.get(node.term) ?? id) === id, 'one leader a term (paper 5.2)')
      this.#leaders.set(node.term, id)
    }
    for (const [index, entry] of victim.applied) {
      const known = this.#entries.get(index) ?? entry
      check(
        known.term === entry.term && known.data === entry.data,
        'one entry an index, wherever applied (paper 5.4.3)',
      )
      this.#entries.set(index, known)
    }
    victim.applied.clear()
  }

  /** Two logs with the same entry somewhere are the same up to there (paper 5.3). */
  checkLogsMatch(): void {
    const before = new Map<string, string>()
    for (const { storage } of this.victims) {
      if (storage.lastIndex() < storage.firstIndex()) continue
      let last = storage.term(storage.firstIndex() - 1)
      for (const entry of storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Number.POSITIVE_INFINITY)) {
        const name = `${entry.term}/${entry.index}`
        const content = `${last} ${entry.data.join()}`
        check((before.get(name) ?? content) === content, 'logs match (paper 5.3)')
        before.set(name, content)
        last = entry.term
      }
    }
  }

  report(): FuzzReport {
    const commits = this.victims.map(({ node }) => node.commit)
    return { ...this, leaders: this.#leaders.size, committed: Math.max(...commits) }
  }
}

/**
 * A network that does its worst, but makes nothing up: messages are lost, delivered again and again, in any order, and with
 * entries cut off their end. Members crash, tick, propose, compact.
 */
export function fuzzNetwork(options: FuzzOptions): FuzzReport {
  const fuzz = new Fuzz(options)
  while (fuzz.delivered < options.messages) {
    const victim = fuzz.pick(fuzz.victims)
    fuzz.live(victim)
    fuzz.keep(victim.turn())
    if (options.async && fuzz.below(2) === 0) fuzz.keep(victim.work())
    if (fuzz.below(2000) === 0) victim.restart()
    fuzz.deliverSome(8)
    victim.checkOwn()
    fuzz.checkTogether(victim)
    if (fuzz.below(2000) === 0) fuzz.checkLogsMatch()
  }
  return fuzz.report()
}

/** An append that lost entries at its end. */
function cut(message: Message, fuzz: Fuzz): Message {
  const { entries } = message
  if (message.type !== 'MsgApp' || entries.length === 0) return message
  return { ...message, entries: entries.slice(0, fuzz.below(entries.length)) }
}

/**
 * Messages that nobody sent: made up, or real ones with fields changed. Members cannot agree on anything then; but each goes on
 * without breaking a promise of its own, and refuses only with what is documented, unchanged.
 */
export function fuzzForged(options: FuzzOptions): FuzzReport {
  const fuzz = new Fuzz(options)
  while (fuzz.delivered < options.messages) {
    const victim = fuzz.pick(fuzz.victims)
    fuzz.live(victim)
    fuzz.keep(victim.turn())
    if (options.async && fuzz.below(2) === 0) fuzz.keep(victim.work())
    // Real ones in between, or nobody would ever lead and commit.
    fuzz.deliverSome(8)
    for (let i = fuzz.below(6); i > 0; i--) {
      const real = fuzz.pool[fuzz.below(fuzz.pool.length + 1)]
      const message = real === undefined || fuzz.below(2) === 0 ? forge(fuzz, victim) : damage(fuzz, victim, real)
      const before = summary(victim)
      const refused = fuzz.refused
      fuzz.deliver(victim, message)
      if (fuzz.refused > refused) check(summary(victim) === before, 'a message refused has changed nothing')
    }
    victim.checkOwn()
  }
  return fuzz.report()
}

function summary({ node }: Victim): string {
  const { term, vote, commit, lastIndex, role, leader } = node.status()
  return `${term} ${vote} ${commit} ${lastIndex} ${role} ${leader}`
}

/** Mostly near the edges of what the member has; sometimes far off; sometimes no number that counts anything. */
function near(fuzz: Fuzz, value: number): number {
  const chance = fuzz.below(64)
  if (chance === 0)
    return fuzz.pick([-1, -2, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, Number.MAX_SAFE_INTEGER])
  if (chance < 4) return fuzz.below(1000)
  return Math.max(0, value + fuzz.below(7) - 3)
}

function forge(fuzz: Fuzz, victim: Victim): Message {
  const { term, lastIndex } = victim.node.status()
  const index = near(fuzz, lastIndex)
  const logTerm = fuzz.below(2) === 0 ? term : near(fuzz, term - 1)
  const from = fuzz.pick([...FOUNDERS, ...FOUNDERS, 0, 6, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD])
  return {
    ...newMessage(fuzz.pick(TYPES), victim.id, from, forgeTerm(fuzz, term)),
    logTerm,
    index,
    entries: forgeEntries(fuzz, index, logTerm),
    commit: near(fuzz, victim.node.commit),
    vote: near(fuzz, 2),
    snapshot: fuzz.below(8) === 0 ? forgeSnapshot(fuzz, victim) : null,
    reject: fuzz.below(2) === 0,
    rejectHint: near(fuzz, lastIndex),
    context: fuzz.pick([EMPTY_BYTES, bytes('CampaignTransfer'), new Uint8Array(8), bytes('x')]),
  }
}

/** Seldom a higher one: that ends a leadership, and with it most of what could go wrong. */
function forgeTerm(fuzz: Fuzz, term: number): number {
  const chance = fuzz.below(64)
  if (chance === 0) return near(fuzz, term)
  if (chance < 8) return 0
  return chance < 12 ? term - 1 : term
}

function forgeEntries(fuzz: Fuzz, after: number, term: number): Entry[] {
  return Array.from({ length: fuzz.below(4) }, (_, i) => {
    const index = fuzz.below(16) === 0 ? near(fuzz, after) : after + 1 + i
    const isChange = fuzz.below(16) === 0
    const data = isChange ? forgeChange(fuzz) : bytes('forged')
    return {
      term: fuzz.below(4) === 0 ? near(fuzz, term) : term,
      index,
      type: isChange ? ('confChangeV2' as const) : ('normal' as const),
      data,
    }
  })
}

/** Without effect when it is applied, as far as it can be read at all: one that is impossible must stop the member. */
function forgeChange(fuzz: Fuzz): Uint8Array {
  const member = fuzz.pick(FOUNDERS)
  return encodeConfChange({ transition: 'auto', changes: [{ type: 'updateMember', member }], context: EMPTY_BYTES })
}

function forgeSnapshot(fuzz: Fuzz, victim: Victim): Snapshot {
  const { lastIndex, term } = victim.node.status()
  const confState: ConfState = {
    voters: fuzz.pick([FOUNDERS, FOUNDERS, [1, 1, 2], [], [-1, 2]]),
    learners: fuzz.pick([[], [6], [1]]),
    votersOutgoing: fuzz.pick([[], [], [1, 2]]),
    learnersNext: fuzz.pick([[], [], [1], [9]]),
    autoLeave: fuzz.below(8) === 0,
  }
  return { metadata: { confState, index: near(fuzz, lastIndex), term: near(fuzz, term) }, data: EMPTY_BYTES }
}

function damage(fuzz: Fuzz, victim: Victim, real: Message): Message {
  const forged = forge(fuzz, victim)
  const field = fuzz.pick(Object.keys(real) as (keyof Message)[])
  return { ...real, to: victim.id, [field]: forged[field] }
}
