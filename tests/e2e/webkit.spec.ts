import type { Database } from '../../src/client/flotilla.ts'
import { BoardTab } from './board.ts'
import { test as base, expect } from './fixtures.ts'
import { keys, WebKit, webKitIsThere } from './webkit.ts'

const test = base.extend<{ webKit: WebKit }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
  webKit: async ({}, use) => {
    const webKit = await WebKit.start()
    await use(webKit)
    await webKit.quit()
  },
})

/** Runs in a page that has the board open. */
declare const flotilla: { readonly db: Database }

interface View {
  readonly member: number
  readonly leader: number
  readonly voters: number
  /** The kind of the link that is up, by the member it leads to. */
  readonly links: Record<number, string>
}

/** Null until the board is open. Runs in the page, alone. */
function view(): View | null {
  if (!('flotilla' in globalThis)) return null
  const { replica, links } = flotilla.db.status()
  const up = links.filter(({ state }) => state === 'up')
  return {
    member: flotilla.db.member,
    leader: replica.leader,
    voters: replica.members.filter(({ connected, state }) => connected && state === 'voter').length,
    links: Object.fromEntries(up.flatMap(({ kind, members }) => members.map(member => [member, kind]))),
  }
}

/** What the list "Doing" shows, in its order. Runs in the page, alone. */
function doing(): (string | null)[] {
  return [...document.querySelectorAll('section[aria-label="Doing"] [data-card]')].map(card => card.textContent.trim())
}

async function addCardIn(webKit: WebKit, text: string): Promise<void> {
  await webKit.click('section[aria-label="Doing"] [data-add-card]')
  await webKit.type('section[aria-label="Doing"] textarea', text + keys.enter + keys.escape)
}

/** What a page of any engine can be asked. */
interface Tab {
  ask<T>(run: () => T): Promise<T>
}

const inPlaywright = ({ page }: BoardTab): Tab => ({ ask: run => page.evaluate(run) })
const inWebKit = (webKit: WebKit): Tab => ({ ask: run => webKit.evaluate(run) })

async function memberOf(tab: Tab): Promise<number> {
  const seen = await tab.ask(view)
  if (seen === null) throw new Error('the board is not open')
  return seen.member
}

/** The card that a new board has there. */
const seeded = 'Looking around'

const patience = { timeout: 30_000 }

async function allVote(tabs: readonly Tab[]): Promise<void> {
  const voters = () => Promise.all(tabs.map(async tab => (await tab.ask(view))?.voters))
  await expect.poll(voters, patience).toEqual(tabs.map(() => tabs.length))
}

async function allShow(tabs: readonly Tab[], cards: readonly string[]): Promise<void> {
  for (const tab of tabs) await expect.poll(() => tab.ask(doing), patience).toEqual(cards)
}

if (!webKitIsThere) test.skip('skipped: WebKitWebDriver or Xvfb is not installed', () => {})
else {
  test('Chromium, Firefox and a WebKit without WebRTC are one cluster: each writes, each sees all, and WebKit goes on without the leader', async ({
    launchChromium,
    launchFirefox,
    webKit,
    server,
  }) => {
    test.slow()
    const [chromium, firefox] = await Promise.all([launchChromium(), launchFirefox()])
    const first = await BoardTab.open(chromium.context, server.url, patience)
    const second = await BoardTab.open(firefox.context, first.url, patience)
    await webKit.goto(first.url)
    const [a, b, c] = [inPlaywright(first), inPlaywright(second), inWebKit(webKit)]
    await allVote([a, b, c])

    await first.addCard('Doing', 'From Chromium')
    await allShow([a, b, c], [seeded, 'From Chromium'])
    await second.addCard('Doing', 'From Firefox')
    await allShow([a, b, c], [seeded, 'From Chromium', 'From Firefox'])
    await addCardIn(webKit, 'From WebKit')
    await allShow([a, b, c], [seeded, 'From Chromium', 'From Firefox', 'From WebKit'])

    const [memberA, memberB, memberC] = [await memberOf(a), await memberOf(b), await memberOf(c)]
    // A Firefox that cannot give its channels to a worker bridges them.
    const direct = expect.stringMatching(/^(webrtc|bridged)$/)
    await expect
      .poll(() => Promise.all([a, b, c].map(async tab => (await tab.ask(view))?.links)), patience)
      .toEqual([
        { [memberB]: direct, [memberC]: 'relay' },
        { [memberA]: direct, [memberC]: 'relay' },
        { [memberA]: 'relay', [memberB]: 'relay' },
      ])

    await webKit.reload()
    await allVote([a, b, c])
    expect(await memberOf(c)).toBe(memberC)

    await first.page.close({ runBeforeUnload: true })
    await addCardIn(webKit, 'Without Chromium')
    await allShow([b, c], [seeded, 'From Chromium', 'From Firefox', 'From WebKit', 'Without Chromium'])
  })

  test('a WebKit that founded the cluster is closed, and the others go on', async ({
    launchChromium,
    launchFirefox,
    webKit,
    server,
  }) => {
    test.slow()
    await webKit.goto(server.url)
    await addCardIn(webKit, 'From WebKit')
    const c = inWebKit(webKit)
    await allShow([c], [seeded, 'From WebKit'])
    const url = await webKit.evaluate(() => location.href)
    const [chromium, firefox] = await Promise.all([launchChromium(), launchFirefox()])
    const first = await BoardTab.open(chromium.context, url, patience)
    const second = await BoardTab.open(firefox.context, url, patience)
    const [a, b] = [inPlaywright(first), inPlaywright(second)]
    await allVote([a, b, c])
    await webKit.quit()
    await second.addCard('Doing', 'Without WebKit')
    await allShow([a, b], [seeded, 'From WebKit', 'Without WebKit'])
  })
}
