import { WebSocket } from 'ws'
import {
  decodeRelayFrame,
  encodeRelayFrame,
  type FromServer,
  type JoinAs,
  SIGNALING_PATH,
  SIGNALING_VERSION,
  type ToServer,
} from '../../../src/net/signaling-protocol.ts'

export interface TestClientOptions {
  readonly autoPong?: boolean
  readonly origin?: string
  readonly headers?: Record<string, string>
  readonly as?: JoinAs
  readonly ticket?: string
}

/** A bare client over a real socket: what the server said, in order, and nothing done on its own. */
export class TestClient {
  readonly socket: WebSocket
  readonly closed: Promise<{ code: number }>
  readonly #heard: FromServer[] = []
  readonly #frames: Uint8Array[] = []
  #waiting: (() => void)[] = []

  constructor(port: number, options: TestClientOptions = {}) {
    const { autoPong = true, origin, headers = {} } = options
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${SIGNALING_PATH}`, {
      autoPong,
      headers,
      ...(origin === undefined ? {} : { origin }),
    })
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#frames.push(data)
      else this.#heard.push(JSON.parse(data.toString()))
      this.#wake()
    })
    this.closed = new Promise(resolve => {
      this.socket.on('close', code => {
        resolve({ code })
        this.#wake()
      })
    })
  }

  static async open(port: number, options?: TestClientOptions): Promise<TestClient> {
    const client = new TestClient(port, options)
    await new Promise((resolve, reject) => client.socket.once('open', resolve).once('error', reject))
    return client
  }

  /** Opens and joins; gives the client and what the server welcomed it with. */
  static async join(port: number, room: string, options: TestClientOptions = {}) {
    const client = await TestClient.open(port, options)
    client.askToJoin(room, options)
    const welcome = await client.next()
    if (welcome.type !== 'welcome') throw new Error(`not welcome: ${JSON.stringify(welcome)}`)
    return { client, id: welcome.id, peers: welcome.peers, turn: welcome.turn }
  }

  askToJoin(room: string, { as = 'peer', ticket }: TestClientOptions = {}): void {
    this.send({ type: 'join', version: SIGNALING_VERSION, room, as, ...(ticket === undefined ? {} : { ticket }) })
  }

  send(message: ToServer): void {
    this.socket.send(JSON.stringify(message))
  }

  sendRelayed(to: string, payload: Uint8Array): void {
    this.socket.send(encodeRelayFrame(to, payload))
  }

  /** The next thing the server says. */
  next(): Promise<FromServer> {
    return this.#take(this.#heard)
  }

  /** The next relayed frame. */
  async nextFrame(): Promise<{ id: string; payload: Uint8Array }> {
    const frame = decodeRelayFrame(await this.#take(this.#frames))
    if (frame === null) throw new Error('not a relay frame')
    return { id: frame.id, payload: new Uint8Array(frame.payload) }
  }

  /** Proves that the connection still works, and that the server said nothing else before. */
  async expectAlive(): Promise<void> {
    this.send({ type: 'ping' })
    const answer = await this.next()
    if (answer.type !== 'pong') throw new Error(`expected a pong, heard ${JSON.stringify(answer)}`)
  }

  async #take<Heard>(queue: Heard[]): Promise<Heard> {
    for (;;) {
      const first = queue.shift()
      if (first !== undefined) return first
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error('closed, nothing more to hear')
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
