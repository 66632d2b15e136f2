import type { BridgeControl } from '../links-protocol.ts'

/** What a link needs of a data channel, be it the engine's own, bridged by the page, or relayed. Carries whole frames, in order. */
export interface Channel {
  readonly open: boolean
  /** Bytes taken by `send` that have not left this machine yet, or on a relay, that the other end has not taken yet. */
  readonly bufferedAmount: number
  /** The owner keeps `bufferedAmount` below. */
  readonly windowBytesMax: number
  /**
   * Only while `open`. The frame's memory is the caller's again when this returns. Returns false when the channel turned out to be
   * closed.
   */
  send(frame: Uint8Array<ArrayBuffer>): boolean
  /**
   * What was sent still arrives. `onGone`: once the other end has closed as well, and so has all of it, or has gone; at once where nothing
   * tells.
   */
  close(onGone?: () => void): void
}

export interface ChannelEvents {
  onOpen(): void
  onFrame(frame: Uint8Array): void
  /** Something that is no frame arrived. */
  onGarbage(): void
  /** `bufferedAmount` has fallen, and is at the low mark given or below it. */
  onDrained(): void
  /** Once; nothing follows. Not after `close`. */
  onClosed(): void
}

/** For a channel that the engine itself sends from. */
export interface ChannelLimits {
  readonly windowBytesMax: number
  readonly lowMarkBytes: number
}

export function transferredChannel(channel: RTCDataChannel, limits: ChannelLimits, events: ChannelEvents): Channel {
  let closed = false
  let gone = () => {}
  channel.binaryType = 'arraybuffer'
  channel.bufferedAmountLowThreshold = limits.lowMarkBytes
  channel.onbufferedamountlow = () => {
    if (!closed) events.onDrained()
  }
  channel.onmessage = ({ data }) => {
    if (closed) return
    if (data instanceof ArrayBuffer) events.onFrame(new Uint8Array(data))
    else events.onGarbage()
  }
  channel.onclose = () => {
    gone()
    if (closed) return
    closed = true
    events.onClosed()
  }
  const opened = () => {
    if (!closed) events.onOpen()
  }
  if (channel.readyState === 'open') queueMicrotask(opened)
  else channel.onopen = opened
  return {
    windowBytesMax: limits.windowBytesMax,
    get open() {
      return !closed && channel.readyState === 'open'
    },
    get bufferedAmount() {
      return channel.bufferedAmount
    },
    send(frame) {
      try {
        channel.send(frame)
        return true
      } catch {
        // The state may change between our look at it and the engine's.
        return false
      }
    },
    close(onGone = () => {}) {
      closed = true
      if (channel.readyState === 'open') gone = onGone
      else onGone()
      channel.close()
    },
  }
}

/** In place of one that could not be had. */
export function closedChannel(events: ChannelEvents): Channel {
  queueMicrotask(() => events.onClosed())
  return { open: false, bufferedAmount: 0, windowBytesMax: 0, send: () => false, close: onGone => onGone?.() }
}

export function bridgedChannel(port: MessagePort, limits: ChannelLimits, events: ChannelEvents): Channel {
  const { windowBytesMax, lowMarkBytes } = limits
  let phase: 'opening' | 'open' | 'closed' = 'opening'
  let buffered = 0
  const drained = (bytes: number) => {
    const wasHigh = buffered > lowMarkBytes
    buffered -= bytes
    if (wasHigh && buffered <= lowMarkBytes) events.onDrained()
  }
  const heard = (word: BridgeControl) => {
    switch (word.bridge) {
      case 'open':
        phase = 'open'
        events.onOpen()
        break
      case 'drained':
        drained(word.bytes)
        break
      case 'closed':
        phase = 'closed'
        port.close()
        events.onClosed()
        break
    }
  }
  port.onmessage = ({ data }: MessageEvent<ArrayBuffer | BridgeControl>) => {
    if (phase === 'closed') return
    if (data instanceof ArrayBuffer) events.onFrame(new Uint8Array(data))
    else heard(data)
  }
  return {
    windowBytesMax,
    get open() {
      return phase === 'open'
    },
    get bufferedAmount() {
      return buffered
    },
    send(frame) {
      buffered += frame.byteLength
      const { buffer } = frame.slice()
      port.postMessage(buffer, [buffer])
      return true
    },
    close(onGone) {
      // The port stays: what was posted to it must still reach the page, which ends the connection and with it the port.
      phase = 'closed'
      onGone?.()
    },
  }
}
