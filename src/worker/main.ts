import * as Comlink from 'comlink'
import { Links } from '../net/worker/links.ts'
import { linksClock } from './clock.ts'
import { Host } from './host.ts'
import type { HostControl, HostPorts, ToHost } from './protocol.ts'

/** The worker's entry: waits for its ports and wires the host to them. See `protocol.ts`. */
self.addEventListener(
  'message',
  (event: MessageEvent<HostPorts>) => {
    const { control, data, links, door, peer } = event.data
    const host = new Host({
      post: message => data.postMessage(message),
      door,
      makeLinks: handlers => new Links({ ...handlers, peer, port: links, clock: linksClock }),
    })
    data.onmessage = (message: MessageEvent<ToHost>) => host.receive(message.data)
    const surface: HostControl = {
      open: options => host.open(options),
      status: () => host.status(),
      metrics: () => host.metrics(),
      close: () => host.close(),
    }
    Comlink.expose(surface, control)
  },
  { once: true },
)
