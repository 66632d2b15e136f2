import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import sirv from 'sirv'

/**
 * Serves the built app. sirv lists `directory` once and answers only for what it found, so no path can lead out of
 * it; it knows types, ETags and ranges, and gives the page itself for every path without an extension.
 */
export function serveApp(directory: string): RequestListener {
  const serve = sirv(directory, { single: true, etag: true, setHeaders: setCacheControl })
  return (request, response) => {
    serve(request, response, () => notFound(request, response))
  }
}

/** Vite puts a content hash into every name under /assets/, so these never change; all else must be asked for anew. */
function setCacheControl(response: ServerResponse, pathname: string): void {
  const hashed = pathname.startsWith('/assets/')
  response.setHeader('Cache-Control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache')
}

export function notFound(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('Not found\n')
}
