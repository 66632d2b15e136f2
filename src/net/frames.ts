import { ByteReader, BytesError, ByteWriter } from '../binary/bytes.ts'

/**
 * Envelopes for a data channel: many small messages in one frame, one large message in many.
 *
 *     packed  kind u8 = 1, then of each message: length u32, bytes
 *     part    kind u8 = 2, message id u32, message length u32, offset u32, bytes
 *
 * A frame never exceeds `frameBytesMax`: larger sends block a channel for everything behind them, and above 256 KiB engines
 * differ in what they take. Channels are reliable and ordered, so at most one message is in parts at a time; packed
 * frames may come between its parts. Every part but the last fills its frame, so a message has no more parts than needed.
 */

export const frameBytesMax = 64 * 1024
/** Also bounds what a peer can make us hold: the parts of one message. */
export const messageBytesMax = 64 * 1024 * 1024

const PACKED = 1
const PART = 2

const packedHeaderBytes = 1
const lengthBytes = 4
const partHeaderBytes = 1 + 3 * 4
const partPayloadBytesMax = frameBytesMax - partHeaderBytes

/** Enough for what most turns say to a peer. */
const firstMemoryBytes = 1024

/**
 * What waits for one channel, in frames: `first` is the next to send. Messages go into the frame that is still open, which has memory
 * of its own that is used again and again: a frame that is sent at once costs no allocation.
 */
export class FrameWriter {
  /** Complete ones, oldest first. */
  readonly #frames: Uint8Array<ArrayBuffer>[] = []
  #framesBytes = 0
  /** Where the open one is written; `#filled` bytes of it are there. */
  #memory = new Uint8Array(firstMemoryBytes)
  #filled = 0
  #nextId = 0

  /** Of all frames that wait. */
  get bytes(): number {
    return this.#framesBytes + this.#filled
  }

  /** Copies the message. Throws RangeError above `messageBytesMax`. */
  add(message: Uint8Array): void {
    const { length } = message
    if (length > messageBytesMax) throw new RangeError(`a message of ${length} bytes`)
    const size = lengthBytes + length
    if (packedHeaderBytes + size > frameBytesMax) {
      this.#complete()
      this.#split(message)
      return
    }
    if (this.#filled + size > frameBytesMax) this.#complete()
    const start = this.#filled === 0 ? packedHeaderBytes : this.#filled
    this.#reserve(start + size)
    const memory = this.#memory
    memory[0] = PACKED
    for (let at = 0; at < lengthBytes; at++) memory[start + at] = length >>> (8 * at)
    memory.set(message, start + lengthBytes)
    this.#filled = start + size
  }

  /** Good until the next call of anything here. */
  get first(): Uint8Array<ArrayBuffer> | undefined {
    return this.#frames[0] ?? (this.#filled > 0 ? this.#memory.subarray(0, this.#filled) : undefined)
  }

  /** The first one has been sent. */
  drop(): void {
    const frame = this.#frames.shift()
    if (frame === undefined) this.#filled = 0
    else this.#framesBytes -= frame.length
  }

  clear(): void {
    this.#frames.length = 0
    this.#framesBytes = 0
    this.#filled = 0
  }

  #complete(): void {
    if (this.#filled > 0) this.#push(this.#memory.slice(0, this.#filled))
    this.#filled = 0
  }

  #push(frame: Uint8Array<ArrayBuffer>): void {
    this.#frames.push(frame)
    this.#framesBytes += frame.length
  }

  #reserve(size: number): void {
    if (size <= this.#memory.length) return
    const larger = new Uint8Array(Math.min(frameBytesMax, Math.max(size, 2 * this.#memory.length)))
    larger.set(this.#memory.subarray(0, this.#filled))
    this.#memory = larger
  }

  #split(message: Uint8Array): void {
    const id = this.#nextId
    this.#nextId = (this.#nextId + 1) >>> 0
    for (let offset = 0; offset < message.length; offset += partPayloadBytesMax) {
      const payload = message.subarray(offset, offset + partPayloadBytesMax)
      const writer = new ByteWriter(partHeaderBytes + payload.length)
      writer.u8(PART)
      writer.u32(id)
      writer.u32(message.length)
      writer.u32(offset)
      writer.bytes(payload)
      this.#push(writer.finish())
    }
  }
}

interface Partial {
  readonly id: number
  readonly length: number
  readonly parts: Uint8Array[]
  received: number
}

/** The other end of a `FrameWriter`: one per channel. */
export class FrameReader {
  #partial: Partial | null = null
  #badFrames = 0

  /** Frames dropped because they were not what a `FrameWriter` makes. */
  get badFrames(): number {
    return this.#badFrames
  }

  /**
   * The messages this frame completes, in order; views of `frame` unless they came in parts. Never throws: a bad frame is
   * dropped whole and counted, and so is the message in parts that it was to continue.
   */
  push(frame: Uint8Array): Uint8Array[] {
    try {
      return this.#read(frame)
    } catch (error) {
      if (!(error instanceof BytesError)) throw error
      this.#badFrames++
      return []
    }
  }

  #read(frame: Uint8Array): Uint8Array[] {
    if (frame.length > frameBytesMax) throw new BytesError(`a frame of ${frame.length} bytes`)
    const reader = new ByteReader(frame)
    const kind = reader.u8()
    if (kind === PACKED) return unpack(reader)
    if (kind !== PART) throw new BytesError(`unknown frame kind ${kind}`)
    const message = this.#readPart(reader, frame.length)
    return message === null ? [] : [message]
  }

  #readPart(reader: ByteReader, frameLength: number): Uint8Array | null {
    const before = this.#partial
    this.#partial = null
    const id = reader.u32()
    const length = reader.u32()
    const offset = reader.u32()
    if (length > messageBytesMax) throw new BytesError(`a message of ${length} bytes`)
    const partial = before ?? { id, length, parts: [], received: 0 }
    if (partial.id !== id || partial.length !== length || partial.received !== offset) {
      throw new BytesError('a part out of order')
    }
    const payload = reader.bytes(reader.remaining)
    const received = offset + payload.length
    if (received > length) throw new BytesError('more parts than message')
    if (received < length && frameLength !== frameBytesMax) throw new BytesError('a part that does not fill its frame')
    partial.parts.push(payload)
    partial.received = received
    if (received === length) return join(partial)
    this.#partial = partial
    return null
  }
}

function unpack(reader: ByteReader): Uint8Array[] {
  const messages: Uint8Array[] = []
  while (reader.remaining > 0) messages.push(reader.bytes(reader.u32()))
  return messages
}

function join({ parts, length }: Partial): Uint8Array {
  const writer = new ByteWriter(length)
  for (const part of parts) writer.bytes(part)
  return writer.finish()
}
