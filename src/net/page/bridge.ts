import type { BridgeControl } from '../links-protocol.ts'

/**
 * Stands in for a transferred data channel where the engine cannot transfer one: the worker gets a port that carries the
 * same frames, and is told what the channel's own events and `bufferedAmount` would tell it. Keeping to a send
 * window is the worker's part, so no more than that window ever waits here.
 */
export function bridgeChannel(channel: RTCDataChannel): MessagePort {
  const { port1: port, port2: workerEnd } = new MessageChannel()
  const tell = (word: BridgeControl) => port.postMessage(word)
  let undrained = 0
  const reportDrained = () => {
    const bytes = undrained - channel.bufferedAmount
    undrained -= bytes
    if (bytes > 0) tell({ bridge: 'drained', bytes })
  }

  channel.binaryType = 'arraybuffer'
  channel.bufferedAmountLowThreshold = 0
  channel.onbufferedamountlow = reportDrained
  channel.onopen = () => tell({ bridge: 'open' })
  channel.onclose = () => {
    tell({ bridge: 'closed' })
    port.close()
  }
  channel.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) port.postMessage(data, [data])
  }
  port.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer) || channel.readyState !== 'open') return
    undrained += data.byteLength
    channel.send(data)
    reportDrained()
  }
  return workerEnd
}
