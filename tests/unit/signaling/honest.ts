import { WebSocket } from 'ws'
import {
  decodeFromServer,
  decodeRelayFrame,
  encodeRelayFrame,
  type FromServer,
  type JoinAs,
  SIGNALING_VERSION,
  type ToServer,
} from '../../../src/net/signaling-protocol.ts'

const reconnectMs = 100

export interface HonestOptions {
  /** Of servers: where a connection ends, the next is tried. */
  readonly urls: readonly string[]
  readonly room: string
  readonly name: string
  readonly ticket?: string
  /** Which of this machine's addresses to come from. */
  readonly localAddress?: string
}

/** Keeps a connection to one of several servers, in one room, as a tab does. */
abstract class Honest {
  readonly options: HonestOptions
  /** Given by the server; null while not in the room. */
  id: string | null = null
  /** Of the server it is connected to, or tries. */
  url = ''
  readonly #as: JoinAs
  #socket: WebSocket | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #attempts = 0
  #closed = false

  constructor(options: HonestOptions, as: JoinAs) {
    this.options = options
    this.#as = as
  }

  /** Resolves when it is in the room. */
  async open(): Promise<this> {
    await new Promise<void>(resolve => this.#connect(resolve))
    return this
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.terminate()
  }

  protected abstract heard(message: FromServer): void
  protected heardBytes(_bytes: Uint8Array): void {}

  protected say(message: ToServer): void {
    if (this.id !== null) this.#socket?.send(JSON.stringify(message))
  }

  protected sayBytes(bytes: Uint8Array): void {
    if (this.id !== null) this.#socket?.send(bytes)
  }

  #connect(onWelcome?: () => void): void {
    const { urls, room, ticket, localAddress } = this.options
    this.url = urls[this.#attempts++ % urls.length] ?? ''
    const socket = new WebSocket(this.url, localAddress === undefined ? {} : { localAddress })
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('open', () => {
      const join = { type: 'join', version: SIGNALING_VERSION, room, as: this.#as } as const
      socket.send(JSON.stringify(ticket === undefined ? join : { ...join, ticket }))
    })
    socket.on('message', (data, isBinary) => {
      if (isBinary) {
        this.heardBytes(data as Buffer)
        return
      }
      const message = decodeFromServer(data.toString())
      if (message === null) throw new Error(`the server said what nobody understands: ${data}`)
      if (message.type === 'welcome') this.id = message.id
      this.heard(message)
      if (message.type === 'welcome') onWelcome?.()
    })
    socket.on('close', () => {
      this.id = null
      if (!this.#closed) this.#timer = setTimeout(() => this.#connect(onWelcome), reconnectMs)
    })
  }
}

type Word =
  | { readonly kind: 'hello'; readonly name: string; readonly answer: boolean }
  | { readonly kind: 'ask' | 'echo'; readonly n: number }

/** What was asked and not answered yet, by number. */
class Questions {
  readonly #open = new Map<number, () => void>()
  #n = 0

  /** Milliseconds until `answered`, null if it is not called within that time. `send` is given the number of the question. */
  ask(withinMs: number, send: (n: number) => void): Promise<number | null> {
    const n = ++this.#n
    const began = performance.now()
    return new Promise(resolve => {
      const end = (ms: number | null) => {
        clearTimeout(timer)
        this.#open.delete(n)
        resolve(ms)
      }
      const timer = setTimeout(() => end(null), withinMs)
      this.#open.set(n, () => end(performance.now() - began))
      send(n)
    })
  }

  answered(n: number): void {
    this.#open.get(n)?.()
  }
}

/** Greets whoever it is told of, as the mesh does, knows them by the names they give, and echoes what it is asked. */
export class HonestPeer extends Honest {
  readonly #names = new Map<string, string>()
  readonly #questions = new Questions()
  /** Whom the last welcome named. */
  welcomed: readonly string[] = []

  constructor(options: HonestOptions) {
    super(options, 'peer')
  }

  /** Ids of those that greeted and have not left. */
  get known(): readonly string[] {
    return [...this.#names.keys()].sort()
  }

  /** Milliseconds until the echo of one question; null, at once, if that peer is not known or does not answer `withinMs`. */
  ask(name: string, withinMs: number, padding = ''): Promise<number | null> {
    // Whoever came back has a new id, and the last one greeted is the one that lives.
    const to = [...this.#names].findLast(([, known]) => known === name)?.[0]
    if (to === undefined) return Promise.resolve(null)
    return this.#questions.ask(withinMs, n => this.#say(to, { kind: 'ask', n }, padding))
  }

  protected heard(message: FromServer): void {
    switch (message.type) {
      case 'welcome':
        this.#names.clear()
        this.welcomed = message.peers
        this.#greet(message.peers)
        break
      case 'found':
        this.#greet(message.peers)
        break
      case 'left':
        this.#names.delete(message.id)
        break
      case 'unreachable':
        this.#names.delete(message.to)
        break
      case 'message':
        this.#heardWord(message.from, JSON.parse(message.payload))
        break
    }
  }

  #heardWord(from: string, word: Word): void {
    switch (word.kind) {
      case 'hello':
        this.#names.set(from, word.name)
        if (word.answer) this.#say(from, { kind: 'hello', name: this.options.name, answer: false })
        break
      case 'ask':
        this.#say(from, { kind: 'echo', n: word.n })
        break
      case 'echo':
        this.#questions.answered(word.n)
        break
    }
  }

  #greet(ids: readonly string[]): void {
    for (const id of ids) this.#say(id, { kind: 'hello', name: this.options.name, answer: true })
  }

  #say(to: string, word: Word, padding = ''): void {
    this.say({ type: 'send', to, payload: JSON.stringify(padding === '' ? word : { ...word, padding }) })
  }
}

/** Echoes frames; learns from its test whom to send to, as a real one does from sealed messages. */
export class HonestRelay extends Honest {
  readonly #questions = new Questions()

  constructor(options: HonestOptions) {
    super(options, 'relay')
  }

  ask(to: string, withinMs: number, bytes: number): Promise<number | null> {
    return this.#questions.ask(withinMs, n => {
      const payload = Buffer.alloc(Math.max(5, bytes))
      payload.writeUInt32BE(n, 1)
      this.sayBytes(encodeRelayFrame(to, payload))
    })
  }

  protected heard(): void {}

  protected override heardBytes(bytes: Uint8Array): void {
    const frame = decodeRelayFrame(bytes)
    if (frame === null) throw new Error('the server relayed what is no frame')
    const payload = Buffer.from(frame.payload)
    if (payload[0] === 1) {
      this.#questions.answered(payload.readUInt32BE(1))
    } else {
      payload[0] = 1
      this.sayBytes(encodeRelayFrame(frame.id, payload))
    }
  }
}

/** Asks all the time, each question a little after the answer to the one before. What came of them is kept. */
export class Conversation {
  readonly #ask: () => Promise<number | null>
  readonly #pauseMs: number
  #stopped = false
  #done: Promise<void>
  slowestMs = 0
  answered = 0
  unanswered = 0

  constructor(ask: () => Promise<number | null>, pauseMs: number) {
    this.#ask = ask
    this.#pauseMs = pauseMs
    this.#done = this.#talk()
  }

  /** Resolves when the last question is answered or given up. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done
  }

  async #talk(): Promise<void> {
    while (!this.#stopped) {
      const ms = await this.#ask()
      if (ms === null) this.unanswered++
      else {
        this.answered++
        this.slowestMs = Math.max(this.slowestMs, ms)
      }
      await pause(this.#pauseMs)
    }
  }
}

/** The pace of a load, and nothing that a test waits for. */
function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(() => resolve(), ms)
  })
}
