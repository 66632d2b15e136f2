import type { Stand } from './stand.ts'
import { median } from './stats.ts'
import { close, newPage } from './tab-pages.ts'

/** From the start of a tab's navigation until it sees so many members in reach, itself among them; in milliseconds, of each round. */
export interface ConnectTimes {
  /** The tab that is last. */
  readonly all: readonly number[]
  /** The one in the middle. */
  readonly median: readonly number[]
}

/** So many tabs, the first of which was there before. */
export async function connectTimes(stand: Stand, tabs: number, rounds: number): Promise<ConnectTimes> {
  const all: number[] = []
  const middle: number[] = []
  for (let round = 0; round < rounds; round++) {
    const first = await newPage(stand, stand.pageUrl('tab'))
    const address = `${stand.pageUrl('tab')}${await first.evaluate(() => window.benchTab.found(0))}`
    const others = await Promise.all(Array.from({ length: tabs - 1 }, () => newPage(stand, address)))
    const times = await Promise.all(others.map(page => page.evaluate(tabs => window.benchTab.sees(tabs), tabs)))
    all.push(Math.max(...times))
    middle.push(median(times))
    await Promise.all([first, ...others].map(close))
  }
  return { all, median: middle }
}
