import type { Database } from '../../src/client/flotilla.ts'
import { BareChromium, type BareTab } from './bare-chromium.ts'
import { makeProfile, removeProfile } from './browsers.ts'
import { type AppServer, test as base, expect } from './fixtures.ts'

declare global {
  interface Window {
    /** What a read gave that was asked for as soon as the page woke. */
    readOnWaking?: Promise<string | null>
  }
}

const test = base.extend<{ chromium: BareChromium }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
  chromium: async ({}, use) => {
    const profile = await makeProfile()
    const chromium = await BareChromium.launch(profile)
    await use(chromium)
    await chromium.close()
    await removeProfile(profile)
  },
})

/** Runs in the page. */
declare const flotilla: { readonly db: Database }

function replica(tab: BareTab) {
  return tab.evaluate(() => flotilla.db.status().replica)
}

function put(tab: BareTab, key: string, value: string): Promise<number> {
  return tab.evaluate(async ({ key, value }) => (await flotilla.db.put(key, value)).header.revision, { key, value })
}

function get(tab: BareTab, key: string): Promise<string | null> {
  return tab.evaluate(async key => (await flotilla.db.get(key))?.value ?? null, key)
}

async function ready(tab: BareTab): Promise<void> {
  await expect.poll(() => tab.evaluate(() => window.flotilla?.db.status().replica.quorum ?? false)).toBe(true)
  await expect.poll(async () => (await replica(tab)).state).not.toBe('joining')
}

async function sees(tab: BareTab, members: number, voters: number): Promise<void> {
  const count = async () => {
    const connected = (await replica(tab)).members.filter(({ connected }) => connected)
    return { members: connected.length, voters: connected.filter(({ state }) => state === 'voter').length }
  }
  await expect.poll(count).toEqual({ members, voters })
}

/** Three tabs, all of them voters; the one that leads first. */
async function openThree(chromium: BareChromium, server: AppServer): Promise<[BareTab, BareTab, BareTab]> {
  const first = await chromium.open(server.url)
  await ready(first)
  const url = await first.evaluate(() => location.href)
  const second = await chromium.open(url)
  await ready(second)
  const third = await chromium.open(url)
  for (const tab of [first, second, third]) await sees(tab, 3, 3)
  // Whoever was opened last is visible, and a visible page is never frozen.
  await chromium.open('about:blank')
  const { leader, member } = await replica(first)
  if (leader === member) return [first, second, third]
  return leader === (await replica(second)).member ? [second, first, third] : [third, first, second]
}

/** Writes, one after another, until somebody else leads, and a little longer. Resolves to the longest that one took, in milliseconds. */
function writeThroughChange(tab: BareTab, leader: number): Promise<number> {
  return tab.evaluate(async leader => {
    let longestMs = 0
    for (let left = 20; left > 0; ) {
      const begunAt = performance.now()
      await flotilla.db.put('key', 'while frozen')
      longestMs = Math.max(longestMs, performance.now() - begunAt)
      if (flotilla.db.status().replica.leader !== leader) left -= 1
    }
    return longestMs
  }, leader)
}

function readOnWaking(tab: BareTab, key: string): Promise<void> {
  return tab.evaluate(key => {
    window.readOnWaking = new Promise(resolve => {
      const read = () => flotilla.db.get(key).then(found => resolve(found?.value ?? null))
      document.addEventListener('resume', read, { once: true })
    })
  }, key)
}

async function readWhenWoken(tab: BareTab): Promise<string | null> {
  return tab.evaluate(() => window.readOnWaking ?? Promise.resolve('nothing was asked'))
}

for (const word of ['that can say so', 'without a word'] as const) {
  test(`a leader frozen ${word} holds nobody up for long, has one voice, and wakes as itself, to no stale read`, async ({
    chromium,
    server,
  }) => {
    const [leader, second, third] = await openThree(chromium, server)
    const before = await replica(leader)
    const url = await leader.evaluate(() => location.href)
    await put(second, 'key', 'before')
    await readOnWaking(leader, 'key')
    if (word === 'without a word') {
      // Before the page's own listener is asked.
      await leader.evaluate(() =>
        addEventListener('freeze', event => event.stopImmediatePropagation(), { capture: true }),
      )
    }
    const writing = writeThroughChange(second, before.member)
    await leader.freeze()
    const longestMs = await writing
    // With its word it has handed over before it is frozen: nobody waits for an election, which takes a second at least.
    if (word === 'that can say so') expect(longestMs).toBeLessThan(1_000)

    const newcomer = await chromium.open(url)
    await ready(newcomer)
    const others = await Promise.all([second, third, newcomer].map(async tab => (await replica(tab)).member))
    expect(new Set([before.member, ...others]).size, 'nobody speaks for the frozen one').toBe(4)
    for (const tab of [second, newcomer]) {
      expect(await tab.evaluate(() => flotilla.db.status().adopted)).toEqual([])
    }
    expect(await get(newcomer, 'key')).toBe('while frozen')

    await leader.wake()
    expect(await readWhenWoken(leader)).toBe('while frozen')
    await sees(leader, 4, 3)
    expect((await replica(leader)).member).toBe(before.member)
    await put(leader, 'key', 'awake')
    expect(await get(third, 'key')).toBe('awake')
  })
}

test('a discarded tab comes back as the same member, and its siblings have written on', async ({
  chromium,
  server,
}) => {
  const [leader, second] = await openThree(chromium, server)
  const { member } = await replica(leader)
  const load = await chromium.discard(leader)
  await put(second, 'key', 'while discarded')
  await expect.poll(async () => (await replica(second)).leader).not.toBe(member)
  await expect.poll(() => second.evaluate(() => flotilla.db.status().adopted)).toEqual([])
  const loaded = await load()
  await ready(loaded)
  expect(await loaded.evaluate(() => Reflect.get(document, 'wasDiscarded'))).toBe(true)
  expect((await replica(loaded)).member).toBe(member)
  expect(await get(loaded, 'key')).toBe('while discarded')
})

test('out of the back/forward cache a tab comes back as the same member', async ({ chromium, server }) => {
  const tab = await chromium.open(server.url)
  await ready(tab)
  const { member } = await replica(tab)
  await put(tab, 'key', 'value')
  await tab.evaluate(() => {
    addEventListener('pageshow', ({ persisted }) => sessionStorage.setItem('persisted', String(persisted)))
  })
  await tab.navigate('about:blank')
  await tab.evaluate(() => history.back())
  // With no connection to another tab its page is kept, and shown again; and then it is loaded anew.
  await expect.poll(() => tab.evaluate(() => sessionStorage.getItem('persisted'))).toBe('true')
  await ready(tab)
  expect((await replica(tab)).member).toBe(member)
  expect(await get(tab, 'key')).toBe('value')
})

test('a tab with connections is never put there; navigated away from and back, it is the same member', async ({
  chromium,
  server,
}) => {
  const [leader, second] = await openThree(chromium, server)
  const { member } = await replica(leader)
  await leader.navigate('about:blank')
  await put(second, 'key', 'while away')
  await leader.evaluate(() => history.back())
  await ready(leader)
  expect((await replica(leader)).member).toBe(member)
  expect(await get(leader, 'key')).toBe('while away')
  const why = () => {
    const [navigation] = performance.getEntriesByType('navigation')
    return JSON.stringify(navigation?.toJSON().notRestoredReasons?.reasons)
  }
  expect(await leader.evaluate(why)).toBe('[{"reason":"rtc"}]')
})
