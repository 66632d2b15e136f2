import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'
import { SIGNALING_PATH, signalingFrameBytesMax } from '../src/net/signaling-protocol.ts'
import { Connection } from './connection.ts'
import { Rooms, serverPeersMax } from './rooms.ts'
import { notFound, serveApp } from './static.ts'

const livenessIntervalMs = 15_000
/** Room for those who have yet to join, or are being told that there is no place. */
const connectionsMax = serverPeersMax + 1_000

export interface ServerOptions {
  /** 0 lets the system choose. */
  readonly port: number
  readonly host: string
  /** The built app; without it only signaling is served. */
  readonly staticDir?: string
  /** A peer that has not answered for two of these is announced as left. */
  readonly livenessIntervalMs?: number
}

export interface RunningServer {
  readonly port: number
  /** Ends all connections and frees the port. */
  close(): Promise<void>
}

/**
 * Starts the one process that a deployment needs: the app, `/healthz` and signaling on one port.
 * Rejects with the system's error (`code: 'EADDRINUSE'`, ...) when it cannot listen.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const rooms = new Rooms()
  const connections = new Set<Connection>()
  const startedAt = performance.now()
  const app: RequestListener = options.staticDir === undefined ? notFound : serveApp(options.staticDir)

  const http = createServer((request, response) => {
    setSecurityHeaders(response)
    if (pathOf(request) === '/healthz') {
      const uptimeSeconds = Math.floor((performance.now() - startedAt) / 1000)
      const health = { ok: true, rooms: rooms.roomCount, peers: rooms.peerCount, uptimeSeconds }
      response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
      response.end(`${JSON.stringify(health)}\n`)
      return
    }
    app(request, response)
  })

  const sockets = new WebSocketServer({ noServer: true, maxPayload: signalingFrameBytesMax })
  http.on('upgrade', (request, socket, head) => {
    if (pathOf(request) !== SIGNALING_PATH || connections.size >= connectionsMax) {
      socket.destroy()
      return
    }
    sockets.handleUpgrade(request, socket, head, webSocket => {
      const connection = new Connection(webSocket, rooms)
      connections.add(connection)
      webSocket.on('close', () => connections.delete(connection))
    })
  })

  const liveness = setInterval(() => {
    for (const connection of connections) connection.checkLiveness()
  }, options.livenessIntervalMs ?? livenessIntervalMs)

  try {
    await new Promise<void>((resolve, reject) => {
      http.once('error', reject)
      http.listen(options.port, options.host, resolve)
    })
  } catch (error) {
    clearInterval(liveness)
    throw error
  }

  const address = http.address()
  if (address === null || typeof address === 'string') throw new Error('listening, but not on a TCP port')
  return {
    port: address.port,
    close: () => {
      clearInterval(liveness)
      for (const socket of sockets.clients) socket.terminate()
      return new Promise<void>(resolve => {
        http.close(() => resolve())
        http.closeAllConnections()
      })
    },
  }
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
