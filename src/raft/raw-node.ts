import { admit } from './admission.ts'
import { assert, present } from './assert.ts'
import { encodeConfChange } from './conf-change.ts'
import { type RaftConfig, resolveConfig } from './config.ts'
import { hasPendingConfiguration } from './election.ts'
import { entriesBytes } from './entry.ts'
import { RaftError } from './errors.ts'
import { applyConfChange } from './membership.ts'
import { newMessage } from './message.ts'
import { Raft, type StepResult } from './raft.ts'
import { announceReads } from './reads.ts'
import {
  type Ready,
  storageAppendMessage,
  storageAppendResponse,
  storageApplyMessage,
  storageApplyResponse,
} from './ready.ts'
import { type Status, statusOf } from './status.ts'
import {
  type ConfChange,
  type ConfState,
  type Entry,
  type HardState,
  type Index,
  type MemberId,
  type Message,
  NONE,
  type Role,
  type SoftState,
  type Term,
} from './types.ts'

export type { RaftConfig, Ready, Status, StepResult }

/**
 * One member of a Raft group: a machine without time, threads, disk or network. Its owner ticks it, steps what arrives into
 * it, and carries out what `ready` hands out.
 *
 * The owner's obligations for each Ready, in this order (without `asyncStorageWrites`):
 *
 * 1. Make `snapshot` (if any, first), `entries` and `hardState` durable, together, and write them to the `Storage`.
 *    With `mustSync` this means the disk itself.
 * 2. Send `messages` to the members they are addressed to. Not before step 1 is done: they promise it. (A leader's append
 *    messages would not mind; with `asyncStorageWrites` they do go out while the disk is busy, Raft thesis 10.2.1.)
 *    Tell the machine of failures with `reportUnreachable`; after each snapshot sent, tell it how that went with
 *    `reportSnapshot`.
 * 3. Apply `snapshot` (if any, first) and `committedEntries` to the state machine. For entries of type `confChange` and
 *    `confChangeV2` call `applyConfChange` with the decoded change (unless the application rejects it), before the next
 *    entry of that Ready is applied.
 * 4. Serve the reads of `readStates` as soon as their index is applied.
 * 5. Call `advance`. Only then take the next Ready.
 *
 * With `asyncStorageWrites` there is no `advance`, and the next Ready may be taken at any time:
 *
 * 1. Send each of `messages` at once. Those to `LOCAL_APPEND_THREAD` and `LOCAL_APPLY_THREAD` go to the owner's own writer
 *    and applier. `entries`, `hardState`, `snapshot` and `committedEntries` only repeat what they contain.
 * 2. The writer takes MsgStorageAppend one after the other. It makes `snapshot`, `entries` and, if not all three are zero,
 *    `(term, vote, commit)` durable and writes them to the `Storage`; applies the snapshot; then sends the `responses`, in
 *    order: those to this member are stepped, the others go out.
 * 3. The applier takes MsgStorageApply one after the other, as in step 3 above, and then steps the `responses`. Entries that a
 *    snapshot has overtaken while they waited are skipped, their membership changes too: the snapshot contains them.
 *
 * A member that restarts reads its `Storage` back and passes as `applied` what its state machine contains.
 * Any `InvariantError` thrown out of here means that the member must stop.
 */
export class RawNode {
  readonly #raft: Raft
  readonly #async: boolean
  #softState: SoftState
  #hardState: HardState
  /** Sync: what `advance` will step, since the owner has by then done what it acknowledges. Null: no Ready is out. */
  #acknowledgements: Message[] | null = null

  /** Throws `RaftError` `INVALID_CONFIG`. */
  constructor(config: RaftConfig) {
    const resolved = resolveConfig(config)
    this.#raft = new Raft(resolved)
    this.#async = resolved.asyncStorageWrites
    this.#softState = this.#raft.softState
    this.#hardState = this.#raft.hardState
  }

  /** Time passes, by one of the ticks that the configuration counts in. */
  tick(): void {
    this.#raft.tick()
  }

  /** Seeks leadership now instead of after a timeout. */
  campaign(): void {
    this.#local('MsgHup')
  }

  /**
   * Appends one entry per datum, in order and in one message. `ok` promises nothing yet: the entries may be lost with the leader.
   * `dropped`: there is no leader to take them, or it is over its limit of uncommitted bytes; they did not and will not happen.
   */
  propose(...data: Uint8Array[]): StepResult {
    if (data.length === 0) return 'ok'
    return this.#proposeEntries(data.map(bytes => ({ term: 0, index: 0, type: 'normal', data: bytes })))
  }

  /**
   * Proposes a membership change; an empty list of changes leaves a joint configuration. A leader that finds it impossible now
   * (one is pending, for instance) appends an empty entry in its place.
   */
  proposeConfChange(change: ConfChange, type: 'confChange' | 'confChangeV2' = 'confChangeV2'): StepResult {
    return this.#proposeEntries([{ term: 0, index: 0, type, data: encodeConfChange(change) }])
  }

  #proposeEntries(entries: readonly Entry[]): StepResult {
    const message = newMessage('MsgProp', this.#raft.id, this.#raft.id, 0)
    message.entries = entries
    return this.#raft.step(message)
  }

  /**
   * To be called when the entry with the change is applied. Returns the configuration from now on, to be kept with the
   * snapshots of the state. Throws `RaftError` `CONF_CHANGE_INVALID` if it cannot be made: the owner must then stop.
   * While a snapshot from the leader is being written, a change from before it has no effect, and the snapshot's own
   * configuration is returned; the owner makes no snapshots of its state meanwhile.
   */
  applyConfChange(change: ConfChange): ConfState {
    return applyConfChange(this.#raft, change)
  }

  /**
   * A message has arrived, from another member or from the own storage threads. Throws `RaftError`: `STEP_LOCAL` for one that
   * only a member itself may step, `STEP_PEER_NOT_FOUND` for an answer from a stranger, `STEP_MALFORMED` for one that makes no
   * sense, `STEP_CONTRADICTION` for one that cannot be true (a sender that is trusted has then lost its log, or this member
   * has: do not go on as if nothing had happened), `PROPOSAL_DROPPED` for a forwarded proposal as in `propose`. A message
   * refused has changed nothing.
   */
  step(message: Message): void {
    admit(this.#raft, message)
    if (this.#raft.step(message) === 'dropped') throw new RaftError('PROPOSAL_DROPPED', 'proposal dropped')
  }

  /**
   * Asks for an index at which a read is linearizable (thesis 6.4). The answer is a `ReadState` with this context, or none if a
   * message is lost or there is no leader: ask again then, with a fresh context.
   */
  readIndex(context: Uint8Array): void {
    const message = newMessage('MsgReadIndex', this.#raft.id, this.#raft.id, 0)
    message.context = context
    this.#raft.step(message)
  }

  /** Asks the leader, which may be this member, to hand leadership to the given voter. May fail silently: watch who leads. */
  transferLeader(to: MemberId): void {
    this.#raft.step(newMessage('MsgTransferLeader', this.#raft.id, to, 0))
  }

  /** Follower: stops believing in its leader, so that it may vote before the timeout. It believes again when it hears from it. */
  forgetLeader(): void {
    this.#local('MsgForgetLeader')
  }

  /** The last message to the member was probably lost. */
  reportUnreachable(member: MemberId): void {
    this.#raft.step(newMessage('MsgUnreachable', this.#raft.id, member, 0))
  }

  /** How sending a snapshot ended. Without this report a failed one would hold up the follower forever. */
  reportSnapshot(member: MemberId, status: 'finish' | 'failure'): void {
    const message = newMessage('MsgSnapStatus', this.#raft.id, member, 0)
    message.reject = status === 'failure'
    this.#raft.step(message)
  }

  /** For replaying a run: the timeout of the election clock that is running, in place of the random one. */
  setRandomizedElectionTicks(ticks: number): void {
    this.#raft.randomizedElectionTicks = ticks
  }

  #local(type: 'MsgHup' | 'MsgForgetLeader'): void {
    this.#raft.step(newMessage(type, this.#raft.id, this.#raft.id, 0))
  }

  /** Whether `ready` has anything to hand out. */
  hasReady(): boolean {
    const raft = this.#raft
    return (
      raft.messages.length > 0 ||
      raft.messagesAfterAppend.length > 0 ||
      raft.readStates.length > 0 ||
      raft.readOnly.hasUnannounced ||
      raft.log.hasNextUnstableEntries ||
      raft.log.nextUnstableSnapshot() !== null ||
      raft.log.hasNextCommittedEntries(!this.#async) ||
      this.#changedSoftState() !== null ||
      this.#changedHardState() !== null
    )
  }

  /** Takes out everything that is to be done now; the owner is bound to do it. */
  ready(): Ready {
    assert(this.#acknowledgements === null, 'raw node: a Ready was taken before the last one was advanced')
    const raft = this.#raft
    announceReads(raft)
    const { log } = raft
    const softState = this.#changedSoftState()
    const hardState = this.#changedHardState()
    const entries = log.nextUnstableEntries()
    const snapshot = log.nextUnstableSnapshot()
    const committedEntries = log.nextCommittedEntries(!this.#async)
    const { messages, readStates } = raft
    const mustSync =
      entries.length > 0 ||
      (hardState !== null && (hardState.term !== this.#hardState.term || hardState.vote !== this.#hardState.vote))
    const ready: Ready = {
      softState,
      hardState,
      entries,
      snapshot,
      committedEntries,
      messages,
      readStates,
      mustSync,
    }
    if (this.#async) {
      const append = storageAppendMessage(raft, ready)
      if (append !== null) messages.push(append)
      if (committedEntries.length > 0) messages.push(storageApplyMessage(raft, committedEntries))
    } else {
      this.#acknowledgements = this.#splitOwnAnswers(messages)
      const stored = storageAppendResponse(raft, snapshot)
      if (stored !== null) this.#acknowledgements.push(stored)
      if (committedEntries.length > 0) this.#acknowledgements.push(storageApplyResponse(raft, committedEntries))
    }
    this.#accept(ready)
    return ready
  }

  /** Sync: answers to others go out with the Ready, which is sent once it is durable; those to itself wait for `advance`. */
  #splitOwnAnswers(messages: Message[]): Message[] {
    const own: Message[] = []
    for (const message of this.#raft.messagesAfterAppend) {
      if (message.to === this.#raft.id) own.push(message)
      else messages.push(message)
    }
    return own
  }

  #accept({ softState, hardState, committedEntries }: Ready): void {
    const raft = this.#raft
    if (softState !== null) this.#softState = softState
    if (hardState !== null) this.#hardState = hardState
    raft.messages = []
    raft.messagesAfterAppend = []
    raft.readStates = []
    raft.log.acceptUnstable()
    if (committedEntries.length > 0) {
      const last = present(committedEntries.at(-1), 'raw node: no last entry')
      raft.log.acceptApplying(last.index, entriesBytes(committedEntries), !this.#async)
    }
  }

  /** Sync: the Ready taken last has been dealt with. */
  advance(): void {
    assert(!this.#async, 'raw node: advance is not for asynchronous storage writes')
    const acknowledgements = this.#acknowledgements
    assert(acknowledgements !== null, 'raw node: no Ready to advance')
    this.#acknowledgements = null
    for (const message of acknowledgements) this.#raft.step(message)
  }

  #changedSoftState(): SoftState | null {
    const { leader, role } = this.#raft
    return leader === this.#softState.leader && role === this.#softState.role ? null : { leader, role }
  }

  #changedHardState(): HardState | null {
    const { term, vote, log } = this.#raft
    const last = this.#hardState
    if (term === last.term && vote === last.vote && log.committed === last.commit) return null
    return { term, vote, commit: log.committed }
  }

  // What the owner asks at every turn. `status` has it all, and costs a table.

  get role(): Role {
    return this.#raft.role
  }

  /** `NONE` while none is known. */
  get leader(): MemberId {
    return this.#raft.leader
  }

  get term(): Term {
    return this.#raft.term
  }

  get commit(): Index {
    return this.#raft.log.committed
  }

  /** Of the entry at the commit index. */
  get commitTerm(): Term {
    return this.#raft.log.term(this.#raft.log.committed) ?? 0
  }

  /**
   * Somebody says that the entry of this index and term is committed. If it is here, it is committed here, with all before it: logs that
   * agree in one entry agree up to there (paper 5.3). A leader counts for itself. A candidate that learns so of another configuration
   * gives up: it asked the voters, and counts the votes, of one that is superseded, and may not be a voter itself any more.
   */
  learnCommit(index: Index, term: Term): void {
    const raft = this.#raft
    if (raft.role === 'leader' || !raft.log.maybeCommit(index, term)) return
    if (raft.role !== 'follower' && hasPendingConfiguration(raft)) raft.becomeFollower(raft.term, NONE)
  }

  get applied(): Index {
    return this.#raft.log.applied
  }

  /** Leader: whom leadership is being transferred to, or `NONE`. */
  get transferee(): MemberId {
    return this.#raft.leadTransferee
  }

  status(): Status {
    return statusOf(this.#raft)
  }
}
