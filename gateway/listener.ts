import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { AuthorityRepair } from './authority.ts'

/** A port that is listened on, and who is connected to it. */
export interface Listener {
  readonly port: number
  close(): void
}

/** Rejects with the system's error if the port cannot be listened on. */
export async function listen(host: string, port: number, accept: (connection: Socket) => void): Promise<Listener> {
  const sockets = new Set<Socket>()
  const server: Server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    accept(socket)
  })
  server.listen({ host, port })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listening, but not on a TCP port')
  return {
    port: address.port,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** A connection in plain text, its client's mistake repaired on the way in. */
export class PlainConnection extends Duplex {
  readonly #socket: Socket

  constructor(socket: Socket) {
    super()
    this.#socket = socket
    const repair = new AuthorityRepair()
    socket.on('data', chunk => {
      for (const bytes of repair.take(chunk)) if (!this.push(bytes)) socket.pause()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', error => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
