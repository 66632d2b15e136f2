import type { BrowserContext, Page } from '@playwright/test'
import { snapshotClass } from '../../src/net/worker/lane.ts'
import { relayWindowBytesMax } from '../../src/net/worker/relay-path.ts'
import { expect } from './fixtures.ts'
import { bothUp, type LinksFixtures, report, say, sendSnapshot, test } from './links-tabs.ts'

/** Links that go through the signaling server, because the tabs are told to use no other. */
const relayOnly = { relay: 'always' } as const
const relayed = { links: [{ kind: 'relay', state: 'up' }] }

const snapshotBytes = 6 * 1024 * 1024

/** Member 1 in one tab, member 2 in another, and a relayed link between them. */
async function relayedTabs(context: BrowserContext, join: LinksFixtures['join']): Promise<{ a: Page; b: Page }> {
  const a = await join(await context.newPage(), 1, relayOnly)
  const b = await join(await context.newPage(), 2, relayOnly)
  await bothUp(a, b)
  return { a, b }
}

function countUps(page: Page, member: number): Promise<number> {
  return page.evaluate(member => window.tab.count({ kind: 'up', member }), member)
}

test('Chromium and Firefox workers talk to each other over the relay alone, snapshots included', async ({
  launchChromium,
  launchFirefox,
  join,
}) => {
  test.slow()
  const [chromium, firefox] = await Promise.all([launchChromium(), launchFirefox()])
  const a = await join(await chromium.context.newPage(), 1, relayOnly)
  const b = await join(await firefox.context.newPage(), 2, relayOnly)
  await bothUp(a, b)
  for (const page of [a, b]) expect((await report(page, { kind: 'links', ...relayed })).report).toMatchObject(relayed)
  await say(a, b, 2)
  await say(b, a, 1)
  await sendSnapshot(a, b, 2, snapshotBytes)
  await sendSnapshot(b, a, 1, snapshotBytes + 1)
})

test('what is urgent arrives while a snapshot is under way, though both share one socket', async ({
  context,
  join,
}) => {
  const { a, b } = await relayedTabs(context, join)
  await a.evaluate(bytes => {
    window.tab.do({ kind: 'sendSnapshot', to: 2, bytes })
    window.tab.do({ kind: 'say', to: 2, word: 7 })
  }, snapshotBytes)
  const [word, snapshot] = await Promise.all([
    report(b, { kind: 'heard', word: 7 }),
    report(b, { kind: 'snapshot', bytes: snapshotBytes }),
  ])
  expect(snapshot.report).toMatchObject({ intact: true })
  expect(word.at).toBeLessThan(snapshot.at)
  const took = word.at - (await report(a, { kind: 'sending' })).at
  const whole = snapshot.at - (await report(a, { kind: 'sending' })).at
  test.info().annotations.push({
    type: 'measured',
    description: `a word behind ${snapshotBytes} bytes: ${took.toFixed(0)} ms, all of them: ${whole.toFixed(0)} ms`,
  })
})

test('a receiver that stands still costs the server no more than a window; the sender keeps the rest', async ({
  context,
  join,
}) => {
  const { a, b } = await relayedTabs(context, join)
  // Less than silence takes, so the link is to live.
  await b.evaluate(() => window.tab.do({ kind: 'block', ms: 2_000 }))
  await a.evaluate(bytes => window.tab.do({ kind: 'sendSnapshot', to: 2, bytes }), snapshotBytes)
  await a.evaluate(() => window.tab.do({ kind: 'lookAtLinks' }))
  const looked = await report(a, { kind: 'lookedAt' })
  const waiting = looked.report.kind === 'lookedAt' ? (looked.report.links[0]?.queuedBytes.snapshot ?? 0) : 0
  expect(waiting).toBeGreaterThan(snapshotBytes - relayWindowBytesMax.bulk)
  expect(waiting).toBeLessThanOrEqual(snapshotClass.queueBytesMax)
  expect((await report(b, { kind: 'snapshot', bytes: snapshotBytes })).report).toMatchObject({ intact: true })
  expect(await b.evaluate(() => window.tab.count({ kind: 'down' }))).toBe(0)
})

test('a receiver that stands still for longer is given up, and linked again over the relay when it moves', async ({
  context,
  join,
}) => {
  const { a, b } = await relayedTabs(context, join)
  await b.evaluate(() => window.tab.do({ kind: 'block', ms: 6_000 }))
  await report(a, { kind: 'told', message: { type: 'down', reason: 'silent' } })
  await expect.poll(() => countUps(a, 2), { timeout: 40_000 }).toBeGreaterThan(1)
  await say(a, b, 2)
  await say(b, a, 1)
})

test('relayed links end with the server and come back with it', async ({ context, join, signaling }) => {
  const { a, b } = await relayedTabs(context, join)
  await signaling.stop()
  await Promise.all([report(a, { kind: 'down', member: 2 }), report(b, { kind: 'down', member: 1 })])
  await signaling.start()
  await expect.poll(() => countUps(a, 2), { timeout: 40_000 }).toBe(2)
  await expect.poll(() => countUps(b, 1), { timeout: 40_000 }).toBe(2)
  await say(a, b, 2)
  await say(b, a, 1)
})

test('a tab that is closed says bye over the relay, too', async ({ context, join }) => {
  const { a, b } = await relayedTabs(context, join)
  await a.close({ runBeforeUnload: true })
  await report(b, { kind: 'told', message: { type: 'down', reason: 'bye' } })
})
