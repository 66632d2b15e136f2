import type { WalState, WalWrite } from '../../src/replica/types.ts'
import { MemoryDisk, type MemoryWal } from '../../src/wal/memory-wal.ts'
import type { SimulationConfig } from './config.ts'
import type { Random } from './random.ts'
import type { Schedule } from './schedule.ts'

/**
 * One member's disk in virtual time: the log's real records and recovery, with writes that take a while, become durable in
 * order, and are lost in a crash unless they were.
 */
export class SimulatedDisk {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #config: SimulationConfig['disk']
  readonly #disk = new MemoryDisk('whenTold')
  #wal: MemoryWal | null = null
  #busyUntilMs = 0
  /** What was issued before a crash must not complete after it. */
  #life = 0

  constructor(schedule: Schedule, random: Random, config: SimulationConfig['disk']) {
    this.#schedule = schedule
    this.#random = random
    this.#config = config
  }

  create(initial: WalWrite): WalState {
    this.#wal = this.#disk.create(initial)
    return this.#wal.recovered
  }

  open(): WalState {
    this.#wal = this.#disk.open()
    return this.#wal.recovered
  }

  write(write: WalWrite, onDurable: () => void): void {
    if (this.#wal === null) throw new Error('a write to a log that is not open')
    // Completion is told through `onDurable`, in virtual time; the promise's own would come in real time.
    this.#wal.append(write).catch(() => {})
    const { latencyMs, stall } = this.#config
    let takesMs = this.#random.between(...latencyMs)
    if (this.#random.chance(stall.probability)) takesMs += this.#random.between(...stall.ms)
    const { nowMs } = this.#schedule
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + takesMs
    const life = this.#life
    this.#schedule.after(this.#busyUntilMs - nowMs, () => {
      if (life !== this.#life) return
      this.#disk.complete(1)
      onDurable()
    })
  }

  /** What is issued from now on waits this long before it is begun. */
  stall(ms: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#schedule.nowMs) + ms
  }

  /** Some of what was under way, from the oldest on, may have made it without anyone having been told; the rest is lost. */
  crash(): void {
    this.#disk.complete(this.#random.integer(0, this.#disk.pendingWrites))
    this.#end()
  }

  /** Stops in good order: what was issued becomes durable. */
  close(): void {
    this.#disk.complete()
    this.#end()
  }

  #end(): void {
    this.#disk.crash()
    this.#wal = null
    this.#life += 1
    this.#busyUntilMs = 0
  }
}
