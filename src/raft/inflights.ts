import { assert, present } from './assert.ts'
import type { Index } from './types.ts'

/**
 * The append messages sent to one follower and not yet acknowledged, as a ring: what bounds how far a leader runs ahead of
 * a follower that has stopped answering. Bounded in messages and, softly, in bytes (the message that crosses the limit
 * is still sent, or one larger than the limit never could be).
 */
export class Inflights {
  readonly messagesMax: number
  readonly bytesMax: number
  /** Allocated at the first use: most members never lead, and keep progress of others all the same. */
  #indexes: Float64Array | null = null
  #sizes: Float64Array | null = null
  #start = 0
  #count = 0
  #bytes = 0

  constructor(messagesMax: number, bytesMax: number) {
    assert(messagesMax > 0, 'inflights: no room for a single message')
    this.messagesMax = messagesMax
    this.bytesMax = bytesMax
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  get full(): boolean {
    return this.#count === this.messagesMax || this.#bytes >= this.bytesMax
  }

  /** Records a message whose last entry is `lastIndex`. */
  add(lastIndex: Index, bytes: number): void {
    assert(!this.full, 'inflights: added to a full window')
    this.#indexes ??= new Float64Array(this.messagesMax)
    this.#sizes ??= new Float64Array(this.messagesMax)
    const slot = (this.#start + this.#count) % this.messagesMax
    this.#indexes[slot] = lastIndex
    this.#sizes[slot] = bytes
    this.#count++
    this.#bytes += bytes
  }

  /** Frees every message whose last entry is at or below `index`. */
  freeUpTo(index: Index): void {
    const indexes = this.#indexes
    const sizes = this.#sizes
    if (indexes === null || sizes === null) return
    while (this.#count > 0) {
      if (present(indexes[this.#start], 'inflights: slot out of range') > index) break
      this.#bytes -= present(sizes[this.#start], 'inflights: slot out of range')
      this.#start = (this.#start + 1) % this.messagesMax
      this.#count--
    }
    assert(this.#count > 0 || this.#bytes === 0, 'inflights: bytes left without messages')
  }

  reset(): void {
    this.#start = 0
    this.#count = 0
    this.#bytes = 0
  }
}
