import type { WalError, WalState, WalWrite } from '../../src/replica/types.ts'
import { MemoryDisk, type MemoryWal } from '../../src/wal/memory-wal.ts'
import type { SimulationConfig } from './config.ts'
import type { Random } from './random.ts'
import type { Schedule } from './schedule.ts'

/** What becomes of one write, for the one who issued it. */
export interface WriteOutcome {
  readonly done: () => void
  /** It is refused, and so is all that follows it. */
  readonly failed: (error: WalError) => void
}

interface Issued {
  readonly write: WalWrite
  readonly outcome: WriteOutcome
}

/**
 * One member's disk in virtual time: the log's real records and recovery, with writes that take a while, become durable in
 * order, and are lost in a crash unless they were.
 */
export class SimulatedDisk {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #config: SimulationConfig['disk']
  readonly #onDurable: (write: WalWrite) => void
  readonly #disk = new MemoryDisk('whenTold')
  #wal: MemoryWal | null = null
  /** Neither durable nor lost yet, oldest first. */
  #issued: Issued[] = []
  #busyUntilMs = 0
  /** What was issued before a crash must not complete after it. */
  #life = 0

  /** `onDurable` hears of every write that is there to stay, even of one whose issuer is gone. */
  constructor(
    schedule: Schedule,
    random: Random,
    config: SimulationConfig['disk'],
    onDurable: (write: WalWrite) => void,
  ) {
    this.#schedule = schedule
    this.#random = random
    this.#config = config
    this.#onDurable = onDurable
  }

  create(initial: WalWrite): WalState {
    this.#wal = this.#disk.create(initial)
    return this.#wal.recovered
  }

  open(): WalState {
    this.#wal = this.#disk.open()
    return this.#wal.recovered
  }

  write(write: WalWrite, outcome: WriteOutcome): void {
    if (this.#wal === null) throw new Error('a write to a log that is not open')
    // Completion is told through `outcome`, in virtual time; the promise's own would come in real time.
    this.#wal.append(write).catch(() => {})
    this.#issued.push({ write, outcome })
    const { latencyMs, stall } = this.#config
    let takesMs = this.#random.between(...latencyMs)
    if (this.#random.chance(stall.probability)) takesMs += this.#random.between(...stall.ms)
    const { nowMs } = this.#schedule
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + takesMs
    const life = this.#life
    this.#schedule.after(this.#busyUntilMs - nowMs, () => {
      if (life !== this.#life) return
      this.#complete(1)
      outcome.done()
    })
  }

  /** What is issued from now on waits this long before it is begun. */
  stall(ms: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#schedule.nowMs) + ms
  }

  /** Some of what was under way, from the oldest on, may have made it without anyone having been told; the rest is lost. */
  crash(): void {
    this.#complete(this.#random.integer(0, this.#disk.pendingWrites))
    this.#end()
  }

  /** Stops in good order: what was issued becomes durable. */
  close(): void {
    this.#complete(this.#disk.pendingWrites)
    this.#end()
  }

  #complete(count: number): void {
    this.#disk.complete(count)
    for (const { write } of this.#issued.splice(0, count)) this.#onDurable(write)
  }

  #end(): void {
    this.#disk.crash()
    this.#issued = []
    this.#wal = null
    this.#life += 1
    this.#busyUntilMs = 0
  }
}
