import { mutants } from '../mutants/mutants.ts'
import { runSeed } from '../run.ts'
import type { Job, Report } from './jobs.ts'
import { shrink } from './shrink.ts'

/** A process of its own for running seeds: one that dies or hangs takes nothing else along. */

/** Shrinking one failure ends after this long, with the shortest prefix found so far. */
const shrinkMsMax = 20_000

async function work(job: Job): Promise<void> {
  const mutant = mutants.find(({ name }) => name === job.mutant) ?? null
  switch (job.kind) {
    case 'seeds':
      for (let seed = job.from; seed < job.from + job.count; seed += 1) {
        await report({ kind: 'begins', seed })
        const result = runSeed(seed, { mutant })
        await report({ kind: 'ended', result })
        if (result.failure !== null && job.untilFailure) return
      }
      return
    case 'shrink': {
      const { seed, failure } = job
      const endMs = performance.now() + shrinkMsMax
      const prefix = await shrink(
        failure,
        async prefix => {
          await report({ kind: 'begins', seed })
          return runSeed(seed, { ...prefix, mutant }).failure
        },
        () => performance.now() >= endMs,
      )
      await report({ kind: 'shrunk', seed, prefix })
      return
    }
  }
}

/** Waits until it is on its way: what follows may keep this process busy for good. */
function report(report: Report): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) throw new Error('a worker is started by a pool')
    process.send(report, undefined, undefined, error => (error === null ? resolve() : reject(error)))
  })
}

// The pool decides what becomes of it, also when a person ends the run at the terminal they share.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())
process.on('message', async job => {
  // The pool sends nothing else.
  await work(job as Job)
  await report({ kind: 'ready' })
})
await report({ kind: 'ready' })
