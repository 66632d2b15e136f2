import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { PreviewServer, ViteDevServer } from 'vite'
import { SIGNALING_PATH } from '../src/net/signaling-protocol.ts'
import { pathOf } from './http.ts'
import { type SignalingOptions, SignalingService } from './service.ts'

/**
 * Signaling beside the development server and the preview, at `/signal` of the same address, so that neither needs a second
 * process: `plugins: [flotillaSignaling()]`. Does nothing in a build. Without limits by address, as one developer opens many tabs and
 * reloads them all at once.
 */
export function flotillaSignaling(options: SignalingOptions = {}) {
  const serve = ({ httpServer }: Pick<ViteDevServer | PreviewServer, 'httpServer'>) => {
    // In middleware mode the server is the application's own, and so is what it listens to.
    if (httpServer === null) return
    const service = new SignalingService({ ...options, limits: { ...noRates, ...options.limits } })
    httpServer.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // All else is Vite's own.
      if (pathOf(request) === SIGNALING_PATH) service.upgrade(request, socket, head)
    })
    httpServer.on('close', () => service.close())
  }
  return { name: 'flotilla-signaling', apply: 'serve' as const, configureServer: serve, configurePreviewServer: serve }
}

const noRates = {
  addressConnectionsMax: 0,
  addressConnectsPerSecond: 0,
  addressFramesPerSecond: 0,
  addressBytesPerSecond: 0,
}
