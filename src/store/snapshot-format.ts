import { HASH_SEED, mixBytes } from './hash.ts'

/**
 * The whole replicated state as bytes. Equal states are equal bytes, whatever each member has scrubbed by then:
 * - the format's number, the revision, the compacted revision, the state hash;
 * - how far the leases that have ended had counted, and the others by id (what is attached to them follows from the keys);
 * - the sessions, from the least to the most recently active;
 * - every key that can still be seen, in order: with its state from before the compacted revision, if that can still be read;
 * - for each revision from the compacted one on (or the first there is), how many changes it made, and these in order,
 *   naming their keys by their place in the list above;
 * - a checksum over all of it.
 */
export const FORMAT = 2

/** Stands before each key, and after the last. */
export const KEY_TAGS = { end: 0, alone: 1, withBase: 2 } as const

export const CHECKSUM_BYTES = 4

/** What a snapshot says its checksum is: it ends with it. Equal states have equal ones. */
export function checksumIn(snapshot: Uint8Array): number {
  const end = new DataView(snapshot.buffer, snapshot.byteOffset + snapshot.length - CHECKSUM_BYTES, CHECKSUM_BYTES)
  return end.getUint32(0, true)
}

const UNIT_BYTES = 1024 * 1024

/** Units of a fixed size are summed up one after the other, so that it can be done as they come. */
export class Checksum {
  #sum = HASH_SEED
  #summedBytes = 0

  /** Sums up what is complete so far of bytes that grow. */
  upTo(bytes: Uint8Array): void {
    while (this.#summedBytes + UNIT_BYTES < bytes.length) this.#add(bytes, this.#summedBytes + UNIT_BYTES)
  }

  /** The checksum of all that there is. */
  end(bytes: Uint8Array): number {
    this.upTo(bytes)
    this.#add(bytes, bytes.length)
    return this.#sum
  }

  #add(bytes: Uint8Array, end: number): void {
    this.#sum = mixBytes(this.#sum, bytes.subarray(this.#summedBytes, end))
    this.#summedBytes = end
  }
}
