import type { Page } from 'playwright'
import { valueBytes } from './loads.ts'
import type { Arrivals } from './pages/tab.ts'
import type { Stand } from './stand.ts'

const openMsMax = 120_000
/** What a key of the benchmark and its value take up, without what keeps them in order. */
const bytesPerKey = 'key/00000000'.length + valueBytes

/** A cluster of so many keys that no tab has open, and as many bytes for the floor. */
export class Holding {
  readonly #stand: Stand
  readonly #address: string

  private constructor(stand: Stand, address: string) {
    this.#stand = stand
    this.#address = address
  }

  static async found(stand: Stand, keys: number): Promise<Holding> {
    const page = await newPage(stand, stand.pageUrl('tab'))
    const fragment = await page.evaluate(keys => window.benchTab.found(keys), keys)
    await close(page)
    const floor = await newPage(stand, stand.pageUrl('tab-floor'))
    await floor.evaluate(bytes => window.benchTabFloor.fill(bytes), Math.max(1, keys * bytesPerKey))
    await close(floor)
    return new Holding(stand, `${stand.pageUrl('tab')}${fragment}`)
  }

  async load(): Promise<Arrivals> {
    const page = await newPage(this.#stand, this.#address)
    const arrivals = await page.evaluate(() => window.benchTab.arrivals)
    await close(page)
    return arrivals
  }

  async loadFloor(): Promise<number> {
    const page = await newPage(this.#stand, this.#stand.pageUrl('tab-floor'))
    const read = await page.evaluate(() => window.benchTabFloor.read)
    await close(page)
    return read
  }

  /** In bytes. */
  async memory(): Promise<{ readonly tab: number; readonly floor: number }> {
    const page = await newPage(this.#stand, this.#address)
    await page.evaluate(() => window.benchTab.arrivals)
    const tab = await page.evaluate(() => window.benchTab.memoryBytes())
    await close(page)
    const other = await newPage(this.#stand, this.#stand.pageUrl('tab-floor'))
    await other.evaluate(() => window.benchTabFloor.read)
    const floor = await other.evaluate(() => window.benchTabFloor.memoryBytes())
    await close(other)
    return { tab, floor }
  }
}

/** One of three tabs is reloaded so often, all of them voters; each time it is another's turn. */
export async function reloads(stand: Stand, count: number): Promise<Arrivals[]> {
  const first = await newPage(stand, stand.pageUrl('tab'))
  const address = `${stand.pageUrl('tab')}${await first.evaluate(() => window.benchTab.found(0))}`
  await close(first)
  const pages: Page[] = []
  for (let tab = 0; tab < 3; tab += 1) {
    const page = await newPage(stand, address)
    await page.evaluate(() => window.benchTab.arrivals)
    pages.push(page)
  }
  const arrivals: Arrivals[] = []
  for (let at = 0; at < count; at += 1) {
    for (const page of pages) await page.evaluate(() => window.benchTab.threeVoters())
    const page = pages[at % pages.length]
    if (page === undefined) break
    const { member } = await page.evaluate(() => window.benchTab.arrivals)
    await page.reload()
    const back = await page.evaluate(() => window.benchTab.arrivals)
    if (back.member !== member) throw new Error('a reloaded tab came back as another member')
    arrivals.push(back)
  }
  await Promise.all(pages.map(close))
  return arrivals
}

export async function newPage(stand: Stand, url: string): Promise<Page> {
  const page = await stand.browser.context.newPage()
  page.setDefaultTimeout(openMsMax)
  await page.goto(url)
  await page.waitForFunction(() => window.benchTab !== undefined || window.benchTabFloor !== undefined)
  return page
}

/** As a person does; resolves when the tab is gone. */
export async function close(page: Page): Promise<void> {
  const closed = page.waitForEvent('close')
  await page.close({ runBeforeUnload: true })
  await closed
}
