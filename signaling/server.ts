import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { SIGNALING_PATH } from '../src/net/signaling-protocol.ts'
import { refuseUpgrade, type SignalingOptions, SignalingService } from './service.ts'
import { notFound, serveApp } from './static.ts'

/**
 * Sockets that are no WebSocket: requests for files, monitoring, and whoever opens one and says nothing. Above this the oldest is
 * closed, so however many there are, the next request is heard.
 */
const plainSocketsMax = 1_000
const headersTimeoutMs = 10_000
const requestTimeoutMs = 30_000

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
  const service = new SignalingService(options)
  if (options.processMetrics) service.metrics.collectProcess()
  const startedAt = performance.now()
  const app: RequestListener = options.staticDir === undefined ? notFound : serveApp(options.staticDir)
  const metricsApart = options.metricsPort !== undefined
  const uptimeSeconds = () => Math.floor((performance.now() - startedAt) / 1000)

  const answer: RequestListener = (request, response) => {
    switch (pathOf(request)) {
      case '/healthz':
        return answerHealth(response, service, uptimeSeconds())
      case '/metrics':
        if (!metricsApart) return answerMetrics(response, service)
    }
    app(request, response)
  }
  const http = createListener(answer, (request, socket, head) => {
    if (pathOf(request) === SIGNALING_PATH) service.upgrade(request, socket, head)
    else refuseUpgrade(socket, '404 Not Found')
  })
  const servers = [http]

  try {
    const port = await listen(http, options.port, options.host)
    let metricsPort = 0
    if (options.metricsPort !== undefined && options.metricsPort !== null) {
      const apart = createListener((request, response) => {
        if (pathOf(request) === '/metrics') answerMetrics(response, service)
        else if (pathOf(request) === '/healthz') answerHealth(response, service, uptimeSeconds())
        else notFound(request, response)
      })
      metricsPort = await listen(apart, options.metricsPort, options.host)
      servers.push(apart)
    }
    return {
      port,
      metricsPort,
      async drain(withinMs) {
        const stopped = servers.map(stopListening)
        await service.drain(withinMs)
        for (const server of servers) server.closeAllConnections()
        await Promise.all(stopped)
      },
      async close() {
        const stopped = servers.map(stopListening)
        for (const server of servers) server.closeAllConnections()
        await service.close()
        await Promise.all(stopped)
      },
    }
  } catch (error) {
    await Promise.all([...servers.map(stopListening), service.close()])
    throw error
  }
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

function createListener(answer: RequestListener, upgrade?: UpgradeListener): Server {
  const plain = new Set<Duplex>()
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs },
    (request, response) => {
      setSecurityHeaders(response)
      answer(request, response)
    },
  )
  server.on('connection', (socket: Duplex) => {
    plain.add(socket)
    socket.once('close', () => plain.delete(socket))
    const [oldest] = plain
    if (plain.size > plainSocketsMax) oldest?.destroy()
  })
  if (upgrade !== undefined) {
    server.on('upgrade', (request, socket, head) => {
      plain.delete(socket)
      upgrade(request, socket, head)
    })
  }
  return server
}

/** The port that it is. */
async function listen(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listening, but not on a TCP port')
  return address.port
}

function stopListening(server: Server): Promise<void> {
  return new Promise(resolve => server.close(() => resolve()))
}

function answerHealth(response: ServerResponse, { health }: SignalingService, uptimeSeconds: number): void {
  response.writeHead(health.ok ? 200 : 503, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(`${JSON.stringify({ ...health, uptimeSeconds })}\n`)
}

async function answerMetrics(response: ServerResponse, { metrics: { registry } }: SignalingService): Promise<void> {
  const text = await registry.metrics()
  response.writeHead(200, { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' })
  response.end(text)
}

/** Cross-origin isolation, so that the page and its worker may share memory. */
function setSecurityHeaders(response: ServerResponse): void {
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Referrer-Policy', 'no-referrer')
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/'
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}
