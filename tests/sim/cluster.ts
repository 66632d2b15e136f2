import type { MemberId } from '../../src/raft/types.ts'
import { emptyState, foundingWrite } from '../../src/replica/founding.ts'
import type { Input, Output, WalError, WalWrite } from '../../src/replica/types.ts'
import { Checks } from './checks.ts'
import { Client, passOn, type Tab } from './clients.ts'
import type { SimulationConfig } from './config.ts'
import { describeInput, describeOutput } from './describe.ts'
import { LeaseTimes } from './lease-times.ts'
import { SimulatedMember, type Surroundings } from './member.ts'
import { Model } from './model.ts'
import type { Mutant } from './mutants.ts'
import { Network } from './network.ts'
import { Promises } from './promises.ts'
import type { Random } from './random.ts'
import type { Schedule } from './schedule.ts'
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
  readonly #adopted = new Set<MemberId>()
  readonly #leaving = new Map<MemberId, () => void>()
  #named = 0
  #areClientsAtRest = false

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
      persisted: (member, write) => this.checks.persisted(member.id, write),
      durable: (member, write) => this.checks.durable(member.id, write),
      failed: (member, error) => this.#failed(member, error),
      applied: (member, entry, hash) => this.checks.applied(member.id, entry, hash),
      output: (member, output) => this.#carryOut(member, output),
      turned: (member, inputs, outputs) => this.#turned(member, inputs, outputs),
    }
  }

  get members(): readonly SimulatedMember[] {
    return [...this.#members.values()]
  }

  /** Those that serve a tab, as against orphans waiting to be forgotten. */
  get hosts(): readonly SimulatedMember[] {
    return this.members.filter(({ id }) => !this.#adopted.has(id))
  }

  /** One that leads and is awake, if there is one. A leader that nobody follows any more may still think it leads. */
  get leader(): SimulatedMember | undefined {
    return this.hosts.find(({ replica, isFrozen }) => !isFrozen && replica?.status().role === 'leader')
  }

  /** A tab that founds the cluster, or one that joins it. */
  openTab(how: 'found' | 'join'): void {
    const { perMember } = this.config.clients
    const clients = Array.from(
      { length: perMember },
      (_, ordinal) =>
        new Client({
          schedule: this.#schedule,
          random: this.#random.fork(),
          config: this.config.clients,
          promises: this.promises,
          model: this.model,
          ordinal,
          idStep: perMember,
        }),
    )
    if (this.#areClientsAtRest) for (const client of clients) client.rest()
    const tab = { clients, member: 0 }
    this.tabs.push(tab)
    this.#giveNewMember(tab, how)
  }

  /** Nobody asks for anything new any more, whoever comes later neither. */
  restClients(): void {
    this.#areClientsAtRest = true
    for (const tab of this.tabs) for (const client of tab.clients) client.rest()
  }

  /** The process is gone from one moment to the next. */
  crash(member: SimulatedMember): void {
    this.#note(member, 'crashes')
    this.#gone(member, 'silent')
    member.crash()
  }

  restart(member: SimulatedMember): void {
    if (member.isRunning || !this.#members.has(member.id)) return
    this.#note(member, 'starts again')
    this.#start(member, null)
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
    member.push({ kind: 'leave', fate: 'demote' })
  }

  /** A crashed tab will not come back: a sibling hosts its member until the cluster forgets it. The tab's clients move on. */
  adopt(member: SimulatedMember): void {
    if (member.isRunning || !this.#members.has(member.id)) return
    this.#adopted.add(member.id)
    const tab = this.#tabOf(member)
    this.#note(member, 'is adopted')
    this.#start(member, null)
    member.push({ kind: 'leave', fate: 'remove' })
    if (tab !== undefined) this.#giveNewMember(tab, 'join')
  }

  freeze(member: SimulatedMember): void {
    this.#note(member, 'freezes')
    this.network.pause(member.id)
    member.freeze()
  }

  wake(member: SimulatedMember): void {
    if (!member.isFrozen) return
    this.#note(member, 'wakes')
    this.network.unpause(member.id)
    member.wake()
  }

  /** What a host does at leisure: let go of orphans that a member at their side knows to be forgotten. */
  retireForgotten(): void {
    for (const orphan of this.members) {
      const { replica } = orphan
      if (!this.#adopted.has(orphan.id) || replica === null) continue
      const { commit } = replica.position
      const isForgotten = this.hosts.some(host => {
        const seen = host.isFrozen ? undefined : host.replica?.status()
        if (seen === undefined || seen.state === 'joining' || !seen.quorum || seen.applied < commit) return false
        return !seen.members.some(({ member }) => member === orphan.id)
      })
      if (isForgotten) this.#retire(orphan)
    }
  }

  nameOf(id: MemberId): string {
    return this.#members.get(id)?.name ?? String(id)
  }

  #giveNewMember(tab: Tab, how: 'found' | 'join'): void {
    const id = this.#random.integer(1, Number.MAX_SAFE_INTEGER)
    const name = String.fromCharCode('A'.charCodeAt(0) + this.#named)
    this.#named += 1
    const member = new SimulatedMember(id, name, this.#around, this.#random.fork())
    this.#members.set(id, member)
    tab.member = id
    this.#note(member, how === 'found' ? 'founds' : 'wants to join')
    const { hardState } = emptyState
    this.#start(
      member,
      how === 'found' ? foundingWrite(id) : { hardState, entries: [], install: null, compaction: null },
    )
  }

  #start(member: SimulatedMember, initial: WalWrite | null): void {
    member.start(initial)
    this.network.attach(member.id, {
      onUp: other => member.push({ kind: 'peerUp', member: other }),
      onDown: other => member.push({ kind: 'peerDown', member: other }),
      onMessage: (from, message) => member.push({ kind: 'message', from, message }),
    })
    if (this.#adopted.has(member.id)) return
    for (const client of this.#tabOf(member)?.clients ?? []) client.connect(input => member.push(input))
  }

  #gone(member: SimulatedMember, how: 'bye' | 'silent'): void {
    this.network.detach(member.id, how)
    this.#leaving.delete(member.id)
    if (this.#adopted.has(member.id)) return
    for (const client of this.#tabOf(member)?.clients ?? []) client.disconnect()
  }

  /** As in a tab: it is gone, and its log stays for whoever opens it next. */
  #failed(member: SimulatedMember, error: WalError): void {
    this.#note(member, `stops: ${error.code}`)
    this.#gone(member, 'silent')
  }

  #retire(member: SimulatedMember): void {
    this.#note(member, 'is no more')
    this.#gone(member, 'bye')
    member.stop()
    this.#members.delete(member.id)
    this.#adopted.delete(member.id)
  }

  #carryOut(member: SimulatedMember, output: Exclude<Output, { kind: 'persist' }>): void {
    switch (output.kind) {
      case 'send':
        this.checks.told(member.id, output.to, output.message)
        this.network.send(member.id, output.to, output.message)
        return
      case 'respond':
      case 'notify': {
        const tab = this.#adopted.has(member.id) ? undefined : this.#tabOf(member)
        if (tab !== undefined) passOn(tab, output)
        return
      }
      case 'left': {
        const go = this.#leaving.get(member.id)
        if (go !== undefined) this.#schedule.after(0, go)
        return
      }
      case 'removed': {
        const tab = this.#adopted.has(member.id) ? undefined : this.#tabOf(member)
        // Not while its outputs are being carried out.
        this.#schedule.after(0, () => {
          if (!this.#members.has(member.id)) return
          this.#retire(member)
          if (tab !== undefined) this.#giveNewMember(tab, 'join')
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
