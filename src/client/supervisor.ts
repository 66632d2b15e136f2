import type { MemberId } from '../raft/types.ts'
import type { FromHost, HostStatus, MembershipOptions, OpenOptions } from '../worker/protocol.ts'
import type { Connection } from './connection.ts'
import { FlotillaError } from './errors.ts'
import type { LastMember } from './last-member.ts'
import { startWorker, type WorkerHost } from './worker-host.ts'

/** A worker that ends more often than this is not started again: whatever ends it would end the next one, too. */
export const restartsMax = 5
export const restartWindowMs = 60_000

type Start = typeof startWorker
type Message = Parameters<Parameters<Start>[0]>[0]

export interface SupervisorOptions {
  readonly connection: Connection
  readonly clusterId: string
  readonly memory: LastMember
  readonly membership: MembershipOptions
  /** A member runs in this worker, the first one or another: it needs a way to its peers. */
  readonly onHost: (host: WorkerHost) => void
  readonly start?: Start
  /** Milliseconds, never going back. */
  readonly now?: () => number
}

/**
 * Keeps a worker running for as long as the page needs one. Should it end (a crash, a lack of memory), another takes its
 * place and opens the same member; should the cluster have removed the member, another opens a new one. What the page was
 * not answered is the connection's to carry over.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #start: Start
  readonly #now: () => number
  #host: WorkerHost | null = null
  /** When workers were started in place of another. */
  #restarts: number[] = []

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#start = options.start ?? startWorker
    this.#now = options.now ?? (() => performance.now())
  }

  /** The worker that runs; null before `open` and after `end`. */
  get host(): WorkerHost | null {
    return this.#host
  }

  /** Errors: see `open` and `create`. */
  async open(mode: OpenOptions['mode'], data: Blob | null = null): Promise<HostStatus> {
    const last = this.#options.memory.take()
    return this.#run({ mode, data, lastMember: last?.member ?? null, lastMemberReleased: last?.released ?? false })
  }

  /** Without ado: whoever wants a farewell says it before. */
  end(): void {
    this.#host?.terminate()
    this.#host = null
  }

  async #run(opening: Omit<OpenOptions, 'clusterId' | 'membership'>): Promise<HostStatus> {
    const { connection, clusterId, memory, membership, onHost } = this.#options
    const host = this.#start(message => {
      if (host === this.#host) this.#receive(message)
    })
    this.#host = host
    const opened = await Promise.race([host.control.open({ ...opening, clusterId, membership }), host.ended])
    if (!opened.ok) throw new FlotillaError(opened.code, opened.message)
    const status = await Promise.race([host.control.status(), host.ended])
    if (host !== this.#host) throw connection.failure ?? new FlotillaError('STOPPED', 'The database was closed.')
    memory.remember(opened.member)
    connection.receive({ type: 'status', status })
    connection.attach(host.post)
    onHost(host)
    host.ended.catch((error: FlotillaError) => {
      if (host === this.#host) this.#replace(opened.member, error)
    })
    return status
  }

  #receive(message: Message): void {
    const { connection } = this.#options
    try {
      if (message.type === 'failed') this.#onFailed(message)
      else connection.receive(message)
    } catch (cause) {
      // What cannot be understood must not leave callers waiting for good.
      connection.fail(new FlotillaError('INTERNAL', `The worker's answer makes no sense: ${cause}`, { cause }))
    }
  }

  #onFailed({ code, message, successor }: Extract<FromHost, { type: 'failed' }>): void {
    const error = new FlotillaError(code, message)
    if (code === 'REMOVED') this.#replace(successor, error)
    else this.#options.connection.fail(error)
  }

  /** `member`: whom the next worker is to open, if it can. `cause`: why there has to be a next one. */
  #replace(member: MemberId | null, cause: FlotillaError): void {
    const { connection } = this.#options
    connection.detach()
    this.end()
    const now = this.#now()
    this.#restarts = this.#restarts.filter(at => now - at < restartWindowMs)
    if (this.#restarts.length >= restartsMax) {
      connection.fail(cause)
      return
    }
    this.#restarts.push(now)
    // Its lock has fallen free with its worker, or is about to.
    const released = member !== null
    this.#run({ mode: 'open', data: null, lastMember: member, lastMemberReleased: released }).catch(
      (error: unknown) => {
        // Ended again before it was open.
        if (error instanceof FlotillaError && error.code === 'WORKER_UNAVAILABLE') this.#replace(member, error)
        else connection.fail(error instanceof FlotillaError ? error : new FlotillaError('INTERNAL', String(error)))
      },
    )
  }
}
