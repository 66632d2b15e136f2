import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { options } from '../../../signaling/options.ts'
import { flagOf, variableOf } from '../../../signaling/settings.ts'
import { TestClient } from './client.ts'

/** The command as it is published: built, and run by plain Node. */
const root = fileURLToPath(new URL('../../..', import.meta.url))
let directory: string
let program: string
let imported: string[]

beforeAll(async () => {
  // Inside the project, so that it finds its packages as it will where it is installed.
  await mkdir(join(root, '.cache'), { recursive: true })
  directory = await mkdtemp(join(root, '.cache', 'signaling-'))
  const configFile = join(root, 'vite.signaling.config.ts')
  const built = await build({ root, configFile, logLevel: 'error', build: { outDir: directory } })
  const files = [built].flat().flatMap(part => ('output' in part ? part.output : []))
  imported = files.flatMap(file => (file.type === 'chunk' ? [...file.imports, ...file.dynamicImports] : []))
  program = join(directory, 'flotilla-signaling.js')
}, 60_000)
afterAll(() => rm(directory, { recursive: true }))

const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

function run(args: readonly string[], environment: Record<string, string> = {}) {
  // None of what is set where the tests run.
  const env = { PATH: process.env.PATH, ...environment }
  const child = spawn(process.execPath, [program, ...args], { cwd: directory, env })
  children.push(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      text += chunk
    })
  }
  const exited = new Promise<number | null>(resolve => child.on('close', resolve))
  return { child, output: () => text, exited }
}

/** Runs the server until it says where it is. */
async function serve(args: readonly string[] = [], environment: Record<string, string> = {}) {
  const process = run(['--port', '0', '--host', '127.0.0.1', ...args], environment)
  await new Promise((resolve, reject) => {
    process.child.stdout?.once('data', resolve)
    process.exited.then(() => reject(new Error(process.output())))
  })
  const port = Number(/running at http:\/\/127\.0\.0\.1:(\d+)/.exec(process.output())?.[1])
  return { ...process, port }
}

test('what it needs at run time is among the dependencies, and the command is where package.json says', async () => {
  const { dependencies, bin } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const packages = imported.filter(name => !name.startsWith('.') && !/^assets|\.js$/.test(name) && !isBuiltin(name))
  expect(packages.length).toBeGreaterThan(0)
  for (const name of packages) expect(dependencies).toHaveProperty(name)
  expect(bin).toEqual({ 'flotilla-signaling': 'dist-signaling/flotilla-signaling.js' })
  expect(await readFile(program, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
})

test('for a person it says in one line where it listens', async () => {
  const { child, output, exited } = await serve(['--log-format', 'plain'])
  expect(output()).toMatch(/^Flotilla signaling is running at http:\/\/127\.0\.0\.1:\d+ \(Ctrl-C stops it\)\n$/)
  child.kill('SIGINT')
  expect(await exited).toBe(0)
})

describe('SIGTERM', () => {
  test('asks everybody to connect elsewhere, admits nobody any more, and ends when they have gone', async () => {
    const { child, exited, port } = await serve()
    const [peer, relay] = [await TestClient.join(port, 'room'), await TestClient.join(port, 'room', { as: 'relay' })]
    child.kill('SIGTERM')
    for (const { client } of [peer, relay]) {
      const closing = await client.next()
      expect(closing.type).toBe('closing')
      expect(closing.type === 'closing' && closing.retryMs).toBeLessThanOrEqual(2_000)
    }
    await expect(TestClient.open(port)).rejects.toThrow()
    // Those who are here are served until they go.
    await peer.client.expectAlive()
    for (const { client } of [peer, relay]) client.socket.close()
    expect(await exited).toBe(0)
  })

  test('does not wait for ever', async () => {
    const { child, exited, port } = await serve(['--drain-seconds', '0'])
    const { client } = await TestClient.join(port, 'room')
    child.kill('SIGTERM')
    expect((await client.next()).type).toBe('closing')
    expect((await client.closed).code).toBe(1001)
    expect(await exited).toBe(0)
  })

  test('a second one ends it at once', async () => {
    const { child, exited, port } = await serve()
    const { client } = await TestClient.join(port, 'room')
    child.kill('SIGTERM')
    expect((await client.next()).type).toBe('closing')
    child.kill('SIGTERM')
    expect(await exited).toBe(1)
  })
})

test('the log is JSON, and tells at this level neither rooms nor whole addresses nor secrets', async () => {
  const key = 'a-key-of-some-length'
  const { child, output, exited, port } = await serve(['--trust-proxy', '1'], {
    FLOTILLA_TICKET_KEY: key,
    FLOTILLA_TURN_SECRET: 'a-secret-of-some-length',
    FLOTILLA_TURN_URLS: 'turn:turn.example.org',
  })
  const client = await TestClient.open(port, { headers: { 'X-Forwarded-For': '203.0.113.7' } })
  client.askToJoin('a-room-by-its-name', { ticket: '1.forged' })
  await client.closed
  child.kill('SIGTERM')
  expect(await exited).toBe(0)
  const lines = output()
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(lines).toContainEqual(
    expect.objectContaining({ level: 'info', reasons: { BAD_TICKET: 1 }, networks: { '203.0.113.0/24': 1 } }),
  )
  for (const secret of ['a-room-by-its-name', '203.0.113.7', key, 'a-secret-of-some-length', '1.forged']) {
    expect(output()).not.toContain(secret)
  }
})

test('a ticket that it made lets in, by a key from the environment or a file', async () => {
  const key = 'a-key-of-some-length'
  const file = join(directory, 'key')
  await writeFile(file, `${key}\n`)
  const { port, child, exited } = await serve(['--ticket-key-file', file])
  const made = run(['ticket', '--room', 'room', '--ttl-seconds', '60'], { FLOTILLA_TICKET_KEY: key })
  expect(await made.exited).toBe(0)
  const { client } = await TestClient.join(port, 'room', { ticket: made.output().trim() })
  const stranger = await TestClient.open(port)
  stranger.askToJoin('room')
  expect(await stranger.next()).toMatchObject({ type: 'error', code: 'BAD_TICKET' })
  client.socket.close()
  child.kill('SIGTERM')
  expect(await exited).toBe(0)
})

test('a taken port gets one line with the reason and what to do', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => holder.once('listening', resolve))
  const address = holder.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { output, exited } = run(['--port', String(port), '--host', '127.0.0.1'])
  expect(await exited).toBe(1)
  expect(output()).toBe(`Port ${port} is taken: stop what uses it, or choose another with --port ${port + 1}.\n`)
  const metrics = run(['--port', '0', '--host', '127.0.0.1', '--metrics-port', String(port)])
  expect(await metrics.exited).toBe(1)
  expect(metrics.output()).toContain(`choose another with --metrics-port ${port + 1}.`)
  holder.close()
})

test.each<[reason: string, args: string[], environment: Record<string, string>]>([
  ["Unknown option '--colour'", ['--colour'], {}],
  ['No built app in nowhere', ['--dir', 'nowhere'], {}],
  ['TURN needs both', ['--turn-urls', 'turn:turn.example.org'], {}],
  ['No key to sign with', ['ticket', '--room', 'room'], {}],
  ['For which room?', ['ticket'], { FLOTILLA_TICKET_KEY: 'a-key-of-some-length' }],
])('%s', async (reason, args, environment) => {
  const { output, exited } = run(args, environment)
  expect(await exited).toBe(1)
  expect(output()).toContain(reason)
  expect(output().trimEnd().split('\n')).toHaveLength(1)
})

test('--help and docs/server.md name every setting, its environment variable and its default', async () => {
  const { output, exited } = run(['--help'])
  expect(await exited).toBe(0)
  const page = await readFile(join(root, 'docs', 'server.md'), 'utf8')
  for (const name of Object.keys(options) as (keyof typeof options)[]) {
    for (const text of [output(), page]) {
      expect(text).toContain(flagOf(name))
      expect(text).toContain(variableOf(name))
    }
    const { fallback } = options[name]
    const row = page.split('\n').find(line => line.includes(`\`${flagOf(name)}\``))
    if (typeof fallback === 'number') expect(row).toContain(`| ${fallback} |`)
  }
})
