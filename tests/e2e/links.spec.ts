import type { Page } from '@playwright/test'
import { type RunningServer, startServer } from '../../signaling/server.ts'
import { SIGNALING_PATH } from '../../src/net/signaling-protocol.ts'
import type { StartOptions } from '../pages/links.ts'
import { test as base, expect } from './fixtures.ts'

interface LinksFixtures {
  signaling: { readonly url: string; stop(): Promise<void>; start(): Promise<void> }
  /** Opens the links page and starts it as the tab of this member. */
  join: (page: Page, member: number, options?: Partial<StartOptions>) => Promise<Page>
}

const test = base.extend<LinksFixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
  signaling: async ({}, use) => {
    let server: RunningServer = await startServer({ port: 0, host: 'localhost' })
    const { port } = server
    await use({
      url: `ws://localhost:${port}${SIGNALING_PATH}`,
      stop: () => server.close(),
      start: async () => {
        server = await startServer({ port, host: 'localhost' })
      },
    })
    await server.close()
  },

  join: async ({ signaling, pageUrl }, use) =>
    use(async (page, member, options = {}) => {
      await page.goto(pageUrl('links'))
      // The name decides who dials; by default the tab that comes first does.
      const start: StartOptions = { urls: [signaling.url], peer: `tab-${member}`, member, ...options }
      await page.evaluate(start => window.tab.start(start), start)
      return page
    }),
})

function report(page: Page, wanted: object) {
  return page.evaluate(wanted => window.tab.report(wanted), wanted)
}

async function bothUp(a: Page, b: Page, memberA = 1, memberB = 2): Promise<void> {
  await Promise.all([report(a, { kind: 'up', member: memberB }), report(b, { kind: 'up', member: memberA })])
}

let word = 1000

/** A word from one tab's worker to the other's. */
async function say(from: Page, to: Page, member: number): Promise<void> {
  const said = word++
  await from.evaluate(command => window.tab.do({ kind: 'say', ...command }), { to: member, word: said })
  await report(to, { kind: 'heard', word: said })
}

async function sendSnapshot(from: Page, to: Page, member: number, bytes: number): Promise<void> {
  await from.evaluate(command => window.tab.do({ kind: 'sendSnapshot', ...command }), { to: member, bytes })
  const sent = await report(from, { kind: 'sending', bytes })
  const received = await report(to, { kind: 'snapshot', bytes })
  expect(received.report).toMatchObject({ intact: true })
  const perSecond = ((bytes / 1024 / 1024) * 1000) / (received.at - sent.at)
  test.info().annotations.push({ type: 'measured', description: `snapshot: ${perSecond.toFixed(1)} MiB/s` })
}

test('a tab that comes second is linked, whoever dials', async ({ context, join }) => {
  const first = await join(await context.newPage(), 2)
  for (const member of [1, 3]) {
    const late = await join(await context.newPage(), member)
    const { at } = await report(late, { kind: 'up', member: 2 })
    const took = await late.evaluate(at => window.tab.sinceLoad(at), at)
    test
      .info()
      .annotations.push({ type: 'measured', description: `load to up, member ${member}: ${took.toFixed(0)} ms` })
    await say(late, first, 2)
    await say(first, late, member)
  }
})

test('Chromium and Firefox workers talk to each other, snapshots included', async ({
  launchChromium,
  launchFirefox,
  join,
}) => {
  const [chromium, firefox] = await Promise.all([launchChromium(), launchFirefox()])
  const a = await join(await chromium.context.newPage(), 1)
  const b = await join(await firefox.context.newPage(), 2)
  await bothUp(a, b)
  expect((await report(a, { kind: 'links' })).report).toMatchObject({ links: [{ kind: 'webrtc' }] })
  await say(a, b, 2)
  await say(b, a, 1)
  await sendSnapshot(a, b, 2, 7 * 1024 * 1024)
  await sendSnapshot(b, a, 1, 7 * 1024 * 1024 + 1)
})

test('where channels cannot be transferred they are bridged, snapshots included', async ({ context, join }) => {
  const a = await join(await context.newPage(), 1, { withoutTransfer: true })
  const b = await join(await context.newPage(), 2)
  await bothUp(a, b)
  expect((await report(a, { kind: 'links' })).report).toMatchObject({ links: [{ kind: 'bridged' }] })
  await say(a, b, 2)
  await say(b, a, 1)
  await sendSnapshot(a, b, 2, 7 * 1024 * 1024)
  await sendSnapshot(b, a, 1, 7 * 1024 * 1024 + 1)
  await a.close({ runBeforeUnload: true })
  await report(b, { kind: 'down', member: 1 })
})

for (const how of ['closed', 'reloaded', 'left']) {
  test(`a tab that is ${how} says bye, and the other knows by that and not by silence`, async ({ context, join }) => {
    const a = await join(await context.newPage(), 1)
    const b = await join(await context.newPage(), 2)
    await bothUp(a, b)
    if (how === 'closed') await a.close({ runBeforeUnload: true })
    else if (how === 'reloaded') await a.reload()
    else await a.goto('about:blank')
    await report(b, { kind: 'told', message: { type: 'down', reason: 'bye' } })
    const { at } = await report(b, { kind: 'down', member: 1 })
    const took = at - (await b.evaluate(() => window.leftAt))
    test.info().annotations.push({ type: 'measured', description: `${how}, to down: ${took.toFixed(1)} ms` })
  })
}

test('links live without the signaling server, and are not dialed again when it comes back', async ({
  context,
  join,
  signaling,
}) => {
  const a = await join(await context.newPage(), 1)
  const b = await join(await context.newPage(), 2)
  await bothUp(a, b)
  await signaling.stop()
  await Promise.all([a, b].map(page => page.evaluate(() => window.tab.signaling('waiting'))))
  await say(a, b, 2)
  await say(b, a, 1)
  await signaling.start()
  await Promise.all([a, b].map(page => page.evaluate(() => window.tab.signaling('open'))))
  const c = await join(await context.newPage(), 3)
  await bothUp(a, c, 1, 3)
  await bothUp(b, c, 2, 3)
  await say(a, b, 2)
  for (const page of [a, b]) {
    expect(await page.evaluate(() => window.tab.count({ kind: 'told', message: { type: 'up' } }))).toBe(2)
    expect(await page.evaluate(() => window.tab.count({ kind: 'down' }))).toBe(0)
  }
})

test('a page blocked for longer than silence is allowed holds nothing up', async ({ context, join }) => {
  const a = await join(await context.newPage(), 1)
  const b = await join(await context.newPage(), 2)
  await bothUp(a, b)
  // The worker answers pings and hears words while its page does nothing: what it heard is read afterwards.
  const blocked = a.evaluate(() => window.tab.blockPage(4_000))
  await b.evaluate(() => window.tab.do({ kind: 'say', to: 1, word: 7 }))
  await blocked
  const unblockedAt = await a.evaluate(() => performance.timeOrigin + performance.now())
  const { at } = await report(a, { kind: 'heard', word: 7 })
  // Halfway through the time it was blocked for: not when it was over.
  expect(unblockedAt - at).toBeGreaterThan(2_000)
  expect(await b.evaluate(() => window.tab.count({ kind: 'down' }))).toBe(0)
})

test('a worker that hangs is given up as silent, and linked again when it is back', async ({ context, join }) => {
  const a = await join(await context.newPage(), 1)
  const b = await join(await context.newPage(), 2)
  await bothUp(a, b)
  await b.evaluate(() => window.tab.do({ kind: 'block', ms: 5_000 }))
  await report(a, { kind: 'told', message: { type: 'down', reason: 'silent' } })
  await expect.poll(() => a.evaluate(() => window.tab.count({ kind: 'up', member: 2 })), { timeout: 15_000 }).toBe(2)
  await say(a, b, 2)
  await say(b, a, 1)
})

test('a worker that died while its page lives is noticed', async ({ context, join }) => {
  const a = await join(await context.newPage(), 1)
  const b = await join(await context.newPage(), 2)
  await bothUp(a, b)
  await b.evaluate(() => window.tab.killWorker())
  await report(a, { kind: 'down', member: 2 })
})
