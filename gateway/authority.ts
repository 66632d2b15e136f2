/**
 * etcdctl 3.4, pointed at `http://127.0.0.1:2379`, sends just that as the `:authority` of what it asks a single member
 * (`endpoint status`, `hashkv`, `move-leader`). It should be `127.0.0.1:2379`; etcd does not mind, but Node's HTTP/2 refuses the
 * request. So on its way in, the scheme is taken out (RFC 9113, frames; RFC 7541, header compression).
 */

const prefaceBytes = 24
const frameHeaderBytes = 9
const headersFrame = 1
const paddedFlag = 0x08
const priorityFlag = 0x20
const priorityBytes = 5
/** The static table's `:authority`. */
const authorityIndex = 1
/** What a peer may send in a frame unless it was allowed more, which Node does not. */
const frameBytesMax = 16_384

/** One connection's bytes from its client. What it does not understand it leaves as it is, for HTTP/2 to judge. */
export class AuthorityRepair {
  #rest = prefaceBytes
  /** The frame that may have to be changed, or the beginning of any, as far as it is here. */
  #held: Buffer = Buffer.alloc(0)

  /** The next bytes, and what to pass on of those so far. */
  take(chunk: Buffer): Buffer[] {
    const passed: Buffer[] = []
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = Buffer.alloc(0)
    while (bytes.length > 0) {
      if (this.#rest === 0) {
        const length = bytes.length < frameHeaderBytes ? null : bytes.readUIntBE(0, 3)
        const isHeaders = bytes[3] === headersFrame && length !== null && length <= frameBytesMax
        if (length === null || (isHeaders && bytes.length < frameHeaderBytes + length)) {
          this.#held = bytes
          return passed
        }
        if (isHeaders) {
          passed.push(repairedFrame(bytes.subarray(0, frameHeaderBytes + length)))
          bytes = bytes.subarray(frameHeaderBytes + length)
          continue
        }
        this.#rest = frameHeaderBytes + length
      }
      const part = bytes.subarray(0, this.#rest)
      passed.push(part)
      this.#rest -= part.length
      bytes = bytes.subarray(part.length)
    }
    return passed
  }
}

function repairedFrame(frame: Buffer): Buffer {
  const flags = frame[4] ?? 0
  // Nobody pads what it compresses; HTTP/2 for Go, which this is about, does not.
  if ((flags & paddedFlag) !== 0) return frame
  const from = frameHeaderBytes + ((flags & priorityFlag) === 0 ? 0 : priorityBytes)
  const field = authorityIn(frame, from)
  if (field === null) return frame
  const authority = field.value.replace(/^\w+:\/\//, '')
  if (authority === field.value || authority.length >= shortLengthMax) return frame
  const value = Buffer.concat([Buffer.of(authority.length), Buffer.from(authority, 'latin1')])
  const repaired = Buffer.concat([frame.subarray(0, field.start), value, frame.subarray(field.end)])
  repaired.writeUIntBE(repaired.length - frameHeaderBytes, 0, 3)
  return repaired
}

/** A length below this takes one byte. */
const shortLengthMax = 127

interface Field {
  readonly value: string
  /** Of the value with its length. */
  readonly start: number
  readonly end: number
}

/** The first `:authority` that is spelled out, or null if none is before the first thing not understood. */
function authorityIn(block: Buffer, from: number): Field | null {
  let at = from
  while (at < block.length) {
    const first = block[at] ?? 0
    const nameBits = first >= 0x80 ? 7 : first >= 0x40 ? 6 : first >= 0x20 ? 5 : 4
    const index = integerAt(block, at, nameBits)
    if (index === null) return null
    at = index.end
    // A field from the table, or the table's size: no more to it.
    if (nameBits === 7 || nameBits === 5) continue
    if (index.value === 0) {
      const name = integerAt(block, at, 7)
      if (name === null) return null
      at = name.end + name.value
    }
    const length = integerAt(block, at, 7)
    if (length === null) return null
    const end = length.end + length.value
    if (end > block.length) return null
    if (index.value === authorityIndex) {
      const text = block.subarray(length.end, end)
      const value = ((block[at] ?? 0) & 0x80) === 0 ? text.toString('latin1') : decoded(text)
      return value === null ? null : { value, start: at, end }
    }
    at = end
  }
  return null
}

/** An integer in the low bits of a byte and, if they are all ones, in those after it (RFC 7541, 5.1). */
function integerAt(block: Buffer, at: number, bits: number): { readonly value: number; readonly end: number } | null {
  const mask = 2 ** bits - 1
  let value = (block[at] ?? 0) & mask
  if (value < mask) return { value, end: at + 1 }
  for (let i = at + 1, factor = 1; i < block.length && factor < 2 ** 21; i += 1, factor *= 128) {
    const byte = block[i] ?? 0
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return { value, end: i + 1 }
  }
  return null
}

/**
 * The characters that RFC 7541's Huffman code gives 5, 6, 7 and 8 bits: all that hosts and ports are made of, but for brackets.
 * The code is canonical: each length goes on where the one before it ended.
 */
const charactersOfLength: Readonly<Record<number, string>> = {
  5: '012aceiost',
  6: ' %-./3456789=A_bdfghlmnpru',
  7: ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz',
  8: '&*,;XZ',
}

/** The text, or null if it has a rarer character. */
function decoded(bytes: Uint8Array): string | null {
  let text = ''
  let code = 0
  let length = 0
  let base = 0
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    code = (code << 1) | (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1)
    length += 1
    base <<= 1
    const characters = charactersOfLength[length] ?? ''
    if (code - base < characters.length) {
      text += characters[code - base]
      code = 0
      length = 0
      base = 0
    } else if (length > 8) {
      return null
    } else {
      base += characters.length
    }
  }
  return text
}
