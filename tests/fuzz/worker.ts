import { parentPort, workerData } from 'node:worker_threads'
import type { Decoder } from './decoder.ts'
import { decoders } from './decoders.ts'
import { type Failure, fuzz, type Tally } from './run.ts'

/** A thread of its own for fuzzing: an input that is never done with holds up nobody who is to notice. */

export interface Work {
  readonly seed: number
  readonly from: number
  readonly jobs: readonly { readonly name: string; readonly count: number }[]
  /** Where the work is: which job, and the number of its input. Of shared memory, as a hung thread can say nothing. */
  readonly at: Int32Array
}

export interface Result {
  readonly name: string
  readonly tally: Omit<Tally, 'failures'>
  readonly ms: number
  readonly failures: readonly {
    readonly number: number
    readonly how: string
    readonly bytes: Uint8Array
    readonly text: string
  }[]
}

/** To know where each of millions of refusals was made would be a good part of the time. What escapes is asked for it again. */
Error.stackTraceLimit = 0
const framesShown = 20

// `main.ts` gives nothing else.
const { seed, from, jobs, at } = workerData as Work
for (const [i, { name, count }] of jobs.entries()) {
  const decoder = decoders.find(each => each.name === name)
  if (decoder === undefined) throw new Error(`no decoder ${name}`)
  Atomics.store(at, 0, i)
  const startMs = performance.now()
  const { failures, ...tally } = await fuzz(decoder, {
    seed,
    from,
    count,
    onInput: number => Atomics.store(at, 1, number),
  })
  const result: Result = {
    name,
    tally,
    ms: performance.now() - startMs,
    failures: await Promise.all(failures.map(failure => shown(decoder, failure))),
  }
  parentPort?.postMessage(result)
}

async function shown(decoder: Decoder, { error, ...failure }: Failure): Promise<Result['failures'][number]> {
  Error.stackTraceLimit = framesShown
  const again = await fuzz(decoder, { seed, from: failure.number, count: 1 })
  Error.stackTraceLimit = 0
  return { ...failure, text: textOf(again.failures[0]?.error ?? error) }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
