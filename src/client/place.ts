import type { KeyRange, Revision } from '../store/types.ts'
import { withAbort } from './abortable.ts'
import { createRevision, type NumberCompare } from './compare.ts'
import type { Connection } from './connection.ts'
import { aborted, FlotillaError } from './errors.ts'
import type { Abortable } from './namespace.ts'
import { del, put } from './operations.ts'
import type { Queue } from './queue.ts'
import { rangeRequest } from './requests.ts'
import type { Tenure } from './session-leases.ts'
import { Txn } from './txn.ts'

/** Deleting twice does no harm, so it is tried again whatever went wrong. */
const leaveAttemptsMax = 5

/** A key of one's own in a queue, from its creation until it is deleted, by whomever. */
export class Place<T> {
  readonly key: string
  /** The key's create revision: the place in the order, and a number that only ever grows from one holder to the next. */
  readonly revision: Revision
  readonly #queue: Queue<T>
  readonly #tenure: Tenure
  readonly #end = new AbortController()

  constructor(queue: Queue<T>, key: string, revision: Revision, tenure: Tenure) {
    this.#queue = queue
    this.key = key
    this.revision = revision
    this.#tenure = tenure
    const { signal } = tenure.lease
    const onLeaseLost = () => this.#lose('The lease it was held with ended, or may have.')
    if (signal.aborted) onLeaseLost()
    signal.addEventListener('abort', onLeaseLost, { once: true, signal: this.#end.signal })
    this.#guard(revision).catch(error => this.#lose('Nothing more is heard of it.', error))
  }

  /** Aborts, with a `LOST` error, when the place is lost or left. */
  get signal(): AbortSignal {
    return this.#end.signal
  }

  isHeld(): NumberCompare {
    return createRevision(this.key).eq(this.revision)
  }

  /** Waits until nobody stands before this one. Leaves if that fails, or takes longer than the signal says. */
  async awaitTurn(signal: AbortSignal | undefined): Promise<void> {
    const waiting = signal === undefined ? this.signal : AbortSignal.any([signal, this.signal])
    try {
      while (!(await this.#isFirst(waiting))) {}
    } catch (error) {
      const lost: unknown = this.signal.reason
      this.leave({}).catch(() => {})
      if (signal?.aborted) throw aborted(signal, 'definite')
      throw this.#queue.grounds.connection.failure ?? lost ?? error
    }
  }

  /** Puts another value. Errors: `LOST` if the key is gone. */
  async replace(value: T, options: Abortable): Promise<void> {
    const { connection, space } = this.#queue.grounds
    const { lease } = this.#tenure
    const replaced = await new Txn(connection, space, [this.isHeld()], [put(this.key, value, { lease })], []).commit(
      options,
    )
    if (!replaced.succeeded) throw new FlotillaError('LOST', 'The place is no longer held.')
  }

  /** Deletes the key. That it was gone is no error. Goes on when the wait for it is aborted. */
  async leave(options: Abortable): Promise<void> {
    this.#lose('It was given up.')
    await withAbort(this.#deleteKey(), options.signal, 'unknown')
  }

  async #deleteKey(): Promise<void> {
    const { connection, space } = this.#queue.grounds
    for (let attempt = 1; ; attempt++) {
      try {
        await new Txn(connection, space, [this.isHeld()], [del(this.key)], []).commit()
        return this.#tenure.release()
      } catch (error) {
        // A key left behind would hold up everybody for as long as its lease is kept alive for others.
        if (attempt === leaveAttemptsMax || connection.failure !== null) throw error
      }
    }
  }

  /**
   * One look at the one before, and at this one, at one revision. If there is one before, waits for its end alone, so that
   * one end wakes one.
   */
  async #isFirst(signal: AbortSignal): Promise<boolean> {
    const { connection, space } = this.#queue.grounds
    const lastTwo = { sort: { target: 'create', order: 'descend' }, limit: 2, keysOnly: true } as const
    const range = { prefix: this.#queue.prefix }
    const request = rangeRequest(space, range, { ...lastTwo, maxCreateRevision: this.revision })
    const { header, kvs } = await connection.read(request, false, signal)
    const [own, before] = kvs
    if (own?.createRevision !== this.revision || space.name(own.key).key !== this.key) {
      this.#lose('Its key was deleted.')
      throw this.signal.reason
    }
    if (before === undefined) return true
    await deletion(connection, { key: before.key, end: null }, header.revision + 1, signal)
    return false
  }

  /** Notices when the key is deleted by somebody else. */
  async #guard(revision: Revision): Promise<void> {
    const { connection, space } = this.#queue.grounds
    const { signal } = this.#end
    let since = revision
    while (!signal.aborted) {
      const what = await deletion(connection, space.range(this.key), since + 1, signal)
      if (what === 'deleted') return this.#lose('Its key was deleted.')
      const { header, kvs } = await connection.read(rangeRequest(space, this.key, {}), false, signal)
      if (kvs[0]?.createRevision !== this.revision) return this.#lose('Its key was deleted.')
      since = header.revision
    }
  }

  #lose(why: string, cause?: unknown): void {
    if (this.#end.signal.aborted) return
    this.#end.abort(new FlotillaError('LOST', why, { cause }))
  }
}

/** Waits until a key is deleted, from `startRevision` on; or until that can no longer be told. */
function deletion(
  connection: Connection,
  range: KeyRange,
  startRevision: Revision,
  signal: AbortSignal,
): Promise<'deleted' | 'compacted'> {
  const over = new AbortController()
  const told = new Promise<'deleted' | 'compacted'>((resolve, reject) => {
    const handle = connection.watch(
      { ...range, startRevision, prevKv: false, filters: ['put'] },
      {
        notify: ({ kind }) => {
          if (kind === 'events') resolve('deleted')
          if (kind === 'compacted') resolve('compacted')
        },
        fail: reject,
      },
    )
    over.signal.addEventListener('abort', () => handle.cancel())
  })
  return withAbort(told, signal).finally(() => over.abort())
}
