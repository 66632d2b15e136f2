import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * Sockets that are no WebSocket: requests for files, monitoring, and whoever opens one and says nothing. Above this those are closed
 * that have asked for nothing the longest, so however many there are, the next request is heard.
 */
const plainSocketsMax = 1_000
const headersTimeoutMs = 10_000
const requestTimeoutMs = 30_000

/** What is answered at which path. */
export type Routes = ReadonlyMap<string, RequestListener>

export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** An HTTP server that does not listen yet. Without `upgrade` a request for another protocol is one like any other. */
export function createHttp(routes: Routes, otherwise: RequestListener, upgrade?: UpgradeListener): Server {
  const timeouts = { headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs }
  /** The first is the one that has asked for nothing the longest. */
  const plain = new Set<Duplex>()
  const server = createServer(timeouts, (request, response) => {
    if (plain.delete(request.socket)) plain.add(request.socket)
    setSecurityHeaders(response)
    const answer = routes.get(pathOf(request)) ?? otherwise
    answer(request, response)
  })
  const makeRoom = () => {
    for (const socket of plain) {
      if (plain.size <= plainSocketsMax) return
      plain.delete(socket)
      socket.destroy()
    }
  }
  server.on('connection', (socket: Duplex) => {
    plain.add(socket)
    socket.once('close', () => plain.delete(socket))
    // Not before those that came with a thousand others have been read.
    if (plain.size > plainSocketsMax) setImmediate(makeRoom)
  })
  if (upgrade !== undefined) {
    server.on('upgrade', (request, socket, head) => {
      plain.delete(socket)
      upgrade(request, socket, head)
    })
  }
  return server
}

/** Resolves with the port that it is, or rejects with the system's error. */
export async function listen(server: Server, port: number, host: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listening, but not on a TCP port')
  return address.port
}

/** Takes no more connections; resolves when those there were have ended. */
export function stopListening(server: Server): Promise<void> {
  return new Promise(resolve => server.close(() => resolve()))
}

export function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/'
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

/** Cross-origin isolation, so that the page and its worker may share memory. */
function setSecurityHeaders(response: ServerResponse): void {
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Referrer-Policy', 'no-referrer')
}
