import { BoardTab, installHandle } from './board.ts'
import { expect, test } from './fixtures.ts'

/** Runs in the page: put there by `installHandle`. */
declare function db(): import('../../src/client/flotilla.ts').Database

declare global {
  interface Window {
    /** Of the page that was loaded first, and of no other. */
    sameDocument?: true
    answer?: Promise<number>
  }
}

for (const engine of ['Chromium', 'Firefox'] as const) {
  test(`${engine}: a tab whose log is deleted under it goes on as a new member, with its writes, without a reload`, async ({
    launchChromium,
    launchFirefox,
    server,
  }) => {
    const here = await launchChromium()
    const there = await (engine === 'Chromium' ? launchChromium() : launchFirefox())
    for (const { context } of [here, there]) await installHandle(context)
    const stays = await BoardTab.open(here.context, server.url)
    const loses = await BoardTab.open(there.context, stays.url)
    await stays.put('before', 'kept')
    const evicted = await loses.member()
    await loses.page.evaluate(() => {
      window.sameDocument = true
      db().faults.disconnect()
      window.answer = db()
        .put('pending', 'written once')
        .then(({ header }) => header.revision)
    })
    await expect.poll(() => loses.page.evaluate(() => db().status().replica.quorum)).toBe(false)
    await loses.page.evaluate(
      async name => {
        indexedDB.deleteDatabase(name)
      },
      `flotilla/${await loses.page.evaluate(() => db().clusterId)}/${evicted}`,
    )
    await expect.poll(() => loses.member()).not.toBe(evicted)
    await loses.page.evaluate(() => db().faults.connect())
    expect(await loses.page.evaluate(() => window.answer)).toBeGreaterThan(0)
    await loses.ready()
    expect(await loses.get('before')).toBe('kept')
    expect(await stays.page.evaluate(async () => (await db().get('pending'))?.version)).toBe(1)
    expect(await loses.page.evaluate(() => window.sameDocument)).toBe(true)
  })
}

test('a tab whose log the browser clears away goes on as a new member, without a reload', async ({
  launchChromium,
  server,
}) => {
  const [here, there] = [await launchChromium(), await launchChromium()]
  for (const { context } of [here, there]) await installHandle(context)
  const stays = await BoardTab.open(here.context, server.url)
  const loses = await BoardTab.open(there.context, stays.url)
  await stays.put('before', 'kept')
  const evicted = await loses.member()
  await loses.page.evaluate(() => {
    window.sameDocument = true
  })
  const cdp = await there.context.newCDPSession(loses.page)
  const { origin } = new URL(server.url)
  await cdp.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' })
  await expect.poll(() => loses.member()).not.toBe(evicted)
  await loses.ready()
  expect(await loses.get('before')).toBe('kept')
  await loses.put('after', 'written')
  expect(await stays.get('after')).toBe('written')
  expect(await loses.page.evaluate(() => window.sameDocument)).toBe(true)
})
