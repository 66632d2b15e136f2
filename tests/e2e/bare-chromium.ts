import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { requireBrowser } from '../../scripts/browsers.mjs'
import { expect } from './fixtures.ts'

/**
 * A Chromium that Playwright does not drive. Playwright makes every page of its browsers believe that it is visible and focused,
 * and starts them without a back/forward cache; so nothing it drives is ever frozen, discarded or kept for later.
 */
export class BareChromium {
  readonly #devTools: DevTools
  readonly #exited: Promise<unknown>

  private constructor(devTools: DevTools, exited: Promise<unknown>) {
    this.#devTools = devTools
    this.#exited = exited
  }

  static async launch(profile: string): Promise<BareChromium> {
    const { path } = await requireBrowser('chromium')
    // chrome://discards is there for developers only.
    await writeFile(join(profile, 'Local State'), JSON.stringify({ internal_only_uis_enabled: true }))
    const args = [
      // Its sandbox refuses to run as root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--headless=new',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      '--no-first-run',
      '--disable-features=WebRtcHideLocalIpsWithMdns',
      '--disable-background-networking',
      '--disable-component-update',
      'about:blank',
    ]
    const browser = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const exited = once(browser, 'exit')
    const address = await new Promise<string>((resolve, reject) => {
      let said = ''
      browser.stderr.on('data', chunk => {
        said += chunk
        const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
        if (found !== undefined) resolve(found)
      })
      browser.once('exit', () => reject(new Error(`Chromium ended: ${said}`)))
    })
    return new BareChromium(await DevTools.connect(address), exited)
  }

  /** The tab that was opened last is visible, the others are hidden. */
  async open(url: string): Promise<BareTab> {
    const { targetId } = await this.#devTools.send('Target.createTarget', { url })
    return this.#attach(targetId)
  }

  /**
   * Takes the page of a tab out of memory, as the browser does when memory is short; by the browser's own page for developers, which
   * leaves a tab alone that somebody inspects. Resolves when it is gone, with a function that loads it again.
   */
  async discard(tab: BareTab): Promise<() => Promise<BareTab>> {
    const known = await this.#pages()
    const title = `discard ${Math.random()}`
    await tab.evaluate(title => {
      document.title = title
    }, title)
    await tab.detach()
    const discards = await this.open('chrome://discards')
    const press = (button: string) => {
      return expect.poll(() => discards.evaluate(pressInRowOf, { title, button })).toBe(true)
    }
    await press('[Urgent Discard]')
    await expect.poll(() => discards.evaluate(rowOf, title)).toMatch(/unloaded.*discarded/)
    return async () => {
      await press('[Load]')
      await discards.close()
      const [loaded] = (await this.#pages()).filter(target => !known.includes(target))
      if (loaded === undefined) throw new Error('the tab is gone')
      return this.#attach(loaded)
    }
  }

  async #pages(): Promise<string[]> {
    const { targetInfos } = (await this.#devTools.send('Target.getTargets')) as {
      targetInfos: { type: string; targetId: string; url: string }[]
    }
    return targetInfos
      .filter(({ type, url }) => type === 'page' && url.startsWith('http'))
      .map(({ targetId }) => targetId)
  }

  async #attach(targetId: unknown): Promise<BareTab> {
    const { sessionId } = await this.#devTools.send('Target.attachToTarget', { targetId, flatten: true })
    return new BareTab(this.#devTools, String(targetId), String(sessionId))
  }

  async close(): Promise<void> {
    await this.#devTools.send('Browser.close').catch(() => {})
    await this.#exited
  }
}

export class BareTab {
  readonly target: string
  readonly #devTools: DevTools
  readonly #session: string

  constructor(devTools: DevTools, target: string, session: string) {
    this.#devTools = devTools
    this.target = target
    this.#session = session
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.#devTools.send(method, params, this.#session)
  }

  /** As Playwright's: the function is sent as text, and what it resolves to comes back as JSON. */
  async evaluate<T>(inPage: () => T | Promise<T>): Promise<T>
  async evaluate<T, A>(inPage: (argument: A) => T | Promise<T>, argument: A): Promise<T>
  async evaluate<T, A>(inPage: (argument: A) => T | Promise<T>, argument?: A): Promise<T> {
    const expression = `(${inPage})(${JSON.stringify(argument)})`
    const answer = await this.#between(() => {
      return this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    })
    const { result, exceptionDetails } = answer as { result: { value: T }; exceptionDetails?: object }
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return result.value
  }

  /** A tab that is between two documents has none to evaluate anything in. */
  async #between<T>(evaluate: () => Promise<T>): Promise<T> {
    const answers: T[] = []
    const tryAgain = async () => {
      try {
        answers.push(await evaluate())
      } catch (error) {
        const isBetween = error instanceof Error && /execution context|navigated or closed/.test(error.message)
        if (!isBetween) throw error
      }
      return answers.length
    }
    await expect.poll(tryAgain).toBe(1)
    const [answer] = answers
    if (answer === undefined) throw new Error('assertion failed: counted, and not there')
    return answer
  }

  /** It must be hidden. When this resolves, the page is only about to be frozen. */
  async freeze(): Promise<void> {
    await this.send('Page.setWebLifecycleState', { state: 'frozen' })
  }

  async wake(): Promise<void> {
    await this.send('Page.setWebLifecycleState', { state: 'active' })
  }

  async navigate(url: string): Promise<void> {
    await this.send('Page.navigate', { url })
    await expect.poll(() => this.evaluate(() => location.href)).toBe(url)
  }

  /** From now on nobody inspects it. */
  async detach(): Promise<void> {
    await this.#devTools.send('Target.detachFromTarget', { sessionId: this.#session })
  }

  async close(): Promise<void> {
    await this.#devTools.send('Target.closeTarget', { targetId: this.target })
  }
}

interface Answer {
  readonly id?: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

interface Waiting {
  readonly resolve: (result: Record<string, unknown>) => void
  readonly reject: (error: Error) => void
}

/** One connection to the browser; each tab is a session on it. See https://chromedevtools.github.io/devtools-protocol/. */
class DevTools {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', data => {
      const { id, result, error } = JSON.parse(String(data)) as Answer
      const waiting = this.#waiting.get(id ?? 0)
      if (id === undefined || waiting === undefined) return
      this.#waiting.delete(id)
      if (error === undefined) waiting.resolve(result ?? {})
      else waiting.reject(new Error(error.message))
    })
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser is gone'))
    })
  }

  static async connect(address: string): Promise<DevTools> {
    const socket = new WebSocket(address)
    await once(socket, 'open')
    return new DevTools(socket)
  }

  send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    this.#lastId += 1
    const id = this.#lastId
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }
}

/** Runs in chrome://discards: presses a button in the row of the tab with that title. False if it is not there (yet). */
function pressInRowOf({ title, button }: { title: string; button: string }): boolean {
  const all = (root: ParentNode): Element[] => {
    return [...root.querySelectorAll('*')].flatMap(element => [
      element,
      ...all(element.shadowRoot ?? new DocumentFragment()),
    ])
  }
  const elements = all(document)
  const row = elements.find(element => element.tagName === 'TR' && element.textContent?.includes(title))
  const pressed = elements.find(element => row?.contains(element) && element.textContent?.trim() === button)
  if (!(pressed instanceof HTMLElement)) return false
  pressed.click()
  return true
}

/** Runs there, too: what it says of the tab with that title. */
function rowOf(title: string): string {
  const all = (root: ParentNode): Element[] => {
    return [...root.querySelectorAll('*')].flatMap(element => [
      element,
      ...all(element.shadowRoot ?? new DocumentFragment()),
    ])
  }
  const row = all(document).find(element => element.tagName === 'TR' && element.textContent?.includes(title))
  return row?.textContent?.replaceAll(/\s+/g, ' ') ?? ''
}
