import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/** What waits in this process for all who read slowly. */
export class SendBuffers {
  readonly #bytesMax: number
  readonly #evenShareBytes: number
  #held = new Set<Duplex>()
  /** Waiting now, for all of them. */
  bytes = 0

  constructor(bytesMax: number, peersMax: number) {
    this.#bytesMax = bytesMax
    this.#evenShareBytes = bytesMax / peersMax
  }

  /** Whether one for whom so much waits is to be cut off for the sake of the others. */
  exceededBy(bytes: number): boolean {
    return this.bytes > this.#bytesMax && bytes > this.#evenShareBytes
  }

  /**
   * What is written to one stream in one turn of the event loop leaves in one call to the system, which is most of what a message
   * costs: when hundreds leave a large room at once, everybody in it is told of all of them together.
   */
  holdForThisTurn(stream: Duplex): void {
    if (this.#held.has(stream)) return
    stream.cork()
    if (this.#held.add(stream).size > 1) return
    setImmediate(() => {
      const held = this.#held
      this.#held = new Set()
      for (const stream of held) stream.uncork()
    })
  }
}

/** What waits for one connection to read. Its memory is ours, so there is a bound. */
export class SendBuffer {
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #all: SendBuffers
  #bytes = 0
  #released = false
  bytesMax: number

  /** `stream` is what `socket` writes to. */
  constructor(socket: WebSocket, stream: Duplex, all: SendBuffers, bytesMax: number) {
    this.#socket = socket
    this.#stream = stream
    this.#all = all
    this.bytesMax = bytesMax
  }

  /** With what ws answers by itself, the pongs, which nobody else counts. */
  get isFull(): boolean {
    return this.#socket.bufferedAmount > this.bytesMax
  }

  /** `full`: the connection is to be cut off; nothing more can be kept for it. */
  write(data: string | Uint8Array): 'written' | 'closed' | 'full' {
    if (this.#released || this.#socket.readyState !== this.#socket.OPEN) return 'closed'
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length
    this.#count(bytes)
    this.#all.holdForThisTurn(this.#stream)
    this.#socket.send(data, () => {
      if (!this.#released) this.#count(-bytes)
    })
    return this.#bytes > this.bytesMax || this.#all.exceededBy(this.#bytes) ? 'full' : 'written'
  }

  /** The connection is closed, and what waited is gone. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#all.bytes -= this.#bytes
    this.#bytes = 0
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#all.bytes += bytes
  }
}
