import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright'
import { build } from 'vite'
import { startServer } from '../signaling/server.ts'
import { launchChromium, makeProfile, type RunningBrowser, removeProfile } from '../tests/e2e/browsers.ts'

const pages = ['floor', 'net', 'tab', 'tab-floor'] as const

const root = fileURLToPath(new URL('..', import.meta.url))

/** The app as people get it, served with signaling by this process, and a Chromium on a fresh profile on the real disk. */
export interface Stand {
  readonly browser: RunningBrowser
  readonly url: string
  /** The address of one of the benchmark's own pages, of the same origin. */
  readonly pageUrl: (page: (typeof pages)[number]) => string
  readonly browserVersion: string
}

/** Runs `use` on a stand, and leaves nothing of it behind. */
export async function withStand<R>(use: (stand: Stand) => Promise<R>): Promise<R> {
  const dist = await mkdtemp(join(tmpdir(), 'flotilla-bench-'))
  const profile = await makeProfile()
  try {
    await buildApp(dist)
    await buildPages(dist)
    const server = await startServer({ port: 0, host: 'localhost', staticDir: dist })
    try {
      const url = `http://localhost:${server.port}/`
      const browser = await launchChromium({ profile })
      try {
        const browserVersion = await versionOf(browser)
        return await use({ browser, url, pageUrl: page => `${url}bench/pages/${page}.html`, browserVersion })
      } finally {
        await browser.close()
      }
    } finally {
      await server.close()
    }
  } finally {
    await removeProfile(profile)
    await rm(dist, { recursive: true, force: true })
  }
}

/** Brings the loads into a page of the app: `window.bench`. */
export async function addLoads(page: Page): Promise<void> {
  await page.addScriptTag({ url: '/bench/loads.js', type: 'module' })
  await page.waitForFunction(() => window.bench !== undefined)
}

function buildApp(outDir: string): Promise<unknown> {
  return build({ root, logLevel: 'error', build: { outDir, emptyOutDir: true } })
}

/** Apart from the app, so that they share no chunk with it and it stays what `npm run build` makes. */
function buildPages(outDir: string): Promise<unknown> {
  const files = { entryFileNames: 'bench/[name].js', chunkFileNames: 'bench/[name]-[hash].js' }
  return build({
    root,
    configFile: false,
    logLevel: 'error',
    worker: { format: 'es' },
    build: {
      outDir,
      emptyOutDir: false,
      rolldownOptions: {
        input: [...pages.map(page => `bench/pages/${page}.html`), 'bench/pages/loads.ts'],
        output: files,
      },
    },
  })
}

async function versionOf({ context }: RunningBrowser): Promise<string> {
  const session = await context.newCDPSession(context.pages()[0] ?? (await context.newPage()))
  const { product } = await session.send('Browser.getVersion')
  await session.detach()
  return product
}
