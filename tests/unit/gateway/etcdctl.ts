import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** The stock etcdctl, pointed at a server. */

export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A command that goes on until it is told to stop. */
export interface RunningCommand {
  /** The first so many lines that it writes, once they are written; rejects if it ends before. */
  lines(count: number): Promise<readonly string[]>
  /** What it has written so far. */
  readonly written: readonly string[]
  /** Ends it as Ctrl-C does. */
  interrupt(): Promise<void>
}

/** As it calls itself, or null if there is none. */
export async function etcdctlVersion(): Promise<string | null> {
  const run = await etcdctl('', ['version']).catch(() => null)
  return run === null ? null : (/etcdctl version: (\S+)/.exec(run.stdout)?.[1] ?? null)
}

export async function etcdctl(address: string, args: readonly string[], input = ''): Promise<Run> {
  const child = start(address, args)
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  // It may end without having read.
  child.stdin?.on('error', () => {}).end(input)
  const [code] = await once(child, 'close')
  return { code, stdout: stdout(), stderr: stderr() }
}

export function startEtcdctl(address: string, args: readonly string[]): RunningCommand {
  const child = start(address, args)
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  const closed = once(child, 'close')
  const written = () => stdout().split('\n').slice(0, -1)
  return {
    async lines(count) {
      while (written().length < count) {
        const ended = await Promise.race([
          closed.then(() => true),
          once(child.stdout ?? child, 'data').then(() => false),
        ])
        if (ended && written().length < count)
          throw new Error(`etcdctl ${args.join(' ')} ended: ${stderr()}${stdout()}`)
      }
      return written().slice(0, count)
    },
    get written() {
      return written()
    },
    async interrupt() {
      child.kill('SIGINT')
      await closed
    },
  }
}

function start(address: string, args: readonly string[]): ChildProcess {
  // Whoever set these meant another server.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('ETCDCTL_'))
  const endpoints = address === '' ? [] : [`--endpoints=${address}`]
  return spawn('etcdctl', [...endpoints, ...args], { env: { ...Object.fromEntries(inherited), ETCDCTL_API: '3' } })
}

function collect(stream: ChildProcess['stdout']): () => string {
  let text = ''
  stream?.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  return () => text
}
