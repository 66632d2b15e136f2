import { nothing } from '../statistics.ts'
import type { Job, Report } from './jobs.ts'

/** Stands in for a worker: of every job it does the first seed, and then what the job's mutant is called after. */
process.on('disconnect', () => process.exit())
process.on('message', job => {
  // The pool sends nothing else.
  const { kind, ...seeds } = job as Job
  if (kind === 'seeds' && 'from' in seeds) work(seeds.from, seeds.count, seeds.mutant)
  report({ kind: 'ready' })
})
report({ kind: 'ready' })

function work(from: number, count: number, mutant: string | null): void {
  for (let seed = from; seed < from + count; seed += 1) {
    report({ kind: 'begins', seed })
    if (seed > from && mutant === 'dies') process.exit(3)
    while (seed > from && mutant === 'hangs') {
      // For ever.
    }
    report({ kind: 'ended', result: { seed, failure: null, statistics: nothing } })
  }
}

function report(report: Report): void {
  process.send?.(report)
}
