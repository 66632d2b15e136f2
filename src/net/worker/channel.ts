import type { BridgeControl } from '../links-protocol.ts'

/** What a link needs of a data channel, be it the engine's own or one bridged by the page. Carries whole frames, in order. */
export interface Channel {
  readonly open: boolean
  /** Bytes taken by `send` that have not left this machine yet. */
  readonly bufferedAmount: number
  /** Only while `open`. Returns false when the channel turned out to be closed. */
  send(frame: Uint8Array<ArrayBuffer>): boolean
  /** What was sent still arrives. */
  close(): void
}

export interface ChannelEvents {
  onOpen(): void
  onFrame(frame: Uint8Array): void
  /** Something that is no frame arrived. */
  onGarbage(): void
  /** `bufferedAmount` has fallen to the low mark given. */
  onDrained(): void
  /** Once; nothing follows. Not after `close`. */
  onClosed(): void
}

export function transferredChannel(channel: RTCDataChannel, lowMarkBytes: number, events: ChannelEvents): Channel {
  let closed = false
  channel.binaryType = 'arraybuffer'
  channel.bufferedAmountLowThreshold = lowMarkBytes
  channel.onbufferedamountlow = () => {
    if (!closed) events.onDrained()
  }
  channel.onmessage = ({ data }) => {
    if (closed) return
    if (data instanceof ArrayBuffer) events.onFrame(new Uint8Array(data))
    else events.onGarbage()
  }
  channel.onclose = () => {
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
    close() {
      closed = true
      channel.close()
    },
  }
}

export function bridgedChannel(port: MessagePort, lowMarkBytes: number, events: ChannelEvents): Channel {
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
    get open() {
      return phase === 'open'
    },
    get bufferedAmount() {
      return buffered
    },
    send(frame) {
      buffered += frame.byteLength
      port.postMessage(frame.buffer, [frame.buffer])
      return true
    },
    close() {
      // The port stays: what was posted to it must still reach the page, which ends the connection and with it the port.
      phase = 'closed'
    },
  }
}
