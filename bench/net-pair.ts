import type { Page } from 'playwright'
import type { NetLoad, NetResult } from './pages/net-messages.ts'
import type { Stand } from './stand.ts'

/** Two tabs with one connection; the first one sends. */
export class NetPair {
  readonly #pages: readonly [Page, Page]

  private constructor(pages: readonly [Page, Page]) {
    this.#pages = pages
  }

  static async open(stand: Stand): Promise<NetPair> {
    const [sender, receiver] = [await openPage(stand), await openPage(stand)]
    const offer = await sender.evaluate(() => window.benchNet.offer(1))
    const answer = await receiver.evaluate(offer => window.benchNet.answer(2, offer), offer)
    await sender.evaluate(answer => window.benchNet.accept(answer), answer)
    await Promise.all([sender, receiver].map(page => page.evaluate(() => window.benchNet.ready())))
    return new NetPair([sender, receiver])
  }

  run(over: 'links' | 'raw', load: NetLoad): Promise<NetResult> {
    return this.#pages[0].evaluate(([over, load]) => window.benchNet.run(over, load), [over, load] as const)
  }

  async close(): Promise<void> {
    for (const page of this.#pages) await page.close()
  }
}

async function openPage(stand: Stand): Promise<Page> {
  const page = await stand.browser.context.newPage()
  await page.goto(stand.pageUrl('net'))
  await page.waitForFunction(() => window.benchNet !== undefined)
  return page
}
