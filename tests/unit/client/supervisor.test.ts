import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Connection } from '../../../src/client/connection.ts'
import { FlotillaError } from '../../../src/client/errors.ts'
import { LastMember } from '../../../src/client/last-member.ts'
import { restartsMax, restartWindowMs } from '../../../src/client/limits.ts'
import { defaultMembership } from '../../../src/client/membership.ts'
import { retryMsMax, retryMsMin, Supervisor } from '../../../src/client/supervisor.ts'
import type { startWorker, WorkerHost } from '../../../src/client/worker-host.ts'
import type { OpenOptions, OpenResult, ToHost } from '../../../src/worker/protocol.ts'
import { aloneStatus, errorOf, noData } from './fake-host.ts'

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
        cutLink: async () => {},
        mendLink: async () => {},
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
    role: 'editor',
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
    role: 'editor',
    mode: 'open',
    data: null,
    lastMember: 7,
    lastMemberReleased: true,
    membership: defaultMembership,
    unanswered: [],
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
  page.worker.receive({ type: 'failed', code: 'REMOVED', message: '', successor: 9, unanswered: [] })
  await next
  expect(page.worker.options).toMatchObject({ mode: 'open', lastMember: 9, lastMemberReleased: true })
})

test('any other failure is the end', async () => {
  const page = new Page()
  await page.supervisor.open('open')
  page.worker.receive({ type: 'failed', code: 'INTERNAL', message: '', successor: null, unanswered: [] })
  expect(page.connection.failure).toMatchObject({ code: 'INTERNAL' })
  expect(page.workers).toHaveLength(1)
})

describe('a member that stopped', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const unanswered = [
    { command: { clientId: '0'.repeat(32), seq: 1, acked: 0, request: { op: 'compact', revision: 1 } }, at: 5 },
  ] as const

  test('as the disk was full is opened again, later each time, until there is room; meanwhile there is no quorum', async () => {
    const page = new Page()
    await page.supervisor.open('open')
    page.opens = { ok: false, code: 'NOSPACE', message: 'full' }
    page.worker.receive({ type: 'failed', code: 'NOSPACE', message: 'full', successor: 7, unanswered })
    expect(page.connection.failure).toBeNull()
    expect(page.connection.interruption).toMatchObject({ code: 'NOSPACE' })
    expect(page.connection.status.value?.replica).toMatchObject({ quorum: false, leader: 0 })
    for (let waitMs = retryMsMin, workers = 2; workers < 12; waitMs = Math.min(2 * waitMs, retryMsMax), workers += 1) {
      await vi.advanceTimersByTimeAsync(waitMs - 1)
      expect(page.workers).toHaveLength(workers - 1)
      await vi.advanceTimersByTimeAsync(1)
      expect(page.workers).toHaveLength(workers)
      expect(page.worker.options).toMatchObject({ lastMember: 7, lastMemberReleased: true, unanswered })
    }
    page.opens = { ok: true, member: 7 }
    await vi.advanceTimersByTimeAsync(retryMsMax)
    expect(page.connection.interruption).toBeNull()
    expect(page.connection.status.value).toEqual(aloneStatus)
    expect(page.connected).toHaveLength(2)
  })

  test('after it ran for a while is opened again soon', async () => {
    const page = new Page()
    await page.supervisor.open('open')
    const fail = () =>
      page.worker.receive({ type: 'failed', code: 'STORAGE_UNAVAILABLE', message: '', successor: 7, unanswered })
    for (let waitMs = retryMsMin; waitMs <= retryMsMax; waitMs *= 2) {
      fail()
      await vi.advanceTimersByTimeAsync(waitMs)
    }
    page.now += retryMsMax + 1
    const { length } = page.workers
    fail()
    await vi.advanceTimersByTimeAsync(retryMsMin)
    expect(page.workers).toHaveLength(length + 1)
  })

  test('is not opened again by a page that is closed', async () => {
    const page = new Page()
    await page.supervisor.open('open')
    page.worker.receive({ type: 'failed', code: 'NOSPACE', message: 'full', successor: 7, unanswered })
    page.supervisor.end()
    await vi.advanceTimersByTimeAsync(retryMsMax)
    expect(page.workers).toHaveLength(1)
  })

  test('as its log was deleted under it is followed at once by another, which is given its writes', async () => {
    const page = new Page()
    await page.supervisor.open('open')
    page.opens = { ok: true, member: 8 }
    page.worker.receive({ type: 'failed', code: 'EVICTED', message: '', successor: 7, unanswered })
    await vi.advanceTimersByTimeAsync(0)
    expect(page.worker.options).toMatchObject({ mode: 'open', lastMember: 7, unanswered })
    expect(page.connected).toHaveLength(2)
    expect(page.connection.failure).toBeNull()
  })
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
  old.receive({ type: 'failed', code: 'INTERNAL', message: '', successor: null, unanswered: [] })
  expect(page.connection.failure).toBeNull()
  page.supervisor.end()
  page.worker.end(new FlotillaError('WORKER_UNAVAILABLE', 'late'))
  await Promise.resolve()
  await Promise.resolve()
  expect(page.workers).toHaveLength(2)
})

describe('what the worker was asked', () => {
  const never = () => new Promise<never>(() => {})

  test('is answered by it', async () => {
    const { supervisor } = await opened()
    expect(await supervisor.ask(async control => `${await control.stepDown()}`)).toBe('false')
    await expect(supervisor.ask(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
  })

  test('is not waited for when it ends', async () => {
    const page = await opened()
    const asking = errorOf(page.supervisor.ask(never))
    await page.endWorker()
    expect(await asking).toMatchObject({ code: 'WORKER_UNAVAILABLE' })
  })

  test.each(['EVICTED', 'NOSPACE', 'CORRUPT'] as const)('is not waited for when its member fails: %s', async code => {
    const page = await opened()
    page.connection.status.subscribe(() => {
      if (page.connection.failure !== null) page.supervisor.end()
    })
    const asking = errorOf(page.supervisor.ask(never))
    page.worker.receive({ type: 'failed', code, message: '', successor: 7, unanswered: [] })
    expect(await asking).toMatchObject({ code })
    page.supervisor.end()
  })

  test('is not waited for when the database is closed, and then nothing can be asked', async () => {
    const { supervisor } = await opened()
    const asking = errorOf(supervisor.ask(never))
    supervisor.end()
    expect(await asking).toMatchObject({ code: 'STOPPED' })
    expect(await errorOf(supervisor.ask(never))).toMatchObject({ code: 'STOPPED' })
    expect(() => supervisor.crash()).toThrow('closed')
  })

  async function opened(): Promise<Page> {
    const page = new Page()
    await page.supervisor.open('open')
    return page
  }
})
