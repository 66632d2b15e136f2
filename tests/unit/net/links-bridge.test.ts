import { afterEach, expect, test } from 'vitest'
import { bridgeChannel } from '../../../src/net/page/bridge.ts'
import { bridgedChannel, type Channel } from '../../../src/net/worker/channel.ts'
import { FakeDataChannel } from './links-fakes.ts'

const ports: MessagePort[] = []
afterEach(() => {
  for (const port of ports.splice(0)) port.close()
})

/** A channel end as a worker sees it through the page's bridge, over a real MessageChannel. */
function bridged(lowMarkBytes: number): {
  channel: Channel
  remote: FakeDataChannel
  next: () => Promise<string>
  local: FakeDataChannel
} {
  const local = new FakeDataChannel()
  const remote = new FakeDataChannel()
  local.peer = remote
  remote.peer = local
  const port = bridgeChannel(local as unknown as RTCDataChannel)
  ports.push(port)
  const events: string[] = []
  let wake = () => {}
  const say = (event: string) => {
    events.push(event)
    wake()
  }
  const channel = bridgedChannel(
    port,
    { windowBytesMax: 1024, lowMarkBytes },
    {
      onOpen: () => say('open'),
      onFrame: frame => say(`frame ${frame.join()}`),
      onGarbage: () => say('garbage'),
      onDrained: () => say('drained'),
      onClosed: () => say('closed'),
    },
  )
  const next = async () => {
    while (events.length === 0) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    return events.shift() ?? ''
  }
  return { channel, local, remote, next }
}

test('opens, carries frames both ways, and closes with the channel it stands for', async () => {
  const { channel, local, remote, next } = bridged(0)
  expect(channel.open).toBe(false)
  local.open()
  remote.open()
  expect(await next()).toBe('open')
  expect(channel.open).toBe(true)
  remote.send(new Uint8Array([1, 2, 3]))
  remote.deliver()
  expect(await next()).toBe('frame 1,2,3')
  remote.close()
  remote.finishClosing()
  expect(await next()).toBe('closed')
  expect(channel.open).toBe(false)
})

test('counts as buffered what the real channel has not sent, and says when it has drained', async () => {
  const { channel, local, remote, next } = bridged(100)
  local.open()
  remote.open()
  await next()
  const received = new Promise<void>(resolve => {
    remote.onmessage = () => resolve()
  })
  channel.send(new Uint8Array(80))
  channel.send(new Uint8Array(80))
  expect(channel.bufferedAmount).toBe(160)
  // The port delivers in its own time; the channel moves only when told.
  while (local.bufferedAmount < 160) await new Promise(resolve => setImmediate(resolve))
  expect(channel.bufferedAmount).toBe(160)
  local.deliver()
  local.deliver()
  await received
  expect(await next()).toBe('drained')
  expect(channel.bufferedAmount).toBe(0)
})
