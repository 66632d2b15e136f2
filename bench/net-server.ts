import { WebSocket } from 'ws'
import { decodeRelayFrame, encodeRelayFrame, type JoinAs, SIGNALING_VERSION } from '../src/net/signaling-protocol.ts'
import { Attacker, handshake, join } from '../tests/unit/signaling/attackers.ts'
import { ServerProcess } from '../tests/unit/signaling/server-process.ts'
import type { Row } from './report.ts'
import { bestOf, type Figure, medianOf } from './stats.ts'

const messageBytes = 1_000
const relayFrameBytes = 16 * 1024
const pairs = 100
/** Sent by one and not yet seen by the other. */
const windowMessages = 16
const peersInRooms = 8_000
const peersPerRoom = 4
/** Half of the queue of a listening socket. */
const waveMax = 250

const unlimited = Object.fromEntries(
  ['CONNECTIONS_MAX', 'CONNECTS_PER_SECOND', 'FRAMES_PER_SECOND', 'BYTES_PER_SECOND']
    .map(name => `ADDRESS_${name}`)
    .concat(['PEER_FRAMES_PER_SECOND', 'PEER_BYTES_PER_SECOND', 'RELAY_FRAMES_PER_SECOND', 'RELAY_BYTES_PER_SECOND'])
    .map(name => [`FLOTILLA_${name}`, '0']),
)

export interface ServerExtent {
  readonly rounds: number
  readonly messages: number
}

/** What one process of the signaling server passes on, and what a room costs it. Clients share the machine with it. */
export async function serverRows({ rounds, messages }: ServerExtent): Promise<readonly Row[]> {
  const server = await ServerProcess.start(unlimited)
  try {
    const rows = await rooms(server)
    const talkers = await openPairs(server, 'peer')
    const relays = await openPairs(server, 'relay')
    const rates: Record<'messages' | 'frames', number[]> = { messages: [], frames: [] }
    // The first round of each warms up.
    for (let round = 0; round <= rounds; round++) {
      const messagesPerSecond = await passOn(talkers, messages)
      const framesPerSecond = await passOn(relays, messages)
      if (round === 0) continue
      rates.messages.push(messagesPerSecond)
      rates.frames.push((framesPerSecond * relayFrameBytes) / 1e6)
    }
    for (const pair of [...talkers, ...relays]) pair.end()
    const between = `through one server process, ${pairs} pairs`
    return [
      ...rows,
      row(`messages of ${messageBytes} bytes ${between}`, bestOf('messages/s', rates.messages)),
      row(`relayed frames of ${relayFrameBytes / 1024} KiB ${between}`, bestOf('MB/s', rates.frames)),
    ]
  } finally {
    await server.kill()
  }
}

/** Two who are in one room, of whom one talks to the other. */
interface Pair {
  /** Sends so many, and calls back for each that arrives. */
  send(count: number): void
  onArrived: () => void
  end(): void
}

async function openPairs(server: ServerProcess, as: JoinAs): Promise<readonly Pair[]> {
  return Promise.all(Array.from({ length: pairs }, (_, i) => openPair(server, `pair ${i}`, as)))
}

async function openPair(server: ServerProcess, room: string, as: JoinAs): Promise<Pair> {
  const [from, to] = await Promise.all([enter(server, room, as), enter(server, room, as)])
  const message =
    as === 'peer'
      ? JSON.stringify({ type: 'send', to: to.id, payload: 'x'.repeat(messageBytes) })
      : encodeRelayFrame(to.id, new Uint8Array(relayFrameBytes))
  const pair: Pair = {
    send(count) {
      for (let i = 0; i < count; i++) from.socket.send(message)
    },
    onArrived: () => {},
    end() {
      from.socket.terminate()
      to.socket.terminate()
    },
  }
  to.socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary ? decodeRelayFrame(data) !== null : data.includes('"type":"message"')) pair.onArrived()
  })
  return pair
}

function enter(server: ServerProcess, room: string, as: JoinAs): Promise<{ socket: WebSocket; id: string }> {
  const socket = new WebSocket(server.url)
  socket.once('open', () => socket.send(JSON.stringify({ type: 'join', version: SIGNALING_VERSION, room, as })))
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('message', data => resolve({ socket, id: JSON.parse(data.toString()).id }))
  })
}

/** All pairs at once, each with no more under way than its window. Per second, in all. */
async function passOn(all: readonly Pair[], each: number): Promise<number> {
  const began = performance.now()
  await Promise.all(
    all.map(
      pair =>
        new Promise<void>(resolve => {
          let sent = windowMessages
          let arrived = 0
          pair.onArrived = () => {
            if (++arrived === each) resolve()
            else if (sent < each) {
              sent++
              pair.send(1)
            }
          }
          pair.send(windowMessages)
        }),
    ),
  )
  return (all.length * each * 1_000) / (performance.now() - began)
}

/** How soon thousands are let in, and what each of them costs in memory. */
async function rooms(server: ServerProcess): Promise<readonly Row[]> {
  // Where the system says how much a process has in memory.
  const measurable = process.platform === 'linux'
  const before = measurable ? server.residentBytes() : 0
  const began = performance.now()
  const peers: Attacker[] = []
  while (peers.length < peersInRooms) {
    const wave = Array.from({ length: waveMax }, (_, i) => {
      const room = `room ${Math.floor((peers.length + i) / peersPerRoom)}`
      return new Attacker(server.port, '127.0.0.1').send(handshake, join(room, 'none'))
    })
    peers.push(...wave)
    await Promise.all(wave.map(peer => peer.answered()))
  }
  const ms = performance.now() - began
  const bytes = measurable ? (server.residentBytes() - before) / peersInRooms : null
  for (const peer of peers) peer.end()
  await Promise.all(peers.map(({ closed }) => closed))
  const what = `${peersInRooms} peers in ${peersInRooms / peersPerRoom} rooms of one server process`
  return [
    row(`${what}: until all are in`, medianOf('ms', [ms])),
    ...(bytes === null ? [] : [row(`${what}: memory for each`, medianOf('bytes', [bytes]))]),
  ]
}

function row(load: string, flotilla: Figure): Row {
  return { load, flotilla, floor: null, etcd: null }
}
