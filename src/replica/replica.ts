import { decodeConfChange } from '../raft/conf-change.ts'
import { RawNode } from '../raft/raw-node.ts'
import type { ConfState, Entry, MemberId, Message, Snapshot } from '../raft/types.ts'
import { LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, NONE, votersOf } from '../raft/types.ts'
import { decodeCommand } from '../store/command-codec.ts'
import type { SnapshotWriter } from '../store/snapshot.ts'
import { Admission } from './admission.ts'
import { Applied } from './applied.ts'
import { Campaign } from './campaign.ts'
import { Clients } from './clients.ts'
import { Departure } from './departure.ts'
import { Chronicle } from './events.ts'
import { ReplicaLog } from './log.ts'
import { MembershipDriver } from './membership-driver.ts'
import { defaultReplicaOptions, type ReplicaConfig, type ReplicaObserver, type ReplicaOptions } from './options.ts'
import { PendingReads } from './reads.ts'
import { Repetition } from './repetition.ts'
import { Roster } from './roster.ts'
import { SnapshotTransfer } from './snapshot-transfer.ts'
import { Standing } from './standing.ts'
import { stepOwn, stepReceived, stepViewers } from './stepping.ts'
import type { Input, Output, PeerMessage, Position, ReplicaLoad, ReplicaMetrics, ReplicaStatus } from './types.ts'
import { roleOf } from './types.ts'
import { Upkeep } from './upkeep.ts'

/**
 * One member of a cluster, sans I/O. Its owner's duties:
 *
 * 1. hand in everything that happens, a turn's worth at a time (`handle`): all inputs that are there, then once the outputs;
 * 2. carry out the outputs in order. A `persist` may run on while later ones are issued, but they must become durable in
 *    the order of their ids, each reported by one `walDone`; after a failed one the replica must not be used again;
 * 3. `send` may lose or repeat messages, but not corrupt them; the order between two members should be kept;
 * 4. one `tick` for each tick of the clock; `resume` instead if the clock jumped.
 */
export class Replica {
  readonly member: MemberId
  readonly #options: ReplicaOptions
  readonly #admission = new Admission()
  readonly #raft: RawNode
  readonly #log: ReplicaLog
  readonly #snapshots: SnapshotTransfer
  readonly #applied: Applied
  readonly #upkeep: Upkeep
  readonly #clients: Clients
  readonly #repetition: Repetition
  readonly #roster: Roster
  readonly #standing: Standing
  readonly #membership: MembershipDriver
  readonly #departure: Departure
  readonly #campaign: Campaign
  readonly #chronicle: Chronicle
  readonly #observer: ReplicaObserver | undefined
  #out: Output[] = []
  #now = 0
  #lastLeader: MemberId = NONE
  #lastTerm = 0
  readonly #counts = { leaderChanges: 0, proposalsApplied: 0, snapshotsInstalled: 0 }

  constructor(config: ReplicaConfig) {
    const { member, recovered, random } = config
    const options = config.options ?? defaultReplicaOptions
    this.member = member
    this.#options = options
    this.#observer = config.observer
    const emit = (output: Output) => this.#out.push(output)
    const applied = new Applied(recovered.snapshot)
    this.#applied = applied
    this.#log = new ReplicaLog(
      recovered,
      options,
      {
        position: () => applied.position,
        write: () => applied.store.beginSnapshot(),
        liveBytes: () => applied.store.sizeBytes,
        departingIndex: () => this.#snapshots.oldestIndex,
      },
      emit,
    )
    this.#upkeep = new Upkeep(applied.store, options)
    this.#clients = new Clients({
      reads: new PendingReads(member, random),
      store: applied.store,
      leases: this.#upkeep.leases,
      hasState: applied.hasState,
      emit,
    })
    this.#repetition = new Repetition(this.#clients.writes, options.retryTicks)
    this.#roster = new Roster(member)
    this.#raft = new RawNode({
      id: member,
      storage: this.#log.storage,
      applied: applied.index,
      asyncStorageWrites: true,
      electionTicks: options.electionTicks,
      heartbeatTicks: options.heartbeatTicks,
      learnerHeartbeatTicks: options.learnerHeartbeatTicks,
      maxSizePerMessageBytes: options.appendBytesMax,
      maxUncommittedBytes: options.uncommittedBytesMax,
      maxInflightMessages: options.inflightMessagesMax,
      maxInflightBytes: options.inflightBytesMax,
      checkQuorum: true,
      preVote: true,
      stepDownOnRemoval: true,
      random,
    })
    this.#snapshots = new SnapshotTransfer(this.#raft, member, options, {
      send: (to, message) => this.#send(to, message),
      stage: (snapshot, staged) => this.#log.stage(snapshot, staged),
      step: message => stepReceived(this.#raft, message),
    })
    const { electionTicks } = options
    this.#standing = new Standing(member, { raft: this.#raft, applied, roster: this.#roster, electionTicks })
    this.#chronicle = new Chronicle(recovered.hardState.commit, event => emit({ kind: 'event', event }))
    this.#membership = new MembershipDriver(this.#raft, this.#roster, member, options, this.#chronicle)
    this.#departure = new Departure(this.#raft, this.#membership, this.#roster, member, options.membership)
    this.#campaign = new Campaign(this.#raft, this.#roster, this.#departure, member, random)
  }

  /** One turn: everything that happened since the last one, then all that follows from it. */
  handle(inputs: readonly Input[]): Output[] {
    this.#out = []
    let ticks = 0
    for (const input of inputs) {
      this.#take(input)
      if (input.kind === 'tick') ticks += 1
    }
    this.#upkeep.advance(ticks)
    this.#propose()
    this.#drainRaft()
    if (this.#campaign.wake(this.#applied.confState)) this.#drainRaft()
    if (this.#membership.drive(this.#applied.confState, this.#applied.index, this.#now)) this.#drainRaft()
    if (this.#departure.pursue(this.#applied.confState, this.#now, this.#out)) this.#drainRaft()
    this.#upkeep.leases.follow()
    if (ticks > 0) this.#keepUp()
    this.#clients.serve(this.#applied.index)
    this.#snapshots.answer()
    if (this.#standing.takeChange(this.#now, this.#clients.writes.size)) {
      this.#out.push({ kind: 'statusChanged' })
      this.#chronicle.quorum(this.hasQuorum)
    }
    return this.#out
  }

  /** What is done a little of in every turn that brings ticks, however many. */
  #keepUp(): void {
    this.#log.tick()
    // Its first entry applied, a new leader knows all that was decided before it: every keepalive that anyone was told of.
    if (this.#raft.role !== 'leader' || this.#applied.term !== this.#raft.term) return
    this.#upkeep.lead(data => this.#raft.propose(data) === 'ok')
    this.#drainRaft()
  }

  #take(input: Input): void {
    switch (input.kind) {
      case 'tick':
        this.#tick()
        return
      case 'message':
        if (this.#admission.admits(input, this.#raft.term)) this.#receive(input.from, input.message)
        else this.#chronicle.refused(input.from, this.#now)
        return
      case 'walDone':
        this.#completeWrite(input.id)
        return
      case 'staged':
        this.#log.staged(input.id)
        return
      case 'request':
        this.#clients.request(input.id, input.request)
        return
      case 'cancel':
        this.#clients.cancel(input.id)
        return
      case 'credit':
        this.#clients.credit(input.id, input.batches)
        return
      case 'progress':
        this.#clients.askProgress(input.id)
        return
      case 'transfer':
        this.#transfer(input.to)
        return
      case 'peerUp':
        // A viewer that speaks for an editor's member does not: that one is not there.
        if (!input.viewer || roleOf(input.member) === 'viewer') this.#peerUp(input.member)
        return
      case 'peerDown':
        if (this.#roster.connected.has(input.member)) this.#peerDown(input.member)
        return
      case 'peerEnded':
        if (this.#raft.leader === input.member) this.#campaign.inPlaceOf(input.member)
        return
      case 'resume':
        // The time did pass for everyone else. Two election timeouts of silence make a leader give up (check-quorum).
        for (let tick = 0; tick < 2 * this.#options.electionTicks; tick += 1) this.#raft.tick()
        this.#now += 2 * this.#options.electionTicks
        this.#clients.reads.restart()
        this.#upkeep.leases.restart()
        return
      case 'leave':
        this.#departure.begin(input.fate)
        return
      case 'stay':
        this.#departure.stay()
        return
      default:
        input satisfies never
    }
  }

  #tick(): void {
    this.#now += 1
    this.#raft.tick()
    this.#admission.tick()
    this.#clients.reads.tick(this.#options.retryTicks)
    this.#repetition.tick(this.#now, this.#raft.role === 'leader')
    this.#campaign.tick(this.#now)
    this.#membership.tick(this.#now)
    this.#snapshots.tick()
    const { gossipTicks, gossipCrowd } = this.#options
    const crowds = this.#standing.state === 'joining' ? 1 : Math.ceil(this.#roster.connected.size / gossipCrowd)
    if (this.#now % (gossipTicks * Math.max(1, crowds)) === 0) {
      for (const member of this.#roster.takeTurns(this.#options.gossipMembersMax)) {
        this.#tellPosition(member)
        this.#askToJoin(member)
      }
    }
  }

  #receive(from: MemberId, message: PeerMessage): void {
    this.#roster.heard(from, this.#now)
    const isViewers = roleOf(from) === 'viewer'
    switch (message.kind) {
      case 'raft':
        if (from === this.#raft.leader) this.#standing.leaderHeard(this.#now)
        if (isViewers) stepViewers(this.#raft, message.message)
        else stepReceived(this.#raft, message.message)
        return
      case 'join':
        this.#membership.returned(message.member)
        if (this.#raft.role === 'leader') this.#membership.join(message.member)
        else this.#passOn(from, message)
        return
      case 'leave':
        this.#membership.leave(message.member, message.fate)
        return
      case 'gossip':
        this.#roster.place(from, message.position)
        if (!isViewers) this.#raft.learnCommit(message.position.commit, message.commitTerm)
        if (this.#isDeposed(from, message.position)) this.#leaderLost()
        if (this.#isForgotten(from, message.position)) this.#send(from, { kind: 'removed', member: from })
        return
      case 'snapshotChunk':
        this.#snapshots.chunkArrived(from, message.chunk)
        return
      case 'snapshotAck':
        this.#snapshots.ackArrived(from, message.ack)
        return
      case 'removed':
        if (message.member === this.member) this.#out.push({ kind: 'removed' })
        return
      default:
        message satisfies never
    }
  }

  #isForgotten(member: MemberId, position: Position): boolean {
    const { confState, index } = this.#applied
    return this.#membership.isForgotten(member, position, confState, index, this.#log.durableCommit)
  }

  /** Raft itself refuses learners and strangers. */
  #transfer(to: MemberId): void {
    if (this.#raft.role === 'leader') this.#raft.transferLeader(to)
  }

  /** To the leader, at most once on the way, so that two members with old news can't send it round in circles. */
  #passOn(from: MemberId, message: PeerMessage & { member: MemberId }): void {
    const leader = this.#raft.leader
    if (from === message.member && leader !== NONE && leader !== this.member) this.#send(leader, message)
  }

  #peerUp(member: MemberId): void {
    this.#roster.up(member, this.#now)
    this.#membership.returned(member)
    this.#snapshots.up(member)
    this.#tellNews(member)
    this.#askToJoin(member)
    if (this.#raft.leader === NONE) this.#campaign.soon(this.#applied.confState, this.#now)
  }

  #peerDown(member: MemberId): void {
    this.#roster.down(member)
    this.#membership.parted()
    this.#snapshots.down(member)
    this.#raft.reportUnreachable(member)
    if (this.#raft.role !== 'leader') {
      this.#repetition.memberLost(this.#now)
      this.#clients.reads.restart()
    }
    if (this.#raft.leader === member) this.#leaderLost()
    // It may have been about to lead: whoever gave it a vote then waits for nobody else.
    else if (this.#raft.leader === NONE) this.#campaign.soon(this.#applied.confState, this.#now)
  }

  /**
   * It led this term, and says that it does not lead: it gave up, or has come back without knowing that it ever led. In one term
   * nobody leads twice, so this is never old news.
   */
  #isDeposed(member: MemberId, { role, term }: Position): boolean {
    return member === this.#raft.leader && term === this.#raft.term && role !== 'leader' && role !== 'candidate'
  }

  #leaderLost(): void {
    this.#raft.forgetLeader()
    this.#campaign.soon(this.#applied.confState, this.#now)
  }

  #propose(): void {
    const leader = this.#raft.leader
    if (leader !== this.#lastLeader || this.#raft.term !== this.#lastTerm) {
      if (leader !== NONE) this.#counts.leaderChanges += 1
      this.#lastLeader = leader
      this.#lastTerm = this.#raft.term
      this.#chronicle.leads(leader, this.#raft.term)
      this.#standing.leaderHeard(this.#now)
      this.#repetition.leaderChanged()
      this.#clients.reads.restart()
      this.#upkeep.leases.restart()
      if (leader === this.member) this.#roster.startCounting(this.#now, this.#options.membership.liveTicks)
      this.#membership.leaderChanged(leader === this.member)
      this.#snapshots.leaderChanged()
      for (const member of this.#roster.connected) this.#tellNews(member)
    }
    if (leader === NONE) return
    const { writes } = this.#clients
    if (writes.hasUnproposed && this.#raft.propose(...writes.unproposed) === 'ok') writes.markProposed(this.#now)
    // Raft takes no answer from a leader it does not know, and a member without a state knows none.
    const context = this.#applied.hasState ? this.#clients.reads.begin() : null
    if (context !== null) this.#raft.readIndex(context)
  }

  #drainRaft(): void {
    while (this.#raft.hasReady()) {
      const ready = this.#raft.ready()
      for (const { requestContext, index } of ready.readStates) this.#clients.reads.confirm(requestContext, index)
      for (const message of ready.messages) this.#dispatch(message)
      // What raft did may have made a leader known, and with it proposals possible.
      this.#propose()
    }
  }

  #dispatch(message: Message): void {
    switch (message.to) {
      case LOCAL_APPEND_THREAD:
        for (const response of this.#log.append(message)) this.#dispatch(response)
        return
      case LOCAL_APPLY_THREAD:
        for (const entry of message.entries) {
          this.#applied.apply(entry, () => this.#apply(entry))
          this.#observer?.applied(entry)
        }
        for (const response of message.responses) this.#dispatch(response)
        this.#log.compactIfOutgrown()
        return
      case this.member:
        stepOwn(this.#raft, message)
        return
      default:
        if (message.type === 'MsgSnap') this.#snapshots.begin(message)
        else this.#send(message.to, { kind: 'raft', message })
        return
    }
  }

  #completeWrite(id: number): void {
    const { write, responses } = this.#log.complete(id)
    if (write.install !== null) this.#installed(write.install)
    for (const response of responses) this.#dispatch(response)
  }

  #installed(snapshot: Snapshot): void {
    this.#counts.snapshotsInstalled += 1
    const before = this.#applied.hasState ? this.#applied.confState : null
    this.#applied.install(snapshot)
    this.#chronicle.installed(this.#applied.index, before, this.#applied.confState)
    this.#roster.retain(this.#applied.confState)
    this.#clients.stateInstalled()
  }

  #apply(entry: Entry): void {
    if (entry.type !== 'normal') {
      const change = decodeConfChange(entry.data)
      const before = this.#applied.confState
      const after = this.#raft.applyConfChange(change)
      this.#applied.confState = after
      this.#chronicle.changed(entry.index, { before, after }, change)
      this.#campaign.configurationChanged()
      this.#log.persistCommit()
      this.#roster.retain(this.#applied.confState)
      this.#membership.configurationChanged(entry.index)
      return
    }
    if (entry.data.length === 0) return
    this.#counts.proposalsApplied += 1
    const command = decodeCommand(entry.data)
    if (command.clientId === null) {
      this.#applied.store.applySystem(command)
      return
    }
    const result = this.#applied.store.apply(command)
    if (!result.ok && result.code === 'GAP') {
      const { clientId } = command
      const isApplied = (seq: number) => this.#applied.store.resultOf(clientId, seq) !== 'unknown'
      if (this.#clients.writes.mayClose(command, isApplied)) {
        this.#repetition.gapMet(this.#now)
        return
      }
    }
    this.#clients.applied(command, result)
  }

  #send(to: MemberId, message: PeerMessage): void {
    this.#out.push({ kind: 'send', to, message })
  }

  #tellPosition(to: MemberId): void {
    this.#send(to, { kind: 'gossip', position: this.#standing.position, commitTerm: this.#raft.commitTerm })
  }

  /** In a crowd, what happens here is for those who vote, and from those: everyone to everyone would be the square of it. */
  #tellNews(to: MemberId): void {
    const voters = votersOf(this.#applied.confState)
    const isCrowd = this.#roster.connected.size > this.#options.gossipCrowd
    if (!isCrowd || voters.has(to) || voters.has(this.member)) this.#tellPosition(to)
  }

  /** A stranger asks whoever it is linked to; the request finds the leader from there. */
  #askToJoin(to: MemberId): void {
    if (this.#standing.state !== 'joining' || this.#departure.isUnderWay) return
    this.#send(to, { kind: 'join', member: this.member })
  }

  status(): ReplicaStatus {
    return this.#standing.status(this.#now, this.#clients.writes.size)
  }

  /** The part of the status that costs nothing, for those who ask after every turn. */
  get position(): Position {
    return this.#standing.position
  }

  /** Of the status: whether, as far as is known here, a quorum can be reached now. */
  get hasQuorum(): boolean {
    return this.#standing.hasQuorum(this.#now)
  }

  metrics(): ReplicaMetrics {
    return {
      ...this.#counts,
      proposalsFailed: this.#repetition.count,
      ...this.#applied.store.statistics(),
      proposalsPending: this.#clients.writes.size,
      messagesRefused: this.#admission.refused,
      snapshotsMade: this.#log.snapshotsMade,
    }
  }

  /** How full everything is that could fill up, for those who hold it against its bounds. Walks over the members. */
  load(): ReplicaLoad {
    const windows = [...this.#raft.status().progress.values()]
    return {
      pendingWrites: this.#clients.writes.size,
      pendingReads: this.#clients.reads.size,
      watches: this.#applied.store.statistics().watchers,
      inflightMessages: Math.max(0, ...windows.map(({ inflight }) => inflight)),
      inflightBytes: Math.max(0, ...windows.map(({ inflightBytes }) => inflightBytes)),
      ...this.#snapshots.load,
    }
  }

  /** Begins to save what was applied, for a file; see the store's. */
  beginExport(): SnapshotWriter {
    return this.#applied.store.beginExport()
  }

  /** The membership that the applied entries have led to. */
  get configuration(): ConfState {
    return this.#applied.confState
  }

  /** A running digest of the applied state, equal on all members that applied as much. */
  get stateHash(): number {
    return this.#applied.store.hash
  }
}
