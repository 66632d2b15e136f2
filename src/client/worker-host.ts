import * as Comlink from 'comlink'
import { newPeerName } from '../net/page/peer-name.ts'
import type { TabRole } from '../replica/types.ts'
import type { FromHost, HostControl, HostPorts, ToHost } from '../worker/protocol.ts'
import { sharedMemory } from './environment.ts'
import { FlotillaError } from './errors.ts'

/** One worker and its ports, as the page holds them. */
export interface WorkerHost {
  readonly control: HostControl
  readonly post: (message: ToHost) => void
  /** The page's end of the port for data channels. */
  readonly links: MessagePort
  /** This worker's random name among its peers. */
  readonly peer: string
  /** Reads 1 when the member may go; null where memory cannot be shared. */
  readonly door: Int32Array | null
  /** Rejects if the worker cannot be loaded, or when it ends without having been told to. */
  readonly ended: Promise<never>
  /** Ends the worker, for `ended` to tell: as if it had ended by itself. */
  crash(): void
  terminate(): void
}

/** `receive` is given what the worker says about its member; `role` is that of the invite, if others are to hear of it. */
export function startWorker(
  receive: (message: Exclude<FromHost, { type: 'alive' }>) => void,
  role: TabRole = 'editor',
): WorkerHost {
  const control = new MessageChannel()
  const data = new MessageChannel()
  const links = new MessageChannel()
  const memory = sharedMemory(Int32Array.BYTES_PER_ELEMENT)
  const peer = newPeerName(role)
  const life = `flotilla/worker/${peer}`
  const worker = createWorker()
  const terminated = new AbortController()
  let onAlive = () => {}
  const alive = new Promise<void>(resolve => {
    onAlive = resolve
  })
  const ended = new Promise<never>((_, reject) => {
    worker.addEventListener('error', event => {
      reject(new FlotillaError('WORKER_UNAVAILABLE', `The worker did not start. ${event.message ?? ''}`.trim()))
    })
    const { signal } = terminated
    alive.then(() => {
      // No event tells that a worker has ended. The lock it holds for its life falls free at once.
      const onFree = () => reject(new FlotillaError('WORKER_UNAVAILABLE', 'The worker ended.'))
      navigator.locks.request(life, { signal }, onFree).catch(() => {})
    })
  })
  // It may come when nobody waits for it.
  ended.catch(() => {})
  data.port1.onmessage = ({ data: message }: MessageEvent<FromHost>) => {
    if (message.type === 'alive') onAlive()
    else receive(message)
  }
  const ports: HostPorts = { peer, life, control: control.port2, data: data.port2, links: links.port2, door: memory }
  worker.postMessage(ports, [control.port2, data.port2, links.port2])
  return {
    control: Comlink.wrap<HostControl>(control.port1),
    post: message => data.port1.postMessage(message),
    links: links.port1,
    peer,
    door: memory === null ? null : new Int32Array(memory),
    ended,
    crash() {
      // Before it holds its life nothing would tell.
      alive.then(() => worker.terminate())
    },
    terminate() {
      terminated.abort()
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
