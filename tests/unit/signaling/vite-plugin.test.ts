import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'vite'
import { expect, test } from 'vitest'
import { flotillaSignaling } from '../../../signaling/vite-plugin.ts'
import { TestClient } from './client.ts'

test("Vite's development server introduces tabs by itself, beside its own business", async () => {
  const root = await mkdtemp(join(tmpdir(), 'flotilla-vite-'))
  await writeFile(join(root, 'index.html'), '<!doctype html>the page')
  const server = await createServer({
    ...{ root, configFile: false, logLevel: 'error', plugins: [flotillaSignaling()] },
    server: { port: 0, host: '127.0.0.1' },
  })
  await server.listen()
  const address = server.httpServer?.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const a = await TestClient.join(port, 'room')
  const b = await TestClient.join(port, 'room')
  expect(b.peers).toEqual([a.id])
  b.client.send({ type: 'send', to: a.id, payload: 'hello' })
  expect(await a.client.next()).toEqual({ type: 'message', from: b.id, payload: 'hello' })
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain('the page')
  await server.close()
  await Promise.all([a.client.closed, b.client.closed])
  await rm(root, { recursive: true })
})
