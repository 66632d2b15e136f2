import { loadavg } from 'node:os'
import type { Database } from '../../src/client/flotilla.ts'
import { fanOutMax } from '../../src/net/worker/wanted.ts'
import { BoardTab, installHandle } from './board.ts'
import { expect, test } from './fixtures.ts'

declare function db(): Database

/** Twice as many as a full mesh has at most; FLOTILLA_TABS=40 for forty, which want a machine to themselves. */
const tabsOpened = Number(process.env.FLOTILLA_TABS ?? 16)
/** More of them starve each other while they start. */
const openedAtATime = 4
const votersWanted = 5

test.describe('many tabs', () => {
  test.setTimeout(900_000)

  test('form one cluster that is no full mesh, and each sees what any of them writes', async ({ context, server }) => {
    await installHandle(context)
    const first = await BoardTab.open(context, server.url, { timeout: 60_000 })
    const tabs = [first]
    while (tabs.length < tabsOpened) {
      const pages = await Promise.all(
        Array.from({ length: Math.min(openedAtATime, tabsOpened - tabs.length) }, () => context.newPage()),
      )
      await Promise.all(pages.map(page => page.goto(first.url)))
      const wave = pages.map(page => BoardTab.at(page))
      await Promise.all(wave.map(tab => tab.ready({ timeout: 240_000 })))
      tabs.push(...wave)
    }
    await expect
      .poll(() => views(tabs), { timeout: 120_000 })
      .toEqual([{ voters: votersWanted, members: tabsOpened, connected: tabsOpened }])

    // Links that nobody needs go when that has been so for a while.
    const most = votersWanted - 1 + fanOutMax
    await expect.poll(async () => Math.max(...(await links(tabs))), { timeout: 120_000 }).toBeLessThanOrEqual(most)
    const began = Date.now()
    const writers = [0, 1, 2, 3].map(at => tabs[Math.floor((at * (tabs.length - 1)) / 3)])
    for (const [at, tab] of writers.entries()) await tab?.put(`forty/${at}`, 'written')
    for (const tab of tabs) await expect.poll(() => tab.keys('forty/'), { timeout: 30_000 }).toHaveLength(4)
    const counts = await links(tabs)
    console.log(
      `links a tab: ${Math.min(...counts)} to ${Math.max(...counts)}, ${counts.reduce((sum, count) => sum + count, 0) / 2} in all; ` +
        `four writes, and a linearizable read in each tab: ${Date.now() - began} ms (load ${loadavg()[0]?.toFixed(1)})`,
    )
  })
})

/** What the tabs say of the cluster, each different answer once. */
async function views(tabs: readonly BoardTab[]): Promise<object[]> {
  const said = await Promise.all(
    tabs.map(({ page }) =>
      page.evaluate(() => {
        const { members } = db().status().replica
        return JSON.stringify({
          voters: members.filter(({ state }) => state === 'voter').length,
          members: members.length,
          connected: members.filter(({ connected }) => connected).length,
        })
      }),
    ),
  )
  return [...new Set(said)].map(view => JSON.parse(view))
}

function links(tabs: readonly BoardTab[]): Promise<number[]> {
  return Promise.all(
    tabs.map(({ page }) =>
      page.evaluate(
        () =>
          db()
            .status()
            .links.filter(({ state }) => state === 'up').length,
      ),
    ),
  )
}
