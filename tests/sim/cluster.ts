import type { MemberId } from '../../src/raft/types.ts'
import { emptyState, foundingWrite } from '../../src/replica/founding.ts'
import { type Input, type Output, type PeerMessage, WalError, type WalWrite } from '../../src/replica/types.ts'
import { Checks } from './checks.ts'
import type { World } from './client.ts'
import type { SimulationConfig } from './config.ts'
import { describeInput, describeOutput } from './describe.ts'
import { LeaseTimes } from './lease-times.ts'
import { LockReferee } from './locks.ts'
import { Losses } from './losses.ts'
import { SimulatedMember, type Surroundings } from './member.ts'
import { Model } from './model.ts'
import type { Mutant } from './mutants.ts'
import { Network } from './network.ts'
import { OutboxDisk } from './outbox-disk.ts'
import { Promises } from './promises.ts'
import type { Random } from './random.ts'
import type { Schedule } from './schedule.ts'
import { Siblings } from './siblings.ts'
import { Tab } from './tab.ts'
import type { Trace } from './trace.ts'

/** Everything there is in one run: members, the network between them, and the tabs whose clients use them. */
export class Cluster {
  readonly config: SimulationConfig
  readonly network: Network
  readonly model = new Model()
  readonly leaseTimes: LeaseTimes
  readonly checks: Checks
  readonly promises = new Promises(this.model)
  readonly tabs: Tab[] = []
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #trace: Trace
  readonly #around: Surroundings
  readonly #members = new Map<MemberId, SimulatedMember>()
  readonly #siblings = new Siblings()
  /** A member's database holds the outboxes of its tab's clients, too. */
  readonly #outboxes = new Map<MemberId, readonly OutboxDisk[]>()
  readonly #world: World
  readonly #losses = new Losses()
  /** Those whose logs are not to be relied on any more. */
  readonly #losable = new Set<MemberId>()
  readonly #leaving = new Map<MemberId, () => void>()
  #named = 0
  #areClientsAtRest = false
  /** How long everyone slept, which is no time for anyone. */
  sleptMs = 0

  constructor(around: {
    schedule: Schedule
    random: Random
    config: SimulationConfig
    trace: Trace
    mutant: Mutant | null
  }) {
    const { schedule, random, config, trace, mutant } = around
    this.config = config
    this.leaseTimes = new LeaseTimes(schedule, this.model, config.clockDrift)
    this.checks = new Checks(this.leaseTimes)
    this.#world = {
      schedule,
      config: config.clients,
      clockDrift: config.clockDrift,
      promises: this.promises,
      model: this.model,
      referee: new LockReferee(this.model, this.promises),
    }
    this.#schedule = schedule
    this.#random = random
    this.#trace = trace
    this.network = new Network(schedule, random.fork(), config.network)
    this.#around = {
      schedule,
      config,
      mutant,
      stored: (member, state) => this.checks.stored(member.id, state),
      started: (member, recovered) => this.checks.started(member.id, recovered),
      persisted: (member, write) => {
        this.#losses.persisted(write)
        this.checks.persisted(member.id, write)
      },
      durable: (member, write) => this.checks.durable(member.id, write),
      failed: (member, error) => this.#failed(member, error),
      applied: (member, entry, hash) => this.checks.applied(member.id, entry, hash),
      output: (member, output) => this.#carryOut(member, output),
      turned: (member, inputs, outputs) => this.#turned(member, inputs, outputs),
    }
  }

  /** To be called with each vote that is given, once it is on its way. */
  voteTold: ((voter: SimulatedMember, candidate: MemberId) => void) | null = null

  /** All whose logs there are. */
  get members(): readonly SimulatedMember[] {
    return [...this.#members.values()]
  }

  get running(): readonly SimulatedMember[] {
    return this.members.filter(({ isRunning }) => isRunning)
  }

  /** Those that have a tab of their own, or may have one again, as against those that are lent a voice. */
  get hosts(): readonly SimulatedMember[] {
    return this.members.filter(({ id }) => !this.#siblings.isLent(id))
  }

  /** One that leads and is awake, if there is one. A leader that nobody follows any more may still think it leads. */
  get leader(): SimulatedMember | undefined {
    return this.members.find(({ replica, isFrozen }) => !isFrozen && replica?.position.role === 'leader')
  }

  /** Those in its browser that run, itself included. */
  siblingsOf(member: SimulatedMember): readonly SimulatedMember[] {
    return this.running.filter(other => this.#siblings.areSiblings(other.id, member.id))
  }

  /** A tab that founds the cluster, or one that joins it. */
  openTab(how: 'found' | 'join', browser = this.#random.integer(0, this.config.browsers - 1)): void {
    const tab = this.#newTab()
    this.#giveNewMember(tab, how, browser)
  }

  /** One more tab, if there may be: it takes up a member of its browser that nobody speaks for, or becomes a new one. */
  openAnother(random: Random): void {
    if (this.#openTabs >= this.config.membersMax) return
    const browser = random.integer(0, this.config.browsers - 1)
    const free = this.members.filter(({ id, isRunning }) => !isRunning && this.#siblings.browserOf(id) === browser)
    const [first, ...others] = random.shuffled(free)
    if (first === undefined) {
      this.openTab('join', browser)
      return
    }
    this.restart(first)
    for (const orphan of others) this.lend(orphan, 'demote', first)
  }

  /** Nobody asks for anything new any more, whoever comes later neither. */
  restClients(): void {
    this.#areClientsAtRest = true
    for (const tab of this.tabs) tab.rest()
  }

  /** The process is gone from one moment to the next; if `torn`, in the middle of a write. */
  crash(member: SimulatedMember, how: { torn?: boolean } = {}): void {
    this.#note(member, how.torn ? 'crashes in a write' : 'crashes')
    this.#gone(member, 'silent')
    member.crash(how)
  }

  /**
   * Its tab is back. If another speaks for it by now, it waits for that to end if the page before had said farewell, and becomes a
   * new member otherwise.
   */
  restart(member: SimulatedMember, waitsMs = 0): void {
    if (!this.#members.has(member.id)) return
    if (this.#siblings.isLent(member.id)) {
      if (waitsMs > 0) this.#schedule.after(lockEveryMs, () => this.restart(member, waitsMs - lockEveryMs))
      else if (this.#openTabs < this.config.membersMax) this.openTab('join', this.#siblings.browserOf(member.id))
      return
    }
    if (member.isRunning) return
    this.#note(member, 'starts again')
    if (this.#tabOf(member) === undefined) this.#newTab().member = member.id
    this.#start(member, null)
  }

  /** At the end of all faults: whoever was only away is back, and whoever has a vote that the others may need. */
  reopen(): void {
    const voters = new Set<MemberId>()
    for (const { replica } of this.running) {
      for (const { member, state } of replica?.status().members ?? []) if (state === 'voter') voters.add(member)
    }
    for (const member of this.members) {
      if (member.isRunning) continue
      if (this.#tabOf(member) !== undefined || voters.has(member.id) || voters.size === 0) this.restart(member)
    }
  }

  /** Goes in good order, if it can within the time its page holds the door; then `onGone`. */
  leave(member: SimulatedMember, withinMs: number, onGone: () => void): void {
    this.#note(member, 'is leaving')
    const go = () => {
      if (this.#leaving.get(member.id) !== go) return
      this.#leaving.delete(member.id)
      if (!member.isRunning) return
      this.#note(member, 'goes')
      this.#gone(member, 'bye')
      member.stop()
      onGone()
    }
    this.#leaving.set(member.id, go)
    this.#schedule.after(withinMs, go)
    this.#tabOf(member)?.leaving()
    member.push({ kind: 'leave', fate: 'demote' })
  }

  /**
   * Nobody speaks for that member, so a sibling's worker does: until its vote is given up, or until the cluster has forgotten it.
   * What its page was not answered is asked from there.
   */
  lend(orphan: SimulatedMember, fate: 'demote' | 'remove', host = this.#hostFor(orphan)): void {
    if (orphan.isRunning || !this.#members.has(orphan.id) || host === undefined || !host.isRunning) return
    this.#note(orphan, `is lent a voice by ${host.name}, to ${fate}`)
    this.#siblings.lend(orphan, host, fate)
    const [tab, heir] = [this.#tabOf(orphan), this.#tabOf(host)]
    this.#start(orphan, null)
    orphan.push({ kind: 'leave', fate })
    if (tab === undefined) return
    this.tabs.splice(this.tabs.indexOf(tab), 1)
    heir?.takeOver(this.#outboxesOf(orphan.id))
  }

  /** Whether the cluster survives it if this member, which does not run, never comes back. */
  canLose(member: SimulatedMember): boolean {
    if (!this.#members.has(member.id) || member.isRunning) return false
    const isLosable = this.#losses.allow(member.id, this.leader, id => this.#members.has(id))
    if (isLosable) this.#losable.add(member.id)
    return isLosable
  }

  freeze(member: SimulatedMember): void {
    this.#note(member, 'freezes')
    for (const one of [member, ...this.#siblings.lentBy(member)]) {
      this.network.pause(one.id)
      one.freeze()
    }
  }

  /** `sleptMs`: how much longer than it was frozen it finds that it was away. */
  wake(member: SimulatedMember, sleptMs = 0): void {
    if (member.isFrozen) this.#note(member, 'wakes')
    for (const one of [member, ...this.#siblings.lentBy(member)]) {
      this.network.unpause(one.id)
      one.wake(sleptMs)
    }
  }

  nameOf(id: MemberId): string {
    return this.#members.get(id)?.name ?? String(id)
  }

  get #openTabs(): number {
    return this.hosts.filter(({ isRunning }) => isRunning).length
  }

  #newTab(): Tab {
    const tab = new Tab(this.#world, this.#random.fork())
    if (this.#areClientsAtRest) tab.rest()
    this.tabs.push(tab)
    return tab
  }

  #outboxesOf(member: MemberId): readonly OutboxDisk[] {
    const { outbox, perMember } = this.config.clients
    let disks = this.#outboxes.get(member)
    if (disks === undefined) {
      const newDisk = () => new OutboxDisk(this.#schedule, this.#random.fork(), this.config.disk.latencyMs)
      disks = outbox ? Array.from({ length: perMember }, newDisk) : []
      this.#outboxes.set(member, disks)
    }
    return disks
  }

  /** It may inherit the outboxes of the one before. */
  #giveNewMember(tab: Tab, how: 'found' | 'join', browser: number, outboxes?: readonly OutboxDisk[]): void {
    const id = this.#random.integer(1, Number.MAX_SAFE_INTEGER)
    const name = nameOf(this.#named)
    this.#named += 1
    const member = new SimulatedMember(id, name, this.#around, this.#random.fork())
    this.#siblings.moveIn(id, browser)
    this.#members.set(id, member)
    if (outboxes !== undefined) this.#outboxes.set(id, outboxes)
    tab.member = id
    this.#note(member, how === 'found' ? 'founds' : 'wants to join')
    const { hardState } = emptyState
    this.#start(
      member,
      how === 'found' ? foundingWrite(id) : { hardState, entries: [], install: null, compaction: null },
    )
  }

  #start(member: SimulatedMember, initial: WalWrite | null): void {
    try {
      member.start(initial)
    } catch (error) {
      if (!(error instanceof WalError) || !this.#losable.has(member.id)) throw error
      this.#giveUp(member, error)
      return
    }
    this.network.attach(member.id, {
      onUp: other => member.push({ kind: 'peerUp', member: other }),
      onDown: other => member.push({ kind: 'peerDown', member: other }),
      onMessage: (from, message) => member.push({ kind: 'message', from, message }),
    })
    if (this.#siblings.isLent(member.id)) return
    this.#tabOf(member)?.connect(input => member.push(input), this.#outboxesOf(member.id))
  }

  #gone(member: SimulatedMember, how: 'bye' | 'silent'): void {
    this.network.detach(member.id, how)
    this.#leaving.delete(member.id)
    for (const orphan of this.#siblings.lentBy(member)) this.crash(orphan)
    this.#siblings.takeBack(member.id)
    this.#tabOf(member)?.disconnect()
    this.#schedule.after(this.#random.between(...lockFreeMs), () => this.#lockIsFree(member))
  }

  /** One of the siblings that were waiting for it is handed its lock, and lends it a voice if it knows of a vote. */
  #lockIsFree(member: SimulatedMember): void {
    const sibling = this.#hostFor(member)
    const seen = sibling?.replica?.status().members ?? []
    if (seen.some(({ member: id, state }) => id === member.id && state === 'voter'))
      this.lend(member, 'demote', sibling)
  }

  #hostFor(orphan: SimulatedMember): SimulatedMember | undefined {
    const hosts = this.siblingsOf(orphan).filter(({ id, isFrozen }) => !isFrozen && !this.#siblings.isLent(id))
    return this.#random.pick(hosts)
  }

  /** As in a tab: it is gone, and its log stays for whoever opens it next, which is tried before long. */
  #failed(member: SimulatedMember, error: WalError): void {
    this.#note(member, `stops: ${error.code}`)
    this.#gone(member, 'silent')
    this.#schedule.after(this.#random.between(...reopenedAfterMs), () => this.restart(member))
  }

  /** Without its log it has lost its votes, so nobody may speak in its name again. Its tab goes on with another. */
  #giveUp(member: SimulatedMember, error: WalError): void {
    this.#note(member, `is lost: ${error.message}`)
    const tab = this.#tabOf(member)
    const browser = this.#siblings.browserOf(member.id)
    this.#forget(member)
    if (tab !== undefined) this.#giveNewMember(tab, 'join', browser)
  }

  /** It has no vote any more. Its log stays for whoever opens it next. */
  #letGo(orphan: SimulatedMember): void {
    this.#note(orphan, 'is let go of')
    this.#siblings.takeBack(orphan.id)
    this.#gone(orphan, 'bye')
    orphan.stop()
  }

  #retire(member: SimulatedMember): void {
    this.#note(member, 'is no more')
    this.#gone(member, 'bye')
    member.stop()
    this.#forget(member)
  }

  #forget(member: SimulatedMember): void {
    this.#members.delete(member.id)
    this.#outboxes.delete(member.id)
    this.#siblings.moveOut(member.id)
  }

  #carryOut(member: SimulatedMember, output: Exclude<Output, { kind: 'persist' }>): void {
    switch (output.kind) {
      case 'send':
        this.checks.told(member.id, output.to, output.message)
        this.network.send(member.id, output.to, output.message)
        // Not while its outputs are being carried out.
        if (isVote(output.message)) this.#schedule.after(0, () => this.voteTold?.(member, output.to))
        return
      case 'respond':
      case 'notify': {
        this.#tabOf(member)?.passOn(output)
        return
      }
      case 'left': {
        const go = this.#leaving.get(member.id)
        if (go !== undefined) this.#schedule.after(0, go)
        return
      }
      case 'removed': {
        // Not while its outputs are being carried out.
        this.#schedule.after(0, () => {
          if (!this.#members.has(member.id)) return
          const tab = this.#tabOf(member)
          const browser = this.#siblings.browserOf(member.id)
          const outboxes = this.#outboxesOf(member.id)
          this.#retire(member)
          if (tab !== undefined) this.#giveNewMember(tab, 'join', browser, outboxes)
        })
        return
      }
      case 'statusChanged':
        return
    }
  }

  #turned(member: SimulatedMember, inputs: readonly Input[], outputs: readonly Output[]): void {
    const { replica } = member
    if (replica === null) return
    const { position } = replica
    this.checks.turned(member.id, position, replica.configuration, replica.stateHash)
    this.#tabOf(member)?.turned(() => replica.status().quorum)
    for (const { orphan, fate } of this.#siblings.settledBy(member)) {
      if (fate === 'remove') this.#retire(orphan)
      else this.#letGo(orphan)
    }
    if (!this.#trace.isOn) return
    const name = (id: MemberId) => this.nameOf(id)
    const [took, gave] = [inputs.map(i => describeInput(i, name)), outputs.map(o => describeOutput(o, name))]
    const { role, term, commit, applied } = position
    const head = `${member.name} ${role} t${term} c${commit} a${applied}`
    for (const text of took) if (text !== null) this.#trace.line(this.#schedule.nowMs, `${head}   < ${text}`)
    for (const text of gave) if (text !== null) this.#trace.line(this.#schedule.nowMs, `${head} >   ${text}`)
  }

  #tabOf(member: SimulatedMember): Tab | undefined {
    return this.tabs.find(tab => tab.member === member.id)
  }

  #note(member: SimulatedMember, what: string): void {
    if (this.#trace.isOn) this.#trace.line(this.#schedule.nowMs, `=== ${member.name} ${what}`)
  }
}

/** A, B and so on, and after Z A1. */
function nameOf(ordinal: number): string {
  const letter = String.fromCharCode('A'.charCodeAt(0) + (ordinal % 26))
  return ordinal < 26 ? letter : `${letter}${Math.floor(ordinal / 26)}`
}

/** Until a lock is handed on after its holder has gone, one way or the other. */
const lockFreeMs = [1, 100] as const
/** How often who waits for a lock looks; how long, is up to the tab. */
const lockEveryMs = 100
/** Until someone reloads a tab whose storage failed. */
const reopenedAfterMs = [50, 2_000] as const

function isVote(message: PeerMessage): boolean {
  return message.kind === 'raft' && message.message.type === 'MsgVoteResp' && !message.message.reject
}
