import type { KeyRange, RequestOp, Revision, WriteRequest, WriteResponse } from '../store/types.ts'
import { decodeText } from './codec.ts'
import type { FlotillaError } from './errors.ts'
import type { Readable } from './readable.ts'

/** A write that the cluster has not answered yet. */
export interface PendingWrite {
  readonly operation: WriteRequest['op']
  /** The keys it writes; whole keys, of whichever namespace. A range is given as `first..end`, its end exclusive. */
  readonly keys: readonly string[]
  /** All of it, as the cluster gets it: whole keys and values as bytes. To show what it will change. */
  readonly request: WriteRequest
  /** When it was asked for, by `Date.now()`. */
  readonly at: number
  /** Kept on this device: it will be sent even if this page or browser ends before there is a quorum. */
  readonly durable: boolean
  /** Asked for by a page that is gone, and so nobody holds its promise. What became of it is told by `settled`. */
  readonly fromEarlierLife: boolean
}

/** What became of a write of an earlier life. */
export interface SettledWrite {
  readonly operation: WriteRequest['op']
  readonly keys: readonly string[]
  readonly request: WriteRequest
  readonly at: number
  /** `ok` is that it was applied. A transaction's `response` says whether its guards held: if not, `request` is what was wanted. */
  readonly result:
    | { readonly ok: true; readonly revision: Revision; readonly response: WriteResponse }
    | { readonly ok: false; readonly error: FlotillaError }
}

/** The writes not yet answered, in the order they will happen, as a store. Made anew only when somebody looks. */
export class PendingList implements Readable<readonly PendingWrite[]> {
  readonly #read: () => readonly PendingWrite[]
  readonly #runs = new Set<{ run: (value: readonly PendingWrite[]) => void }>()
  #due = false

  constructor(read: () => readonly PendingWrite[]) {
    this.#read = read
  }

  get value(): readonly PendingWrite[] {
    return this.#read()
  }

  subscribe(run: (value: readonly PendingWrite[]) => void): () => void {
    const subscription = { run }
    this.#runs.add(subscription)
    run(this.#read())
    return () => {
      this.#runs.delete(subscription)
    }
  }

  /** It reads differently now. Told once for all that one task changed: a list as long as it changes often would cost its square. */
  changed(): void {
    if (this.#due || this.#runs.size === 0) return
    this.#due = true
    setTimeout(() => {
      this.#due = false
      const value = this.#read()
      for (const { run } of [...this.#runs]) run(value)
    })
  }
}

/** The keys that a write names, for people to read. */
export function writtenKeys(request: WriteRequest | RequestOp): string[] {
  switch (request.op) {
    case 'put':
      return [decodeText(request.key)]
    case 'delete':
      return [rangeText(request)]
    case 'txn':
      return [...new Set([...request.success, ...request.failure].flatMap(writtenKeys))]
    default:
      return []
  }
}

/** Bytes of keys and values, which is what a write takes up while it waits. */
export function writeBytes(request: WriteRequest | RequestOp): number {
  switch (request.op) {
    case 'put':
      return request.key.length + request.value.length
    case 'delete':
      return request.key.length + (request.end?.length ?? 0)
    case 'txn':
      return [...request.success, ...request.failure].reduce((bytes, inner) => bytes + writeBytes(inner), 0)
    default:
      return 0
  }
}

function rangeText({ key, end }: KeyRange): string {
  return end === null ? decodeText(key) : `${decodeText(key)}..${decodeText(end)}`
}
