import type { Page } from 'playwright'
import { type OneByOne, valueBytes } from './loads.ts'
import type { Stand } from './stand.ts'

/** About what an append message with one such write is long. */
const messageBytes = 300

/** What the machine and the browser take by themselves, in milliseconds, without any of our code. */
export interface Floor {
  /** A strict IndexedDB transaction with one record of `valueBytes`, in a worker. */
  readonly commits: readonly number[]
  /** The same while the workers of two other tabs do it too, as three members in one browser do. */
  readonly commitsAtOnce: readonly number[]
  /** To a worker of another tab and back, over a transferred data channel. */
  readonly roundTrips: readonly number[]
  /** Both as three tabs of one browser do them for one write: durable in the caller and in the faster of the other two. */
  readonly replicated: readonly number[]
}

/** Three tabs; the worker of the first has a data channel to each of the others'. */
export async function openFloor(stand: Stand): Promise<(load: OneByOne) => Promise<Floor>> {
  const [caller, echo, third] = [await openPage(stand), await openPage(stand), await openPage(stand)]
  for (const other of [echo, third]) {
    const offer = await caller.evaluate(() => window.floor.offer())
    const answer = await other.evaluate(offer => window.floor.answer(offer), offer)
    await caller.evaluate(answer => window.floor.accept(answer), answer)
  }
  return async load => {
    const commits = (page: Page) =>
      page.evaluate(([load, bytes]) => window.floor.commits(load, bytes), [load, valueBytes] as const)
    return {
      commits: await commits(caller),
      commitsAtOnce: (await Promise.all([caller, echo, third].map(commits))).flat(),
      roundTrips: await caller.evaluate(([load, bytes]) => window.floor.roundTrips(load, bytes), [
        load,
        messageBytes,
      ] as const),
      replicated: await caller.evaluate(([load, bytes]) => window.floor.replicated(load, bytes), [
        load,
        messageBytes,
      ] as const),
    }
  }
}

async function openPage(stand: Stand): Promise<Page> {
  const page = await stand.browser.context.newPage()
  await page.goto(stand.pageUrl('floor'))
  await page.waitForFunction(() => window.floor !== undefined)
  return page
}
