import { RaftError } from '../../../src/raft/errors.ts'
import type { MemberId, Snapshot } from '../../../src/raft/types.ts'
import { Replica } from '../../../src/replica/replica.ts'
import type { Input, Output, WalError, WalState, WalWrite } from '../../../src/replica/types.ts'
import { type SimulationConfig, tickMs } from '../config.ts'
import type { Mutant } from '../mutants/mutants.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'
import { SimulatedDisk } from './disk.ts'

/** What a member's surroundings do for it. */
export interface Surroundings {
  readonly schedule: Schedule
  readonly config: SimulationConfig
  readonly mutant: Mutant | null
  /** Its log was opened again, and this is what it gave back. */
  readonly stored: (member: SimulatedMember, state: WalState) => void
  /** It begins a life, with what it believes its log to hold. */
  readonly started: (member: SimulatedMember, recovered: WalState) => void
  /** It issued a write to its disk. */
  readonly persisted: (member: SimulatedMember, write: WalWrite) => void
  /** A write is there to stay, whether or not the member hears of it. */
  readonly durable: (member: SimulatedMember, write: WalWrite) => void
  /** Its disk refused a write: the member has stopped, and has acknowledged neither that write nor any after it. */
  readonly failed: (member: SimulatedMember, error: WalError) => void
  readonly applied: (member: SimulatedMember, entry: Parameters<Observed>[0], hash: number) => void
  /** It was told what cannot be true beside its log. Returns whether that is its own doing, having lied; then it has stopped. */
  readonly contradicted: (member: SimulatedMember) => boolean
  /** All outputs but `persist` and `stage`, which stay within the member. */
  readonly output: (member: SimulatedMember, output: Exclude<Output, { kind: 'persist' | 'stage' }>) => void
  /** After each turn, its outputs carried out. */
  readonly turned: (member: SimulatedMember, inputs: readonly Input[], outputs: readonly Output[]) => void
}

type Observed = NonNullable<ConstructorParameters<typeof Replica>[0]['observer']>['applied']

/** One life of a member: from start to crash. */
interface Life {
  readonly replica: Replica
  /** No clock is quite right, and none is wrong by the same amount for ever. */
  tickMs: number
  /** Which run of the clock this is: one that was stopped does not go on beside the next. */
  clock: number
  inputs: Input[]
  turnIsDue: boolean
  frozenAtMs: number | null
}

/**
 * One member as a tab would run it: a replica, its disk, its clock, and turns that take in what has come since the last. It
 * can be crashed, stopped, frozen and started again.
 */
export class SimulatedMember {
  readonly id: MemberId
  readonly name: string
  readonly disk: SimulatedDisk
  readonly #around: Surroundings
  readonly #random: Random
  #life: Life | null = null

  constructor(id: MemberId, name: string, around: Surroundings, random: Random) {
    this.id = id
    this.name = name
    this.#around = around
    this.#random = random
    this.disk = new SimulatedDisk(around.schedule, random.fork(), around.config.disk, write =>
      around.durable(this, write),
    )
  }

  /** The running replica, frozen or not. */
  get replica(): Replica | null {
    return this.#life?.replica ?? null
  }

  get isRunning(): boolean {
    return this.#life !== null
  }

  get isFrozen(): boolean {
    return this.#life !== null && this.#life.frozenAtMs !== null
  }

  /** Starts with a new log, or with what the disk holds. Throws `WalError` if the disk's log cannot be opened. */
  start(initial: WalWrite | null): void {
    const { schedule, config, mutant } = this.#around
    const stored = initial === null ? this.disk.open() : this.disk.create(initial)
    this.#around.stored(this, stored)
    const recovered = mutant?.recover?.(stored) ?? stored
    this.#around.started(this, recovered)
    const replica: Replica = new Replica({
      member: this.id,
      recovered,
      random: this.#random.fork().next,
      options: config.replica,
      observer: { applied: entry => this.#around.applied(this, entry, replica.stateHash) },
    })
    const life: Life = {
      replica,
      tickMs: this.#drawTickMs(),
      clock: 0,
      inputs: [],
      turnIsDue: false,
      frozenAtMs: null,
    }
    this.#life = life
    this.#scheduleTurn(life)
    schedule.after(this.#random.between(0, tickMs), () => this.#tick(life, 0))
  }

  push(input: Input): void {
    const life = this.#life
    if (life === null) return
    life.inputs.push(this.#around.mutant?.input?.(input) ?? input)
    this.#scheduleTurn(life)
  }

  freeze(): void {
    const life = this.#life
    if (life === null || life.frozenAtMs !== null) return
    life.frozenAtMs = this.#around.schedule.nowMs
    life.clock += 1
  }

  /**
   * What came in the meantime is still there, and it is a matter of chance when the clock is looked at. `sleptMs` is added to the
   * time it was frozen.
   */
  wake(sleptMs = 0): void {
    const life = this.#life
    if (life === null || life.frozenAtMs === null) return
    const lastedMs = this.#around.schedule.nowMs - life.frozenAtMs + sleptMs
    life.frozenAtMs = null
    const ticks = Math.floor(lastedMs / life.tickMs)
    const clock: Input[] = lastedMs > freezeMs ? [{ kind: 'resume' }] : Array.from({ length: ticks }, () => tick)
    const clockFirst = this.#random.chance(0.5)
    if (clockFirst) life.inputs.splice(this.#random.integer(0, life.inputs.length), 0, ...clock)
    this.#scheduleTurn(life)
    // Or a turn or more was taken before, as if no time had passed.
    const lateMs = clockFirst ? 0 : this.#random.between(0, tickMs / 2)
    const run = life.clock
    this.#around.schedule.after(lateMs, () => {
      if (this.#life !== life || life.clock !== run) return
      if (!clockFirst) for (const input of clock) this.push(input)
      this.#around.schedule.after(life.tickMs, () => this.#tick(life, run))
    })
  }

  crash(how: { torn?: boolean } = {}): void {
    this.#life = null
    this.disk.crash(how)
  }

  stop(): void {
    this.#life = null
    this.disk.close()
  }

  #tick(life: Life, run: number): void {
    if (this.#life !== life || life.clock !== run) return
    this.push(tick)
    if (this.#random.chance(rateChangeProbability)) life.tickMs = this.#drawTickMs()
    this.#around.schedule.after(life.tickMs, () => this.#tick(life, run))
  }

  #drawTickMs(): number {
    const { clockDrift } = this.#around.config
    return tickMs * this.#random.between(1 - clockDrift, 1 + clockDrift)
  }

  #scheduleTurn(life: Life): void {
    if (life.turnIsDue) return
    life.turnIsDue = true
    this.#around.schedule.after(this.#random.between(0, turnMsMax), () => {
      life.turnIsDue = false
      if (this.#life === life && life.frozenAtMs === null && life.inputs.length > 0) this.#turn(life)
    })
  }

  #turn(life: Life): void {
    const inputs = life.inputs
    life.inputs = []
    const outputs = this.#handle(life.replica, inputs)
    for (const output of outputs) {
      if (output.kind === 'persist') this.#persist(life, output.id, output.write)
      else if (output.kind === 'stage') this.#stage(life, output.id, output.snapshot)
      else this.#around.output(this, output)
    }
    if (this.#life === life) this.#around.turned(this, inputs, outputs)
  }

  #handle(replica: Replica, inputs: readonly Input[]): readonly Output[] {
    try {
      return replica.handle(inputs)
    } catch (error) {
      const isContradicted = error instanceof RaftError && error.code === 'STEP_CONTRADICTION'
      if (isContradicted && this.#around.contradicted(this)) return []
      throw error
    }
  }

  #persist(life: Life, id: number, write: WalWrite): void {
    this.#around.persisted(this, write)
    const done = () => {
      if (this.#life === life) this.push({ kind: 'walDone', id })
    }
    const failed = (error: WalError) => this.#failed(life, error)
    const early = this.#around.mutant?.completesBeforeDurable === true
    this.disk.write(write, { done: early ? () => {} : done, failed })
    if (early) done()
  }

  #stage(life: Life, id: number, snapshot: Snapshot): void {
    const done = () => {
      if (this.#life === life) this.push({ kind: 'staged', id })
    }
    this.disk.stage(snapshot, { done, failed: error => this.#failed(life, error) })
  }

  #failed(life: Life, error: WalError): void {
    if (this.#life !== life) return
    this.crash()
    this.#around.failed(this, error)
  }
}

const tick: Input = { kind: 'tick' }
/** With each tick. */
const rateChangeProbability = 0.01
/** What arrives within this time shares a turn. */
const turnMsMax = 1
/** A gap in the clock longer than this is a freeze, as for the tab's clock; shorter ones are caught up with. */
const freezeMs = 2_000
