import { status } from '@grpc/grpc-js'
import { compareAnswers } from './compare.ts'
import type { Answer, Endpoint } from './endpoint.ts'
import { Generator } from './generator.ts'
import { asMessage, type Call, compacts, type Operation, onlyReads } from './operations.ts'
import { type Field, integer, type Message } from './protocol.ts'
import { show } from './show.ts'
import { Stalled } from './watch-side.ts'
import { type Outcome, Watching } from './watching.ts'
import type { World } from './world.ts'

export interface Difference {
  /** The operation after which it was found, from 1. */
  readonly operation: number
  /** For people, several lines. */
  readonly text: string
}

export interface RunOptions {
  readonly operations: number
  readonly differencesMax: number
  readonly onProgress?: (operationsDone: number, differences: number) => void
}

const readsAtOnceMax = 32
const linesShownMax = 12
/** A key that the generator does not know. */
const fenceKey = Buffer.from('\x01fence')

/**
 * Does the operations of a seed to both servers, each to both at once and after the answers to the one before, and compares
 * all that they say. Both must be empty. Gives the first differences; none if the servers keep the same rules.
 */
export async function runSeed(
  seed: number,
  reference: Endpoint,
  subject: Endpoint,
  options: RunOptions,
): Promise<Difference[]> {
  const { watching, outcome } = await Watching.start(reference, subject)
  const run = new Run(reference, subject, watching)
  try {
    if (outcome.lines.length > 0) return [{ operation: 0, text: `the first watch\n  ${outcome.lines.join('\n  ')}` }]
    await run.operate(new Generator(seed), options)
  } catch (error) {
    if (!(error instanceof Stalled)) throw error
    run.differences.push({ operation: run.done, text: error.message })
  } finally {
    watching.close()
  }
  return run.differences.slice(0, options.differencesMax)
}

class Run {
  readonly differences: Difference[] = []
  done = 0
  readonly #endpoints: readonly [Endpoint, Endpoint]
  readonly #watching: Watching
  readonly #leases = new Set<number>()
  #revision = 1
  #compactRevision = -1

  constructor(reference: Endpoint, subject: Endpoint, watching: Watching) {
    this.#endpoints = [reference, subject]
    this.#watching = watching
  }

  async operate(generator: Generator, { operations, differencesMax, onProgress }: RunOptions): Promise<void> {
    let reads: Operation[] = []
    for (let drawn = 0; drawn < operations && this.differences.length < differencesMax; drawn += 1) {
      const operation = generator.next(this.#world())
      const isRead = onlyReads(operation)
      if (isRead) reads.push(operation)
      if (!isRead || reads.length === readsAtOnceMax || drawn === operations - 1) {
        // Nothing changes while they run, so they can run at once.
        await Promise.all(reads.map((read, at) => this.#do(read, this.done + at + 1)))
        this.done += reads.length
        reads = []
      }
      if (!isRead) await this.#do(operation, ++this.done)
      this.#compareWatches()
      onProgress?.(this.done, this.differences.length)
    }
    if (this.differences.length === 0) await this.#settle(null)
  }

  #world(): World {
    return {
      revision: this.#revision,
      compactRevision: this.#compactRevision,
      leases: this.#leases,
      watches: this.#watching.open,
      deletesAt: revision => this.#watching.deletesAt(revision),
    }
  }

  async #do(operation: Operation, number: number): Promise<void> {
    switch (operation.kind) {
      case 'calls':
        if (compacts(operation)) await this.#fence()
        for (const call of operation.calls) await this.#call(call, operation, number)
        break
      case 'keepAlive': {
        const answers = await this.#both(endpoint => endpoint.keepAlive(operation.request))
        this.#compareAnswers(operation, number, null, answers)
        break
      }
      case 'watch': {
        const { stream, request } = operation
        this.#compared(operation, number, await this.#watching.create(number, stream, request, this.#compactRevision))
        break
      }
      case 'cancelWatch':
        // What was still on its way to the watch would come or not come, as chance has it.
        await this.#settle(operation.stream)
        this.#compared(operation, number, await this.#watching.cancel(operation.stream, operation.watchId))
        break
      case 'progress':
        await this.#settle(operation.stream)
        this.#compared(operation, number, await this.#watching.progress(operation.stream))
        break
      case 'endStream':
        this.#watching.end(operation.stream)
        break
    }
  }

  async #call(call: Call, operation: Operation, number: number): Promise<void> {
    const answers = await this.#both(endpoint => endpoint.call(call.method, call.request))
    this.#learn(call, answers[0])
    this.#compareAnswers(operation, number, call, answers)
  }

  /** Only the reference is believed. */
  #learn({ method, request }: Call, answer: Answer): void {
    if (!answer.ok) return
    this.#revision = Math.max(this.#revision, integer(answer.response.header, 'revision'))
    if (method === 'Compact') this.#compactRevision = integer(request, 'revision')
    else if (method === 'LeaseGrant') this.#leases.add(integer(answer.response, 'ID'))
    else if (method === 'LeaseRevoke') this.#leases.delete(integer(request, 'ID'))
  }

  /**
   * Before a compaction every watch has to have seen what it may see: which watches of the past the compaction still meets
   * would be chance.
   */
  async #fence(): Promise<void> {
    if (this.#watching.mayBeBehind) {
      const put: Call = { method: 'Put', request: { key: fenceKey } }
      await this.#call(put, { kind: 'calls', calls: [put] }, this.done)
      await this.#watching.catchUp(fenceKey, this.#revision)
    }
    await this.#settle(null)
  }

  async #settle(stream: number | null): Promise<void> {
    this.#reportWatches(await this.#watching.settle(this.#revision, stream))
  }

  #compareWatches(): void {
    this.#reportWatches(this.#watching.compare())
  }

  #reportWatches(found: Awaited<ReturnType<Watching['settle']>>): void {
    for (const { operation, request, lines } of found) {
      const which = operation === null ? 'the watch of everything' : `the watch of operation ${operation}`
      const text = [`${which}: ${show(request)}`, ...lines.slice(0, linesShownMax)].join('\n  ')
      this.differences.push({ operation: this.done, text })
    }
  }

  #compareAnswers(operation: Operation, number: number, call: Call | null, answers: readonly [Answer, Answer]): void {
    const [first, second] = answers
    this.#compared(operation, number, {
      answers: [fieldOf(first), fieldOf(second)],
      lines: compareAnswers(call, first, second),
    })
    // A server that is gone has nothing more to say, and the rest of the run would be nothing but that.
    const gone = answers.findIndex(answer => !answer.ok && answer.code === status.UNAVAILABLE)
    if (gone >= 0) throw new Stalled(`${this.#endpoints[gone]?.name} is gone, or says so`)
  }

  #compared(operation: Operation, number: number, { answers, lines }: Outcome): void {
    if (lines.length === 0) return
    const [first, second] = answers.map((answer, at) => `${this.#endpoints[at]?.name}: ${show(answer)}`)
    const where = lines.slice(0, linesShownMax).map(line => `at ${line}`)
    const text = [show(asMessage(operation)), `${first}`, `${second}`, ...where].join('\n  ')
    this.differences.push({ operation: number, text })
  }

  #both<T>(ask: (endpoint: Endpoint) => Promise<T>): Promise<[T, T]> {
    const [reference, subject] = this.#endpoints
    return Promise.all([ask(reference), ask(subject)])
  }
}

function fieldOf(answer: Answer): Field {
  return answer.ok ? answer.response : ({ error: { code: answer.code, message: answer.message } } satisfies Message)
}
