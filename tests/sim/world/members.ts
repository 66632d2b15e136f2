import type { MemberId } from '../../../src/raft/types.ts'
import {
  type Input,
  type Output,
  type PeerMessage,
  type TabRole,
  viewerIdFactor,
  WalError,
  type WalWrite,
} from '../../../src/replica/types.ts'
import type { SimulationConfig } from '../config.ts'
import { describeTurn } from '../describe.ts'
import { Bounds } from '../judges/bounds.ts'
import type { Checks } from '../judges/checks.ts'
import { Chronicles } from '../judges/chronicles.ts'
import type { Mutant } from '../mutants/mutants.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import type { Trace } from '../trace.ts'
import { Losses } from './losses.ts'
import { SimulatedMember, type Surroundings } from './member.ts'
import { Network } from './network.ts'

/** What a member's owner, which is a tab, has to know of. */
export interface Owner {
  readonly answered: (member: SimulatedMember, output: Extract<Output, { kind: 'respond' | 'notify' }>) => void
  /** Nothing depends on it any longer. */
  readonly left: (member: SimulatedMember) => void
  /** The cluster has removed it for good. */
  readonly removed: (member: SimulatedMember) => void
  /** Its disk refused a write, and it has stopped. */
  readonly failed: (member: SimulatedMember, error: WalError) => void
  /** It gave its vote, and has said so. */
  readonly voted: (member: SimulatedMember, candidate: MemberId) => void
  readonly turned: (member: SimulatedMember) => void
  /** It was told what cannot be true beside its log. Returns whether that is its own doing; then it has stopped. */
  readonly contradicted: (member: SimulatedMember) => boolean
}

/** The members of one run, whoever owns them: those that run are on the network, and everything they do is checked and traced. */
export class Members {
  readonly network: Network
  readonly #checks: Checks
  readonly #owner: Owner
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #trace: Trace
  readonly #around: Surroundings
  readonly #members = new Map<MemberId, SimulatedMember>()
  readonly #losses = new Losses()
  readonly #bounds: Bounds
  readonly #chronicles = new Chronicles()
  /** Those whose logs are not to be relied on any more. */
  readonly #losable = new Set<MemberId>()
  #created = 0

  constructor(around: {
    schedule: Schedule
    random: Random
    config: SimulationConfig
    trace: Trace
    mutant: Mutant | null
    checks: Checks
    owner: Owner
  }) {
    const { schedule, random, config, trace, mutant, checks, owner } = around
    this.#checks = checks
    this.#bounds = new Bounds(config.replica)
    this.#owner = owner
    this.#schedule = schedule
    this.#random = random
    this.#trace = trace
    this.network = new Network(schedule, random.fork(), config.network)
    this.#around = {
      schedule,
      config,
      mutant,
      stored: (member, state) => checks.stored(member.id, state),
      started: (member, recovered) => {
        this.#bounds.started(member.id)
        this.#chronicles.started(member.id)
        checks.started(member.id, recovered)
      },
      persisted: (member, write) => {
        this.#losses.persisted(write)
        this.#bounds.persisted(member.id, write)
        checks.persisted(member.id, write)
      },
      durable: (member, write) => checks.durable(member.id, write),
      failed: (member, error) => owner.failed(member, error),
      applied: (member, entry, hash) => checks.applied(member.id, entry, hash),
      contradicted: member => owner.contradicted(member),
      output: (member, output) => this.#carryOut(member, output),
      turned: (member, inputs, outputs) => this.#turned(member, inputs, outputs),
    }
  }

  /** All whose logs there are. */
  get all(): readonly SimulatedMember[] {
    return [...this.#members.values()]
  }

  /** One that leads and is awake, if there is one. A leader that nobody follows any more may still think it leads. */
  get leader(): SimulatedMember | undefined {
    return this.all.find(({ replica, isFrozen }) => !isFrozen && replica?.position.role === 'leader')
  }

  has({ id }: SimulatedMember): boolean {
    return this.#members.has(id)
  }

  nameOf(id: MemberId): string {
    return this.#members.get(id)?.name ?? String(id)
  }

  create(role: TabRole): SimulatedMember {
    const base = viewerIdFactor * this.#random.integer(1, 2 ** 32)
    const id = role === 'viewer' ? base : base + this.#random.integer(1, viewerIdFactor - 1)
    const member = new SimulatedMember(id, nameOf(this.#created), this.#around, this.#random.fork())
    this.#created += 1
    this.#members.set(id, member)
    // Who comes when the faults are over has a sound disk.
    if (this.network.isPerfect) member.disk.heal()
    return member
  }

  /** With a new log or with what its disk holds. Returns the error if that log is lost, as it may be if `canLose` said so. */
  start(member: SimulatedMember, initial: WalWrite | null): WalError | null {
    try {
      member.start(initial)
    } catch (error) {
      if (!(error instanceof WalError) || !this.#losable.has(member.id)) throw error
      return error
    }
    this.network.attach(member.id, {
      onUp: (other, viewer) => member.push({ kind: 'peerUp', member: other, viewer }),
      onDown: other => member.push({ kind: 'peerDown', member: other }),
      onMessage: (from, message, viewer) => member.push({ kind: 'message', from, message, viewer }),
    })
    return null
  }

  forget({ id }: SimulatedMember): void {
    this.#members.delete(id)
  }

  /** Whether the cluster survives it if this member, which does not run, never comes back. */
  canLose(member: SimulatedMember): boolean {
    if (!this.has(member) || member.isRunning) return false
    const isLosable = this.#losses.allow(member.id, this.leader, id => this.#members.has(id))
    if (isLosable) this.#losable.add(member.id)
    return isLosable
  }

  note(member: SimulatedMember, what: string): void {
    if (this.#trace.isOn) this.#trace.line(this.#schedule.nowMs, `=== ${member.name} ${what}`)
  }

  #carryOut(member: SimulatedMember, output: Exclude<Output, { kind: 'persist' | 'stage' }>): void {
    switch (output.kind) {
      case 'send':
        this.#checks.told(member.id, output.to, output.message)
        this.network.send(member.id, output.to, output.message)
        if (isVote(output.message)) this.#owner.voted(member, output.to)
        return
      case 'respond':
      case 'notify':
        this.#owner.answered(member, output)
        return
      case 'left':
        this.#owner.left(member)
        return
      case 'removed':
        // Not while its outputs are being carried out.
        this.#schedule.after(0, () => {
          if (this.has(member)) this.#owner.removed(member)
        })
        return
      case 'statusChanged':
      case 'event':
        return
    }
  }

  #turned(member: SimulatedMember, inputs: readonly Input[], outputs: readonly Output[]): void {
    const { replica } = member
    if (replica === null) return
    this.#checks.turned(member.id, replica.position, replica.configuration, replica.stateHash)
    this.#chronicles.turned(member.id, replica, outputs)
    if (inputs.some(({ kind }) => kind === 'resume')) this.#checks.resumed(member.id, replica.position)
    this.#bounds.turned(member.id, replica.position, inputs, outputs, () => replica.load())
    this.#owner.turned(member)
    if (!this.#trace.isOn) return
    const lines = describeTurn(member.name, replica.position, { inputs, outputs }, id => this.nameOf(id))
    for (const line of lines) this.#trace.line(this.#schedule.nowMs, line)
  }
}

/** A, B and so on, and after Z A1. */
function nameOf(ordinal: number): string {
  const letter = String.fromCharCode('A'.charCodeAt(0) + (ordinal % 26))
  return ordinal < 26 ? letter : `${letter}${Math.floor(ordinal / 26)}`
}

function isVote(message: PeerMessage): boolean {
  return message.kind === 'raft' && message.message.type === 'MsgVoteResp' && !message.message.reject
}
