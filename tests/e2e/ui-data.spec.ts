import { readFile } from 'node:fs/promises'
import type { Page } from '@playwright/test'
import { BoardTab, installHandle } from './board.ts'
import { expect, test } from './fixtures.ts'

/** What a person does with a board as a whole, on a real cluster: copy, open a copy, delete, recover. */

async function choose(page: Page, item: string): Promise<void> {
  await page.getByRole('button', { name: 'Board actions' }).click()
  await page.getByRole('menuitem', { name: item }).click()
}

const databases = (page: Page) => page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))

test('a board is copied, deleted, and opened again from the copy, under a link of its own', async ({
  context,
  server,
}) => {
  const tab = await BoardTab.open(context, server.url)
  const { page, url } = tab
  await tab.addCard('Doing', 'Worth keeping')
  await expect(tab.card('Doing', 'Worth keeping').locator('[data-pending]')).toHaveCount(0)

  const download = page.waitForEvent('download')
  await choose(page, 'Download a copy')
  const file = await download
  expect(file.suggestedFilename()).toMatch(/^new-board-\d{4}-\d\d-\d\d\.flotilla$/)
  const copy = await readFile(await file.path())

  await choose(page, 'Delete this board from this browser…')
  const dialog = page.getByRole('dialog', { name: 'Delete this board from this browser?' })
  await expect(dialog.locator('[data-risky]')).toContainText('Nobody else has this board.')
  await expect(dialog.getByRole('button', { name: 'Delete', exact: true })).toBeDisabled()
  await dialog.getByRole('checkbox').check()
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click()
  await expect(page.locator('[data-problem=DELETED]')).toBeVisible()
  expect(await databases(page)).toEqual([])

  // Dropped anywhere on the page. What is no copy is refused where it is dropped.
  await drop(page, 'notes.flotilla', Buffer.from('not a copy of anything'))
  await expect(page.getByRole('alert').getByText('This file is not a copy of a board')).toBeVisible()
  await expect(page.getByRole('button', { name: 'Open as a new board' })).toBeDisabled()
  await page.getByRole('button', { name: 'Close' }).click()
  await drop(page, 'board.flotilla', copy)
  await expect(page.locator('[data-copy]')).toBeVisible()
  await page.getByRole('button', { name: 'Open as a new board' }).click()
  await expect(tab.card('Doing', 'Worth keeping')).toBeVisible()
  await tab.ready()
  expect(tab.url).not.toBe(url)
  await tab.addCard('Doing', 'And it goes on')
  await expect(tab.card('Doing', 'And it goes on').locator('[data-pending]')).toHaveCount(0)
})

test('deleted in one browser, a board stays with the others, who go on at once', async ({ launchChromium, server }) => {
  const [one, two] = [await launchChromium(), await launchChromium()]
  const ada = await BoardTab.open(one.context, server.url)
  await installHandle(two.context)
  const ben = await BoardTab.open(two.context, ada.url)
  await ben.sees(2, 1)
  await choose(ada.page, 'Delete this board from this browser…')
  await ada.page.getByRole('button', { name: 'Delete', exact: true }).click()
  await expect(ada.page.locator('[data-problem=DELETED]')).toBeVisible()
  expect(await databases(ada.page)).toEqual([])
  await ben.sees(1, 1)
  await ben.addCard('Doing', 'Alone now')
  await expect(ben.card('Doing', 'Alone now').locator('[data-pending]')).toHaveCount(0)
})

test('a majority lost for good: who is missing is said, and the board goes on as a new one', async ({
  launchChromium,
  server,
}) => {
  test.setTimeout(150_000)
  const [one, two] = [await launchChromium(), await launchChromium()]
  for (const { context } of [one, two]) await installHandle(context)
  const ada = await BoardTab.open(one.context, server.url)
  const ben = await BoardTab.open(two.context, ada.url)
  for (const tab of [ada, ben]) await tab.sees(2, 1)
  const missing = await ada.member()
  await one.kill()
  await expect(ben.cluster).toHaveAttribute('data-quorum', 'lost')
  await ben.addCard('Doing', 'Written without a majority')
  await expect(ben.page.locator('[data-waiting="1"][data-kept="1"]')).toBeVisible()

  await ben.page.getByRole('button', { name: 'What now?' }).click()
  await expect(ben.page.locator('[data-missing]')).toHaveCount(1)
  await expect(ben.page.locator(`[data-missing="${missing}"]`)).toContainText('last heard')
  // Not before it has lasted half a minute.
  await ben.page.getByText('They will not come back…').click({ timeout: 60_000 })
  const recover = ben.page.getByRole('button', { name: 'Recover as a new board' })
  await expect(recover).toBeDisabled()
  await ben.page.getByRole('checkbox').check()
  const { url } = ben
  await recover.click()
  await expect(ben.page.locator('[data-recover=done]')).toContainText('One change that waited here', {
    timeout: 60_000,
  })
  await ben.page.getByRole('button', { name: 'Open the new board' }).click()
  await ben.ready()
  expect(ben.url).not.toBe(url)
  await expect(ben.card('Doing', 'Looking around')).toBeVisible()
  await expect(ben.card('Doing', 'Written without a majority').locator('[data-pending]')).toHaveCount(0)
  await expect(ben.card('Doing', 'Written without a majority')).toBeVisible()
})

async function drop(page: Page, name: string, content: Buffer): Promise<void> {
  const files = await page.evaluateHandle(
    ({ name, bytes }) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([Uint8Array.from(bytes)], name))
      return transfer
    },
    { name, bytes: [...content] },
  )
  await page.dispatchEvent('main', 'dragenter', { dataTransfer: files })
  await expect(page.locator('[data-drop]')).toBeVisible()
  await page.dispatchEvent('main', 'drop', { dataTransfer: files })
  await expect(page.locator('[data-drop]')).toHaveCount(0)
}
