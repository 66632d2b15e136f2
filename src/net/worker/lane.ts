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
  readonly #queues: readonly { readonly limits: LaneClass; readonly writer: FrameWriter }[]

  /** `classes`: the first goes first. One at least. */
  constructor(classes: readonly LaneClass[], openChannel: (events: ChannelEvents) => Channel, events: LaneEvents) {
    this.#events = events
    this.#queues = classes.map(limits => ({ limits, writer: new FrameWriter() }))
    this.#channel = openChannel({
      onOpen: () => {
        events.onOpen()
        this.flush()
      },
      onFrame: frame => {
        events.onFrame(frame.length)
        const badBefore = this.#reader.badFrames
        for (const message of this.#reader.push(frame)) events.onMessage(message)
        if (this.#reader.badFrames > badBefore) events.onBadFrame()
      },
      onGarbage: () => events.onBadFrame(),
      onDrained: () => this.flush(),
      onClosed: () => events.onClosed(),
    })
  }

  /** Waiting for the window, by class. */
  get queuedBytes(): readonly number[] {
    return this.#queues.map(({ writer }) => writer.bytes)
  }

  /**
   * Takes a message of the class with this number for the next `flush`, and a copy of its bytes. False when it is too large or too much
   * is waiting already: it is dropped.
   */
  add(message: Uint8Array, rank = 0): boolean {
    // Only messages of the first class may be in parts, so that no two are at the same time.
    const fits = message.length <= wholeBytesMax
    const queue = this.#queues[fits ? rank : 0]
    if (queue === undefined || message.length > messageBytesMax) return false
    if (queue.writer.bytes > queue.limits.queueBytesMax) return false
    queue.writer.add(message)
    return true
  }

  /** Sends as many frames as the window lets through, with as many messages in each as it can take. */
  flush(): void {
    const channel = this.#channel
    for (const { limits, writer } of this.#queues) {
      const window = Math.max(frameBytesMax, channel.windowBytesMax * limits.windowShare)
      for (;;) {
        const frame = writer.first
        if (frame === undefined) break
        const { length } = frame
        // Refused only by a channel about to say that it is closed.
        if (!channel.open || channel.bufferedAmount + length > window || !channel.send(frame)) return
        writer.drop()
        this.#events.onSent(length)
      }
    }
  }

  /** Sends one last message past everything that waits, and closes. Resolves when the channel's `onGone` says so. */
  closeWith(message: Uint8Array): Promise<void> {
    for (const { writer } of this.#queues) writer.clear()
    this.add(message)
    const last = this.#queues[0]?.writer.first
    if (last !== undefined && this.#channel.open) this.#channel.send(last)
    for (const { writer } of this.#queues) writer.clear()
    return new Promise(resolve => this.#channel.close(resolve))
  }

  close(): void {
    for (const { writer } of this.#queues) writer.clear()
    this.#channel.close()
  }
}

/** What certainly fits into one frame. */
const wholeBytesMax = frameBytesMax - 64
