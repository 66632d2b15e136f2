import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { createServer } from 'vite'
import { pagesOriginVariable } from './fixtures.ts'

/** Serves `tests/pages/` for the whole run, from a Vite of its own. */
export default async function globalSetup(): Promise<() => Promise<void>> {
  // Two runs side by side must not rewrite each other's prebundled packages.
  const cacheDir = fileURLToPath(new URL(`../../node_modules/.cache/test-pages-${process.pid}`, import.meta.url))
  const vite = await createServer({
    cacheDir,
    logLevel: 'warn',
    // A file saved during the run must not reload a page under test.
    server: { host: 'localhost', port: 0, hmr: false, watch: null },
  })
  await vite.listen()
  const origin = vite.resolvedUrls?.local[0]
  if (origin === undefined) throw new Error('Vite gave no address')
  process.env[pagesOriginVariable] = origin
  return async () => {
    await vite.close()
    await rm(cacheDir, { recursive: true, force: true })
  }
}
