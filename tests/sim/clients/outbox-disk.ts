import { type OutboxChange, OutboxLayout, type OutboxStore, type OutboxWrites } from '../../../src/wal/outbox.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'

/** An outbox's real records, on a disk in virtual time: changes take a while, in order, and a crash loses the last of them. */
export class OutboxDisk {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #latencyMs: readonly [low: number, high: number]
  readonly #records = new Map<number, Uint8Array>()
  #underWay: OutboxWrites[] = []
  #busyUntilMs = 0
  #life = 0
  #opened = 0

  constructor(schedule: Schedule, random: Random, latencyMs: readonly [low: number, high: number]) {
    this.#schedule = schedule
    this.#random = random
    this.#latencyMs = latencyMs
  }

  /** Whoever had it open before has it no longer. */
  open(): OutboxStore {
    this.crash()
    this.#opened += 1
    const opened = this.#opened
    const batches = [...this.#records.keys()].sort((a, b) => a - b)
    const { layout, recovered } = OutboxLayout.recover(
      batches.map(batch => ({ batch, value: this.#records.get(batch) })),
    )
    return {
      recovered,
      change: change => (opened === this.#opened ? this.#change(layout, change) : new Promise(() => {})),
    }
  }

  /** Some of what was under way, from the oldest on, may have made it; the rest is lost. */
  crash(): void {
    const kept = this.#random.integer(0, this.#underWay.length)
    for (const writes of this.#underWay.slice(0, kept)) this.#carryOut(writes)
    this.#underWay = []
    this.#busyUntilMs = 0
    this.#life += 1
  }

  /** Once all that was issued is durable, unless the disk is crashed before. */
  whenIdle(then: () => void): void {
    const life = this.#life
    this.#schedule.after(this.#busyUntilMs - this.#schedule.nowMs, () => {
      if (life === this.#life) then()
    })
  }

  /** The promise is for those who live in real time, and is never kept: nothing in a run may depend on it. */
  #change(layout: OutboxLayout, change: OutboxChange): Promise<void> {
    this.#underWay.push(layout.plan(change))
    const { nowMs } = this.#schedule
    this.#busyUntilMs = Math.max(this.#busyUntilMs, nowMs) + this.#random.between(...this.#latencyMs)
    const life = this.#life
    this.#schedule.after(this.#busyUntilMs - nowMs, () => {
      const writes = life === this.#life ? this.#underWay.shift() : undefined
      if (writes !== undefined) this.#carryOut(writes)
    })
    return new Promise(() => {})
  }

  #carryOut({ put, delete: emptied }: OutboxWrites): void {
    for (const { batch, bytes } of put) this.#records.set(batch, bytes)
    for (const batch of emptied) this.#records.delete(batch)
  }
}
