import { WebSocket } from 'ws'
import {
  type FromServer,
  SIGNALING_PATH,
  SIGNALING_VERSION,
  type ToServer,
} from '../../../src/net/signaling-protocol.ts'

/** A bare client over a real socket: what the server said, in order, and nothing done on its own. */
export class TestClient {
  readonly socket: WebSocket
  readonly closed: Promise<{ code: number }>
  readonly #heard: FromServer[] = []
  #waiting: (() => void)[] = []

  constructor(port: number, options: { autoPong?: boolean } = {}) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${SIGNALING_PATH}`, options)
    this.socket.on('message', data => {
      this.#heard.push(JSON.parse(data.toString()))
      this.#wake()
    })
    this.closed = new Promise(resolve => {
      this.socket.on('close', code => {
        resolve({ code })
        this.#wake()
      })
    })
  }

  static async open(port: number, options?: { autoPong?: boolean }): Promise<TestClient> {
    const client = new TestClient(port, options)
    await new Promise((resolve, reject) => client.socket.once('open', resolve).once('error', reject))
    return client
  }

  /** Opens and joins; gives the client and the id the server gave it. */
  static async join(port: number, room: string, options?: { autoPong?: boolean }) {
    const client = await TestClient.open(port, options)
    client.send({ type: 'join', version: SIGNALING_VERSION, room, as: 'peer' })
    const welcome = await client.next()
    if (welcome.type !== 'welcome') throw new Error(`not welcome: ${JSON.stringify(welcome)}`)
    return { client, id: welcome.id, peers: welcome.peers }
  }

  send(message: ToServer): void {
    this.socket.send(JSON.stringify(message))
  }

  /** The next thing the server says. */
  async next(): Promise<FromServer> {
    for (;;) {
      const message = this.#heard.shift()
      if (message !== undefined) return message
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error('closed, nothing more to hear')
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  /** Proves that the connection still works, and that the server said nothing else before. */
  async expectAlive(): Promise<void> {
    this.send({ type: 'ping' })
    const answer = await this.next()
    if (answer.type !== 'pong') throw new Error(`expected a pong, heard ${JSON.stringify(answer)}`)
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
