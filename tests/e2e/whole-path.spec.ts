import { BoardTab, installHandle, leaderFirst, openThree } from './board.ts'
import { expect, test } from './fixtures.ts'

test.beforeEach(({ context }) => installHandle(context))

test('the first tab founds a board and offers its link as text and as a picture', async ({ context, server }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const tab = await BoardTab.open(context, server.url)
  expect(new URL(tab.url).hash).toMatch(/^#invite=/)
  await tab.sees(1, 1)
  await tab.page.getByRole('button', { name: 'Copy link' }).first().click()
  await expect.poll(() => tab.page.evaluate(() => navigator.clipboard.readText())).toBe(tab.url)
  await tab.page.getByRole('button', { name: /QR|share/i }).click()
  await expect(tab.page.getByRole('dialog').locator('svg').first()).toBeVisible()
})

test('a write in any of three tabs shows in all', async ({ context, server }) => {
  const tabs = await openThree(context, server.url)
  for (const [number, tab] of tabs.entries()) {
    const text = `Written in tab ${number + 1}`
    await tab.addCard('Doing', text)
    for (const other of tabs) await expect(other.card('Doing', text)).toBeVisible()
  }
  const [first, , third] = tabs
  await first.card('Doing', 'Written in tab 1').getByRole('button', { name: 'Card actions' }).click()
  await first.page.getByRole('menuitem', { name: 'Move to Done' }).click()
  await expect(third.card('Done', 'Written in tab 1')).toBeVisible()
  await third.card('Doing', 'Written in tab 2').getByRole('button', { name: 'Card actions' }).click()
  await third.page.getByRole('menuitem', { name: 'Delete card' }).click()
  await expect(first.card('Doing', 'Written in tab 2')).toHaveCount(0)
  const links = await third.cluster
    .locator('[data-member]:not([data-self])')
    .evaluateAll(rows => rows.map(row => row.getAttribute('data-link')))
  expect(links).toEqual(['webrtc', 'webrtc'])
})

test('closing the leader makes another lead, and writing goes on', async ({ context, server }) => {
  const [leader, ...others] = await leaderFirst(await openThree(context, server.url))
  const [second, third] = others
  if (leader === undefined || second === undefined || third === undefined) throw new Error('three tabs were opened')
  const gone = await leader.member()
  await second.put('before', 'kept')
  await leader.page.close()
  await third.put('after', 'written')
  for (const tab of [second, third]) {
    expect(await tab.get('before')).toBe('kept')
    expect(await tab.get('after')).toBe('written')
    await expect.poll(() => tab.leader()).not.toBe(gone)
    await tab.sees(2, 1)
  }
})

test('closing the tabs one by one never stops the rest', async ({ context, server }) => {
  const tabs: BoardTab[] = await openThree(context, server.url)
  for (let round = 0; tabs.length > 1; round += 1) {
    const [leader, ...others] = await leaderFirst(tabs)
    await leader?.page.close()
    tabs.splice(0, tabs.length, ...others)
    for (const tab of tabs) await tab.put(`round/${round}`, 'written')
  }
  expect(await tabs[0]?.keys('round/')).toEqual(['round/0', 'round/1'])
})

test('a reloaded tab comes back as the same member with its data', async ({ context, server }) => {
  const tabs = await leaderFirst(await openThree(context, server.url))
  for (const tab of tabs) {
    const before = await tab.member()
    await tab.put(`by/${before}`, 'kept')
    await tab.page.reload()
    await tab.ready()
    expect(await tab.member()).toBe(before)
    expect(await tab.get(`by/${before}`)).toBe('kept')
    await tab.sees(3, 3)
  }
})

test('open tabs go on working without the server, and find each other again with it', async ({ context, server }) => {
  const [first, second, third] = await openThree(context, server.url)
  await server.stop()
  await expect(first.cluster).toHaveAttribute('data-signaling', 'disconnected')
  await first.addCard('To do', 'Nobody serves this')
  for (const tab of [second, third]) await expect(tab.card('To do', 'Nobody serves this')).toBeVisible()
  await server.start()
  await expect(first.cluster).toHaveAttribute('data-signaling', 'connected')
  const fourth = await BoardTab.open(context, first.url)
  await expect(fourth.card('To do', 'Nobody serves this')).toBeVisible()
  for (const tab of [first, fourth]) await tab.sees(4, 3)
})

test('after all tabs were closed one opened again has the board', async ({ context, server }) => {
  const tabs = await openThree(context, server.url)
  const { url } = tabs[0]
  await tabs[1].addCard('Done', 'Still here tomorrow')
  await expect(tabs[0].card('Done', 'Still here tomorrow')).toBeVisible()
  await context.newPage()
  await Promise.all(tabs.map(tab => tab.page.close()))
  const again = await BoardTab.open(context, url)
  await expect(again.card('Done', 'Still here tomorrow')).toBeVisible()
  await again.addCard('Done', 'And can be written to')
  await expect(again.card('Done', 'And can be written to')).toBeVisible()
})

test('the address alone, without a link, opens the last board', async ({ context, server }) => {
  const first = await BoardTab.open(context, server.url)
  await first.addCard('To do', 'Remembered')
  await expect(first.card('To do', 'Remembered')).toBeVisible()
  const { url } = first
  await context.newPage()
  await first.page.close()
  const again = await BoardTab.open(context, server.url)
  expect(again.url).toBe(url)
  await expect(again.card('To do', 'Remembered')).toBeVisible()
})
