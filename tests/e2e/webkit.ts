import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from '@playwright/test'

/** Linux alone has a WebKit with a driver; Playwright's own is patched, and has WebRTC, which that of distributions lacks. */
export const webKitIsThere = runs('WebKitWebDriver', '--help') && runs('Xvfb', '-help')

const startMsMax = 20_000
/** For any one command, a script that waits for the page among them. */
const commandMsMax = 30_000
const quitMsMax = 5_000
const probeMsMax = 1_000

/** Keys, as WebDriver writes them (https://www.w3.org/TR/webdriver2/#keyboard-actions). */
export const keys = { enter: '\uE007', escape: '\uE00C' } as const

/** How a reference to an element is marked (https://www.w3.org/TR/webdriver2/#elements). */
const elementKey = 'element-6066-11e4-a52e-4f735466cecf'

/**
 * WebKitGTK's MiniBrowser on a screen that nobody sees, with one page, driven by the W3C's WebDriver protocol. What it stores is gone
 * when it ends: under automation its profile is in memory.
 */
export class WebKit {
  readonly #driver: string
  readonly #processes: Processes
  #session: string | null = null

  private constructor(driver: string, processes: Processes) {
    this.#driver = driver
    this.#processes = processes
  }

  static async start(): Promise<WebKit> {
    const processes = new Processes(await mkdtemp(join(tmpdir(), 'flotilla-webkit-')))
    try {
      const display = await startScreen(processes)
      const port = await freePort()
      processes.start('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], { DISPLAY: display })
      const webKit = new WebKit(`http://127.0.0.1:${port}`, processes)
      await webKit.#begin()
      return webKit
    } catch (error) {
      await processes.end()
      throw error
    }
  }

  /** Resolves when the page is loaded. */
  async goto(url: string): Promise<void> {
    await this.#command('url', { url })
  }

  async reload(): Promise<void> {
    await this.#command('refresh', {})
  }

  /** Runs a function in the page, which gets nothing of the test but its argument, as JSON; gives what it resolves with, as JSON. */
  async evaluate<T>(run: () => T | Promise<T>): Promise<T>
  async evaluate<T, A>(run: (argument: A) => T | Promise<T>, argument: A): Promise<T>
  async evaluate<T, A>(run: (argument: A) => T | Promise<T>, argument?: A): Promise<T> {
    const script = `
      const [argument, answer] = arguments
      Promise.resolve(argument).then(${run}).then(value => answer({ value }), error => answer({ error: String(error?.stack || error) }))`
    // JSON from the page: what the function's type says, if the function says so.
    const answer = (await this.#command('execute/async', { script, args: [argument ?? null] })) as
      | { readonly value: T }
      | { readonly error: string }
    if ('error' in answer) throw new Error(`in WebKit: ${answer.error}`)
    return answer.value
  }

  /** As a person would: on the first element that it says, as soon as there is one. */
  async click(selector: string): Promise<void> {
    await this.#command(`element/${await this.#find(selector)}/click`, {})
  }

  async type(selector: string, text: string): Promise<void> {
    await this.#command(`element/${await this.#find(selector)}/value`, { text })
  }

  /** An orderly end of the browser, as far as it goes along; in any case nothing of it is left. */
  async quit(): Promise<void> {
    const session = this.#session
    this.#session = null
    try {
      if (session !== null) await this.#request('DELETE', `/session/${session}`, undefined, quitMsMax)
    } finally {
      await this.#processes.end()
    }
  }

  async #begin(): Promise<void> {
    // The driver says nothing when it listens.
    await expect(() => this.#request('GET', '/status', undefined, probeMsMax)).toPass({ timeout: startMsMax })
    // `implicit`: how long an element is waited for.
    const timeouts = { script: commandMsMax, pageLoad: commandMsMax, implicit: commandMsMax }
    const capabilities = { alwaysMatch: { timeouts } }
    const session = await this.#request('POST', '/session', { capabilities }, startMsMax)
    this.#session = text(session, 'sessionId')
  }

  async #find(selector: string): Promise<string> {
    return text(await this.#command('element', { using: 'css selector', value: selector }), elementKey)
  }

  #command(name: string, body: object): Promise<unknown> {
    if (this.#session === null) throw new Error('WebKit has ended')
    // The driver's own limit comes first and tells more.
    return this.#request('POST', `/session/${this.#session}/${name}`, body, commandMsMax + quitMsMax)
  }

  async #request(method: string, path: string, body: object | undefined, msMax: number): Promise<unknown> {
    const init = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(this.#driver + path, { method, ...init, signal: AbortSignal.timeout(msMax) })
    const { value }: { value: unknown } = await response.json()
    if (!response.ok) throw new Error(`WebKitWebDriver, ${method} ${path}: ${JSON.stringify(value)}`)
    return value
  }
}

/** What makes up one browser, and the folder in which it thinks it is at home. */
class Processes {
  readonly #home: string
  readonly #started: ChildProcess[] = []

  constructor(home: string) {
    this.#home = home
  }

  start(command: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const home = this.#home
    const own = { HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home, XDG_RUNTIME_DIR: home }
    const child = spawn(command, args, {
      // A group of its own, so that what it starts ends with it.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      // Never on the screen of who runs the tests.
      env: { ...process.env, ...own, GDK_BACKEND: 'x11', WAYLAND_DISPLAY: undefined, ...env },
    })
    // Who waits for it learns by its time; without a listener the error would end the run.
    child.on('error', () => {})
    this.#started.push(child)
    return child
  }

  async end(): Promise<void> {
    for (const child of this.#started.splice(0).reverse()) {
      const { pid } = child
      if (pid === undefined) continue
      const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
      try {
        process.kill(-pid, 'SIGKILL')
      } catch {
        // The group is empty already.
      }
      await exited
    }
    // The last of a killed group may still be writing for a moment.
    await rm(this.#home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
}

/** A screen in memory; gives its name. */
async function startScreen(processes: Processes): Promise<string> {
  const args = ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp']
  const named = processes.start('Xvfb', args, {}).stdio[3]
  if (!named) throw new Error('Xvfb has no pipe to name its display on')
  const [chunk] = await once(named, 'data', { signal: AbortSignal.timeout(startMsMax) })
  return `:${String(chunk).trim()}`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}

function text(value: unknown, key: string): string {
  const found = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
  if (typeof found !== 'string') throw new Error(`WebKitWebDriver gave no ${key}: ${JSON.stringify(value)}`)
  return found
}

function runs(command: string, asks: string): boolean {
  return spawnSync(command, [asks]).status === 0
}
