import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job, Report } from './jobs.ts'

export interface PoolOptions {
  readonly workers: number
  /** The next job, or null if there is none now. Asked again after every report. */
  readonly next: () => Job | null
  readonly onReport: (report: Exclude<Report, { kind: 'ready' | 'begins' }>, job: Job) => void
  /** A worker died of a seed, or was ended because nothing was heard of it for too long. What was left of its job is not done. */
  readonly onLost: (job: Job, seed: number, how: string) => void
  /** For tests; otherwise `worker.ts`. */
  readonly worker?: URL
  /** For tests; otherwise `seedMsMax`. */
  readonly silenceMsMax?: number
}

/** A seed takes some tens of milliseconds, a few take seconds, and the machine may be busy. One that takes this long will not end. */
export const seedMsMax = 180_000
const watchEveryMs = 500

const ownWorker = new URL('./worker.ts', import.meta.url)

interface Seat {
  readonly child: ChildProcess
  /** Null while it is starting or has nothing to do. */
  job: Job | null
  isReady: boolean
  seed: number | null
  heardAtMs: number
}

/** Some workers and whatever they are to do, one job at a time each. */
export class Pool {
  readonly #options: PoolOptions
  readonly #seats = new Set<Seat>()
  #watch: NodeJS.Timeout | undefined
  #end: { resolve: () => void; reject: (error: Error) => void } | null = null

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Until there is nothing left to be done, or `stop`. Rejects if a worker cannot even start. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#end = { resolve, reject }
      this.#watch = setInterval(() => this.#endSilent(), watchEveryMs)
      for (let i = 0; i < this.#options.workers; i += 1) this.#seat()
    })
  }

  /** At once: what is under way is given up. */
  stop(): void {
    clearInterval(this.#watch)
    for (const seat of [...this.#seats]) this.#dismiss(seat)
    this.#end?.resolve()
    this.#end = null
  }

  #seat(): void {
    const child = fork(fileURLToPath(this.#options.worker ?? ownWorker), {
      cwd: fileURLToPath(new URL('../../..', import.meta.url)),
      // Every core has its worker already: threads of the collector would only take turns with them.
      execArgv: ['--import', 'tsx', '--single-threaded-gc'],
    })
    const seat: Seat = { child, job: null, isReady: false, seed: null, heardAtMs: performance.now() }
    this.#seats.add(seat)
    // The worker sends nothing else.
    child.on('message', report => this.#hear(seat, report as Report))
    child.on('exit', (code, signal) => this.#lose(seat, `its worker ended with ${signal ?? `code ${code}`}`))
    child.on('error', error => this.#lose(seat, error.message))
  }

  #hear(seat: Seat, report: Report): void {
    if (!this.#seats.has(seat)) return
    seat.heardAtMs = performance.now()
    switch (report.kind) {
      case 'ready':
        seat.job = null
        seat.seed = null
        seat.isReady = true
        break
      case 'begins':
        seat.seed = report.seed
        return
      case 'ended':
      case 'shrunk':
        if (seat.job !== null) this.#options.onReport(report, seat.job)
    }
    this.#assign()
  }

  #assign(): void {
    for (const seat of this.#seats) {
      if (!seat.isReady || seat.job !== null) continue
      const job = this.#options.next()
      if (job === null) break
      seat.job = job
      seat.heardAtMs = performance.now()
      seat.child.send(job)
    }
    if ([...this.#seats].every(({ isReady, job }) => isReady && job === null)) this.stop()
  }

  #endSilent(): void {
    const { silenceMsMax = seedMsMax } = this.#options
    for (const seat of [...this.#seats]) {
      const isIdle = seat.isReady && seat.job === null
      if (!isIdle && performance.now() - seat.heardAtMs > silenceMsMax) {
        this.#lose(seat, `nothing was heard of it for ${silenceMsMax / 1_000} s`)
      }
    }
  }

  #lose(seat: Seat, how: string): void {
    if (!this.#seats.has(seat)) return
    this.#dismiss(seat)
    const { job, seed } = seat
    if (job === null || seed === null) {
      this.#end?.reject(new Error(`a worker failed before it did anything: ${how}`))
      this.#end = null
      this.stop()
      return
    }
    this.#options.onLost(job, seed, how)
    this.#seat()
  }

  #dismiss(seat: Seat): void {
    this.#seats.delete(seat)
    seat.child.removeAllListeners()
    seat.child.kill('SIGKILL')
  }
}
