import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/** What the server counts, in Prometheus' words. docs/server.md lists what each means. */
export class Metrics {
  readonly registry = new Registry()
  readonly connections = this.#counter('connections_total', 'WebSocket connections accepted')
  readonly joins = this.#counter('joins_total', 'Answers to those who asked to join a room', ['as', 'result'])
  readonly refused = this.#counter('connections_refused_total', 'Connections refused before they were accepted', [
    'reason',
  ])
  readonly ended = this.#counter('connections_ended_total', 'Connections that the server ended', ['reason'])
  readonly messages = this.#counter('messages_total', 'Messages to pass on, from peers')
  readonly messageBytes = this.#counter('message_bytes_total', 'Bytes of these messages')
  readonly relayFrames = this.#counter('relay_frames_total', 'Frames to pass on, from relays')
  readonly relayBytes = this.#counter('relay_bytes_total', 'Bytes of these frames')
  readonly unreachable = this.#counter('unreachable_total', 'Messages and frames whose addressee was not there')
  readonly throttled = this.#counter('throttled_total', 'Times that a connection was not read for a while', ['by'])
  readonly turnCredentials = this.#counter('turn_credentials_total', 'TURN credentials given out')

  /** Of the process as a whole: memory, event loop, garbage collection. Once in a process. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry })
  }

  /** A value that is looked up when somebody asks. */
  gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name: `flotilla_signaling_${name}`,
      help,
      registers: [this.registry],
      collect: () => gauge.set(read()),
    })
  }

  /** As `gauge`, of what only grows. */
  total(name: string, help: string, read: () => number): void {
    const counter: Counter = new Counter({
      name: `flotilla_signaling_${name}`,
      help,
      registers: [this.registry],
      collect: () => {
        counter.reset()
        counter.inc(read())
      },
    })
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[] = []): Counter<Label> {
    return new Counter({ name: `flotilla_signaling_${name}`, help, labelNames, registers: [this.registry] })
  }
}
