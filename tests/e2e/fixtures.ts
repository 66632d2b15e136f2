import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test as base } from '@playwright/test'
import { startServer } from '../../signaling/server.ts'
import {
  type LaunchOptions,
  launchChromium,
  launchFirefox,
  makeProfile,
  type RunningBrowser,
  removeProfile,
} from './browsers.ts'

export { expect } from '@playwright/test'

/** How the global setup tells the tests where it serves `tests/pages/`. */
export const pagesOriginVariable = 'FLOTILLA_TEST_PAGES'

const dist = fileURLToPath(new URL('../../dist', import.meta.url))

/** The built app and the signaling server in one process, as `npm start` runs them; on a port, so an origin, of its own. */
export interface AppServer {
  readonly url: string
  stop(): Promise<void>
  /** Again on the same port, so the same origin. */
  start(): Promise<void>
}

/** Starts a browser on a fresh profile, or on a given one. What is still open when the test ends is closed. */
export type Launch = (options?: Partial<LaunchOptions>) => Promise<RunningBrowser>

export interface Fixtures {
  launchChromium: Launch
  launchFirefox: Launch
  server: AppServer
  /** The address of `tests/pages/<name>.html`. */
  pageUrl: (name: string) => string
}

/**
 * Beside these, Playwright's own `context` and `page` are those of a Chromium on a fresh persistent profile.
 */
export const test = base.extend<Fixtures & { browsers: Browsers }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
  browsers: async ({}, use, info) => {
    const browsers = new Browsers()
    await use(browsers)
    await browsers.dispose()
    if (info.status !== info.expectedStatus) {
      await info.attach('console', { body: browsers.consoleLines.join('\n'), contentType: 'text/plain' })
    }
  },

  launchChromium: async ({ browsers }, use) => use(options => browsers.open(launchChromium, options)),
  launchFirefox: async ({ browsers }, use) => use(options => browsers.open(launchFirefox, options)),

  context: async ({ launchChromium }, use) => use((await launchChromium()).context),
  page: async ({ context }, use) => use(context.pages()[0] ?? (await context.newPage())),

  // biome-ignore lint/correctness/noEmptyPattern: as above
  server: async ({}, use) => {
    const server = await startAppServer()
    await use(server)
    await server.stop()
  },

  // biome-ignore lint/correctness/noEmptyPattern: as above
  pageUrl: async ({}, use) => {
    const origin = process.env[pagesOriginVariable]
    if (origin === undefined)
      throw new Error(`${pagesOriginVariable} is not set: run these tests with "npm run browser"`)
    await use(name => new URL(`tests/pages/${name}.html`, origin).href)
  },
})

async function startAppServer(): Promise<AppServer> {
  if (!existsSync(dist)) throw new Error('the app is not built: run "npm run build" first')
  let running = await startServer({ port: 0, host: 'localhost', staticDir: dist })
  const { port } = running
  let open = true
  return {
    url: `http://localhost:${port}/`,
    async stop() {
      if (!open) return
      open = false
      await running.close()
    },
    async start() {
      if (open) return
      running = await startServer({ port, host: 'localhost', staticDir: dist })
      open = true
    },
  }
}

class Browsers {
  readonly consoleLines: string[] = []
  readonly #opened: RunningBrowser[] = []
  readonly #profiles = new Set<string>()

  async open(launch: (options: LaunchOptions) => Promise<RunningBrowser>, options: Partial<LaunchOptions> = {}) {
    const profile = options.profile ?? (await makeProfile())
    if (options.profile === undefined) this.#profiles.add(profile)
    const browser = await launch({ ...options, profile })
    this.#opened.push(browser)
    this.#record(browser)
    return browser
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#opened.map(browser => browser.close()))
    await Promise.all([...this.#profiles].map(removeProfile))
  }

  /** What the pages printed, for the report of a failed test. */
  #record(browser: RunningBrowser): void {
    const number = this.#opened.length
    browser.context.on('console', message => {
      this.consoleLines.push(`[browser ${number}] ${message.type()}: ${message.text()}`)
    })
    browser.context.on('weberror', error => {
      this.consoleLines.push(`[browser ${number}] uncaught: ${error.error().stack ?? error.error().message}`)
    })
  }
}
