import type { Failure, RunResult } from '../run.ts'
import { nothing, type Statistics, sum } from '../statistics.ts'
import type { Job } from './jobs.ts'
import { Pool } from './pool.ts'
import type { Prefix } from './shrink.ts'

export interface SeedsPlan {
  readonly from: number
  /** Null: as many as there is time for. */
  readonly count: number | null
  /** Null: as long as it takes. */
  readonly minutes: number | null
  readonly workers: number
  readonly mutant: string | null
}

/** Told as it happens. */
export interface SeedsObserver {
  readonly onEnded: (soFar: Summary) => void
  readonly onFailure: (seed: number, failure: Failure) => void
  /** The shortest prefix that fails as this seed did. */
  readonly onPrefix: (seed: number, prefix: Prefix) => void
}

export interface Summary {
  readonly done: number
  readonly failed: readonly number[]
  readonly statistics: Statistics
  readonly elapsedMs: number
  /** All seeds before this one are done. */
  readonly next: number
}

/** Handed out at a time: long enough to keep a worker busy, short enough for all to end together. */
const seedsPerJob = 8
/** A change that breaks everything breaks every seed; a few prefixes will do. */
const shrunkMax = 10

/** Many seeds over many workers, in order. */
export class SeedsRun {
  readonly #plan: SeedsPlan
  readonly #observer: SeedsObserver
  readonly #pool: Pool
  readonly #startedMs = performance.now()
  #nextSeed: number
  /** To be done before further seeds. */
  readonly #urgent: Job[] = []
  #shrunk = 0
  #statistics = nothing
  #done = 0
  readonly #failed: number[] = []
  /** Done, though one before them is not. */
  readonly #ahead = new Set<number>()
  #allDoneBefore: number

  constructor(plan: SeedsPlan, observer: SeedsObserver) {
    this.#plan = plan
    this.#observer = observer
    this.#nextSeed = plan.from
    this.#allDoneBefore = plan.from
    this.#pool = new Pool({
      workers: plan.workers,
      next: () => this.#urgent.shift() ?? this.#nextSeeds(),
      onReport: report => {
        if (report.kind === 'ended') this.#ended(report.result)
        else this.#observer.onPrefix(report.seed, report.prefix)
      },
      onLost: (job, seed, how) => this.#lost(job, seed, how),
    })
  }

  get summary(): Summary {
    return {
      done: this.#done,
      failed: this.#failed,
      statistics: this.#statistics,
      elapsedMs: performance.now() - this.#startedMs,
      next: this.#allDoneBefore,
    }
  }

  async run(): Promise<Summary> {
    const { minutes } = this.#plan
    const timeout = minutes === null ? undefined : setTimeout(() => this.stop(), minutes * 60_000)
    await this.#pool.run()
    clearTimeout(timeout)
    return this.summary
  }

  stop(): void {
    this.#pool.stop()
  }

  #nextSeeds(): Job | null {
    const { from, count, mutant } = this.#plan
    const left = count === null ? seedsPerJob : from + count - this.#nextSeed
    if (left <= 0) return null
    const job = this.#seeds(this.#nextSeed, Math.min(left, seedsPerJob), mutant)
    this.#nextSeed += job.count
    return job
  }

  #seeds(from: number, count: number, mutant: string | null): Job & { kind: 'seeds' } {
    return { kind: 'seeds', from, count, mutant, untilFailure: false }
  }

  #ended({ seed, failure, statistics }: RunResult): void {
    this.#done += 1
    this.#statistics = sum(this.#statistics, statistics)
    this.#ahead.add(seed)
    while (this.#ahead.delete(this.#allDoneBefore)) this.#allDoneBefore += 1
    if (failure !== null) {
      this.#failed.push(seed)
      this.#observer.onFailure(seed, failure)
      if (this.#shrunk < shrunkMax) this.#urgent.push({ kind: 'shrink', seed, failure, mutant: this.#plan.mutant })
      this.#shrunk += 1
    }
    this.#observer.onEnded(this.summary)
  }

  #lost(job: Job, seed: number, how: string): void {
    // A prefix that hangs or kills its worker has been reported as what it is a part of.
    if (job.kind === 'shrink') return
    const left = job.from + job.count - (seed + 1)
    if (left > 0) this.#urgent.push(this.#seeds(seed + 1, left, job.mutant))
    this.#done += 1
    this.#failed.push(seed)
    this.#ahead.add(seed)
    this.#observer.onFailure(seed, lost(how))
    this.#observer.onEnded(this.summary)
  }
}

/** What becomes of a seed whose worker did not survive it. */
export function lost(how: string): Failure {
  return { invariant: 'a run ends', message: `a run ends: ${how}`, atMs: 0, strikes: 0 }
}
