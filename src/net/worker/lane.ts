import { FrameReader, FrameWriter, frameBytesMax, messageBytesMax } from '../frames.ts'
import type { Channel, ChannelEvents } from './channel.ts'

/**
 * How much a data channel is given at a time. Engines cannot be relied on to push back: Firefox takes everything, Chromium throws
 * above 16 MiB. Enough to keep a fast link busy between two turns, little enough that what comes next is not late.
 */
export const windowBytesMax = 1024 * 1024
/** The channel asks for more when this little is left: so little that a frame then fits into every class's window. */
export const lowMarkBytes = 128 * 1024

/** What goes on a lane one before the other: while the first class has anything that may be sent, the second waits. */
export interface LaneClass {
  /** With more than this waiting for the window, messages are dropped; raft repeats what matters. */
  readonly queueBytesMax: number
  /** How much of the channel's window it may fill: what it has under way is what the class before it waits for. */
  readonly windowShare: number
}

export const urgentClass: LaneClass = { queueBytesMax: 4 * 1024 * 1024, windowShare: 1 }
export const appendClass: LaneClass = { queueBytesMax: 16 * 1024 * 1024, windowShare: 1 }
/** A replica has 2 MiB of a snapshot on the way at most, to each of the members behind one link. */
export const snapshotClass: LaneClass = { queueBytesMax: 8 * 1024 * 1024, windowShare: 1 / 2 }

export interface LaneEvents {
  onOpen(): void
  /** The other side is alive; what the frame holds comes after. */
  onFrame(bytes: number): void
  onMessage(message: Uint8Array): void
  onBadFrame(): void
  onSent(bytes: number): void
  onClosed(): void
}

/** One channel with its send window: messages in, messages out. */
export class Lane {
  readonly #channel: Channel
  readonly #events: LaneEvents
  readonly #reader = new FrameReader()
  readonly #queues: readonly Queue[]

  /** `classes`: the first goes first. One at least. */
  constructor(classes: readonly LaneClass[], openChannel: (events: ChannelEvents) => Channel, events: LaneEvents) {
    this.#events = events
    this.#queues = classes.map(limits => new Queue(limits))
    this.#channel = openChannel({
      onOpen: () => {
        events.onOpen()
        this.#pump()
      },
      onFrame: frame => {
        events.onFrame(frame.length)
        const badBefore = this.#reader.badFrames
        for (const message of this.#reader.push(frame)) events.onMessage(message)
        if (this.#reader.badFrames > badBefore) events.onBadFrame()
      },
      onGarbage: () => events.onBadFrame(),
      onDrained: () => this.#pump(),
      onClosed: () => events.onClosed(),
    })
  }

  /** Waiting for the window, by class. */
  get queuedBytes(): readonly number[] {
    return this.#queues.map(({ bytes }) => bytes)
  }

  get idle(): boolean {
    return this.#queues.every(({ bytes }) => bytes === 0)
  }

  /**
   * Takes a message of the class with this number for the next `flush`. False when it is too large or too much is waiting already:
   * it is dropped.
   */
  add(message: Uint8Array, rank = 0): boolean {
    // Only messages of the first class may be in parts, so that no two are at the same time.
    const fits = message.length <= wholeBytesMax
    const queue = this.#queues[fits ? rank : 0]
    return queue?.add(message) ?? false
  }

  /** Packs what was added into as few frames as it takes, and sends as many as the window lets through. */
  flush(): void {
    for (const queue of this.#queues) queue.pack()
    this.#pump()
  }

  /** Sends one last message past everything that waits, and closes. */
  closeWith(message: Uint8Array): void {
    for (const queue of this.#queues) queue.clear()
    this.add(message)
    for (const frame of this.#queues[0]?.pack() ?? []) if (this.#channel.open) this.#channel.send(frame)
    this.close()
  }

  close(): void {
    for (const queue of this.#queues) queue.clear()
    this.#channel.close()
  }

  #pump(): void {
    const channel = this.#channel
    for (const queue of this.#queues) {
      const window = Math.max(frameBytesMax, channel.windowBytesMax * queue.limits.windowShare)
      for (;;) {
        const frame = queue.first
        if (frame === undefined) break
        // Refused only by a channel about to say that it is closed.
        if (!channel.open || channel.bufferedAmount + frame.length > window || !channel.send(frame)) return
        queue.drop()
        this.#events.onSent(frame.length)
      }
    }
  }
}

/** What certainly fits into one frame. */
const wholeBytesMax = frameBytesMax - 64

class Queue {
  readonly limits: LaneClass
  readonly #writer = new FrameWriter()
  readonly #frames: Uint8Array<ArrayBuffer>[] = []
  #frameBytes = 0
  /** In the writer, not yet frames. */
  #writerBytes = 0
  #isPacked = true

  constructor(limits: LaneClass) {
    this.limits = limits
  }

  get bytes(): number {
    return this.#frameBytes + this.#writerBytes
  }

  get first(): Uint8Array<ArrayBuffer> | undefined {
    return this.#frames[0]
  }

  add(message: Uint8Array): boolean {
    if (message.length > messageBytesMax || this.bytes > this.limits.queueBytesMax) return false
    this.#writer.add(message)
    this.#writerBytes += message.length
    this.#isPacked = false
    return true
  }

  /** The frames there are, those of what was added since the last call included. */
  pack(): readonly Uint8Array<ArrayBuffer>[] {
    if (this.#isPacked) return this.#frames
    for (const frame of this.#writer.take()) {
      this.#frames.push(frame)
      this.#frameBytes += frame.length
    }
    this.#writerBytes = 0
    this.#isPacked = true
    return this.#frames
  }

  drop(): void {
    this.#frameBytes -= this.#frames.shift()?.length ?? 0
  }

  clear(): void {
    this.#writer.take()
    this.#frames.length = 0
    this.#frameBytes = 0
    this.#writerBytes = 0
    this.#isPacked = true
  }
}
