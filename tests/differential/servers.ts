import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GrpcEndpoint } from './endpoint.ts'
import { integer, type Protocol } from './protocol.ts'

/** A server that was started for one run, empty. */
export interface Server {
  readonly endpoint: GrpcEndpoint
  /** `host:port`. */
  readonly address: string
  /** What it said before it ended, if it did so by itself; null while it runs. */
  lastWords(): string | null
  stop(): Promise<void>
}

/** There is no server to compare; the message says why, in a line or in the server's own words. */
export class StartError extends Error {}

const startMsMax = 30_000
const wordsKeptBytesMax = 4_096

/** The release of etcd whose answers the gateway gives. In others some words and some corners differ. */
export const comparedRelease = '3.4.'

/** The version of the etcd that is installed, or null. */
export async function etcdVersion(): Promise<string | null> {
  const child = spawn('etcd', ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const output: Buffer[] = []
  child.stdout.on('data', chunk => output.push(chunk))
  const [code] = await once(child, 'close').catch(() => [null])
  if (code !== 0) return null
  return /etcd Version: (\S+)/.exec(Buffer.concat(output).toString())?.[1] ?? 'unknown'
}

/** One member of etcd with its defaults. Its folder is in memory where there is such a place: nobody pulls a plug here. */
export async function startEtcd(name: string, protocol: Protocol): Promise<Server> {
  const folder = await mkdtemp(join(memoryFolder(), 'flotilla-differential-'))
  const [client, peer] = (await freePorts(2)).map(port => `127.0.0.1:${port}`)
  const urls = [
    ...['--listen-client-urls', `http://${client}`, '--advertise-client-urls', `http://${client}`],
    ...['--listen-peer-urls', `http://${peer}`, '--initial-advertise-peer-urls', `http://${peer}`],
    ...['--initial-cluster', `default=http://${peer}`],
  ]
  const child = spawn('etcd', ['--data-dir', folder, ...urls, '--log-level', 'error'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Whoever set these meant another etcd.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_'))),
  })
  const owned = new OwnProcess(child, () => rmSync(folder, { recursive: true, force: true }))
  // It listens once it has a leader.
  return started(name, owned, `${client}`, protocol)
}

/** The gateway as people run it, in a process of its own. */
export async function startGateway(protocol: Protocol): Promise<Server> {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', 'gateway/main.ts', '--port', '0'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const owned = new OwnProcess(child, () => {})
  // It says where it is once it has a leader.
  const saying = once(child.stdout, 'data').then(([line]) => /running at http:\/\/([^,\s]+)/.exec(`${line}`)?.[1])
  return started('gateway', owned, (await Promise.race([saying, owned.ended])) ?? null, protocol)
}

/** A server that runs already. It must be as empty as a new one. */
export async function connectTo(address: string, protocol: Protocol): Promise<Server> {
  const endpoint = new GrpcEndpoint(address, address, protocol)
  const revision = await firstRevision(endpoint)
  if (revision === 1) return { endpoint, address, lastWords: () => null, stop: async () => endpoint.close() }
  endpoint.close()
  throw new StartError(
    revision === null ? `${address} does not answer` : `${address} is not empty: at revision ${revision}`,
  )
}

async function started(name: string, owned: OwnProcess, address: string | null, protocol: Protocol): Promise<Server> {
  const endpoint = new GrpcEndpoint(name, address ?? 'nowhere', protocol)
  const stop = async () => {
    endpoint.close()
    await owned.stop()
  }
  if (address !== null) {
    const isUp = await Promise.race([endpoint.isReachable(startMsMax), owned.ended])
    const lastWords = () => (owned.hasEnded ? owned.words : null)
    if (isUp && (await firstRevision(endpoint)) !== null) return { endpoint, address, lastWords, stop }
  }
  await stop()
  throw new StartError(`${name} did not start: ${owned.words.trim() || 'no answer'}`)
}

/** A process that does not outlive this one, whatever ends it. */
class OwnProcess {
  /** The end of what it wrote where errors go. */
  words = ''
  readonly ended: Promise<undefined>
  readonly #child: ChildProcess
  readonly #clean: () => void
  readonly #abandon = () => {
    this.#child.kill('SIGKILL')
    this.#clean()
  }

  constructor(child: ChildProcess, clean: () => void) {
    this.#child = child
    this.#clean = clean
    child.stderr?.setEncoding('utf8').on('data', chunk => {
      this.words = (this.words + chunk).slice(-wordsKeptBytesMax)
    })
    this.ended = new Promise(resolve => {
      child.once('close', () => resolve(undefined))
      child.once('error', error => {
        this.words += error.message
        resolve(undefined)
      })
    })
    process.once('exit', this.#abandon)
  }

  get hasEnded(): boolean {
    const { pid, exitCode, signalCode } = this.#child
    return pid === undefined || exitCode !== null || signalCode !== null
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
    process.off('exit', this.#abandon)
    this.#clean()
  }
}

/** A server that answers a linearizable read has a leader. */
async function firstRevision(endpoint: GrpcEndpoint): Promise<number | null> {
  const answer = await endpoint.call('Range', { key: new Uint8Array(1) })
  return answer.ok ? integer(answer.response.header, 'revision') : null
}

function memoryFolder(): string {
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}

/** Ports of this machine that nobody listens on: all at once, so that none is given out twice. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => {
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('listening, but not on a TCP port')
    return address.port
  })
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
