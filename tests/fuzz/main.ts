import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { isUsageError, UsageError, wholeNumber } from '../command-line.ts'
import { decoders, shares } from './decoders.ts'
import type { Result, Work } from './worker.ts'

const usage = `Gives every decoder bytes that nobody sane would send: random ones, and valid ones cut, spliced, repeated, nested, and with
numbers set to extremes; checksums are made right again, so that what is behind them is met. A decoder must take or refuse each as
it says that it does, soon, and without allocating what a length only claims. Valid ones must come back as they were.

  npm run fuzz                                  seed 1, 1000000 inputs, shared out among all decoders
  npm run fuzz -- --inputs N --seed S           so many, from that seed
  npm run fuzz -- --only DECODER                all of them for one decoder
  npm run fuzz -- --only DECODER --from K       beginning with its input K: this is how a failure is seen again
  npm run fuzz -- --help                        this text

Decoders: ${decoders.map(({ name }) => name).join(', ')}.

A failure is given with the decoder, the seed, the number of the input and the command that repeats it. The last line reads
"N passed, N failed", decoders being what is counted; the exit code is 0 if nothing failed, 1 if something did, 2 if the options make
no sense.
`

const exitCodes = { failed: 1, usage: 2 } as const
const progressEveryMs = 5_000
/** An input after which nothing was heard for so long is never done with. */
const hangMsMax = 60_000
/** A thread is not given what tsx does for the program that starts it. */
const starter = `import('tsx/esm/api').then(tsx => tsx.tsImport('./worker.ts', ${JSON.stringify(import.meta.url)}))`
/** Of a failing input. */
const shownBytesMax = 256
/** What is shared with the thread has 32 bits. */
const numberMax = 2 ** 31 - 1

interface Options {
  readonly inputs: number
  readonly seed: number
  readonly only: string | null
  readonly from: number
}

async function main(): Promise<number> {
  const options = readOptions()
  if (options === null) {
    process.stdout.write(usage)
    return 0
  }
  const jobs = jobsOf(options)
  const startMs = performance.now()
  const failed = await work(options, jobs)
  const seconds = (performance.now() - startMs) / 1_000
  const inputs = jobs.reduce((sum, { count }) => sum + count, 0)
  process.stdout.write(`${inputs} inputs in ${seconds.toFixed(0)} s, ${(inputs / seconds).toFixed(0)}/s\n`)
  process.stdout.write(`${jobs.length - failed.size} passed, ${failed.size} failed\n`)
  return failed.size === 0 ? 0 : exitCodes.failed
}

/** Resolves to the decoders that failed. */
function work({ seed, from }: Options, jobs: Work['jobs']): Promise<ReadonlySet<string>> {
  const failed = new Set<string>()
  const at = new Int32Array(new SharedArrayBuffer(8))
  const workerData: Work = { seed, from, jobs, at }
  const worker = new Worker(starter, { eval: true, workerData })
  const where = () => ({ job: Atomics.load(at, 0), number: Atomics.load(at, 1) })
  return new Promise((resolve, reject) => {
    let last = { ...where(), sinceMs: performance.now() }
    let toldMs = performance.now()
    const watch = setInterval(() => {
      const { job, number } = where()
      const nowMs = performance.now()
      const name = jobs[job]?.name ?? ''
      if (job !== last.job || number !== last.number) last = { job, number, sinceMs: nowMs }
      if (nowMs - last.sinceMs > hangMsMax) {
        process.stdout.write(
          `${name}: input ${number} is not done with after ${hangMsMax / 1_000} s\n  ${again(name, seed, number)}\n`,
        )
        // What comes after it was not tried.
        for (const { name } of jobs.slice(job)) failed.add(name)
        void worker.terminate()
      } else if (nowMs - toldMs > progressEveryMs) {
        toldMs = nowMs
        process.stderr.write(
          `${name}: ${number - from} of ${jobs[job]?.count ?? 0} inputs, ${failed.size} decoders failed\n`,
        )
      }
    }, 500)
    worker.on('message', (result: Result) => {
      report(result, seed)
      if (result.failures.length > 0) failed.add(result.name)
    })
    worker.on('error', reject)
    worker.on('exit', () => {
      clearInterval(watch)
      resolve(failed)
    })
  })
}

function report({ name, tally, ms, failures }: Result, seed: number): void {
  const { taken, refused, slowestMs, slowestAt } = tally
  const rate = ((taken + refused) * 1_000) / ms
  process.stdout.write(
    `${name.padEnd(15)} ${`${taken + refused}`.padStart(9)} inputs, ${`${taken}`.padStart(9)} taken, ${`${refused}`.padStart(9)} refused, ${rate.toFixed(0).padStart(7)}/s, slowest ${slowestMs.toFixed(1)} ms (input ${slowestAt})\n`,
  )
  for (const { number, how, bytes, text } of failures) {
    const hex = Buffer.from(bytes.subarray(0, shownBytesMax)).toString('hex')
    process.stdout.write(`${name}: seed ${seed}, input ${number} (${how}, ${bytes.length} bytes: ${hex})\n`)
    process.stdout.write(`  ${text.replaceAll('\n', '\n  ')}\n  again: ${again(name, seed, number)}\n`)
  }
}

function again(name: string, seed: number, number: number): string {
  return `npm run fuzz -- --only ${name} --seed ${seed} --from ${number} --inputs 1`
}

function jobsOf({ inputs, only }: Options): Work['jobs'] {
  if (only !== null) return [{ name: only, count: inputs }]
  return [...shares(inputs)].map(([{ name }, count]) => ({ name, count }))
}

function readOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      from: { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const only = values.only ?? null
  if (only !== null && !decoders.some(({ name }) => name === only)) throw new UsageError(`there is no decoder ${only}`)
  const from = wholeNumber('from', values.from, 0, numberMax)
  if (from > 0 && only === null) throw new UsageError('--from is a number of one decoder: --only says of which')
  return {
    inputs: wholeNumber('inputs', values.inputs, 1, numberMax),
    seed: wholeNumber('seed', values.seed, 0, numberMax),
    only,
    from,
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!isUsageError(error)) throw error
  process.stderr.write(`${error.message} (see --help)\n`)
  process.exitCode = exitCodes.usage
}
