import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const coturnIsThere = spawnSync('turnserver', ['--version']).status === 0

const logCharsMax = 1_000_000

/** A real coturn on loopback that takes credentials made with its secret, as it would in production. */
export class Coturn {
  readonly port: number
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #exited: Promise<void>
  #log = ''
  #waiting: (() => void)[] = []

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.#child = child
    this.port = port
    this.#folder = folder
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', chunk => {
        this.#log = (this.#log + chunk).slice(-logCharsMax)
        this.#wake()
      })
    }
    this.#exited = new Promise(resolve => {
      child.once('exit', () => {
        this.#wake()
        resolve()
      })
    })
  }

  static async start(secret: string): Promise<Coturn> {
    const port = await freeUdpPort()
    const folder = await mkdtemp(join(tmpdir(), 'flotilla-coturn-'))
    const address = '127.0.0.1'
    const child = spawn('turnserver', [
      // No file of this machine's own coturn is read or written.
      ...['-n', '--userdb', join(folder, 'turndb'), '--pidfile', join(folder, 'pid')],
      ...['--log-file', 'stdout', '--simple-log', '--verbose'],
      ...['--listening-ip', address, '--listening-port', `${port}`, '--relay-ip', address, '--allow-loopback-peers'],
      ...['--use-auth-secret', '--static-auth-secret', secret, '--realm', 'flotilla.test'],
      ...['--no-cli', '--no-tls', '--no-dtls'],
    ])
    const coturn = new Coturn(child, port, folder)
    await coturn.says(/UDP listener opened/)
    return coturn
  }

  get url(): string {
    return `turn:127.0.0.1:${this.port}?transport=udp`
  }

  /** Resolves when its log has this, said before or after; gives what it is. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const [found] = pattern.exec(this.#log) ?? []
      if (found !== undefined) return found
      if (this.#child.exitCode !== null) throw new Error(`coturn ended with ${this.#child.exitCode}:\n${this.#log}`)
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
    await rm(this.#folder, { recursive: true, force: true })
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>(resolve => socket.close(resolve))
  return port
}
