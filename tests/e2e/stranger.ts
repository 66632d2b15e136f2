import { WebSocket } from 'ws'
import { newInvite } from '../../src/client/invite.ts'
import { sealKeys } from '../../src/net/page/keys.ts'
import { type PeerSignal, readPeerSignal } from '../../src/net/page/peer-signal.ts'
import { Seal } from '../../src/net/page/seal.ts'
import {
  decodeFromServer,
  type FromServer,
  SIGNALING_PATH,
  SIGNALING_VERSION,
  type ToServer,
} from '../../src/net/signaling-protocol.ts'

const forgeEveryMs = 50
/** As one that leaves and comes back under another id. */
const rejoinEveryMs = 1_500

export interface Heard {
  readonly from: string
  readonly payload: string
}

/**
 * One that knows the server and a room's name, and has no invite to it. Keeps all it hears; passes that on to everybody, as it is and
 * changed; greets and makes offers, in the clear and under a secret of its own; comes and goes.
 */
export class Stranger {
  /** What members of the room said to it. */
  readonly heard: Heard[] = []
  /** What reached it of the doings of its fellows, which proves that the server carries them. */
  fromFellows = 0
  sent = 0
  readonly #url: string
  readonly #room: string
  readonly #fellows: Set<string>
  readonly #seal: Seal
  readonly #peers = new Set<string>()
  readonly #timers: ReturnType<typeof setInterval>[] = []
  #socket: WebSocket | null = null
  #id = ''
  #gone = false

  private constructor(server: string, room: string, fellows: Set<string>, seal: Seal) {
    this.#url = new URL(SIGNALING_PATH, server).href.replace('http', 'ws')
    this.#room = room
    this.#fellows = fellows
    this.#seal = seal
  }

  /** `fellows`: ids of those who are not members; shared by all strangers. Resolves when it is in the room. */
  static async join(server: string, room: string, fellows: Set<string>): Promise<Stranger> {
    const seal = Seal.create(await sealKeys(newInvite()), 'stranger')
    const stranger = new Stranger(server, room, fellows, seal)
    await stranger.#join()
    stranger.#timers.push(setInterval(() => stranger.#forge(), forgeEveryMs))
    stranger.#timers.push(setInterval(() => stranger.#socket?.close(), rejoinEveryMs))
    return stranger
  }

  leave(): void {
    this.#gone = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#socket?.close()
  }

  #join(): Promise<void> {
    const socket = new WebSocket(this.#url)
    this.#socket = socket
    socket.onopen = () => this.#say({ type: 'join', version: SIGNALING_VERSION, room: this.#room, as: 'peer' })
    return new Promise((resolve, reject) => {
      socket.onerror = () => reject(new Error('the server is not there'))
      socket.onmessage = ({ data }) => {
        const message = decodeFromServer(data)
        if (message?.type === 'welcome') resolve()
        if (message !== null) this.#react(message)
      }
      socket.onclose = () => {
        this.#peers.clear()
        // To be cut off by the server is one more way to leave.
        if (!this.#gone) this.#join().catch(() => {})
      }
    })
  }

  #react(message: FromServer): void {
    switch (message.type) {
      case 'welcome':
        this.#id = message.id
        this.#fellows.add(message.id)
        for (const id of message.peers) this.#peers.add(id)
        break
      case 'left':
        this.#peers.delete(message.id)
        break
      case 'message':
        this.#heard(message)
        break
    }
  }

  #heard({ from, payload }: Heard): void {
    // Who came later is known from what it says.
    this.#peers.add(from)
    if (this.#fellows.has(from)) {
      this.fromFellows++
      return
    }
    this.heard.push({ from, payload })
    const middle = payload.length >> 1
    const other = payload[middle] === 'A' ? 'B' : 'A'
    this.#sendAll(payload)
    this.#sendAll(payload.slice(0, middle) + other + payload.slice(middle + 1))
    this.#sendAll(payload.slice(0, middle))
  }

  /** One thing after the other, and what was heard longest ago again. */
  async #forge(): Promise<void> {
    const greeting = { kind: 'greet', peer: 'stranger', answer: true, direct: true, relay: true, others: [] }
    const offer = { kind: 'signal', attempt: 1, data: { type: 'offer', sdp: 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n' } }
    switch (this.sent % 4) {
      case 0:
        this.#sendAll(JSON.stringify(greeting))
        this.#sendAll(JSON.stringify(offer))
        break
      case 1:
        this.#sendAll(await this.#sealed(null, greeting))
        break
      case 2:
        this.#sendAll(await this.#sealed('anybody', offer))
        break
      case 3: {
        const [oldest] = this.heard.splice(0, 1)
        if (oldest === undefined) break
        this.heard.push(oldest)
        this.#sendAll(oldest.payload)
        break
      }
    }
    this.sent++
  }

  #sealed(to: string | null, said: unknown): Promise<string> {
    const signal: PeerSignal | null = readPeerSignal(said)
    if (signal === null) throw new Error('a stranger keeps to the form')
    return this.#seal.seal(to, signal, this.#id)
  }

  #sendAll(payload: string): void {
    for (const to of this.#peers) this.#say({ type: 'send', to, payload })
  }

  #say(message: ToServer): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message))
  }
}
