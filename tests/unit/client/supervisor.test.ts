import { expect, test } from 'vitest'
import { Connection } from '../../../src/client/connection.ts'
import { FlotillaError } from '../../../src/client/errors.ts'
import { LastMember } from '../../../src/client/last-member.ts'
import { defaultMembership } from '../../../src/client/membership.ts'
import { restartsMax, restartWindowMs, Supervisor } from '../../../src/client/supervisor.ts'
import type { startWorker, WorkerHost } from '../../../src/client/worker-host.ts'
import type { OpenOptions, OpenResult, ToHost } from '../../../src/worker/protocol.ts'
import { aloneStatus, noData } from './fake-host.ts'

/** A worker that does as it is told. */
class FakeWorker {
  readonly posted: ToHost[] = []
  readonly receive: Parameters<typeof startWorker>[0]
  options: OpenOptions | null = null
  terminated = false
  end: (error: FlotillaError) => void = () => {}
  readonly host: WorkerHost

  constructor(receive: Parameters<typeof startWorker>[0], opens: OpenResult) {
    this.receive = receive
    const ended = new Promise<never>((_, reject) => {
      this.end = reject
    })
    ended.catch(() => {})
    this.host = {
      control: {
        open: async options => {
          this.options = options
          return opens
        },
        status: async () => aloneStatus,
        metrics: async () => '',
        stepDown: async () => false,
        suspend: async () => {},
        ...noData,
        close: async () => {},
      },
      post: message => this.posted.push(message),
      links: new MessageChannel().port1,
      peer: 'p',
      door: null,
      ended,
      crash: () => {},
      terminate: () => {
        this.terminated = true
      },
    }
  }
}

class Page {
  readonly connection = new Connection()
  readonly workers: FakeWorker[] = []
  readonly connected: WorkerHost[] = []
  opens: OpenResult = { ok: true, member: 7 }
  now = 0
  #onWorker: () => void = () => {}
  readonly supervisor = new Supervisor({
    membership: defaultMembership,
    connection: this.connection,
    clusterId: 'c',
    memory: new LastMember(null, 'c'),
    onHost: host => {
      this.connected.push(host)
      this.#onWorker()
    },
    now: () => this.now,
    start: receive => {
      const worker = new FakeWorker(receive, this.opens)
      this.workers.push(worker)
      return worker.host
    },
  })

  /** Ends the worker there is; resolves when the next one runs. */
  async endWorker(): Promise<void> {
    const next = new Promise<void>(resolve => {
      this.#onWorker = resolve
    })
    this.worker.end(new FlotillaError('WORKER_UNAVAILABLE', 'The worker ended.'))
    await next
  }

  get worker(): FakeWorker {
    const worker = this.workers.at(-1)
    if (worker === undefined) throw new Error('no worker was started')
    return worker
  }
}

/** Resolves when the connection has failed. */
function failureOf(connection: Connection): Promise<FlotillaError> {
  return new Promise(resolve => {
    connection.status.subscribe(() => {
      if (connection.failure !== null) resolve(connection.failure)
    })
  })
}

test('a worker that ends is replaced by one that opens the same member', async () => {
  const page = new Page()
  await page.supervisor.open('create')
  await page.endWorker()
  const [first, second] = page.workers
  expect(first).toMatchObject({ terminated: true, options: { mode: 'create' } })
  expect(second?.options).toEqual({
    clusterId: 'c',
    mode: 'open',
    data: null,
    lastMember: 7,
    lastMemberReleased: true,
    membership: defaultMembership,
  })
  expect(page.connected).toHaveLength(2)
  expect(page.connection.failure).toBeNull()
})

test('a member that was removed is followed by the one that has its outbox', async () => {
  const page = new Page()
  await page.supervisor.open('open')
  const next = new Promise<void>(resolve => {
    page.connection.status.subscribe(() => {
      if (page.workers.length === 2) resolve()
    })
  })
  page.worker.receive({ type: 'failed', code: 'REMOVED', message: '', successor: 9 })
  await next
  expect(page.worker.options).toMatchObject({ mode: 'open', lastMember: 9, lastMemberReleased: true })
})

test('any other failure is the end', async () => {
  const page = new Page()
  await page.supervisor.open('open')
  page.worker.receive({ type: 'failed', code: 'NOSPACE', message: '', successor: null })
  expect(page.connection.failure).toMatchObject({ code: 'NOSPACE' })
  expect(page.workers).toHaveLength(1)
})

test('one that ends too often is given up; if it took its time, it is not', async () => {
  const page = new Page()
  await page.supervisor.open('open')
  for (let i = 0; i < restartsMax; i += 1) await page.endWorker()
  page.now = restartWindowMs
  for (let i = 0; i < restartsMax; i += 1) await page.endWorker()
  const failed = failureOf(page.connection)
  page.worker.end(new FlotillaError('WORKER_UNAVAILABLE', 'The worker ended.'))
  expect(await failed).toMatchObject({ code: 'WORKER_UNAVAILABLE' })
  expect(page.workers).toHaveLength(2 * restartsMax + 1)
})

test('a member that does not open again is the end', async () => {
  const page = new Page()
  await page.supervisor.open('open')
  page.opens = { ok: false, code: 'CORRUPT', message: 'damaged' }
  const failed = failureOf(page.connection)
  page.worker.end(new FlotillaError('WORKER_UNAVAILABLE', 'The worker ended.'))
  expect(await failed).toMatchObject({ code: 'CORRUPT' })
})

test('a worker that was told to end is not replaced, and what an old one says is not heard', async () => {
  const page = new Page()
  await page.supervisor.open('open')
  const old = page.worker
  await page.endWorker()
  old.receive({ type: 'failed', code: 'INTERNAL', message: '', successor: null })
  expect(page.connection.failure).toBeNull()
  page.supervisor.end()
  page.worker.end(new FlotillaError('WORKER_UNAVAILABLE', 'late'))
  await Promise.resolve()
  await Promise.resolve()
  expect(page.workers).toHaveLength(2)
})
