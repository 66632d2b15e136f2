import { Client, type ClientDuplexStream, credentials, type ServiceError, status } from '@grpc/grpc-js'
import type { Message, Method, Protocol, UnaryMethod } from './protocol.ts'

/** What a server answered: a message, or a gRPC error. */
export type Answer =
  | { readonly ok: true; readonly response: Message }
  | { readonly ok: false; readonly code: number; readonly message: string }

/** One gRPC stream of the watch service. */
export interface WatchStream {
  send(request: Message): void
  /** Ends it, from this side and without a word. */
  cancel(): void
}

/** A server under comparison. */
export interface Endpoint {
  readonly name: string
  call(method: UnaryMethod, request: Message): Promise<Answer>
  keepAlive(request: Message): Promise<Answer>
  /** `onEnd` is called if the server ends the stream, with the reason. */
  openWatch(onMessage: (message: Message) => void, onEnd: (reason: Answer) => void): WatchStream
  close(): void
}

/** Nothing that is asked here takes longer on a server that works. */
const callMsMax = 20_000
const reconnectMs = 50

export class GrpcEndpoint implements Endpoint {
  readonly name: string
  readonly #client: Client
  readonly #protocol: Protocol
  #renewals: Renewals | null = null

  constructor(name: string, address: string, protocol: Protocol) {
    this.name = name
    this.#protocol = protocol
    this.#client = new Client(address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      // Each endpoint a connection of its own, however many there are to one address.
      'grpc.use_local_subchannel_pool': 1,
      // A server that is just starting is soon there.
      'grpc.initial_reconnect_backoff_ms': reconnectMs,
      'grpc.max_reconnect_backoff_ms': reconnectMs,
    })
  }

  call(method: UnaryMethod, request: Message): Promise<Answer> {
    const { path, serialize, deserialize } = this.#protocol.unary[method]
    return new Promise(resolve => {
      const options = { deadline: Date.now() + callMsMax }
      this.#client.makeUnaryRequest(path, serialize, deserialize, request, options, (error, response) => {
        if (error !== null) resolve(failure(error))
        else resolve(response === undefined ? noAnswer : { ok: true, response })
      })
    })
  }

  keepAlive(request: Message): Promise<Answer> {
    if (this.#renewals === null || this.#renewals.ended) {
      this.#renewals = new Renewals(this.#open(this.#protocol.keepAlive))
    }
    return this.#renewals.ask(request)
  }

  openWatch(onMessage: (message: Message) => void, onEnd: (reason: Answer) => void): WatchStream {
    const stream = this.#open(this.#protocol.watch)
    let canceled = false
    stream.on('data', onMessage)
    stream.on('error', error => canceled || onEnd(failure(error)))
    stream.on('end', () => canceled || onEnd(noAnswer))
    return {
      send: request => stream.write(request),
      cancel() {
        canceled = true
        stream.cancel()
      },
    }
  }

  /** Whether a connection comes about in time. */
  isReachable(msMax: number): Promise<boolean> {
    return new Promise(resolve => {
      this.#client.waitForReady(Date.now() + msMax, error => resolve(error === undefined || error === null))
    })
  }

  close(): void {
    this.#renewals?.close()
    this.#client.close()
  }

  #open({ path, serialize, deserialize }: Method): ClientDuplexStream<Message, Message> {
    return this.#client.makeBidiStreamRequest(path, serialize, deserialize)
  }
}

/** The keepalive stream: answers come in the order of the questions. */
class Renewals {
  readonly #stream: ClientDuplexStream<Message, Message>
  readonly #waiting: ((answer: Answer) => void)[] = []
  ended = false

  constructor(stream: ClientDuplexStream<Message, Message>) {
    this.#stream = stream
    stream.on('data', response => this.#waiting.shift()?.({ ok: true, response }))
    stream.on('error', error => this.#end(failure(error)))
    stream.on('end', () => this.#end(noAnswer))
  }

  ask(request: Message): Promise<Answer> {
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      this.#stream.write(request)
    })
  }

  close(): void {
    this.#stream.cancel()
  }

  #end(reason: Answer): void {
    this.ended = true
    for (const resolve of this.#waiting.splice(0)) resolve(reason)
  }
}

const noAnswer: Answer = { ok: false, code: status.OK, message: 'ended without an answer' }

function failure(error: Error | ServiceError): Answer {
  if ('code' in error) return { ok: false, code: error.code, message: error.details }
  return { ok: false, code: status.UNKNOWN, message: error.message }
}
