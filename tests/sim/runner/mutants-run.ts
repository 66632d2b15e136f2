import type { Mutant } from '../mutants/mutants.ts'
import type { Failure } from '../run.ts'
import type { Job } from './jobs.ts'
import { Pool } from './pool.ts'
import { lost } from './seeds-run.ts'

export interface MutantsPlan {
  readonly from: number
  /** A mutant that so many seeds do not catch is not caught. */
  readonly count: number
  readonly workers: number
}

/** What became of a mutant: the seed that caught it, and how; null if none did. */
export interface Verdict {
  readonly mutant: string
  readonly seeds: number
  readonly caught: { readonly seed: number; readonly failure: Failure } | null
}

/** Each mutant goes through the seeds in order, alone in its worker, until one fails. */
export class MutantsRun {
  readonly #plan: MutantsPlan
  readonly #left: string[]
  readonly #pool: Pool
  readonly #verdicts: Verdict[] = []

  constructor(mutants: readonly Mutant[], plan: MutantsPlan, onVerdict: (verdict: Verdict) => void) {
    this.#plan = plan
    this.#left = mutants.map(({ name }) => name)
    const judge = (job: Job, seed: number, failure: Failure | null) => {
      if (job.mutant === null) return
      const isLast = seed === plan.from + plan.count - 1
      if (failure === null && !isLast) return
      const caught = failure === null ? null : { seed, failure }
      const verdict = { mutant: job.mutant, seeds: seed - plan.from + 1, caught }
      this.#verdicts.push(verdict)
      onVerdict(verdict)
    }
    this.#pool = new Pool({
      workers: Math.min(plan.workers, mutants.length),
      next: () => this.#next(),
      onReport: (report, job) => {
        if (report.kind === 'ended') judge(job, report.result.seed, report.result.failure)
      },
      // A bug that makes a run endless has been noticed.
      onLost: (job, seed, how) => judge(job, seed, lost(how)),
    })
  }

  /** One verdict for each mutant, as they came. */
  async run(): Promise<readonly Verdict[]> {
    await this.#pool.run()
    return this.#verdicts
  }

  stop(): void {
    this.#pool.stop()
  }

  #next(): Job | null {
    const mutant = this.#left.shift()
    const { from, count } = this.#plan
    return mutant === undefined ? null : { kind: 'seeds', from, count, mutant, untilFailure: true }
  }
}
