import * as Comlink from 'comlink'
import { Links } from '../net/worker/links.ts'
import { linksClock } from './clock.ts'
import { asResult } from './failure.ts'
import { suspend } from './faults.ts'
import { Host } from './host.ts'
import { holdForLife } from './identity.ts'
import { erase, held } from './keeping.ts'
import type { FromHost, HostControl, HostPorts, ToHost } from './protocol.ts'
import { recover } from './recovering.ts'

/** The worker's entry: waits for its ports and wires the host to them. See `protocol.ts`. */
self.addEventListener(
  'message',
  (event: MessageEvent<HostPorts>) => {
    const { control, data, links, door, peer, life } = event.data
    const alive = holdForLife(life).then(() => data.postMessage({ type: 'alive' } satisfies FromHost))
    // Its failure is that of `open`.
    alive.catch(() => {})
    let network: Links | null = null
    const host = new Host({
      post: message => data.postMessage(message),
      door,
      makeLinks: handlers => {
        network = new Links({ ...handlers, peer, port: links, clock: linksClock })
        return network
      },
    })
    data.onmessage = (message: MessageEvent<ToHost>) => host.receive(message.data)
    const surface: HostControl = {
      async open(options) {
        try {
          await alive
        } catch (error) {
          return { ok: false, code: 'LOCKS_UNAVAILABLE', message: String(error) }
        }
        return host.open(options)
      },
      status: () => host.status(),
      metrics: () => host.metrics(),
      stepDown: () => host.stepDown(),
      suspend: async ms => suspend(ms),
      cutLink: async peer => network?.cut(peer),
      mendLink: async peer => network?.mend(peer),
      exportData: goOn => host.exportData(goOn),
      leaveForGood: force => host.leaveForGood(force),
      held: () => asResult(held),
      erase: clusterId => asResult(() => erase(clusterId)),
      recover: (clusterId, successorId) => asResult(() => recover(clusterId, successorId)),
      close: () => host.close(),
    }
    Comlink.expose(surface, control)
  },
  { once: true },
)
