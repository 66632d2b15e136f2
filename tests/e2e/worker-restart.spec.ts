import type { Page } from '@playwright/test'
import type { Database } from '../../src/client/flotilla.ts'
import { BoardTab, installHandle, leaderFirst, openThree } from './board.ts'
import { expect, test } from './fixtures.ts'

/** Runs in the page: put there by `installHandle`. */
declare function db(): Database

declare global {
  interface Window {
    /** Revisions that a watch has given, in the order it gave them. */
    seen?: number[]
    /** What all the puts were answered, when they are. */
    answers?: Promise<number[]>
  }
}

/** Ends the member's worker as a crash does: without a word. */
async function endWorker(page: Page): Promise<void> {
  const [worker] = page.workers()
  if (worker === undefined) throw new Error('the page has no worker')
  const closed = worker.waitForEvent('close')
  // Whoever would answer is gone.
  worker.evaluate(() => self.close()).catch(() => {})
  await closed
}

function watchCounter(page: Page): Promise<void> {
  return page.evaluate(() => {
    const seen: number[] = []
    window.seen = seen
    const watch = db().watch('counter')
    const run = async () => {
      for await (const { header } of watch) seen.push(header.revision)
    }
    void run()
  })
}

/** Puts the counter so many times, ten at a time; resolves when half are asked for, with some of them on their way. */
function putCounter(page: Page, count: number): Promise<void> {
  return page.evaluate(count => {
    const answers: Promise<number>[] = []
    return new Promise<void>(resolve => {
      window.answers = new Promise(allAsked => {
        const ask = () => {
          for (let i = 0; i < 10; i += 1) {
            const put = db().put('counter', String(answers.length))
            answers.push(put.then(({ header }) => header.revision))
          }
          if (answers.length >= count / 2) resolve()
          if (answers.length < count) setTimeout(ask, 1)
          else allAsked(Promise.all(answers))
        }
        ask()
      })
    })
  }, count)
}

/** The revisions that all puts were answered with. */
function answers(page: Page): Promise<number[]> {
  return page.evaluate(() => window.answers ?? [])
}

for (const engine of ['Chromium', 'Firefox'] as const) {
  test(`${engine}: a worker that ends is replaced: writes happen once, in order, and a watch has no gap`, async ({
    launchChromium,
    launchFirefox,
    server,
  }) => {
    // Firefox takes most of the usual minute on two busy cores.
    if (engine === 'Firefox') test.slow()
    const { context } = await (engine === 'Chromium' ? launchChromium() : launchFirefox())
    await installHandle(context)
    const tab = await BoardTab.open(context, server.url)
    const member = await tab.member()
    await watchCounter(tab.page)
    const count = 1_000
    await putCounter(tab.page, count)
    if (engine === 'Chromium') await endWorker(tab.page)
    // What drives Firefox does not reach its workers.
    else await tab.page.evaluate(() => db().faults.killWorker())
    const revisions = await answers(tab.page)
    expect(revisions).toHaveLength(count)
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
    expect(new Set(revisions).size).toBe(count)
    expect(await tab.page.evaluate(async () => (await db().get('counter'))?.version)).toBe(count)
    expect(await tab.get('counter')).toBe(String(count - 1))
    await expect.poll(() => tab.page.evaluate(() => window.seen?.length)).toBe(count)
    expect(await tab.page.evaluate(() => window.seen)).toEqual(revisions)
    expect(await tab.member()).toBe(member)
    await tab.ready()
  })
}

test('of three tabs the leader loses its worker, and nobody loses a write or an event', async ({ context, server }) => {
  await installHandle(context)
  const [leader, follower] = await leaderFirst(await openThree(context, server.url))
  if (leader === undefined || follower === undefined) throw new Error('three tabs were opened')
  await watchCounter(leader.page)
  await watchCounter(follower.page)
  const count = 400
  await putCounter(leader.page, count)
  await endWorker(leader.page)
  const revisions = await answers(leader.page)
  expect(new Set(revisions).size).toBe(count)
  expect(await follower.page.evaluate(async () => (await db().get('counter'))?.version)).toBe(count)
  for (const tab of [leader, follower]) {
    await expect.poll(() => tab.page.evaluate(() => window.seen?.length)).toBe(count)
    expect(await tab.page.evaluate(() => window.seen)).toEqual(revisions)
    await tab.sees(3, 3)
  }
})

test('a worker that keeps ending is given up, and the page says so', async ({ context, server }) => {
  await installHandle(context)
  const tab = await BoardTab.open(context, server.url)
  for (let i = 0; i < 6; i += 1) {
    await expect.poll(() => tab.page.workers().length).toBe(1)
    await endWorker(tab.page)
  }
  await expect.poll(() => tab.page.evaluate(() => db().status().failure?.code)).toBe('WORKER_UNAVAILABLE')
})
