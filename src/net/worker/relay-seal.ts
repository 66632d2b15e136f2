/**
 * What goes through a relay is sealed with AES-GCM, whose nonce is a count: each frame is sealed under the next number, and opened only
 * if it is the one that comes next. So a relay can hold frames back, which silence shows, but not repeat, reorder, change or read
 * them.
 *
 *     count u32, then AES-GCM of the content under it, with its tag of 16 bytes
 *
 * A key is for one direction of one link, and never given to two of these: a nonce used twice would give away both contents.
 */
const countBytes = 4
const nonceBytes = 12
/** Frames under one key; the link is made anew, with other keys, before there are more. */
const countMax = 2 ** 32 - 1

/** How much longer a content is when it is sealed. */
export const sealBytes = countBytes + 16

export class Sealer {
  readonly #key: CryptoKey
  #count = 0

  constructor(key: CryptoKey) {
    this.#key = key
  }

  /** Counted in the order of the calls, whichever is ready first. Rejects when the key is used up. */
  async seal(content: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#count > countMax) throw new RangeError('a key is used up')
    const count = this.#count++
    const cipher = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonceOf(count) }, this.#key, content)
    const sealed = new Uint8Array(countBytes + cipher.byteLength)
    new DataView(sealed.buffer).setUint32(0, count)
    sealed.set(new Uint8Array(cipher), countBytes)
    return sealed
  }
}

export interface Opened {
  readonly count: number
  readonly content: Uint8Array
}

/** Null for what was not sealed with the other end's key. Whether `count` is the one that comes next is for the caller to judge. */
export async function openSealed(key: CryptoKey, sealed: Uint8Array<ArrayBuffer>): Promise<Opened | null> {
  if (sealed.length < sealBytes) return null
  const count = new DataView(sealed.buffer, sealed.byteOffset).getUint32(0)
  const cipher = sealed.subarray(countBytes)
  try {
    const content = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonceOf(count) }, key, cipher)
    return { count, content: new Uint8Array(content) }
  } catch {
    return null
  }
}

function nonceOf(count: number): Uint8Array<ArrayBuffer> {
  const nonce = new Uint8Array(nonceBytes)
  new DataView(nonce.buffer).setUint32(nonceBytes - countBytes, count)
  return nonce
}
