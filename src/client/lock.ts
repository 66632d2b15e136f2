import type { Revision } from '../store/types.ts'
import type { NumberCompare } from './compare.ts'
import type { Abortable } from './namespace.ts'
import type { Place } from './place.ts'
import { type Grounds, Queue } from './queue.ts'
import type { TenureOptions } from './session-leases.ts'

/**
 * A lock that is held: nobody else was given it while its key is there. No lock can promise that its holder still has it when a
 * message of its arrives somewhere: a page may be stopped for minutes between a check and what it was for. So let writes here
 * depend on `isHeld()`, and give others, who keep the data, `revision` to compare.
 */
export class Lock implements AsyncDisposable {
  readonly #place: Place<string>

  /** By `lock()` or `tryLock()` of a database or namespace. */
  constructor(place: Place<string>) {
    this.#place = place
  }

  /** What stands for it: the name, a slash, and the lease's id in hex digits. */
  get key(): string {
    return this.#place.key
  }

  /** The fencing token: every later holder of the lock has a greater one. */
  get revision(): Revision {
    return this.#place.revision
  }

  /** Aborts, with a `LOST` error, when it is lost, because its lease ended or its key was deleted; and when it is unlocked. */
  get signal(): AbortSignal {
    return this.#place.signal
  }

  /** For the `if` of a transaction, in the namespace the lock was made in: that it is held still. */
  isHeld(): NumberCompare {
    return this.#place.isHeld()
  }

  /** Gives it up. That it was lost is no error. */
  async unlock(options: Abortable = {}): Promise<void> {
    await this.#place.leave(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unlock()
  }
}

export async function lock(grounds: Grounds<string>, name: string, options: TenureOptions): Promise<Lock> {
  const { place, first } = await new Queue(grounds, name).enter('', options)
  if (!first) await place.awaitTurn(options.signal)
  return new Lock(place)
}

export async function tryLock(grounds: Grounds<string>, name: string, options: TenureOptions): Promise<Lock | null> {
  const place = await new Queue(grounds, name).enterEmpty('', options)
  return place === null ? null : new Lock(place)
}
