import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { BrowserContext } from '@playwright/test'
import { SIGNALING_PATH } from '../../src/net/signaling-protocol.ts'
import { ServerProcess } from '../unit/signaling/server-process.ts'
import { BoardTab, installHandle, kept } from './board.ts'
import { openDataPage } from './data-page.ts'
import { test as base, expect } from './fixtures.ts'
import { Ledger } from './ledger.ts'

const dist = fileURLToPath(new URL('../../dist', import.meta.url))

/** Of each tab, before the kill and again while the server is gone. */
const writesWatched = 60
const pauseMsPerMember = 5
/** Nobody is missed so early that an election could take less. */
const electionMsMin = 1_000
const comeBackMsMax = 60_000

interface KillableServer {
  readonly port: number
  kill(): Promise<void>
  /** On the same port. */
  start(): Promise<void>
}

/** `killable`: the server with the app, as `npm start` runs it, a process that the test may kill. */
const test = base.extend<{ killable: KillableServer }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
  killable: async ({}, use) => {
    if (!existsSync(dist)) throw new Error('the app is not built: run "npm run build" first')
    const settings = { FLOTILLA_DIR: dist }
    let running = await ServerProcess.start(settings)
    const { port } = running
    await use({
      port,
      kill: () => running.kill(),
      async start() {
        running = await ServerProcess.start(settings, port)
      },
    })
    if (running.alive) await running.kill()
  },
})

/** Runs in the page: put there by `installHandle`, or by `openRelayed`. */
declare function db(): NonNullable<Window['flotilla']>['db']

const now = () => performance.timeOrigin + performance.now()

async function prepare(context: BrowserContext, ledger: Ledger): Promise<BrowserContext> {
  await installHandle(context)
  await ledger.install(context)
  return context
}

/** Each of these keys has been written so often since. */
function written(ledger: Ledger, keys: ReadonlySet<string>, times: number, since: number): Promise<void> {
  return ledger.until(({ entries }) => {
    const recent = entries.filter(({ askedAt }) => askedAt >= since)
    return [...keys].every(key => recent.filter(entry => entry.key === key).length >= times)
  })
}

/** What kind of links a tab has, the up ones. */
function links({ page }: BoardTab): Promise<string[]> {
  return page.evaluate(() => {
    const { links } = db().status()
    return links.map(({ kind, state }) => (state === 'up' ? kind : state))
  })
}

/** A board whose links all go over the relay, without an app. The first founds it. */
async function openRelayed(context: BrowserContext, url: string, signaling: string, invite: string): Promise<BoardTab> {
  const page = await openDataPage(context, url)
  await page.evaluate(
    async ([signaling, invite]) => {
      const options = { signaling, relay: 'always' } as const
      const opened = await (invite === '' ? window.api.create(options) : window.api.open({ ...options, invite }))
      Object.assign(globalThis, { db: () => opened })
      await opened.get('anything')
    },
    [signaling, invite] as const,
  )
  return BoardTab.at(page)
}

test('the server is killed under load and started again: nobody who is connected notices, and all others come in then', async ({
  launchChromium,
  killable,
}) => {
  test.setTimeout(180_000)
  const ledger = new Ledger()
  const devices = [await launchChromium(), await launchChromium(), await launchChromium()].map(({ context }) => context)
  const [one, two, three] = devices
  if (one === undefined || two === undefined || three === undefined) throw new Error('three were launched')
  for (const device of devices) await prepare(device, ledger)
  const a = await BoardTab.open(one, `http://localhost:${killable.port}/`)
  const { url } = a
  const b = await BoardTab.open(one, url)
  const c = await BoardTab.open(two, url)
  for (const tab of [a, b, c]) {
    await tab.sees(3, 3, { timeout: 30_000 })
    await kept(tab.page)
    // A relayed link, as there may be one at first, would be cut with the server.
    await expect.poll(() => links(tab), { timeout: 30_000 }).toEqual(['webrtc', 'webrtc'])
  }
  const standing = async () => ({ term: await a.term(), leader: await a.leader() })
  const before = await standing()
  expect(before.leader, 'the founder leads').toBe(await a.member())

  const keys = new Set(['restart/a', 'restart/b', 'restart/c'])
  const beganAt = now()
  for (const [at, tab] of [a, b, c].entries()) {
    await ledger.write(tab, { key: `restart/${'abc'[at]}`, pauseMsPerMember })
  }
  await written(ledger, keys, writesWatched, beganAt)

  const killedAt = now()
  await killable.kill()
  for (const tab of [a, b, c]) await expect(tab.cluster).toHaveAttribute('data-signaling', 'disconnected')
  await written(ledger, keys, writesWatched, now())
  const [calm, killed] = [ledger.worst(keys, beganAt, killedAt), ledger.worst(keys, killedAt)]
  console.log(
    `the longest time without an answer was ${calm.gapMs.toFixed(0)} ms before the kill and ${killed.gapMs.toFixed(0)} ms ` +
      `after it; the longest that one write took ${calm.waitMs.toFixed(0)} and ${killed.waitMs.toFixed(0)} ms`,
  )
  expect(killed.gapMs).toBeLessThan(Math.max(electionMsMin, 2 * calm.gapMs))
  expect(await standing()).toEqual(before)

  // Reloaded, a tab finds those of its own browser without a server; and the one that is alone on its device nobody.
  const members = [await b.member(), await c.member()]
  await b.page.reload()
  await b.ready({ timeout: comeBackMsMax })
  await ledger.write(b, { key: 'restart/b/again', pauseMsPerMember })
  await c.page.reload()
  await expect(c.cluster).toHaveAttribute('data-signaling', 'disconnected')
  await ledger.everyoneWrites(new Set(['restart/a', 'restart/b/again']), now())
  await expect(c.cluster).not.toHaveAttribute('data-quorum', 'reached')

  const startedAt = now()
  await killable.start()
  const late = await BoardTab.open(three, url, { timeout: comeBackMsMax })
  await ledger.check(late, 'restart/')
  await c.ready({ timeout: comeBackMsMax })
  console.log(`the server was started again, and two tabs were in ${(now() - startedAt).toFixed(0)} ms later`)
  expect([await b.member(), await c.member()], 'they are who they were').toEqual(members)
  await ledger.write(c, { key: 'restart/c/again', pauseMsPerMember })
  await ledger.write(late, { key: 'restart/late', pauseMsPerMember })
  const all = ['restart/a', 'restart/b/again', 'restart/c/again', 'restart/late']
  await ledger.everyoneWrites(new Set(all), now())
  expect(await standing(), 'nobody was elected anew').toEqual(before)

  const tabs = [a, b, c, late]
  for (const tab of tabs) await ledger.rest(tab)
  for (const tab of tabs) await ledger.check(tab, 'restart/')
})

test('over the relay alone writes wait for the server, and each happens once when it is back', async ({
  launchChromium,
  killable,
  pageUrl,
}) => {
  test.setTimeout(180_000)
  const ledger = new Ledger()
  const devices = [await launchChromium(), await launchChromium()].map(({ context }) => context)
  const [one, two] = devices
  if (one === undefined || two === undefined) throw new Error('two were launched')
  for (const device of devices) await ledger.install(device)
  const signaling = `ws://localhost:${killable.port}${SIGNALING_PATH}`
  const a = await openRelayed(one, pageUrl('data'), signaling, '')
  const invite = await a.page.evaluate(() => db().invite)
  const tabs = [
    a,
    await openRelayed(one, pageUrl('data'), signaling, invite),
    await openRelayed(two, pageUrl('data'), signaling, invite),
  ]
  for (const tab of tabs) {
    await tab.sees(3, 3, { timeout: 60_000 })
    expect(await links(tab)).toEqual(['relay', 'relay'])
  }
  const lives = () => Promise.all(tabs.map(({ page }) => page.evaluate(() => performance.timeOrigin)))
  const livesBefore = await lives()

  const keys = new Set<string>()
  const streams = [1, 2, 3, 4]
  for (const [at, tab] of tabs.entries()) {
    for (const stream of streams) {
      const key = `relayed/${at}/${stream}`
      keys.add(key)
      await ledger.write(tab, { key, pauseMsPerMember })
    }
  }
  await ledger.everyoneWrites(keys, now())
  await killable.kill()
  const quorums = () => Promise.all(tabs.map(({ page }) => page.evaluate(() => db().status().replica.quorum)))
  await expect.poll(quorums, { timeout: 30_000 }).toEqual([false, false, false])
  const pending = () => Promise.all(tabs.map(({ page }) => page.evaluate(() => window.writing?.size)))
  await expect.poll(pending).toEqual(tabs.map(() => streams.length))
  const answered = ledger.entries.length
  // Nobody gets an answer, however often the server is looked for.
  const looked = () =>
    Promise.all(tabs.map(({ page }) => page.waitForEvent('console', line => /CONNECTION_REFUSED/.test(line.text()))))
  for (let times = 0; times < 2; times += 1) await looked()
  expect(ledger.entries.length).toBe(answered)

  const startedAt = now()
  await killable.start()
  await ledger.everyoneWrites(keys, startedAt)
  console.log(
    `${keys.size} writes were pending; all of them, and one more each, were answered ${(now() - startedAt).toFixed(0)} ms after the start`,
  )
  for (const tab of tabs) await ledger.rest(tab)
  for (const tab of tabs) await ledger.check(tab, 'relayed/')
  expect(await lives(), 'no page was loaded again').toEqual(livesBefore)
  for (const tab of tabs) expect(await links(tab)).toEqual(['relay', 'relay'])
})
