import type { Report } from './report.ts'

export interface SuiteOptions {
  /** One short round, to see that everything works: its numbers say little. */
  readonly quick: boolean
  /** Only these of the suite's parts; all if empty. */
  readonly parts: readonly string[]
  /** Says what is being done, for a person who waits. */
  readonly progress: (what: string) => void
}

/** Something to measure by name: `npm run bench -- NAME`. Rejects if a load breaks; a slow one is a result. */
export interface Suite {
  readonly name: string
  readonly about: string
  readonly parts: readonly string[]
  run(options: SuiteOptions): Promise<Report>
}
