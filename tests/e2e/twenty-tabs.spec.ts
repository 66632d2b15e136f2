import { loadavg } from 'node:os'
import type { BrowserContext } from '@playwright/test'
import { Random } from '../sim/random.ts'
import { BoardTab, installHandle } from './board.ts'
import { expect, test } from './fixtures.ts'
import { Ledger } from './ledger.ts'

const tabsOpened = 20
const votersWanted = 5
/** All tabs together write about this often, however many are left. */
const writeEveryMs = 100
/** How long the end of one may hold up the others, beyond what the machine does by itself with so many of them. */
const gapMsMax = 1_000

interface Seat {
  readonly tab: BoardTab
  readonly key: string
  readonly member: number
}

test.describe('twenty tabs', () => {
  test.setTimeout(300_000)

  test('opened at once form one cluster, and closed in any order never stop the rest', async ({ context, server }) => {
    const seed = Number(process.env.FLOTILLA_SEED ?? Date.now() % 1_000_000)
    console.log(`closing order: FLOTILLA_SEED=${seed}`)
    const random = new Random(seed)
    await closeOneByOne(context, server.url, async seats => random.pick(seats))
  })

  test('closed in the order in which they lead never stop the rest', async ({ context, server }) => {
    await closeOneByOne(context, server.url, async seats => {
      const leader = await seats[0]?.tab.leader()
      return seats.find(({ member }) => member === leader) ?? seats[0]
    })
  })
})

async function closeOneByOne(
  context: BrowserContext,
  url: string,
  choose: (seats: readonly Seat[]) => Promise<Seat | undefined>,
): Promise<void> {
  const ledger = new Ledger()
  await installHandle(context)
  await ledger.install(context)
  let seats = await openAtOnce(context, url)
  for (const { tab, key } of seats) {
    await ledger.write(tab, { key, pauseMsPerMember: writeEveryMs })
  }
  const begunAt = Date.now()
  const keys = () => new Set(seats.map(({ key }) => key))
  await ledger.everyoneWrites(keys(), begunAt)
  const waits = [ledger.worst(keys(), begunAt)]
  while (seats.length > 1) {
    const gone = await choose(seats)
    const from = Date.now()
    const closed = gone?.tab.page.waitForEvent('close')
    await gone?.tab.page.close({ runBeforeUnload: true })
    await closed
    seats = seats.filter(seat => seat !== gone)
    await ledger.everyoneWrites(keys(), Date.now())
    waits.push(ledger.worst(keys(), from))
  }
  const [before, ...closings] = waits
  if (before === undefined) throw new Error('nothing was measured')
  const gap = Math.max(...closings.map(({ gapMs }) => gapMs))
  const wait = Math.max(...closings.map(({ waitMs }) => waitMs))
  console.log(
    `longest gap between acknowledged writes of those that stay: ${gap.toFixed(0)} ms, longest wait for one: ${wait.toFixed(0)} ms ` +
      `(before any was closed ${before.gapMs.toFixed(0)} and ${before.waitMs.toFixed(0)} ms; load ${loadavg()[0]?.toFixed(1)})`,
  )
  const [last] = seats
  if (last === undefined) throw new Error('one tab is left')
  await last.tab.sees(1, 1)
  await ledger.check(last.tab, 'tab/')
  expect(gap - before.gapMs).toBeLessThan(gapMsMax)
}

/** Nobody is there to be found when they are opened: one of them has to be who founded it. */
async function openAtOnce(context: BrowserContext, url: string): Promise<Seat[]> {
  await context.newPage()
  const founder = await BoardTab.open(context, url)
  const { url: invite } = founder
  await founder.page.close()
  const pages = await Promise.all(Array.from({ length: tabsOpened }, () => context.newPage()))
  await Promise.all(pages.map(page => page.goto(invite)))
  const tabs = pages.map(page => BoardTab.at(page))
  await expect
    .poll(() => views(tabs), { timeout: 120_000 })
    .toEqual([{ leaders: 1, voters: votersWanted, members: tabsOpened, linked: tabsOpened }])
  const members = await Promise.all(tabs.map(tab => tab.member()))
  expect(new Set(members).size).toBe(tabsOpened)
  return tabs.map((tab, at) => ({ tab, key: `tab/${at}`, member: members[at] ?? 0 }))
}

/** What the tabs say of the cluster, each different answer once. */
async function views(tabs: readonly BoardTab[]): Promise<object[]> {
  const said = await Promise.all(
    tabs.map(({ page }) =>
      page.evaluate(() => {
        const replica = window.flotilla?.db.status().replica
        const members = replica?.members ?? []
        return {
          cluster: `${window.flotilla?.db.clusterId} in term ${replica?.term} under ${replica?.leader}`,
          voters: members.filter(({ state }) => state === 'voter').length,
          members: members.length,
          linked: members.filter(({ connected }) => connected).length,
        }
      }),
    ),
  )
  const leaders = new Set(said.map(({ cluster }) => cluster)).size
  const different = new Set(
    said.map(({ voters, members, linked }) => JSON.stringify({ leaders, voters, members, linked })),
  )
  return [...different].map(view => JSON.parse(view))
}
