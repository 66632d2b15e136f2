import type { Page } from '@playwright/test'
import type { Database } from '../../src/client/flotilla.ts'
import { BoardTab, installHandle } from './board.ts'
import type { RunningBrowser } from './browsers.ts'
import { type AppServer, expect, type Launch, test } from './fixtures.ts'

/** Runs in the page: put there by `installHandle`. */
declare function db(): Database

interface Stranded {
  readonly voterProfile: string
  readonly browser: RunningBrowser
  readonly tab: BoardTab
}

/** Two browsers, one tab each: the voter's is killed, and the learner's is left without a quorum. */
async function strand(launch: Launch, server: AppServer): Promise<Stranded> {
  const [first, second] = [await launch(), await launch()]
  await installHandle(first.context)
  await installHandle(second.context)
  const voter = await BoardTab.open(first.context, server.url)
  const tab = await BoardTab.open(second.context, voter.url)
  for (const each of [voter, tab]) await each.sees(2, 1)
  expect(await voter.leader()).toBe(await voter.member())
  await tab.put('counter', 'before')
  await first.kill()
  await losesQuorum(tab.page)
  return { voterProfile: first.profile, browser: second, tab }
}

async function losesQuorum(page: Page): Promise<void> {
  await expect.poll(() => page.evaluate(() => db().status().replica.quorum)).toBe(false)
}

/** Asks for puts of `counter` that nobody answers, one after another. Returns at once. */
function putCounter(page: Page, values: readonly string[]): Promise<void> {
  return page.evaluate(values => {
    for (const value of values) {
      // Its promise ends with the page.
      db()
        .put('counter', value)
        .catch(() => {})
    }
  }, values)
}

function pending(page: Page) {
  return page.evaluate(() => {
    let list: unknown[] = []
    db().pending.subscribe(writes => {
      list = writes.map(({ operation, keys, durable, fromEarlierLife }) => ({
        operation,
        keys,
        durable,
        fromEarlierLife,
      }))
    })()
    return list
  })
}

function settled(page: Page) {
  return page.evaluate(() => {
    let list: unknown[] = []
    db().settled.subscribe(writes => {
      list = writes.map(({ keys, result }) => ({ keys, ok: result.ok }))
    })()
    return list
  })
}

function kept(count: number, fromEarlierLife: boolean) {
  return Array.from({ length: count }, () => ({ operation: 'put', keys: ['counter'], durable: true, fromEarlierLife }))
}

/** Every value that `counter` was given since it was made. */
function history(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const now = await db().get('counter')
    if (now === null) return []
    const values: string[] = []
    const abort = new AbortController()
    for await (const { events } of db().watch('counter', { startRevision: now.createRevision, signal: abort.signal })) {
      for (const event of events) if (event.type === 'put') values.push(event.kv.value)
      if (values.length === now.version) abort.abort()
    }
    return values
  })
}

for (const end of ['reload', 'SIGKILL'] as const) {
  test(`writes made without a quorum outlive a ${end}, and happen once and in order`, async ({
    launchChromium,
    server,
  }) => {
    const { voterProfile, browser, tab } = await strand(launchChromium, server)
    await putCounter(tab.page, ['1', '2', '3'])
    await expect.poll(() => pending(tab.page)).toEqual(kept(3, false))

    // Without waiting for it to be opened by a quorum: there is none.
    const reopen = async (from: BoardTab): Promise<BoardTab> => {
      if (end === 'reload') {
        await from.page.reload()
        return from
      }
      const { url } = from
      const running = from === tab ? browser : second
      await running.kill()
      second = await launchChromium({ profile: browser.profile })
      await installHandle(second.context)
      const page = await second.context.newPage()
      await page.goto(url)
      return BoardTab.at(page)
    }
    let second = browser
    let again = await reopen(tab)
    await again.page.waitForFunction(() => window.flotilla !== undefined)
    await expect.poll(() => pending(again.page)).toEqual(kept(3, true))

    // A second life adds to what the first left, and ends as the first did.
    await putCounter(again.page, ['4', '5'])
    await expect.poll(() => pending(again.page)).toEqual([...kept(3, true), ...kept(2, false)])
    again = await reopen(again)
    await again.page.waitForFunction(() => window.flotilla !== undefined)
    await expect.poll(() => pending(again.page)).toEqual(kept(5, true))
    await putCounter(again.page, ['6'])

    const first = await launchChromium({ profile: voterProfile })
    await installHandle(first.context)
    const voter = await BoardTab.open(first.context, again.url)
    await again.ready()
    await expect.poll(() => pending(again.page)).toEqual([])
    for (const each of [again, voter])
      expect(await history(each.page)).toEqual(['before', '1', '2', '3', '4', '5', '6'])
    expect(await settled(again.page)).toEqual(Array.from({ length: 5 }, () => ({ keys: ['counter'], ok: true })))

    // What was answered is not kept: another life does nothing again.
    await again.page.reload()
    await again.ready()
    expect(await pending(again.page)).toEqual([])
    expect(await history(again.page)).toHaveLength(7)
  })
}

test('without a quorum a write that is not to be queued fails at once', async ({ launchChromium, server }) => {
  const { tab } = await strand(launchChromium, server)
  const refused = await tab.page.evaluate(() =>
    db()
      .put('counter', 'now or never', { offline: 'fail' })
      .then(
        () => 'answered',
        ({ code, outcome }) => ({ code, outcome }),
      ),
  )
  expect(refused).toEqual({ code: 'UNAVAILABLE', outcome: 'definite' })
  expect(await pending(tab.page)).toEqual([])
})

test('a tab that is closed gives up its leases at once', async ({ launchChromium, server }) => {
  const [one, two] = [await launchChromium(), await launchChromium()]
  await installHandle(one.context)
  await installHandle(two.context)
  const stays = await BoardTab.open(one.context, server.url)
  const goes = await BoardTab.open(two.context, stays.url)
  for (const each of [stays, goes]) await each.sees(2, 1)
  await goes.page.evaluate(async () => {
    const lease = await db().lease(60)
    await db().put('here', 'yes', { lease })
  })
  await two.context.newPage()
  const gone = stays.page.evaluate(async () => {
    for await (const { events } of db().watch('here')) {
      if (events.some(({ type }) => type === 'delete')) return performance.timeOrigin + performance.now()
    }
    return Number.POSITIVE_INFINITY
  })
  await stays.page.evaluate(async () => (await db().get('here'))?.value)
  const closedAt = Date.now()
  await goes.page.close()
  expect((await gone) - closedAt).toBeLessThan(1_000)
})
