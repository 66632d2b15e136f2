import type { Page } from '@playwright/test'
import { Random } from '../sim/random.ts'
import { BoardTab, installHandle, leaderFirst } from './board.ts'
import type { RunningBrowser } from './browsers.ts'
import { expect, test } from './fixtures.ts'
import { Ledger } from './ledger.ts'
import { Voices } from './voices.ts'

const rounds = Number(process.env.FLOTILLA_KILLS ?? 10)
const seed = Number(process.env.FLOTILLA_SEED ?? Date.now() % 1_000_000)

/** In which the browser is killed, each as often as the others. */
const moments = ['opening', 'first answer', 'stream', 'membership', 'snapshot', 'reload'] as const
type Moment = (typeof moments)[number]

/** A log of few of these has outgrown its snapshot. */
const heavyBytes = 64 * 1024
const tabsOpened = 3
/** There may be several logs to be read, of a browser that had no time to tidy up. */
const openMsMax = 60_000

test.describe('SIGKILL of the whole browser, again and again on one profile', () => {
  test.setTimeout(120_000 + rounds * 30_000)

  test(`${rounds} times: the database opens, holds every acknowledged write once, and no member has two voices`, async ({
    launchChromium,
    server,
  }) => {
    console.log(`killing ${rounds} times: FLOTILLA_SEED=${seed}`)
    const random = new Random(seed)
    const life = new Life(random, server.url)
    let browser = await launchChromium()
    const { profile } = browser
    for (let round = 0; round < rounds; round += 1) {
      // There has to be something to open first.
      const moment = round === 0 ? 'first answer' : (moments[round % moments.length] ?? 'stream')
      const how = await life.live(browser, round, moment)
      console.log(`round ${round + 1}: killed ${how}`)
      browser = await launchChromium({ profile })
    }
    const last = await life.open(browser)
    await last.put('after', 'written')
    life.voices.check()
    const { length } = life.ledger.entries
    console.log(`${rounds} kills: ${length} acknowledged writes, ${life.voices.terms} terms`)
    expect(length).toBeGreaterThan(rounds)
  })
})

/** What goes on in one browser after the other, each of them opened on what the last one left. */
class Life {
  readonly ledger = new Ledger()
  readonly voices = new Voices()
  /** How long the last first tab took to be ready. */
  openMs = 0
  readonly #random: Random
  #url: string

  constructor(random: Random, url: string) {
    this.#random = random
    this.#url = url
  }

  /** The first tab after a start: all that the ones before it were told has to be there. */
  async open({ context }: RunningBrowser): Promise<BoardTab> {
    await installHandle(context)
    await this.ledger.install(context)
    await this.voices.install(context)
    const page = await context.newPage()
    const begunAt = performance.now()
    await page.goto(this.#url)
    const tab = BoardTab.at(page)
    await tab.ready({ timeout: openMsMax }).catch(error => explain(page, error))
    this.openMs = Math.round(performance.now() - begunAt)
    this.#url = tab.url
    await this.voices.listen(tab)
    await this.ledger.check(tab, 'kill/')
    return tab
  }

  /** Opens, writes, and is killed. Resolves, when the browser is gone, to how it went. */
  async live(browser: RunningBrowser, round: number, moment: Moment): Promise<string> {
    if (moment === 'opening') return this.#killWhileOpening(browser)
    const tabs = [await this.open(browser)]
    await this.#forgetHeavy(tabs)
    while (tabs.length < tabsOpened) {
      const tab = await BoardTab.open(browser.context, this.#url, { timeout: openMsMax })
      await this.voices.listen(tab)
      tabs.push(tab)
    }
    for (const tab of tabs) await tab.sees(tabsOpened, tabsOpened, { timeout: openMsMax })
    await this.voices.checkLocks(tabs)
    const before = this.ledger.entries.length
    const written = (prefix: string) =>
      this.ledger.entries.slice(before).filter(({ key }) => key.startsWith(prefix)).length
    for (const [at, tab] of tabs.entries()) {
      await this.ledger.write(tab, { key: `kill/light/${round}/${at}` })
      await this.ledger.write(tab, { key: `kill/heavy/${round}/${at}`, size: heavyBytes })
    }
    const ms = await this.#await(moment, tabs, written)
    await killAfter(browser, ms)
    return `${ms} ms after: ${moment}, ${written('kill/')} writes acknowledged, opened in ${this.openMs} ms`
  }

  /** Waits until it has come to that, and says how long after it to kill. */
  async #await(moment: Exclude<Moment, 'opening'>, tabs: BoardTab[], written: (prefix: string) => number) {
    const random = this.#random
    switch (moment) {
      case 'first answer':
        await this.ledger.until(() => written('kill/') > 0)
        return 0
      case 'stream': {
        const writes = random.integer(20, 200)
        await this.ledger.until(() => written('kill/') >= writes)
        return 0
      }
      case 'snapshot': {
        // The log outgrows 4 MiB, and each member then makes a snapshot, in steps, and saves it, in parts.
        const bytes = random.integer(3, 12) * 1024 * 1024
        await this.ledger.until(() => written('kill/heavy/') * heavyBytes >= bytes)
        return random.integer(0, 150)
      }
      case 'membership': {
        const [leader, , follower] = await leaderFirst(tabs)
        await this.ledger.until(() => written('kill/') >= 20)
        const gone = random.chance(0.5) ? leader : follower
        gone?.page.close({ runBeforeUnload: true }).catch(() => {})
        if (random.chance(0.5)) this.#openAnother(tabs)
        return random.integer(0, 600)
      }
      case 'reload': {
        const tab = random.pick(tabs)
        await this.ledger.until(() => written('kill/') >= 20)
        tab?.page.reload().catch(() => {})
        return random.integer(0, 500)
      }
    }
  }

  #openAnother(tabs: readonly BoardTab[]): void {
    const page = tabs[0]?.page.context().newPage()
    page?.then(page => page.goto(this.#url)).catch(() => {})
  }

  async #killWhileOpening(browser: RunningBrowser): Promise<string> {
    const { context } = browser
    const pages = await Promise.all(Array.from({ length: tabsOpened }, () => context.newPage()))
    for (const page of pages) page.goto(this.#url).catch(() => {})
    const ms = this.#random.integer(0, 1_500)
    await killAfter(browser, ms)
    return `${ms} ms after: opening`
  }

  /** Lest each start has to load what all those before it left. */
  async #forgetHeavy([tab]: readonly BoardTab[]): Promise<void> {
    const revision = await tab?.page.evaluate(async () => {
      const { header } = await db().delete({ prefix: 'kill/heavy/' })
      await db().compact(header.revision)
      return header.revision
    })
    expect(revision).toBeGreaterThan(0)
    this.ledger.forget('kill/heavy/')
  }
}

/** What the browser itself says of its storage and of who holds what, when a database does not open. */
async function explain(page: Page, error: unknown): Promise<never> {
  const found = page.evaluate(async () => {
    const told: string[] = [`status ${JSON.stringify(window.flotilla?.db.status() ?? null)}`]
    const { held = [], pending = [] } = await navigator.locks.query()
    told.push(`locks held ${JSON.stringify(held)}`, `and waited for ${JSON.stringify(pending)}`)
    for (const { name = '' } of await indexedDB.databases()) {
      const began = performance.now()
      const how = await new Promise<string>(resolve => {
        const request = indexedDB.open(name)
        request.onsuccess = () => resolve('opens')
        request.onerror = () => resolve(`${request.error}`)
        setTimeout(() => resolve('does not answer'), 5_000)
      })
      told.push(`${name}: ${how}, ${Math.round(performance.now() - began)} ms`)
    }
    return told.join('\n')
  })
  const timeout = new Promise<string>(resolve => {
    setTimeout(() => resolve('the browser does not tell'), openMsMax)
  })
  throw new Error(`${error}\n${await Promise.race([found, timeout])}`)
}

/** The moment is what is drawn here, so there is no event to wait for. */
async function killAfter(browser: RunningBrowser, ms: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    setTimeout(() => browser.kill().then(resolve, reject), ms)
  })
}

declare function db(): import('../../src/client/flotilla.ts').Database
