import type { Failure, RunResult } from '../run.ts'
import type { Prefix } from './shrink.ts'

/** What a worker is asked for. Mutants go by name, since what they do cannot be sent to another process. */
export type Job =
  | {
      readonly kind: 'seeds'
      readonly from: number
      readonly count: number
      readonly mutant: string | null
      /** Whether the seeds after one that failed are of no interest. */
      readonly untilFailure: boolean
    }
  | { readonly kind: 'shrink'; readonly seed: number; readonly failure: Failure; readonly mutant: string | null }

/** What a worker has to say. */
export type Report =
  /** It can take a job: it has just started, or its last one is done. */
  | { readonly kind: 'ready' }
  /** It is about to run this seed. If that is the last that is heard of it, then this seed is what it died or hangs of. */
  | { readonly kind: 'begins'; readonly seed: number }
  | { readonly kind: 'ended'; readonly result: RunResult }
  | { readonly kind: 'shrunk'; readonly seed: number; readonly prefix: Prefix }
