import type { BrowserContext, Page } from '@playwright/test'
import type { Database } from '../../src/client/flotilla.ts'
import { expect } from './fixtures.ts'

declare global {
  interface Window {
    flotilla?: { readonly db: Database }
  }
}

/** Milliseconds, where there is more to be done than usual. */
export interface Patience {
  readonly timeout?: number
}

/** One tab with the board open, driven as a person would, or through the console handle where a test is about the store. */
export class BoardTab {
  readonly page: Page

  private constructor(page: Page) {
    this.page = page
  }

  /** Opens the app in a new tab: without an invite it founds a board or resumes the last one. Resolves when it can write. */
  static async open(context: BrowserContext, url: string, options: Patience = {}): Promise<BoardTab> {
    const tab = new BoardTab(await context.newPage())
    await tab.page.goto(url)
    await tab.ready(options)
    return tab
  }

  /** A tab that something else opened. */
  static async of(page: Page): Promise<BoardTab> {
    const tab = new BoardTab(page)
    await tab.ready()
    return tab
  }

  /** A tab that may have no quorum to get ready with. */
  static at(page: Page): BoardTab {
    return new BoardTab(page)
  }

  async ready(options: Patience = {}): Promise<void> {
    await expect(this.cluster).toHaveAttribute('data-quorum', 'reached', options)
    await expect(this.list('To do')).toBeVisible()
  }

  get cluster() {
    return this.page.locator('[data-cluster]')
  }

  get url(): string {
    return this.page.url()
  }

  list(title: string) {
    return this.page.getByRole('region', { name: title, exact: true })
  }

  card(list: string, text: string) {
    return this.list(list).getByRole('listitem').filter({ hasText: text })
  }

  async addCard(list: string, text: string): Promise<void> {
    await this.list(list).getByRole('button', { name: 'Add card' }).click()
    const box = this.list(list).getByRole('textbox', { name: 'Card text' })
    await box.fill(text)
    await box.press('Enter')
    await box.press('Escape')
  }

  member(): Promise<number> {
    return this.page.evaluate(() => db().member)
  }

  async leader(): Promise<number> {
    return this.page.evaluate(() => db().status().replica.leader)
  }

  term(): Promise<number> {
    return this.page.evaluate(() => db().status().replica.term)
  }

  /** Waits until this tab sees so many members linked to it (itself among them), so many of them voters. */
  async sees(members: number, voters: number, options: Patience = {}): Promise<void> {
    await expect
      .poll(
        () =>
          this.page.evaluate(() => {
            const { replica } = db().status()
            const connected = replica.members.filter(({ connected }) => connected)
            return { members: connected.length, voters: connected.filter(({ state }) => state === 'voter').length }
          }),
        options,
      )
      .toEqual({ members, voters })
  }

  put(key: string, value: string): Promise<number> {
    return this.page.evaluate(async ([key, value]) => (await db().put(key, value)).header.revision, [
      key,
      value,
    ] as const)
  }

  get(key: string): Promise<string | null> {
    return this.page.evaluate(async key => (await db().get(key))?.value ?? null, key)
  }

  keys(prefix: string): Promise<string[]> {
    return this.page.evaluate(
      async prefix => (await db().range({ prefix }, { keysOnly: true })).kvs.map(({ key }) => key),
      prefix,
    )
  }
}

/** Three tabs of one browser, all of them voters. */
export async function openThree(context: BrowserContext, url: string): Promise<[BoardTab, BoardTab, BoardTab]> {
  const first = await BoardTab.open(context, url)
  const second = await BoardTab.open(context, first.url)
  const third = await BoardTab.open(context, first.url)
  for (const tab of [first, second, third]) await tab.sees(3, 3)
  return [first, second, third]
}

/** In two browsers, each of whose pages gets `db()`; see `installHandle`. */
export async function openTwo(contexts: [BrowserContext, BrowserContext], url: string): Promise<[BoardTab, BoardTab]> {
  for (const context of contexts) await installHandle(context)
  const first = await BoardTab.open(contexts[0], url)
  const second = await BoardTab.open(contexts[1], first.url)
  for (const tab of [first, second]) await tab.sees(2, 1)
  return [first, second]
}

/** Runs in the page until the service worker has the whole app and answers for this page. */
export async function kept(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
    if (navigator.serviceWorker.controller === null) {
      await new Promise(resolve =>
        navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
      )
    }
  })
}

/** The tabs, the leader's first. */
export async function leaderFirst(tabs: readonly BoardTab[]): Promise<BoardTab[]> {
  const [some] = tabs
  if (some === undefined) return []
  const leader = await some.leader()
  const ranked = await Promise.all(tabs.map(async tab => ({ tab, leads: (await tab.member()) === leader })))
  return ranked.sort((a, b) => Number(b.leads) - Number(a.leads)).map(({ tab }) => tab)
}

/** Runs in the page: a function of this name is put there by `installHandle`. */
declare function db(): Database

/** Every page of the context gets `db()`, short for the console handle. */
export async function installHandle(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    Object.assign(globalThis, {
      db: () => {
        const handle = window.flotilla
        if (handle === undefined) throw new Error('the database is not open')
        return handle.db
      },
    })
  })
}
