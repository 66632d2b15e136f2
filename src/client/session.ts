import type { Command, WriteRequest } from '../store/types.ts'

/** 128 random bits as 32 hex digits. */
export function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * The numbering that makes writes happen in order and exactly once. The cluster applies 1, 2, 3, ... of a client and
 * refuses a write whose predecessor it has not applied; so one number that never gets used would block all later ones.
 * A session that lost a number is therefore `broken`: its owner waits for the outstanding answers and starts another.
 */
export class WriteSession {
  readonly clientId: string
  #last = 0
  #acked = 0
  /** Numbers above `#acked` whose result was received. */
  readonly #received = new Set<number>()
  #broken = false

  constructor(clientId: string) {
    this.clientId = clientId
  }

  /** It lost a number and takes no more writes. */
  get broken(): boolean {
    return this.#broken
  }

  /** Broken, and nothing more will be heard of it. */
  get over(): boolean {
    return this.#broken && this.#acked === this.#last
  }

  next(request: WriteRequest): Command {
    if (this.#broken) throw new Error('assertion failed: a write was numbered in a broken session')
    this.#last += 1
    return { clientId: this.clientId, seq: this.#last, acked: this.#acked, request }
  }

  /** The same write once more, with what was received since it was first sent. */
  again(command: Command): Command {
    return { ...command, acked: this.#acked }
  }

  received(seq: number): void {
    if (seq <= this.#acked || seq > this.#last || this.#received.has(seq)) {
      throw new Error(`assertion failed: an answer to write ${seq} that is not outstanding`)
    }
    this.#received.add(seq)
    while (this.#received.delete(this.#acked + 1)) this.#acked += 1
  }

  /** A number was refused before the cluster applied it. */
  break(): void {
    this.#broken = true
  }
}
