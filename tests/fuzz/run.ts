import { getHeapStatistics } from 'node:v8'
import { Random } from '../sim/random.ts'
import { Broken, type Corpus, type Decoder, type Verdict } from './decoder.ts'
import { drawInput, type Input } from './mutations.ts'

/** What an input may take, of a processor's time: what a machine with other things to do adds to that says nothing. */
export const inputMsMax = 250
/** What decoding an input may allocate: so much, and so many times its length. */
export const allocatedBytesMax = 8 * 1024 * 1024
export const allocatedPerByteMax = 64
const attemptsMax = 3
/** Inputs that are made of one corpus. */
export const corpusInputs = 4_096
/** A decoder that fails so often has said enough. */
const failuresMax = 3

export interface Failure {
  /** Of the input, from 0. */
  readonly number: number
  readonly how: Input['how'] | 'corpus'
  readonly bytes: Uint8Array
  readonly error: unknown
}

export interface Tally {
  taken: number
  refused: number
  slowestMs: number
  slowestAt: number
  readonly failures: Failure[]
}

export interface Span {
  readonly seed: number
  readonly from: number
  readonly count: number
  /** Called before each input. */
  readonly onInput?: (number: number) => void
}

/** Gives a decoder inputs `[from, from + count)`. What an input is follows from seed, decoder and its number alone. */
export async function fuzz(decoder: Decoder, { seed, from, count, onInput }: Span): Promise<Tally> {
  const tally: Tally = { taken: 0, refused: 0, slowestMs: 0, slowestAt: from, failures: [] }
  const stream = streamOf(seed, decoder.name)
  let corpus: Corpus = { valid: [] }
  let block = -1
  for (let number = from; number < from + count && tally.failures.length < failuresMax; number++) {
    onInput?.(number)
    let input: Input | null = null
    try {
      if (Math.floor(number / corpusInputs) !== block) {
        block = Math.floor(number / corpusInputs)
        corpus = plain(await decoder.corpus((stream + block) | 0))
      }
      input = drawInput(new Random(stream * 2 ** 21 + number), corpus, decoder)
      const judged = judge(decoder, input, number, tally)
      // Most decoders answer at once, and a turn of the event loop for each input would be most of the time.
      if (judged !== null) await judged
    } catch (error) {
      tally.failures.push({ number, how: input?.how ?? 'corpus', bytes: input?.bytes ?? new Uint8Array(), error })
    }
  }
  return tally
}

/**
 * Throws, or rejects, for whatever a decoder must not do. An input that seems to be slow or to take much is tried again, and the processor's
 * time taken, which costs more to ask for: the machine may have been busy with others, or the collector at work.
 */
function judge(
  decoder: Decoder,
  input: Input,
  number: number,
  tally: Tally,
  attempt = 1,
  fastestMs = Infinity,
): null | Promise<void> {
  const { bytes, isExtreme } = input
  const before = isExtreme ? allocated() : 0
  const clock = attempt === 1 ? wallMs : processorMs
  const startMs = clock()
  const verdict = decoder.take(bytes)
  const end = (verdict: Verdict, taken: number) => {
    const ms = Math.min(fastestMs, clock() - startMs)
    const isHeavy = taken > allocatedBytesMax + allocatedPerByteMax * bytes.length
    if ((ms > tally.slowestMs || isHeavy) && attempt < attemptsMax) {
      return judge(decoder, input, number, tally, attempt + 1, ms)
    }
    if (isHeavy) throw new Broken(`${bytes.length} bytes made it allocate ${taken}`)
    count(verdict, input, ms, number, tally)
    return null
  }
  // What is allocated while others have their turn is not known to be its own.
  if (verdict instanceof Promise) return verdict.then(async verdict => void (await end(verdict, 0)))
  return end(verdict, isExtreme ? allocated() - before : 0)
}

function count(verdict: Verdict, { how }: Input, ms: number, number: number, tally: Tally): void {
  if (ms > inputMsMax) throw new Broken(`took ${ms.toFixed(0)} ms`)
  if (how === 'valid' && verdict !== 'taken') throw new Broken('a valid one was refused')
  tally[verdict] += 1
  if (ms <= tally.slowestMs) return
  tally.slowestMs = ms
  tally.slowestAt = number
}

const wallMs = () => performance.now()

function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** No Buffers, whose `slice` shares its bytes. */
function plain({ valid, odd = [] }: Corpus): Corpus {
  const copy = (bytes: Uint8Array) => new Uint8Array(bytes)
  return { valid: valid.map(copy), odd: odd.map(copy) }
}

/** Unlike `process.memoryUsage` it asks nothing of the operating system. */
function allocated(): number {
  const { external_memory: external, used_heap_size: heap } = getHeapStatistics()
  return external + heap
}

/** 32 bits of seed and name (FNV-1a). */
function streamOf(seed: number, name: string): number {
  let hash = 0x811c9dc5
  for (const char of `${seed} ${name}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
  return hash >>> 0
}
