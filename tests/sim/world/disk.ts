import type { Snapshot } from '../../../src/raft/types.ts'
import { WalError, type WalState, type WalWrite } from '../../../src/replica/types.ts'
import { MemoryDisk, type MemoryWal } from '../../../src/wal/memory-wal.ts'
import type { SimulationConfig } from '../config.ts'
import type { Random } from '../random.ts'
import type { Schedule } from '../schedule.ts'

/** What becomes of one write, for the one who issued it. */
export interface WriteOutcome {
  readonly done: () => void
  /** It is refused, and so is all that follows it. */
  readonly failed: (error: WalError) => void
}

interface Issued {
  /** Null for a part of a snapshot that is staged. */
  readonly write: WalWrite | null
  readonly outcome: WriteOutcome
  /** To be called while it is under way. */
  readonly interruption: (() => void) | null
}

/**
 * One member's disk in virtual time: the log's real records and recovery, with writes that take a while, become durable in
 * order, and are lost in a crash unless they were. It can be slow, full or broken, and what is on it can be damaged.
 */
export class SimulatedDisk {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #config: SimulationConfig['disk']
  readonly #onDurable: (write: WalWrite) => void
  readonly #disk: MemoryDisk
  #wal: MemoryWal | null = null
  /** Neither durable nor lost yet, oldest first. */
  #issued: Issued[] = []
  #stalledUntilMs = 0
  /** Now and then, of its own accord: long enough for a leader to give up leadership. */
  #stalls = true
  #slowness: { readonly factor: number; readonly untilMs: number } = { factor: 1, untilMs: 0 }
  #fullUntilMs = 0
  #nextFails = false
  /** What one write has met with meets all behind it. */
  #refusal: WalError | null = null
  #interruption: (() => void) | null = null
  /** Of those that are neither durable nor lost. */
  #issuedBeforeHealing = 0
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
    this.#disk = new MemoryDisk('whenTold', config.partBytes)
  }

  create(initial: WalWrite): WalState {
    this.#wal = this.#disk.create(initial)
    return this.#wal.recovered
  }

  /** Throws `WalError` `FAILED` if there is no log any more, `CORRUPT` if it is damaged. */
  open(): WalState {
    this.#wal = this.#disk.open()
    return this.#wal.recovered
  }

  write(write: WalWrite, outcome: WriteOutcome): void {
    if (this.#wal === null) throw new Error('a write to a log that is not open')
    const refusal = this.#refusal
    if (refusal !== null) {
      this.#ifStillAlive(0, () => outcome.failed(refusal))
      return
    }
    // Completion is told through `outcome`, in virtual time; the promise's own would come in real time.
    this.#wal.append(write).catch(() => {})
    this.#issue(write, outcome)
  }

  /** Part by part, each behind what was issued before it. */
  stage(snapshot: Snapshot, { done, failed }: WriteOutcome): void {
    if (this.#wal === null) throw new Error('a snapshot for a log that is not open')
    const refusal = this.#refusal
    if (refusal !== null) {
      this.#ifStillAlive(0, () => failed(refusal))
      return
    }
    this.#wal.stageBy(
      snapshot,
      (written, next) => {
        written.catch(() => {})
        this.#issue(null, { done: next, failed })
      },
      () => this.#ifStillAlive(0, done),
    )
  }

  #issue(write: WalWrite | null, outcome: WriteOutcome): void {
    this.#issued.push({ write, outcome, interruption: this.#interruption })
    this.#interruption = null
    if (this.#issued.length === 1) this.#begin()
  }

  /** What was issued before it was healed is done, so that from now on it takes no longer than a sound disk does. */
  get isSound(): boolean {
    return this.#issuedBeforeHealing === 0
  }

  /** Nothing is begun in this time. */
  stall(ms: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#schedule.nowMs + ms)
  }

  /** Each write takes so many times as long. */
  slowDown(factor: number, ms: number): void {
    this.#slowness = { factor, untilMs: this.#schedule.nowMs + ms }
  }

  /** No write succeeds. */
  fill(ms: number): void {
    this.#fullUntilMs = this.#schedule.nowMs + ms
  }

  failNext(): void {
    this.#nextFails = true
  }

  /** Calls this once, while the next write is under way. */
  interruptNext(interruption: () => void): void {
    this.#interruption = interruption
  }

  /** What is issued from now on meets a sound disk. What was lost or damaged stays so. */
  heal(): void {
    this.#stalls = false
    this.#stalledUntilMs = 0
    this.#slowness = { factor: 1, untilMs: 0 }
    this.#fullUntilMs = 0
    this.#nextFails = false
    this.#interruption = null
    this.#issuedBeforeHealing = this.#issued.length
  }

  /**
   * The process is gone. Some of what was under way, from the oldest on, may have made it without anyone having been told; the
   * rest is lost. If `torn`, of one write there is a part.
   */
  crash({ torn = false }: { torn?: boolean } = {}): void {
    const pending = this.#disk.pendingWrites
    const isTorn = torn && pending > 0
    this.#complete(this.#random.integer(0, isTorn ? pending - 1 : pending))
    this.#end(isTorn ? this.#random.integer(1, tornBytesMax) : 0)
  }

  /** Stops in good order: what was issued becomes durable. */
  close(): void {
    this.#complete(this.#disk.pendingWrites)
    this.#end(0)
  }

  /** While nobody has it open: one bit of what is stored is not what it was. Often of the newest record, which nothing vouches for. */
  damage(): void {
    const bit = this.#random.integer(0, 2 ** 31)
    const newest = this.#disk.sequences.at(-1) ?? 0
    const what = this.#random.weighted({ newest: 2, any: 1, snapshot: this.#disk.hasSnapshot ? 1 : 0 })
    if (what === 'snapshot') this.#disk.corruptSnapshot(bit)
    else if (what === 'newest') this.#disk.corruptRecord(newest, bit)
    else this.#disk.corruptRecord(this.#random.pick(this.#disk.sequences) ?? newest, bit)
  }

  /** While nobody has it open: there is no log any more. */
  erase(): void {
    this.#disk.erase()
  }

  /** The oldest write, when the disk gets to it, takes as long as the disk then takes. */
  #begin(): void {
    const [oldest] = this.#issued
    if (oldest === undefined) return
    this.#ifStillAlive(Math.max(0, this.#stalledUntilMs - this.#schedule.nowMs), () => {
      const takesMs = this.#drawTime()
      if (oldest.interruption !== null) this.#ifStillAlive(this.#random.between(0, takesMs), oldest.interruption)
      this.#ifStillAlive(takesMs, () => this.#finish(oldest.outcome))
    })
  }

  #drawTime(): number {
    const { latencyMs, stall } = this.#config
    const isSlow = this.#schedule.nowMs < this.#slowness.untilMs
    const takesMs = this.#random.between(...latencyMs) * (isSlow ? this.#slowness.factor : 1)
    return this.#stalls && this.#random.chance(stall.probability)
      ? takesMs + this.#random.between(...stall.ms)
      : takesMs
  }

  #finish(outcome: WriteOutcome): void {
    if (this.#schedule.nowMs < this.#fullUntilMs) this.#fail('NOSPACE')
    else if (this.#nextFails) this.#fail('FAILED')
    else {
      this.#complete(1)
      this.#begin()
      // A part that is issued now is begun by itself if there is nothing else.
      outcome.done()
    }
  }

  /**
   * The oldest write is refused, and those behind it are called off. A full disk is known to before anything is written. Of any
   * other failure nobody can say how far it got: the browser may have had an error after the disk had it all.
   */
  #fail(code: 'NOSPACE' | 'FAILED'): void {
    const refused = [...this.#issued]
    this.#nextFails = false
    this.#life += 1
    if (code === 'FAILED' && this.#random.chance(0.5)) this.#complete(1)
    this.#issued = []
    this.#issuedBeforeHealing = 0
    const refusal = new WalError(code, 'the disk failed, as it was told to')
    this.#refusal = refusal
    this.#disk.fail(code)
    for (const { outcome } of refused) outcome.failed(refusal)
  }

  #complete(count: number): void {
    this.#disk.complete(count)
    this.#issuedBeforeHealing = Math.max(0, this.#issuedBeforeHealing - count)
    for (const { write } of this.#issued.splice(0, count)) if (write !== null) this.#onDurable(write)
  }

  #ifStillAlive(afterMs: number, happen: () => void): void {
    const life = this.#life
    this.#schedule.after(afterMs, () => {
      if (life === this.#life) happen()
    })
  }

  #end(tornBytes: number): void {
    this.#disk.crash({ tornBytes })
    this.#issued = []
    this.#issuedBeforeHealing = 0
    this.#wal = null
    this.#refusal = null
    this.#life += 1
    this.#stalledUntilMs = 0
    this.#interruption = null
  }
}

/** Of a torn record at most that much is there, and never all of it. */
const tornBytesMax = 200
