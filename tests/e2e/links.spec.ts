import { expect } from './fixtures.ts'
import { bothUp, report, say, sendSnapshot, test } from './links-tabs.ts'

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
