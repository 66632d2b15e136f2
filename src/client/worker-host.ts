import * as Comlink from 'comlink'
import { newPeerName } from '../net/page/peer-name.ts'
import type { FromHost, HostControl, HostPorts } from '../worker/protocol.ts'
import { Connection } from './connection.ts'
import { FlotillaError } from './errors.ts'

/** The worker of one database, as the page holds it. */
export interface WorkerHost {
  readonly connection: Connection
  readonly control: Comlink.Remote<HostControl>
  /** The page's end of the port for data channels. */
  readonly links: MessagePort
  /** This page's random name among its peers. */
  readonly peer: string
  /** Reads 1 when the member may go; null where memory cannot be shared. */
  readonly door: Int32Array | null
  /** Rejects if the worker cannot be loaded. */
  readonly broken: Promise<never>
  terminate(): void
}

export function startWorker(): WorkerHost {
  const control = new MessageChannel()
  const data = new MessageChannel()
  const links = new MessageChannel()
  const memory = globalThis.crossOriginIsolated ? new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) : null
  const peer = newPeerName()
  const worker = createWorker()
  const broken = new Promise<never>((_, reject) => {
    worker.addEventListener('error', event => {
      reject(new FlotillaError('WORKER_UNAVAILABLE', `The worker did not start. ${event.message ?? ''}`.trim()))
    })
  })
  // It may come when nobody waits for it any more.
  broken.catch(() => {})
  const connection = new Connection()
  connection.attach(message => data.port1.postMessage(message))
  data.port1.onmessage = (event: MessageEvent<FromHost>) => receive(connection, event.data)
  const ports: HostPorts = { peer, control: control.port2, data: data.port2, links: links.port2, door: memory }
  worker.postMessage(ports, [control.port2, data.port2, links.port2])
  return {
    connection,
    control: Comlink.wrap<HostControl>(control.port1),
    links: links.port1,
    peer,
    door: memory === null ? null : new Int32Array(memory),
    broken,
    terminate() {
      worker.terminate()
      for (const { port1 } of [control, data, links]) port1.close()
    },
  }
}

function createWorker(): Worker {
  try {
    return new Worker(new URL('../worker/main.ts', import.meta.url), { type: 'module', name: 'flotilla' })
  } catch (cause) {
    // A content security policy may forbid it.
    throw new FlotillaError('WORKER_UNAVAILABLE', 'The browser refused to start the worker.', { cause })
  }
}

/** What cannot be understood must not leave callers waiting for good. */
function receive(connection: Connection, message: FromHost): void {
  try {
    if (message.type === 'failed') connection.fail(new FlotillaError(message.code, message.message))
    else connection.receive(message)
  } catch (cause) {
    connection.fail(new FlotillaError('INTERNAL', `The worker's answer makes no sense: ${cause}`, { cause }))
  }
}
