import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { SIGNALING_PATH, SIGNALING_VERSION, type ToServer } from '../../../src/net/signaling-protocol.ts'

/** RFC 6455, 5.2. */
export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** Answers come early. What comes later, and there can be much, is read and forgotten. */
const heardCharsMax = 64 * 1024

/** What a browser sends to open a WebSocket. */
export const handshake = Buffer.from(
  `GET ${SIGNALING_PATH} HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
)

interface FrameOptions {
  readonly fin?: boolean
  readonly masked?: boolean
  readonly reserved?: number
  /** What the header says, if it is not true. */
  readonly length?: bigint
}

/** One WebSocket frame, as wrong as it is asked for. Its mask is zero, so that it can be read. */
export function frame(opcode: number, payload: Uint8Array | string, options: FrameOptions = {}): Buffer {
  const { fin = true, masked = true, reserved = 0 } = options
  const body = Buffer.from(payload as string)
  const length = options.length ?? BigInt(body.length)
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  const mask = masked ? 0x80 : 0
  const head =
    length < 126n
      ? Buffer.of(first, mask | Number(length))
      : length < 65_536n
        ? Buffer.of(first, mask | 126, 0, 0)
        : Buffer.of(first, mask | 127, 0, 0, 0, 0, 0, 0, 0, 0)
  if (head.length === 4) head.writeUInt16BE(Number(length), 2)
  if (head.length === 10) head.writeBigUInt64BE(length, 2)
  return Buffer.concat([head, masked ? Buffer.alloc(4) : Buffer.alloc(0), body])
}

export function say(message: ToServer): Buffer {
  return frame(opcodes.text, JSON.stringify(message))
}

export function join(room: string, ticket: string, as: 'peer' | 'relay' = 'peer'): Buffer {
  return say({ type: 'join', version: SIGNALING_VERSION, room, as, ticket })
}

/** One TCP connection that says what it is told to and keeps to no rule. */
export class Attacker {
  readonly socket: Socket
  /** What the server said first. */
  heard = ''
  /** The server has ended it, or both have. */
  readonly closed: Promise<this>
  #waiting: (() => void)[] = []

  constructor(port: number, localAddress: string) {
    this.socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
    this.socket.on('error', () => {})
    this.socket.on('data', chunk => {
      if (this.heard.length < heardCharsMax) this.heard += chunk.toString('latin1')
      // An empty ping, which is how the server asks who is alive.
      if (chunk.includes(Buffer.of(0x89, 0))) this.send(frame(opcodes.pong, ''))
      this.#wake()
    })
    this.closed = new Promise(resolve => {
      this.socket.once('close', () => {
        this.#wake()
        resolve(this)
      })
    })
  }

  send(...parts: readonly Uint8Array[]): this {
    if (!this.socket.writable) return this
    this.socket.cork()
    for (const part of parts) this.socket.write(part)
    this.socket.uncork()
    return this
  }

  /** The same again and again, as fast as it is taken, until one of both ends it. */
  flood(bytes: Uint8Array): this {
    const more = () => {
      while (this.socket.writable && this.socket.write(bytes)) {
        // Until what waits is as much as the system likes.
      }
    }
    this.socket.on('drain', more)
    more()
    return this
  }

  /** Resolves when it has heard this, or can hear no more. */
  async hears(text: string): Promise<this> {
    while (!this.heard.includes(text) && !this.socket.closed) {
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
    return this
  }

  /** In the room, or refused. */
  async answered(): Promise<'welcome' | 'refused'> {
    while (!/"type":"(welcome|error)"/.test(this.heard) && !this.socket.closed) {
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
    return this.heard.includes('"type":"welcome"') ? 'welcome' : 'refused'
  }

  /** The id that the server gave it. */
  get id(): string {
    return /"type":"welcome","id":"([^"]+)"/.exec(this.heard)?.[1] ?? ''
  }

  end(): void {
    this.socket.destroy()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** The nth of the addresses that attackers come from. All of 127.0.0.0/8 is this machine, on Linux. */
export function addressOf(n: number): string {
  return `127.1.${Math.floor(n / 250)}.${1 + (n % 250)}`
}
