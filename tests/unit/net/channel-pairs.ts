import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'
import { bridgeChannel } from '../../../src/net/page/bridge.ts'
import { decodeRelayFrame, encodeRelayFrame } from '../../../src/net/signaling-protocol.ts'
import {
  bridgedChannel,
  type Channel,
  type ChannelEvents,
  transferredChannel,
} from '../../../src/net/worker/channel.ts'
import { lowMarkBytes, windowBytesMax } from '../../../src/net/worker/lane.ts'
import { Relay, type RelaySocket } from '../../../src/net/worker/relay.ts'
import type { RelayPath } from '../../../src/net/worker/relay-path.ts'
import { FakeDataChannel } from './links-fakes.ts'

/** One end of a channel, and what it said. */
export class End {
  readonly frames: Uint8Array[] = []
  readonly said: string[] = []
  channel: Channel
  /** Called with each frame. */
  onFrame: (frame: Uint8Array) => void = () => {}
  onDrained: () => void = () => {}

  constructor(open: (events: ChannelEvents) => Channel) {
    this.channel = open({
      onOpen: () => this.said.push('open'),
      onFrame: frame => {
        this.frames.push(frame.slice())
        this.onFrame(frame)
      },
      onGarbage: () => this.said.push('garbage'),
      onDrained: () => this.onDrained(),
      onClosed: () => this.said.push('closed'),
    })
  }
}

/** Two ends of a channel, not open yet. */
export interface Pair {
  readonly left: End
  readonly right: End
  /** Lets the ends open, if that is not theirs to do. */
  open(): void
  /** Moves what is on its way a little. */
  step(): void
  dispose(): Promise<void>
}

export async function until(pair: Pick<Pair, 'step'>, condition: () => boolean): Promise<void> {
  while (!condition()) {
    pair.step()
    await new Promise(resolve => setImmediate(resolve))
  }
}

const limits = { windowBytesMax, lowMarkBytes }

function fakes(): [FakeDataChannel, FakeDataChannel] {
  const [left, right] = [new FakeDataChannel(), new FakeDataChannel()]
  left.peer = right
  right.peer = left
  return [left, right]
}

function overFakes(open: (channel: RTCDataChannel) => (events: ChannelEvents) => Channel, done = () => {}): Pair {
  const [left, right] = fakes()
  // The fakes are all that is touched of a data channel.
  const end = (channel: FakeDataChannel) => new End(open(channel as unknown as RTCDataChannel))
  return {
    left: end(left),
    right: end(right),
    open() {
      left.open()
      right.open()
    },
    step() {
      for (const channel of [left, right]) {
        if (channel.readyState === 'closing') channel.finishClosing()
        else channel.deliver()
      }
    },
    dispose: async () => done(),
  }
}

export async function transferredPair(): Promise<Pair> {
  return overFakes(channel => events => transferredChannel(channel, limits, events))
}

export async function bridgedPair(): Promise<Pair> {
  const ports: MessagePort[] = []
  const pair = overFakes(
    channel => {
      const port = bridgeChannel(channel)
      ports.push(port)
      return events => bridgedChannel(port, limits, events)
    },
    () => {
      for (const port of ports) port.close()
    },
  )
  return pair
}

/** What the signaling server does for relays, and nothing else; with a hand on what passes. */
export class PlainRelay {
  readonly #server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  readonly #sockets = new Map<string, WebSocket>()
  #joined = 0
  /** What becomes of a frame: itself unless a test says otherwise. */
  meddle: (frame: Uint8Array, to: string) => readonly Uint8Array[] = frame => [frame]
  passedBytes = 0

  async start(): Promise<this> {
    this.#server.on('connection', socket => this.#connected(socket))
    await once(this.#server, 'listening')
    return this
  }

  get url(): string {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('not listening')
    return `ws://127.0.0.1:${address.port}`
  }

  /** What waits for an end that does not read. */
  waitingFor(id: string): number {
    return this.#sockets.get(id)?.bufferedAmount ?? 0
  }

  cut(id: string): void {
    this.#sockets.get(id)?.terminate()
  }

  async close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #connected(socket: WebSocket): void {
    const id = `relay-${String(++this.#joined).padStart(6, '0')}`
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#pass(id, new Uint8Array(data))
      else if (data.toString().includes('"join"')) {
        this.#sockets.set(id, socket)
        socket.send(JSON.stringify({ type: 'welcome', id, peers: [], turn: null }))
      } else socket.send(JSON.stringify({ type: 'pong' }))
    })
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(id))
  }

  #pass(from: string, bytes: Uint8Array): void {
    const frame = decodeRelayFrame(bytes)
    if (frame === null) throw new Error('no relay frame')
    const to = this.#sockets.get(frame.id)
    if (to === undefined) {
      this.#sockets.get(from)?.send(JSON.stringify({ type: 'unreachable', to: frame.id }))
      return
    }
    for (const payload of this.meddle(frame.payload, frame.id)) {
      this.passedBytes += payload.length
      to.send(encodeRelayFrame(from, payload))
    }
  }
}

export interface RelayEnd {
  readonly relay: Relay
  readonly address: string
  readonly socket: WebSocket
  readonly addresses: (string | null)[]
  strays: number
}

/** A worker's connection to the relay, once it has its address. */
export async function joinRelay(url: string): Promise<RelayEnd> {
  const socket = new WebSocket(url)
  const addresses: (string | null)[] = []
  const counts = { strays: 0 }
  const address = await new Promise<string>(resolve => {
    const relay: Relay = new Relay({
      ...{ url, room: 'room', ticket: null },
      // `ws` is like a browser's in all that is used here.
      connect: () => socket as unknown as RelaySocket,
      every(ms, callback) {
        const timer = setInterval(callback, ms)
        return () => clearInterval(timer)
      },
      onAddress(address) {
        addresses.push(address)
        if (address !== null) resolve(address)
      },
      onStray: () => {
        counts.strays++
      },
    })
    Object.assign(counts, { relay })
  })
  return Object.assign(counts as { relay: Relay; strays: number }, { address, socket, addresses })
}

export async function newKeys(): Promise<{ toRight: KeyPair; toLeft: KeyPair }> {
  const one = async (): Promise<KeyPair> => {
    const raw = crypto.getRandomValues(new Uint8Array(32))
    const key = (use: KeyUsage) => crypto.subtle.importKey('raw', raw, 'AES-GCM', false, [use])
    return { seal: await key('encrypt'), open: await key('decrypt') }
  }
  return { toRight: await one(), toLeft: await one() }
}

interface KeyPair {
  readonly seal: CryptoKey
  readonly open: CryptoKey
}

export interface RelayedPair extends Pair {
  readonly server: PlainRelay
  readonly relays: readonly [RelayEnd, RelayEnd]
  readonly bulk: readonly [End, End]
}

export async function relayedPair(
  lateMs: 'both at once' | 'the right one late' = 'both at once',
): Promise<RelayedPair> {
  const server = await new PlainRelay().start()
  const [left, right] = [await joinRelay(server.url), await joinRelay(server.url)]
  const keys = await newKeys()
  const open = (end: RelayEnd, to: string, sendKey: CryptoKey, receiveKey: CryptoKey) => {
    const path: RelayPath = end.relay.open(to, { sendKey, receiveKey })
    return (['raft', 'bulk'] as const).map(lane => new End(events => path.channel(lane, events)))
  }
  const [raftLeft, bulkLeft] = open(left, right.address, keys.toRight.seal, keys.toLeft.open)
  if (lateMs === 'the right one late') await until({ step() {} }, () => right.strays > 0)
  const [raftRight, bulkRight] = open(right, left.address, keys.toLeft.seal, keys.toRight.open)
  if (!raftLeft || !bulkLeft || !raftRight || !bulkRight) throw new Error('two lanes')
  return {
    ...{ server, relays: [left, right], left: raftLeft, right: raftRight, bulk: [bulkLeft, bulkRight] },
    open() {},
    step() {},
    async dispose() {
      left.relay.end()
      right.relay.end()
      await server.close()
    },
  }
}
