import type { RequestListener } from 'node:http'
import { SIGNALING_PATH } from '../src/net/signaling-protocol.ts'
import { createHttp, listen, pathOf, type Routes, stopListening } from './http.ts'
import { refuseUpgrade, type SignalingOptions, SignalingService } from './service.ts'
import { notFound, serveApp } from './static.ts'

export interface ServerOptions extends SignalingOptions {
  /** 0 lets the system choose. */
  readonly port: number
  readonly host: string
  /** The built app; without it only signaling is served. */
  readonly staticDir?: string
  /** Where `/metrics` is: with everything else if not given, nowhere if null, on a port of its own if given. */
  readonly metricsPort?: number | null
  /** Whether the metrics tell of memory and event loop, too. Only once in a process. */
  readonly processMetrics?: boolean
}

export interface RunningServer {
  readonly port: number
  /** 0 if the metrics have no port of their own. */
  readonly metricsPort: number
  /** Admits nobody new, tells all who are here to connect elsewhere, and closes when they have or after `withinMs`. */
  drain(withinMs: number): Promise<void>
  /** Ends all connections and frees the port. */
  close(): Promise<void>
}

/**
 * Starts the one process that a deployment needs: the app, `/healthz`, `/metrics` and signaling on one port.
 * Rejects with the system's error (`code: 'EADDRINUSE'`, ...) when it cannot listen.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, staticDir, metricsPort: metricsAt } = options
  const service = new SignalingService(options)
  if (options.processMetrics) service.metrics.collectProcess()

  const health = ['/healthz', answerHealth(service)] as const
  const metrics = ['/metrics', answerMetrics(service)] as const
  const routes: Routes = new Map(metricsAt === undefined ? [health, metrics] : [health])
  const app = staticDir === undefined ? notFound : serveApp(staticDir)
  const http = createHttp(routes, app, (request, socket, head) => {
    if (pathOf(request) === SIGNALING_PATH) service.upgrade(request, socket, head)
    else refuseUpgrade(socket, '404 Not Found')
  })
  const servers = [http]
  const stop = async (endService: () => Promise<void>) => {
    const stopped = servers.map(stopListening)
    await endService()
    for (const server of servers) server.closeAllConnections()
    await Promise.all(stopped)
  }

  try {
    const port = await listen(http, options.port, host)
    let metricsPort = 0
    if (typeof metricsAt === 'number') {
      const apart = createHttp(new Map([health, metrics]), notFound)
      metricsPort = await listen(apart, metricsAt, host)
      servers.push(apart)
    }
    return {
      port,
      metricsPort,
      drain: withinMs => stop(() => service.drain(withinMs)),
      close: () => stop(() => service.close()),
    }
  } catch (error) {
    await stop(() => service.close())
    throw error
  }
}

function answerHealth(service: SignalingService): RequestListener {
  const startedAt = performance.now()
  return (_request, response) => {
    const { health } = service
    const uptimeSeconds = Math.floor((performance.now() - startedAt) / 1000)
    response.writeHead(health.ok ? 200 : 503, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    response.end(`${JSON.stringify({ ...health, uptimeSeconds })}\n`)
  }
}

function answerMetrics({ metrics: { registry } }: SignalingService): RequestListener {
  return async (_request, response) => {
    const text = await registry.metrics()
    response.writeHead(200, { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' })
    response.end(text)
  }
}
