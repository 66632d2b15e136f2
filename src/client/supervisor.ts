import type { MemberId } from '../raft/types.ts'
import type { TabRole } from '../replica/types.ts'
import type {
  FromHost,
  HostControl,
  HostStatus,
  MembershipOptions,
  OpenOptions,
  OutboxEntry,
} from '../worker/protocol.ts'
import type { Connection } from './connection.ts'
import { FlotillaError } from './errors.ts'
import type { LastMember } from './last-member.ts'
import { restartsMax, restartWindowMs } from './limits.ts'
import { startWorker, type WorkerHost } from './worker-host.ts'

/** A member that found no room, or no disk, is opened again after this long, and each time it finds none after twice as long. */
export const retryMsMin = 1_000
export const retryMsMax = 60_000

type Start = typeof startWorker
type Message = Parameters<Parameters<Start>[0]>[0]

export interface SupervisorOptions {
  readonly connection: Connection
  readonly clusterId: string
  readonly role: TabRole
  readonly memory: LastMember
  readonly membership: MembershipOptions
  /** A member runs in this worker, the first one or another: it needs a way to its peers. */
  readonly onHost: (host: WorkerHost) => void
  readonly start?: Start
  /** Milliseconds, never going back. */
  readonly now?: () => number
}

/** Whom the next worker is to open if it can, and what the last one could not keep any more. */
interface Legacy {
  readonly member: MemberId | null
  readonly unanswered: readonly OutboxEntry[]
}

/**
 * Keeps a worker running for as long as the page needs one. What the page was not answered is the connection's to carry over.
 *
 * - It ended (a crash, a lack of memory): another takes its place at once and opens the same member.
 * - The cluster has removed the member, or the browser has deleted its log: another opens a new one.
 * - The disk is full or fails: the member stopped, as it acknowledges nothing that it could not save, and is opened again and again,
 *   less and less often, until there is room. A person may make some at any time.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #start: Start
  readonly #now: () => number
  #host: WorkerHost | null = null
  /** When workers were started in place of another. */
  #restarts: number[] = []
  #retry: ReturnType<typeof setTimeout> | undefined
  #retryMs = retryMsMin
  #openedAt = 0
  /** End the waits for what the worker was asked. */
  readonly #asked = new Set<(why: FlotillaError) => void>()

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
    const lastMember = last?.member ?? null
    return this.#run({ mode, data, lastMember, lastMemberReleased: last?.released ?? false, unanswered: [] })
  }

  /**
   * Asks the worker that runs. One that is gone answers nothing any more: then it rejects with why, or if there is none to ask.
   */
  async ask<T>(question: (control: HostControl) => Promise<T>): Promise<T> {
    const { control } = this.#running
    let end: (why: FlotillaError) => void = () => {}
    const ended = new Promise<never>((_, reject) => {
      end = reject
    })
    this.#asked.add(end)
    try {
      return await Promise.race([question(control), ended])
    } finally {
      this.#asked.delete(end)
    }
  }

  /** Ends the worker that runs as if it had ended by itself. Throws why there is none. */
  crash(): void {
    this.#running.crash()
  }

  /** Without ado: whoever wants a farewell says it before. */
  end(): void {
    this.#end(this.#stopped())
  }

  get #running(): WorkerHost {
    if (this.#host === null) throw this.#stopped()
    return this.#host
  }

  #stopped(): FlotillaError {
    const { failure, interruption } = this.#options.connection
    return failure ?? interruption ?? new FlotillaError('STOPPED', 'The database was closed.')
  }

  #end(why: FlotillaError): void {
    clearTimeout(this.#retry)
    this.#host?.terminate()
    this.#host = null
    for (const end of this.#asked) end(why)
  }

  async #run(opening: Omit<OpenOptions, 'clusterId' | 'role' | 'membership'>): Promise<HostStatus> {
    const { connection, clusterId, role, memory, membership, onHost } = this.#options
    const host = this.#start(message => {
      if (host === this.#host) this.#receive(message)
    }, role)
    this.#host = host
    const opened = await Promise.race([host.control.open({ ...opening, clusterId, role, membership }), host.ended])
    if (!opened.ok) throw new FlotillaError(opened.code, opened.message)
    const status = await Promise.race([host.control.status(), host.ended])
    if (host !== this.#host) throw connection.failure ?? new FlotillaError('STOPPED', 'The database was closed.')
    this.#openedAt = this.#now()
    memory.remember(opened.member)
    connection.receive({ type: 'status', status })
    connection.attach(host.post)
    onHost(host)
    host.ended.catch((error: FlotillaError) => {
      if (host === this.#host) this.#replace({ member: opened.member, unanswered: [] }, error)
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

  #onFailed({ code, message, successor: member, unanswered }: Extract<FromHost, { type: 'failed' }>): void {
    const error = new FlotillaError(code, message)
    const legacy = { member, unanswered }
    if (code === 'REMOVED' || code === 'EVICTED') this.#replace(legacy, error)
    else if (isOfTheDisk(error)) this.#wait(legacy, error)
    else this.#options.connection.fail(error)
  }

  /** `cause`: why there has to be another worker. */
  #replace(legacy: Legacy, cause: FlotillaError): void {
    const { connection } = this.#options
    connection.detach()
    this.#end(cause)
    const now = this.#now()
    this.#restarts = this.#restarts.filter(at => now - at < restartWindowMs)
    if (this.#restarts.length >= restartsMax) {
      connection.fail(cause)
      return
    }
    this.#restarts.push(now)
    this.#openAgain(legacy)
  }

  #wait(legacy: Legacy, cause: FlotillaError): void {
    this.#options.connection.interrupt(cause)
    this.#end(cause)
    // One that ran for a while was out of room again for a reason of its own.
    if (this.#now() - this.#openedAt > retryMsMax) this.#retryMs = retryMsMin
    this.#retry = setTimeout(() => this.#openAgain(legacy), this.#retryMs)
    this.#retryMs = Math.min(2 * this.#retryMs, retryMsMax)
  }

  #openAgain(legacy: Legacy): void {
    const { member, unanswered } = legacy
    // Its lock has fallen free with its worker, or is about to.
    const lastMemberReleased = member !== null
    const opening = this.#run({ mode: 'open', data: null, lastMember: member, lastMemberReleased, unanswered })
    opening.catch((thrown: unknown) => {
      const error = thrown instanceof FlotillaError ? thrown : new FlotillaError('INTERNAL', String(thrown))
      // Ended again before it was open.
      if (error.code === 'WORKER_UNAVAILABLE') this.#replace(legacy, error)
      else if (isOfTheDisk(error)) this.#wait(legacy, error)
      else this.#options.connection.fail(error)
    })
  }
}

function isOfTheDisk({ code }: FlotillaError): boolean {
  return code === 'NOSPACE' || code === 'STORAGE_UNAVAILABLE'
}
