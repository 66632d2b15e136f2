import { FrameReader, FrameWriter, messageBytesMax } from '../frames.ts'
import type { Channel, ChannelEvents } from './channel.ts'

/**
 * How much a channel is given at a time. Engines cannot be relied on to push back: Firefox takes everything, Chromium throws
 * above 16 MiB. Enough to keep a fast link busy between two turns, little enough that a ping behind it is not late.
 */
export const windowBytesMax = 1024 * 1024
/** The channel asks for more when this little is left. */
export const lowMarkBytes = 256 * 1024
/** With more than this waiting for the window, messages are dropped; raft repeats what matters. */
export const queueBytesMax = 16 * 1024 * 1024

export interface LaneEvents {
  onOpen(): void
  /** The other side is alive; what the frame holds comes after. */
  onFrame(): void
  onMessage(message: Uint8Array): void
  onBadFrame(): void
  onClosed(): void
}

/** One channel with its send window: messages in, messages out. */
export class Lane {
  readonly #channel: Channel
  readonly #writer = new FrameWriter()
  readonly #reader = new FrameReader()
  readonly #queue: Uint8Array<ArrayBuffer>[] = []
  #queueBytes = 0
  /** In the writer, not yet frames. */
  #writerBytes = 0

  constructor(openChannel: (events: ChannelEvents) => Channel, events: LaneEvents) {
    this.#channel = openChannel({
      onOpen: () => {
        events.onOpen()
        this.#pump()
      },
      onFrame: frame => {
        events.onFrame()
        const badBefore = this.#reader.badFrames
        for (const message of this.#reader.push(frame)) events.onMessage(message)
        if (this.#reader.badFrames > badBefore) events.onBadFrame()
      },
      onGarbage: () => events.onBadFrame(),
      onDrained: () => this.#pump(),
      onClosed: () => events.onClosed(),
    })
  }

  /** Takes a message for the next `flush`. False when it is too large or too much is waiting already: it is dropped. */
  add(message: Uint8Array): boolean {
    if (message.length > messageBytesMax) return false
    if (this.#queueBytes + this.#writerBytes > queueBytesMax) return false
    this.#writer.add(message)
    this.#writerBytes += message.length
    return true
  }

  /** Packs what was added into as few frames as it takes, and sends as many as the window lets through. */
  flush(): void {
    for (const frame of this.#writer.take()) {
      this.#queue.push(frame)
      this.#queueBytes += frame.length
    }
    this.#writerBytes = 0
    this.#pump()
  }

  /** Sends one last message past everything that waits, and closes. */
  closeWith(message: Uint8Array): void {
    this.#queue.length = 0
    this.#writer.take()
    this.#writer.add(message)
    for (const frame of this.#writer.take()) if (this.#channel.open) this.#channel.send(frame)
    this.#channel.close()
  }

  close(): void {
    this.#queue.length = 0
    this.#channel.close()
  }

  #pump(): void {
    while (this.#channel.open) {
      const frame = this.#queue[0]
      if (frame === undefined || this.#channel.bufferedAmount + frame.length > windowBytesMax) return
      const { length } = frame
      // Refused only by a channel about to say that it is closed.
      if (!this.#channel.send(frame)) return
      this.#queue.shift()
      this.#queueBytes -= length
    }
  }
}
