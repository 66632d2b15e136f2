import type { MemberId } from '../../../src/raft/types.ts'
import { emptyState, foundingWrite } from '../../../src/replica/founding.ts'
import { roleOf, type TabRole, type WalError, type WalWrite } from '../../../src/replica/types.ts'
import { votersKnown } from '../../../src/worker/votes.ts'
import { LockReferee } from '../clients/locks.ts'
import { OutboxDisk } from '../clients/outbox-disk.ts'
import type { World } from '../clients/page.ts'
import { Tab } from '../clients/tab.ts'
import type { SimulationConfig } from '../config.ts'
import { Checks } from '../judges/checks.ts'
import { History } from '../judges/history.ts'
import { LeaseTimes } from '../judges/lease-times.ts'
import { Model } from '../judges/model.ts'
import { Promises } from '../judges/promises.ts'
import type { Mutant } from '../mutants/mutants.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import type { Trace } from '../trace.ts'
import { drawLie } from './liar.ts'
import type { SimulatedMember } from './member.ts'
import { Members } from './members.ts'
import type { Network } from './network.ts'
import { Siblings } from './siblings.ts'

/** Everything there is in one run: the tabs, whose clients use the cluster, and the members they own or lend a voice. */
export class Cluster {
  readonly config: SimulationConfig
  readonly network: Network
  readonly model = new Model()
  readonly history: History
  readonly leaseTimes: LeaseTimes
  readonly checks: Checks
  readonly promises = new Promises(this.model)
  readonly tabs: Tab[] = []
  /** To be called with each vote that is given, once it is on its way. */
  voteTold: ((voter: SimulatedMember, candidate: MemberId) => void) | null = null
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #members: Members
  readonly #siblings = new Siblings()
  /** A member's database holds the outboxes of its tab's clients, too. */
  readonly #outboxes = new Map<MemberId, readonly OutboxDisk[]>()
  readonly #world: World
  readonly #liars = new Set<Tab>()
  /** Who was lied for, whichever tab has it by now: what was said of it is still believed. */
  readonly #lied = new Set<MemberId>()
  readonly #leaving = new Map<MemberId, () => void>()
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
    this.history = new History(schedule, this.model)
    this.leaseTimes = new LeaseTimes(schedule, this.model, this.history, config.clockDrift)
    this.checks = new Checks(this.leaseTimes)
    this.#world = {
      schedule,
      config: config.clients,
      clockDrift: config.clockDrift,
      promises: this.promises,
      history: this.history,
      model: this.model,
      referee: new LockReferee(this.model, this.promises),
    }
    this.#schedule = schedule
    this.#random = random
    this.#members = new Members({
      schedule,
      random: random.fork(),
      config,
      trace,
      mutant,
      checks: this.checks,
      owner: {
        answered: (member, output) => this.#tabOf(member)?.passOn(output),
        left: member => {
          const go = this.#leaving.get(member.id)
          if (go !== undefined) schedule.after(0, go)
        },
        removed: member => this.#removed(member),
        failed: (member, error) => this.#failed(member, error),
        // Not while its outputs are being carried out.
        voted: (member, candidate) => schedule.after(0, () => this.voteTold?.(member, candidate)),
        turned: member => this.#turned(member),
        contradicted: member => this.#exposed(member),
      },
    })
    this.network = this.#members.network
  }

  /** All whose logs there are. */
  get members(): readonly SimulatedMember[] {
    return this.#members.all
  }

  get running(): readonly SimulatedMember[] {
    return this.members.filter(({ isRunning }) => isRunning)
  }

  /** Those that have a tab of their own, or may have one again, as against those that are lent a voice. */
  get hosts(): readonly SimulatedMember[] {
    return this.members.filter(({ id }) => !this.#siblings.isLent(id))
  }

  /** One that leads and is awake, if there is one. */
  get leader(): SimulatedMember | undefined {
    return this.#members.leader
  }

  /** Those in its browser that run, itself included. */
  siblingsOf(member: SimulatedMember): readonly SimulatedMember[] {
    return this.running.filter(other => this.#siblings.areSiblings(other.id, member.id))
  }

  /** A tab that founds the cluster, or one that joins it. */
  openTab(
    how: 'found' | 'join',
    browser = this.#random.integer(0, this.config.browsers - 1),
    role: TabRole = 'editor',
  ): void {
    const tab = this.#newTab(role)
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

  /** A tab that may only look; if `random` is given, one that lies, by what it draws. */
  openViewer(random: Random | null): void {
    this.openTab('join', this.#random.integer(0, this.config.browsers - 1), 'viewer')
    const tab = this.tabs.at(-1)
    if (random === null || tab === undefined) return
    this.#liars.add(tab)
    this.#lie(tab, random)
  }

  /** What they have said of themselves may keep them from what the others have, and who knows what they would ask for. */
  dismissLiars(): void {
    for (const tab of [...this.tabs]) if (this.#liars.has(tab) || this.#hasLied(tab.member)) this.#dismiss(tab)
  }

  #dismiss(liar: Tab): void {
    this.#liars.delete(liar)
    this.tabs.splice(this.tabs.indexOf(liar), 1)
    const member = this.members.find(({ id }) => id === liar.member)
    if (member?.isRunning) this.crash(member)
  }

  /** Who says that it has more than it has is sent what follows on that. */
  #exposed(member: SimulatedMember): boolean {
    if (!this.#lied.has(member.id)) return false
    const tab = this.tabs.find(tab => tab.member === member.id)
    if (tab === undefined) this.crash(member)
    else this.#dismiss(tab)
    return true
  }

  #hasLied(member: MemberId | null): boolean {
    return member !== null && this.#lied.has(member)
  }

  #lie(tab: Tab, random: Random): void {
    const { lieEveryMs } = this.config.viewers
    if (lieEveryMs === null) return
    this.#schedule.after(random.between(...lieEveryMs), () => {
      if (!this.#liars.has(tab)) return
      const liar = this.running.find(({ id }) => id === tab.member)
      const editors = this.members.map(({ id }) => id).filter(id => roleOf(id) === 'editor')
      const to = random.pick(editors)
      if (liar !== undefined && to !== undefined) {
        const lie = drawLie(random, liar, editors, to)
        if (lie !== null) {
          this.#lied.add(liar.id)
          this.network.lie(liar.id, to, lie.from, lie.message)
        }
        if (random.chance(0.1)) this.network.claim(liar.id, to, random.pick(editors) ?? to)
      }
      this.#lie(tab, random)
    })
  }

  /** Nobody asks for anything new any more, whoever comes later neither. */
  restClients(): void {
    this.#areClientsAtRest = true
    for (const tab of this.tabs) tab.rest()
  }

  /** The process is gone from one moment to the next; if `torn`, in the middle of a write. */
  crash(member: SimulatedMember, how: { torn?: boolean } = {}): void {
    this.#members.note(member, how.torn ? 'crashes in a write' : 'crashes')
    this.#gone(member, 'silent')
    member.crash(how)
  }

  /**
   * Its tab is back. If another speaks for it by now, it waits for that to end if the page before had said farewell, and becomes a
   * new member otherwise.
   */
  restart(member: SimulatedMember, waitsMs = 0): void {
    if (!this.#members.has(member)) return
    if (this.#siblings.isLent(member.id)) {
      if (waitsMs > 0) this.#schedule.after(lockEveryMs, () => this.restart(member, waitsMs - lockEveryMs))
      else if (this.#openTabs < this.config.membersMax) this.openTab('join', this.#siblings.browserOf(member.id))
      return
    }
    if (member.isRunning) return
    this.#members.note(member, 'starts again')
    if (this.#tabOf(member) === undefined) this.#newTab(roleOf(member.id)).member = member.id
    this.#start(member, null)
  }

  /** At the end of all faults: whoever was only away is back, and whoever has a vote that the others may need. */
  reopen(): void {
    const voters = this.#votersKnown()
    for (const member of this.members) {
      if (member.isRunning) continue
      if (this.#tabOf(member) !== undefined || voters.has(member.id) || voters.size === 0) this.restart(member)
    }
  }

  /**
   * Without a leader no vote is replaced. Who has one may be known only to those who came back last, so it is asked again: in a
   * browser without any tab one is opened, and elsewhere a sibling may come to know of it. Whether it does is up to its worker.
   */
  recallVoters(): void {
    if (this.leader !== undefined) return
    const voters = this.#votersKnown()
    for (const member of this.members) {
      if (member.isRunning || !voters.has(member.id)) continue
      if (this.#hostFor(member) === undefined) this.restart(member)
      else this.#lockIsFree(member)
    }
  }

  /** Goes in good order, if it can within the time its page holds the door; then `onGone`. */
  leave(member: SimulatedMember, withinMs: number, onGone: () => void): void {
    this.#members.note(member, 'is leaving')
    const go = () => {
      if (this.#leaving.get(member.id) !== go) return
      this.#leaving.delete(member.id)
      if (!member.isRunning) return
      this.#members.note(member, 'goes')
      this.#gone(member, 'bye')
      member.stop()
      onGone()
    }
    this.#leaving.set(member.id, go)
    this.#schedule.after(withinMs, go)
    this.#tabOf(member)?.leaving()
    member.push({ kind: 'leave', fate: 'demote' })
  }

  /** Says that it leaves, and goes on as before. */
  thinkOfLeaving(member: SimulatedMember): void {
    if (this.#siblings.isLent(member.id)) return
    this.#members.note(member, 'thinks of leaving')
    member.push({ kind: 'leave', fate: 'demote' })
  }

  /** Its tab does not go after all, unless it is on its way or never thought of it. */
  stay(member: SimulatedMember): void {
    if (!member.isRunning || this.#leaving.has(member.id) || this.#siblings.isLent(member.id)) return
    member.push({ kind: 'stay' })
  }

  /**
   * Nobody speaks for that member, so a sibling's worker does: until its vote is given up, or until the cluster has forgotten it.
   * What its page was not answered is asked from there.
   */
  lend(orphan: SimulatedMember, fate: 'demote' | 'remove', host = this.#hostFor(orphan)): void {
    if (orphan.isRunning || !this.#members.has(orphan) || host === undefined || !host.isRunning) return
    if (roleOf(orphan.id) === 'viewer' || roleOf(host.id) === 'viewer') return
    this.#members.note(orphan, `is lent a voice by ${host.name}, to ${fate}`)
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
    return this.#members.canLose(member)
  }

  /** Its worker does nothing for a while; with its links nothing is wrong. */
  hold(member: SimulatedMember): void {
    this.#members.note(member, 'stands still')
    for (const one of [member, ...this.#siblings.lentBy(member)]) one.freeze()
  }

  /** For so long that its links break, too. */
  freeze(member: SimulatedMember): void {
    this.hold(member)
    for (const one of [member, ...this.#siblings.lentBy(member)]) this.network.pause(one.id)
  }

  /** `sleptMs`: how much longer than it was frozen it finds that it was away. */
  wake(member: SimulatedMember, sleptMs = 0): void {
    if (member.isFrozen) this.#members.note(member, 'goes on')
    for (const one of [member, ...this.#siblings.lentBy(member)]) {
      this.network.unpause(one.id)
      one.wake(sleptMs)
    }
  }

  nameOf(id: MemberId): string {
    return this.#members.nameOf(id)
  }

  get #openTabs(): number {
    return this.hosts.filter(({ isRunning }) => isRunning).length
  }

  /** As far as those who run know. */
  #votersKnown(): ReadonlySet<MemberId> {
    const voters = new Set<MemberId>()
    for (const { replica } of this.running) {
      for (const { member, state } of replica?.status().members ?? []) if (state === 'voter') voters.add(member)
    }
    return voters
  }

  #newTab(role: TabRole): Tab {
    const tab = new Tab(role, this.#world, this.#random.fork())
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
    const member = this.#members.create(tab.role)
    this.#siblings.moveIn(member.id, browser)
    if (outboxes !== undefined) this.#outboxes.set(member.id, outboxes)
    tab.member = member.id
    this.#members.note(member, how === 'found' ? 'founds' : 'wants to join')
    const { hardState } = emptyState
    this.#start(
      member,
      how === 'found' ? foundingWrite(member.id) : { hardState, entries: [], install: null, compaction: null },
    )
  }

  #start(member: SimulatedMember, initial: WalWrite | null): void {
    const error = this.#members.start(member, initial)
    if (error !== null) {
      this.#giveUp(member, error)
      return
    }
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

  /** Those siblings that wait for it are handed its lock, one after the other, until one finds that it may have a vote. */
  #lockIsFree(member: SimulatedMember): void {
    const host = this.#hostFor(member, sibling => {
      const [own, ...lent] = [sibling, ...this.#siblings.lentBy(sibling)].flatMap(
        ({ replica }) => replica?.status() ?? [],
      )
      return own !== undefined && (votersKnown(own, lent)?.has(member.id) ?? true)
    })
    if (host === undefined || member.isRunning) return
    host.push({ kind: 'peerEnded', member: member.id })
    this.lend(member, 'demote', host)
  }

  #hostFor(
    orphan: SimulatedMember,
    takes: (sibling: SimulatedMember) => boolean = () => true,
  ): SimulatedMember | undefined {
    const hosts = this.siblingsOf(orphan).filter(({ id, isFrozen }) => {
      return !isFrozen && !this.#siblings.isLent(id) && roleOf(id) === 'editor'
    })
    return this.#random.pick(hosts.filter(takes))
  }

  /** As in a tab: it is gone, and its log stays for whoever opens it next, which is tried before long. */
  #failed(member: SimulatedMember, error: WalError): void {
    this.#members.note(member, `stops: ${error.code}`)
    this.#gone(member, 'silent')
    this.#schedule.after(this.#random.between(...reopenedAfterMs), () => this.restart(member))
  }

  /** Without its log it has lost its votes, so nobody may speak in its name again. Its tab goes on with another. */
  #giveUp(member: SimulatedMember, error: WalError): void {
    this.#members.note(member, `is lost: ${error.message}`)
    const tab = this.#tabOf(member)
    const browser = this.#siblings.browserOf(member.id)
    this.#forget(member)
    if (tab !== undefined) this.#giveNewMember(tab, 'join', browser)
  }

  /** It has no vote any more. Its log stays for whoever opens it next, who is told if it was removed. */
  #letGo(orphan: SimulatedMember): void {
    this.#members.note(orphan, 'is let go of')
    this.#siblings.takeBack(orphan.id)
    this.#gone(orphan, 'bye')
    orphan.stop()
  }

  #retire(member: SimulatedMember): void {
    this.#members.note(member, 'is no more')
    this.#gone(member, 'bye')
    member.stop()
    this.#forget(member)
  }

  #forget(member: SimulatedMember): void {
    this.#members.forget(member)
    this.#outboxes.delete(member.id)
    this.#siblings.moveOut(member.id)
  }

  #removed(member: SimulatedMember): void {
    const tab = this.#tabOf(member)
    const browser = this.#siblings.browserOf(member.id)
    const outboxes = this.#outboxesOf(member.id)
    this.#retire(member)
    if (tab !== undefined) this.#giveNewMember(tab, 'join', browser, outboxes)
  }

  #turned(member: SimulatedMember): void {
    this.#tabOf(member)?.turned(() => member.replica?.hasQuorum ?? false)
    for (const orphan of this.#siblings.settledBy(member)) this.#letGo(orphan)
  }

  #tabOf(member: SimulatedMember): Tab | undefined {
    return this.tabs.find(tab => tab.member === member.id)
  }
}

/** Until a lock is handed on after its holder has gone, one way or the other. */
const lockFreeMs = [1, 100] as const
/** How often who waits for a lock looks; how long, is up to the tab. */
const lockEveryMs = 100
/** Until someone reloads a tab whose storage failed. */
const reopenedAfterMs = [50, 2_000] as const
