import { assert, present } from './assert.ts'
import { stepCandidate } from './candidate.ts'
import { type ChangeBase, restore } from './changer.ts'
import type { ResolvedConfig } from './config.ts'
import { handleVoteRequest, hup, inLease } from './election.ts'
import { entriesBytes, payloadBytes } from './entry.ts'
import { stepFollower } from './follower.ts'
import { stepLeader } from './leader.ts'
import { RaftLog } from './log.ts'
import type { Logger } from './logger.ts'
import { initiateAutoLeave, switchTo } from './membership.ts'
import { appendResponse, newMessage } from './message.ts'
import { Progress } from './progress.ts'
import { ReadOnly } from './read-only.ts'
import { ProgressTracker } from './tracker.ts'
import {
  EMPTY_BYTES,
  type Entry,
  type HardState,
  type Index,
  type MemberId,
  type Message,
  NONE,
  type ReadState,
  type Role,
  type Snapshot,
  type SoftState,
  type Term,
} from './types.ts'

/** Stepping never throws for what a peer may cause; a proposal that nobody takes is an expected outcome. */
export type StepResult = 'ok' | 'dropped'

/**
 * One member's consensus state (Raft paper, figure 2) and what is common to all roles. The roles' own rules are in `leader.ts`,
 * `follower.ts` and `candidate.ts`, which act on this object; `RawNode` is the only door to it from outside this folder.
 */
export class Raft {
  readonly config: ResolvedConfig
  readonly id: MemberId
  readonly log: RaftLog
  readonly tracker: ProgressTracker
  readonly logger: Logger | undefined

  term: Term = 0
  vote: MemberId = NONE
  role: Role = 'follower'
  leader: MemberId = NONE
  /** Leader: whom leadership is being transferred to. */
  leadTransferee: MemberId = NONE
  /**
   * Leader: no membership change may be proposed before this index is applied. After an election that is the end of the log,
   * where a predecessor's change may lie.
   */
  pendingConfIndex: Index = 0
  /** Leader: the end of its log at the last quorum check. By the next one its own disk must have come that far. */
  dueOnDisk: Index = 0
  /** Leader: payload appended and not yet committed and applied. */
  uncommittedBytes = 0
  readOnly = new ReadOnly()
  /** Leader: read requests that came before it committed an entry of its own term. */
  pendingReads: Message[] = []

  electionElapsed = 0
  heartbeatElapsed = 0
  /** Since the learners last heard from this leader. */
  learnerHeartbeatElapsed = 0
  randomizedElectionTicks = 0

  /** Outbox: may be sent at once. */
  messages: Message[] = []
  /** Outbox of what promises durability: sent only when everything appended before is on disk. */
  messagesAfterAppend: Message[] = []
  readStates: ReadState[] = []

  constructor(config: ResolvedConfig) {
    this.config = config
    this.id = config.id
    this.logger = config.logger
    this.log = new RaftLog(config.storage, config.maxCommittedSizePerReadyBytes, config.logger)
    this.tracker = new ProgressTracker(config.maxInflightMessages, config.maxInflightBytes)
    const { hardState, confState } = config.storage.initialState()
    switchTo(this, restore(this.changeBase(), confState))
    this.#load(hardState)
    if (config.applied > 0) this.log.appliedTo(config.applied, 0)
    this.becomeFollower(this.term, NONE)
    const { log } = this
    this.logger?.info(
      `newRaft ${this.id} [peers: [${this.tracker.configuration.voters.members.join(',')}], term: ${this.term}, ` +
        `commit: ${log.committed}, applied: ${log.applied}, lastindex: ${log.lastIndex}, lastterm: ${log.lastTerm}]`,
    )
  }

  #load({ term, vote, commit }: HardState): void {
    if (term === 0 && vote === NONE && commit === 0) return
    assert(commit >= this.log.committed && commit <= this.log.lastIndex, 'raft: stored commit index is not in the log')
    this.log.commitTo(commit)
    this.term = term
    this.vote = vote
  }

  get softState(): SoftState {
    return { leader: this.leader, role: this.role }
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed }
  }

  /** What a membership change is made to. */
  changeBase(): ChangeBase {
    const { tracker } = this
    return {
      configuration: tracker.configuration,
      progress: tracker.progress,
      lastIndex: this.log.lastIndex,
      newInflights: () => tracker.newInflights(),
    }
  }

  send(message: Message): void {
    switch (message.type) {
      // An answer promises that what it acknowledges, a vote or entries, is durable here.
      case 'MsgAppResp':
      case 'MsgVoteResp':
      case 'MsgPreVoteResp':
        this.messagesAfterAppend.push(message)
        return
      default:
        assert(message.to !== this.id, 'raft: a message to itself')
        this.messages.push(message)
    }
  }

  // Becoming.

  becomeFollower(term: Term, leader: MemberId): void {
    this.role = 'follower'
    this.#reset(term)
    this.leader = leader
    this.logger?.info(`${this.id} became follower at term ${this.term}`)
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'raft: a leader became candidate')
    this.role = 'candidate'
    this.#reset(this.term + 1)
    this.vote = this.id
    this.logger?.info(`${this.id} became candidate at term ${this.term}`)
  }

  /** Changes neither term nor vote: only a won pre-vote leads to a real campaign (thesis 9.6). */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'raft: a leader became pre-candidate')
    this.role = 'preCandidate'
    this.tracker.resetVotes()
    this.leader = NONE
    this.logger?.info(`${this.id} became pre-candidate at term ${this.term}`)
  }

  becomeLeader(): void {
    assert(this.role === 'candidate', 'raft: became leader without a campaign')
    this.role = 'leader'
    this.#reset(this.term)
    this.leader = this.id
    const progress = present(this.tracker.progress.get(this.id), 'raft: leader is not in its own configuration')
    progress.becomeReplicate()
    progress.recentActive = true
    this.pendingConfIndex = this.log.lastIndex
    // Entries of earlier terms can be committed only below one of the leader's own (paper 5.4.2 and 8).
    const appended = this.appendEntries([{ term: 0, index: 0, type: 'normal', data: EMPTY_BYTES }])
    assert(appended, 'raft: the empty entry was refused')
    this.logger?.info(`${this.id} became leader at term ${this.term}`)
  }

  #reset(term: Term): void {
    assert(term >= this.term, 'raft: the term went backwards')
    if (this.term !== term) {
      this.term = term
      this.vote = NONE
    }
    this.leader = NONE
    this.electionElapsed = 0
    this.heartbeatElapsed = 0
    this.learnerHeartbeatElapsed = 0
    const { electionTicks, random } = this.config
    this.randomizedElectionTicks = electionTicks + Math.floor(random() * electionTicks)
    this.leadTransferee = NONE
    this.pendingConfIndex = 0
    this.dueOnDisk = 0
    this.uncommittedBytes = 0
    this.readOnly = new ReadOnly()
    this.pendingReads = []
    this.tracker.resetVotes()
    const { lastIndex } = this.log
    const progress = new Map<MemberId, Progress>()
    for (const [member, { isLearner }] of this.tracker.progress) {
      progress.set(
        member,
        new Progress({
          match: member === this.id ? lastIndex : 0,
          next: lastIndex + 1,
          isLearner,
          recentActive: false,
          inflights: this.tracker.newInflights(),
        }),
      )
    }
    this.tracker.progress = progress
  }

  // Time.

  tick(): void {
    if (this.role === 'leader') this.#tickHeartbeat()
    else this.#tickElection()
  }

  #tickElection(): void {
    this.electionElapsed++
    if (this.promotable && this.electionElapsed >= this.randomizedElectionTicks) {
      this.electionElapsed = 0
      this.step(newMessage('MsgHup', this.id, this.id, 0))
    }
  }

  #tickHeartbeat(): void {
    this.heartbeatElapsed++
    this.learnerHeartbeatElapsed++
    this.electionElapsed++
    if (this.electionElapsed >= this.config.electionTicks) {
      this.electionElapsed = 0
      if (this.config.checkQuorum) this.step(newMessage('MsgCheckQuorum', this.id, this.id, 0))
      this.#giveUpTransfer()
    }
    if (this.role === 'leader' && this.heartbeatElapsed >= this.config.heartbeatTicks) {
      this.heartbeatElapsed = 0
      this.step(newMessage('MsgBeat', this.id, this.id, 0))
    }
  }

  /** A transfer that takes longer than an election would (thesis 3.10). It has kept a joint configuration from being left. */
  #giveUpTransfer(): void {
    if (this.leadTransferee === NONE) return
    this.leadTransferee = NONE
    initiateAutoLeave(this, this.log.applied)
  }

  /** May campaign: a voter whose log is whole. */
  get promotable(): boolean {
    const progress = this.tracker.progress.get(this.id)
    return progress !== undefined && !progress.isLearner && !this.log.hasUnstableSnapshot
  }

  // Stepping.

  step(message: Message): StepResult {
    const { type, term } = message
    // Term 0: a local message, or one that any term may answer (a forwarded proposal or read).
    if (term > this.term) {
      if (!this.#acceptHigherTerm(message)) return 'ok'
    } else if (term !== 0 && term < this.term) {
      this.#answerLowerTerm(message)
      return 'ok'
    }
    switch (type) {
      case 'MsgHup':
        hup(this, this.config.preVote ? 'preElection' : 'election')
        return 'ok'
      case 'MsgStorageAppendResp':
        if (message.index !== 0) this.log.stableTo(message.index, message.logTerm)
        if (message.snapshot !== null) this.#appliedSnapshot(message.snapshot)
        return 'ok'
      case 'MsgStorageApplyResp':
        this.#appliedEntries(message.entries)
        return 'ok'
      case 'MsgVote':
      case 'MsgPreVote':
        handleVoteRequest(this, message)
        return 'ok'
      default:
    }
    switch (this.role) {
      case 'leader':
        return stepLeader(this, message)
      case 'follower':
        return stepFollower(this, message)
      case 'candidate':
      case 'preCandidate':
        return stepCandidate(this, message)
    }
  }

  /** Paper 5.1: a higher term makes anyone a follower of it. False if the message is to be ignored altogether. */
  #acceptHigherTerm(message: Message): boolean {
    const { type, term, from } = message
    if ((type === 'MsgVote' || type === 'MsgPreVote') && inLease(this, message)) return false
    // A pre-vote asks about a term that nobody is in yet; only its refusal comes from one that exists.
    if (type === 'MsgPreVote' || (type === 'MsgPreVoteResp' && !message.reject)) return true
    this.logger?.info(
      `${this.id} [term: ${this.term}] received a ${type} message with higher term from ${from} [term: ${term}]`,
    )
    const fromLeader = type === 'MsgApp' || type === 'MsgHeartbeat' || type === 'MsgSnap'
    this.becomeFollower(term, fromLeader ? from : NONE)
    return true
  }

  #answerLowerTerm(message: Message): void {
    const { type, from, term } = message
    const { checkQuorum, preVote } = this.config
    if ((checkQuorum || preVote) && (type === 'MsgHeartbeat' || type === 'MsgApp')) {
      // A leader of an old term, to whom we cannot return: with votes refused while it lives, only our telling it our term
      // frees it, and us, from each other.
      this.send(appendResponse(from, this.id, this.term, 0))
    } else if (type === 'MsgPreVote') {
      // An answer ends the campaign of a member with a lower term sooner than silence would.
      const { log } = this
      this.logger?.info(
        `${this.id} [logterm: ${log.lastTerm}, index: ${log.lastIndex}, vote: ${this.vote}] rejected ${type} from ${from} ` +
          `[logterm: ${message.logTerm}, index: ${message.index}] at term ${this.term}`,
      )
      const refusal = newMessage('MsgPreVoteResp', from, this.id, this.term)
      refusal.reject = true
      this.send(refusal)
    } else if (type === 'MsgStorageAppendResp') {
      // The entries may have been replaced since, under the new term, by others that only look the same: the next
      // acknowledgement, made in this term, covers them. A snapshot is committed state, whatever the term.
      if (message.index !== 0) {
        this.logger?.info(
          `${this.id} [term: ${this.term}] ignored entry appends from a ${type} message with lower term [term: ${term}]`,
        )
      }
      if (message.snapshot !== null) this.#appliedSnapshot(message.snapshot)
    } else {
      this.logger?.info(
        `${this.id} [term: ${this.term}] ignored a ${type} message with lower term from ${from} [term: ${term}]`,
      )
    }
  }

  // The log.

  /**
   * Leader: appends at the end of its log, giving the entries their terms and indexes. False, and nothing done, if that would
   * exceed the limit of uncommitted bytes.
   */
  appendEntries(proposed: readonly Entry[]): boolean {
    const bytes = payloadBytes(proposed)
    // A single proposal larger than the limit is taken if nothing else is under way; empty entries are never refused.
    if (this.uncommittedBytes > 0 && bytes > 0 && this.uncommittedBytes + bytes > this.config.maxUncommittedBytes) {
      this.logger?.warn(
        `${this.id} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
      )
      return false
    }
    this.uncommittedBytes += bytes
    const { term } = this
    let index = this.log.lastIndex
    const entries: Entry[] = []
    for (const { type, data } of proposed) entries.push({ term, index: ++index, type, data })
    this.log.append(entries)
    // The leader's own vote for these entries, due like everyone's when they are on its disk.
    this.send(appendResponse(this.id, this.id, term, index))
    return true
  }

  /** Leader: advances the commit index to what a quorum has. True if it moved. */
  maybeCommit(): boolean {
    return this.log.maybeCommit(this.tracker.committedIndex(), this.term)
  }

  get committedInOwnTerm(): boolean {
    return this.log.term(this.log.committed) === this.term
  }

  #appliedEntries(entries: readonly Entry[]): void {
    const last = entries.at(-1)
    if (last === undefined) return
    this.#appliedTo(last.index, entriesBytes(entries))
    // Those of earlier terms were never counted: a leader begins with none.
    const own = entries.filter(({ term }) => term === this.term)
    this.uncommittedBytes = Math.max(0, this.uncommittedBytes - payloadBytes(own))
  }

  #appliedSnapshot(snapshot: Snapshot): void {
    const { index } = snapshot.metadata
    this.log.stableSnapshotTo(index)
    this.#appliedTo(index, 0)
  }

  #appliedTo(index: Index, bytes: number): void {
    const applied = Math.max(index, this.log.applied)
    this.log.appliedTo(applied, bytes)
    initiateAutoLeave(this, applied)
  }
}
