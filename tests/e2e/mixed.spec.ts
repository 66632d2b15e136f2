import { BoardTab, installHandle } from './board.ts'
import { expect, test } from './fixtures.ts'

test('Chromium and Firefox are one cluster: each writes, each sees all, and either may go', async ({
  launchChromium,
  launchFirefox,
  server,
}) => {
  const chromium = await launchChromium()
  const firefox = await launchFirefox()
  await installHandle(chromium.context)
  await installHandle(firefox.context)
  const first = await BoardTab.open(chromium.context, server.url)
  const second = await BoardTab.open(firefox.context, first.url)
  const third = await BoardTab.open(chromium.context, first.url)
  const tabs = [first, second, third]
  for (const tab of tabs) await tab.sees(3, 3)
  for (const [number, tab] of tabs.entries()) {
    await tab.addCard('Doing', `From member ${number}`)
    for (const other of tabs) await expect(other.card('Doing', `From member ${number}`)).toBeVisible()
  }
  const before = await second.member()
  await second.page.reload()
  await second.ready()
  expect(await second.member()).toBe(before)
  for (const tab of tabs) await tab.sees(3, 3)

  await firefox.close()
  await first.addCard('Done', 'Without Firefox')
  await expect(third.card('Done', 'Without Firefox')).toBeVisible()
})
