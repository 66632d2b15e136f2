import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { SIGNALING_PATH } from '../../../src/net/signaling-protocol.ts'

/** The server as it is run: a process of its own, on a port of its own. */
export class ServerProcess {
  readonly port: number
  readonly #child: ChildProcess
  readonly #exited: Promise<void>

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
    this.#exited = new Promise(resolve => child.once('exit', () => resolve()))
  }

  /** `fixedPort`: that of one which was killed. Any that is free if not given. */
  static async start(environment: Record<string, string> = {}, fixedPort = 0): Promise<ServerProcess> {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', 'signaling/main.ts', '--port', `${fixedPort}`, '--host', '0.0.0.0'],
      {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let said = ''
    const port = await new Promise<number>((resolve, reject) => {
      const hear = (chunk: Buffer) => {
        if (said.length > 10_000) return
        said += chunk
        const found = /running at http:\/\/[^:]+:(\d+)/.exec(said)
        if (found !== null) resolve(Number(found[1]))
      }
      child.stdout.on('data', hear)
      child.stderr.on('data', hear)
      child.once('exit', code => reject(new Error(`the server ended with ${code}:\n${said}`)))
    })
    return new ServerProcess(child, port)
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}${SIGNALING_PATH}`
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it keeps in memory, as the system counts it. On Linux. */
  residentBytes(): number {
    return this.#statusBytes('VmRSS')
  }

  /** The most that it kept since `forgetPeak`. */
  peakResidentBytes(): number {
    return this.#statusBytes('VmHWM')
  }

  forgetPeak(): void {
    writeFileSync(`/proc/${this.#child.pid}/clear_refs`, '5')
  }

  /** Over a connection of its own, as a load balancer asks. */
  health(signal?: AbortSignal): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.port, path: '/healthz', agent: false }
      get(signal === undefined ? options : { ...options, signal }, response => {
        let body = ''
        response.on('data', chunk => {
          body += chunk
        })
        response.on('end', () => resolve(JSON.parse(body)))
        response.on('error', reject)
      }).on('error', reject)
    })
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text()
    const lines = text.split('\n').filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  #statusBytes(field: string): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  }
}
