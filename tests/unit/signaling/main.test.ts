import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { TestClient } from './client.ts'

function run(...args: string[]): { child: ChildProcess; output: () => string; exited: Promise<number | null> } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'signaling/main.ts', ...args])
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      text += chunk
    })
  }
  const exited = new Promise<number | null>(resolve => child.on('close', resolve))
  return { child, output: () => text, exited }
}

test('says where it listens in one line, serves, and ends cleanly on SIGTERM', async () => {
  const { child, output, exited } = run('--no-app', '--port', '0', '--host', '127.0.0.1')
  await new Promise(resolve => child.stdout?.once('data', resolve))
  const port = Number(/^Flotilla signaling is running at http:\/\/127\.0\.0\.1:(\d+) .*\n$/.exec(output())?.[1])
  const { client } = await TestClient.join(port, 'room')
  child.kill('SIGTERM')
  await client.closed
  expect(await exited).toBe(0)
})

test('a taken port gets one line with the reason and what to do', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => holder.once('listening', resolve))
  const address = holder.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { output, exited } = run('--no-app', '--port', String(port), '--host', '127.0.0.1')
  expect(await exited).toBe(1)
  expect(output()).toBe(`Port ${port} is taken: stop what uses it, or choose another with --port ${port + 1}.\n`)
  holder.close()
})

test.each([
  [['--port', 'eighty'], 'eighty is not a port'],
  [['--colour'], "Unknown option '--colour'"],
  [['--dir', 'nowhere'], 'No built app in nowhere'],
])('%s is refused in one line', async (args, reason) => {
  const { output, exited } = run(...args)
  expect(await exited).toBe(1)
  expect(output()).toContain(reason)
  expect(output().trimEnd().split('\n')).toHaveLength(1)
})

test('--help explains itself', async () => {
  const { output, exited } = run('--help')
  expect(await exited).toBe(0)
  expect(output()).toContain('--port')
})
