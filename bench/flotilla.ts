import type { Page } from 'playwright'
import { type Failover, type ManyAtOnce, type OneByOne, putsPerTransaction, untilSeenByAll } from './loads.ts'
import { addLoads, type Stand } from './stand.ts'
import type { End, Seat, System, WatchedPut } from './system.ts'

const members = 3
const settleMsMax = 30_000

/** Three tabs of one browser with the app open, all voters of one cluster. */
export class Tabs implements System {
  readonly #stand: Stand
  readonly #pages: Page[] = []

  private constructor(stand: Stand) {
    this.#stand = stand
  }

  static async open(stand: Stand): Promise<Tabs> {
    const tabs = new Tabs(stand)
    while (tabs.#pages.length < members) await tabs.#add()
    await tabs.#settled()
    return tabs
  }

  async puts(seat: Seat, load: OneByOne): Promise<readonly number[]> {
    return (await this.#at(seat)).evaluate(load => window.bench.puts(load), load)
  }

  async reads(seat: Seat, load: OneByOne): Promise<readonly number[]> {
    return (await this.#at(seat)).evaluate(load => window.bench.reads(load), load)
  }

  async putsPerSecond(seat: Seat, load: ManyAtOnce): Promise<number> {
    return (await this.#at(seat)).evaluate(load => window.bench.putsPerSecond(load), load)
  }

  async batchedPutsPerSecond(seat: Seat, load: ManyAtOnce): Promise<number> {
    const transactions = await (await this.#at(seat)).evaluate(load => window.bench.batchedPutsPerSecond(load), load)
    return transactions * putsPerTransaction
  }

  async watched(seat: Seat, load: OneByOne): Promise<readonly WatchedPut[]> {
    for (const page of this.#pages) await page.evaluate(() => window.bench.startWatching())
    const writer = await this.#at(seat)
    const puts = await writer.evaluate(load => window.bench.timedPuts(load), load)
    const last = puts.at(-1)?.revision ?? 0
    const watchers = this.#pages.map(page => page.evaluate(last => window.bench.arrivals(last), last))
    return untilSeenByAll(puts, await Promise.all(watchers))
  }

  async failover(end: End): Promise<number> {
    return (await this.failoverAndPause(end)).nextMs
  }

  /** Closes or crashes the leader's tab while another tab writes; a new tab then takes its place. */
  async failoverAndPause(end: End): Promise<Failover> {
    const leader = await this.#at('leader')
    const writer = await this.#at('follower')
    const member = await memberOf(leader)
    await writer.evaluate(leader => window.bench.startWriting(leader), member)
    await writer.evaluate(() => window.bench.closing())
    if (end === 'close') await leader.close({ runBeforeUnload: true })
    else await crash(leader)
    const took = await writer.evaluate(() => window.bench.failover())
    this.#pages.splice(this.#pages.indexOf(leader), 1)
    await this.#add()
    await this.#settled()
    return took
  }

  async close(): Promise<void> {
    await Promise.all(this.#pages.splice(0).map(page => page.close()))
  }

  async #add(): Promise<void> {
    const page = await this.#stand.browser.context.newPage()
    // The first one founds, the others open its link.
    await page.goto(this.#pages[0]?.url() ?? this.#stand.url)
    await page.waitForFunction(() => window.flotilla?.db.status().replica.quorum === true)
    await addLoads(page)
    this.#pages.push(page)
  }

  /** Waits until every tab sees three voters connected. A closed tab's member may still be on the list. */
  async #settled(): Promise<void> {
    const isSettled = (members: number) => {
      const seen = window.flotilla?.db.status().replica.members ?? []
      const connected = seen.filter(({ connected }) => connected)
      return connected.length === members && connected.every(({ state }) => state === 'voter')
    }
    for (const page of this.#pages) await page.waitForFunction(isSettled, members, { timeout: settleMsMax })
  }

  async #at(seat: Seat): Promise<Page> {
    const ids = await Promise.all(this.#pages.map(memberOf))
    const leading = await this.#pages[0]?.evaluate(() => window.flotilla?.db.status().replica.leader)
    const page = this.#pages.find((_, at) => (ids[at] === leading) === (seat === 'leader'))
    if (page === undefined || !ids.includes(leading ?? 0)) throw new Error('none of the tabs leads')
    return page
  }
}

/** The end of the tab's process, as when the system takes its memory. */
async function crash(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const crashed = page.waitForEvent('crash')
  // Never answered: whoever could answer is gone.
  session.send('Page.crash').catch(() => {})
  await crashed
  await page.close()
}

function memberOf(page: Page): Promise<number> {
  return page.evaluate(() => window.flotilla?.db.member ?? 0)
}
