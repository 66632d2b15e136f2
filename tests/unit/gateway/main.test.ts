import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { loadProtocol } from '../../differential/protocol.ts'
import { connectTo } from '../../differential/servers.ts'

const processMsMax = 30_000

function run(...args: string[]): { child: ChildProcess; output: () => string; exited: Promise<number | null> } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'gateway/main.ts', ...args])
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      text += chunk
    })
  }
  const exited = new Promise<number | null>(resolve => child.on('close', resolve))
  return { child, output: () => text, exited }
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  'says where it serves in one line, and ends cleanly on %s',
  async signal => {
    const { child, output, exited } = run('--port', '0')
    await new Promise(resolve => child.stdout?.once('data', resolve))
    const said =
      /^Flotilla's etcd gateway is running at http:\/\/(127\.0\.0\.1:\d+), members also at \S+ and \S+ \(.*\)\n$/
    const address = said.exec(output())?.[1] ?? ''
    const { endpoint } = await connectTo(address, await loadProtocol())
    const watchEnded = new Promise(resolve => {
      endpoint.openWatch(() => child.kill(signal), resolve).send({ create_request: { key: Buffer.from('k') } })
    })
    await watchEnded
    expect(await exited).toBe(0)
    endpoint.close()
  },
  processMsMax,
)

test(
  'a taken port gets one line with the reason and what to do',
  async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const address = holder.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const { output, exited } = run('--port', String(port))
    expect(await exited).toBe(1)
    expect(output()).toBe(`Port ${port} is taken: stop what uses it, or choose another with --port ${port + 1}.\n`)
    holder.close()
  },
  processMsMax,
)

const key = fileURLToPath(new URL('./localhost.key.pem', import.meta.url))

test.each([
  [['--port', 'eighty'], 'eighty is not a port'],
  [['--colour'], "Unknown option '--colour'"],
  [['--cert', key], 'TLS needs both --cert and --key.'],
  [['--cert', 'nowhere.pem', '--key', key], 'Cannot read nowhere.pem'],
  [['--cert', key, '--key', key], 'Cannot use the certificate and key given'],
])(
  '%s is refused in one line',
  async (args, reason) => {
    const { output, exited } = run(...args)
    expect(await exited).toBe(1)
    expect(output()).toContain(reason)
    expect(output().trimEnd().split('\n')).toHaveLength(1)
  },
  processMsMax,
)

test(
  '--help explains itself',
  async () => {
    const { output, exited } = run('--help')
    expect(await exited).toBe(0)
    expect(output()).toContain('--port')
  },
  processMsMax,
)
