import { decodeConfChange } from '../../../src/raft/conf-change.ts'
import { EMPTY_CONF_STATE } from '../../../src/raft/configuration.ts'
import { RaftError, type RaftErrorCode } from '../../../src/raft/errors.ts'
import { MemoryStorage } from '../../../src/raft/memory-storage.ts'
import { type RaftConfig, RawNode } from '../../../src/raft/raw-node.ts'
import {
  type ConfState,
  EMPTY_BYTES,
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type MemberId,
  type Message,
  type MessageType,
  type Snapshot,
} from '../../../src/raft/types.ts'
import { describeMessage, describeReady } from './describe.ts'
import type { Output } from './output.ts'
import { ScriptError } from './script.ts'

export const ELECTION_TICKS = 3
export const HEARTBEAT_TICKS = 1
/** Stands for "no limit"; more than any script has under way. */
const INFLIGHT_MESSAGES_MAX = 4096

export const PROPOSAL_DROPPED = 'raft proposal dropped'
/** How etcd's scripts word what the machine refuses. */
const ERROR_TEXT: Readonly<Partial<Record<RaftErrorCode, string>>> = {
  STEP_LOCAL: 'raft: cannot step raft local message',
  STEP_PEER_NOT_FOUND: 'raft: cannot step as peer not found',
  PROPOSAL_DROPPED,
}

export type MemberOptions = Partial<Omit<RaftConfig, 'id' | 'storage' | 'logger' | 'random' | 'applied'>>

/** What new members start from, as if they had applied the snapshot long ago. */
export interface Founding {
  readonly confState: ConfState
  readonly index: number
  readonly data: Uint8Array
}

export interface Member {
  readonly id: MemberId
  readonly node: RawNode
  readonly storage: MemoryStorage
  readonly async: boolean
  readonly appendWork: Message[]
  readonly applyWork: Message[]
  /** The state machine's state after each entry applied: the payloads, one after the other. */
  readonly history: Snapshot[]
}

const messagesOf = (messages: readonly Message[]): string =>
  messages.map(message => describeMessage(message)).join('\n')

/** A message of a member to itself or its storage threads: not on the wire, so it cannot be dropped there. */
function isLocal({ from, to }: Message): boolean {
  return from === to || isThread(from) || isThread(to)
}

function isThread(member: MemberId): boolean {
  return member === LOCAL_APPEND_THREAD || member === LOCAL_APPLY_THREAD
}

/** The members of a script, numbered from 1, and the messages between them, which move only when told to. */
export class Cluster {
  readonly members: Member[] = []
  readonly #output: Output
  #messages: Message[] = []

  constructor(output: Output) {
    this.#output = output
  }

  member(id: MemberId): Member {
    const member = this.members[id - 1]
    if (member === undefined) throw new ScriptError(`no member ${id}`)
    return member
  }

  add(options: MemberOptions, founding: Founding | null): void {
    const id = this.members.length + 1
    const { confState, index, data } = founding ?? { confState: EMPTY_CONF_STATE, index: 0, data: EMPTY_BYTES }
    const initial: Snapshot = { metadata: { confState, index, term: founding === null ? 0 : 1 }, data }
    const history = [initial]
    const storage = new MemoryStorage({ makeSnapshot: () => history.at(-1) ?? initial })
    if (founding !== null) storage.applySnapshot(initial)
    const node = new RawNode({
      maxSizePerMessageBytes: Number.POSITIVE_INFINITY,
      maxInflightMessages: INFLIGHT_MESSAGES_MAX,
      checkQuorum: false,
      preVote: false,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      ...options,
      id,
      storage,
      applied: index,
      // Scripts that depend on the timeout set it.
      random: () => 0,
      logger: this.#output,
    })
    const async = options.asyncStorageWrites === true
    this.members.push({ id, node, storage, async, appendWork: [], applyWork: [], history })
  }

  processReady(member: Member): void {
    const ready = member.node.ready()
    this.#output.print(describeReady(ready))
    if (!member.async) {
      store(member, ready.hardState, ready.entries, ready.snapshot)
      apply(member, ready.committedEntries)
    }
    for (const message of ready.messages) {
      if (message.to === LOCAL_APPEND_THREAD) member.appendWork.push(message)
      else if (message.to === LOCAL_APPLY_THREAD) member.applyWork.push(message)
      else this.#messages.push(message)
    }
    if (!member.async) member.node.advance()
  }

  processAppendThread(member: Member): void {
    const work = member.appendWork.shift()
    if (work === undefined) {
      this.#output.print('no append work to perform')
      return
    }
    const { term, vote, commit } = work
    const hardState = term === 0 && vote === 0 && commit === 0 ? null : { term, vote, commit }
    this.#processing(work)
    store(member, hardState, work.entries, work.snapshot)
    this.#respond(work)
  }

  processApplyThread(member: Member): void {
    const work = member.applyWork.shift()
    if (work === undefined) {
      this.#output.print('no apply work to perform')
      return
    }
    this.#processing(work)
    apply(member, work.entries)
    this.#respond(work)
  }

  #processing(work: Message): void {
    this.#output.print('Processing:')
    this.#output.print(describeMessage({ ...work, responses: [] }))
  }

  #respond(work: Message): void {
    this.#output.print('Responses:')
    if (work.responses.length > 0) this.#output.print(messagesOf(work.responses))
    this.#messages.push(...work.responses)
  }

  /** Delivers, or drops, what is under way to a member. Returns how many messages that were. */
  deliver(to: MemberId, drop: boolean, type: MessageType | null = null): number {
    const due = this.#messages.filter(message => isDue(message, to, drop, type))
    this.#messages = this.#messages.filter(message => !isDue(message, to, drop, type))
    for (const message of due) {
      this.#output.print(`${drop ? 'dropped: ' : ''}${describeMessage(message)}`)
      if (!drop) this.#step(this.member(to), message)
    }
    return due.length
  }

  #step(member: Member, message: Message): void {
    try {
      member.node.step(message)
    } catch (error) {
      if (!(error instanceof RaftError)) throw error
      this.#output.print(ERROR_TEXT[error.code] ?? error.message)
    }
  }

  sendSnapshot(from: Member, to: MemberId): void {
    const message: Message = {
      type: 'MsgSnap',
      from: from.id,
      to,
      term: from.node.term,
      logTerm: 0,
      index: 0,
      entries: [],
      commit: 0,
      vote: 0,
      snapshot: from.storage.snapshot(),
      reject: false,
      rejectHint: 0,
      context: EMPTY_BYTES,
      responses: [],
    }
    this.#messages.push(message)
    this.#output.print(describeMessage(message))
  }

  /** Works and delivers until the given members have nothing left to do. */
  stabilize(members: readonly Member[]): void {
    let worked = true
    const forEach = (title: string, has: (member: Member) => boolean, work: (member: Member) => void): void => {
      for (const member of members) {
        if (!has(member)) continue
        worked = true
        this.#output.print(`> ${member.id} ${title}`)
        this.#output.indented(() => work(member))
      }
    }
    while (worked) {
      worked = false
      forEach(
        'handling Ready',
        ({ node }) => node.hasReady(),
        member => this.processReady(member),
      )
      forEach(
        'receiving messages',
        ({ id }) => this.#messages.some(({ to }) => to === id),
        ({ id }) => this.deliver(id, false),
      )
      forEach(
        'processing append thread',
        ({ appendWork }) => appendWork.length > 0,
        member => {
          while (member.appendWork.length > 0) this.processAppendThread(member)
        },
      )
      forEach(
        'processing apply thread',
        ({ applyWork }) => applyWork.length > 0,
        member => {
          while (member.applyWork.length > 0) this.processApplyThread(member)
        },
      )
    }
  }
}

function isDue(message: Message, to: MemberId, drop: boolean, type: MessageType | null): boolean {
  return message.to === to && !(drop && isLocal(message)) && (type === null || message.type === type)
}

function store(
  { storage }: Member,
  hardState: HardState | null,
  entries: readonly Entry[],
  snapshot: Snapshot | null,
): void {
  if (snapshot !== null) storage.applySnapshot(snapshot)
  storage.append(entries)
  if (hardState !== null) storage.setHardState(hardState)
}

function apply({ node, history }: Member, entries: readonly Entry[]): void {
  for (const { index, term, type, data } of entries) {
    const last = history.at(-1)
    if (last === undefined) throw new ScriptError('a member without history')
    let update = data
    let { confState } = last.metadata
    if (type !== 'normal') {
      const change = decodeConfChange(data)
      update = change.context
      confState = node.applyConfChange(change)
    }
    const state = new Uint8Array([...last.data, ...update])
    history.push({ metadata: { index, term, confState }, data: state })
  }
}
