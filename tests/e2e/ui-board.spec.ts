import type { Locator, Page } from '@playwright/test'
import { expect, test } from './fixtures.ts'

/** How the board is worked with hands: mouse, finger, keyboard. On a board in memory; clusters are in the other files. */
test.beforeEach(async ({ page, pageUrl }) => {
  await page.goto(`${pageUrl('ui-states')}?state=three`)
  await page.locator('body[data-shown]').waitFor()
})

const list = (page: Page, title: string) => page.getByRole('region', { name: title, exact: true })
const texts = (page: Page, title: string) => list(page, title).locator('[data-card-text]')

async function middle(of: Locator): Promise<{ x: number; y: number }> {
  const box = await of.boundingBox()
  if (!box) throw new Error('not on the page')
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

test('a card is dragged with the mouse into another list, and the drop is no click', async ({ page }) => {
  const from = await middle(page.getByText('Drag this card'))
  const to = await middle(page.getByText('Looking around'))
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(to.x, to.y + 10, { steps: 5 })
  await expect(list(page, 'Doing').locator('.gap')).toBeVisible()
  await page.mouse.up()
  await expect(texts(page, 'Doing')).toHaveText([/^Looking around/, /^Drag this card/])
  await expect(page.locator('.ghost')).toHaveCount(0)
  await expect(page.getByRole('textbox')).toHaveCount(0)
})

test('Escape lets go of a dragged card where it was', async ({ page }) => {
  const from = await middle(page.getByText('Drag this card'))
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(from.x + 300, from.y, { steps: 5 })
  await expect(page.locator('.ghost')).toBeVisible()
  await page.keyboard.press('Escape')
  await page.mouse.up()
  await expect(page.locator('.ghost')).toHaveCount(0)
  await expect(texts(page, 'To do').nth(1)).toHaveText(/^Drag this card/)
})

test('a finger that rests picks a card up; one that moves at once does not', async ({ page, context }) => {
  const cdp = await context.newCDPSession(page)
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', x = 0, y = 0) =>
    cdp.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x, y }] })
  const { x, y } = await middle(page.getByText('Drag this card'))
  await touch('touchStart', x, y)
  await touch('touchMove', x, y + 60)
  await touch('touchMove', x, y + 120)
  await touch('touchEnd')
  await expect(texts(page, 'To do').nth(1)).toHaveText(/^Drag this card/)
  await touch('touchStart', x, y)
  await page.locator('.ghost').waitFor()
  await touch('touchMove', x, y + 60)
  await touch('touchMove', x, y + 120)
  await expect(list(page, 'To do').locator('.gap')).toBeVisible()
  await touch('touchEnd')
  await expect(texts(page, 'To do').nth(2)).toHaveText(/^Drag this card/)
})

test('by keyboard alone: move, edit, delete, undo, and the focus is never lost', async ({ page }) => {
  const card = page.getByRole('button', { name: /^Drag this card/ })
  await card.focus()
  await page.keyboard.press('Alt+ArrowUp')
  await expect(texts(page, 'To do').first()).toHaveText(/^Drag this card/)
  await page.keyboard.press('Alt+ArrowRight')
  await expect(texts(page, 'Doing').first()).toHaveText(/^Drag this card/)
  await expect(card).toBeFocused()
  await expect(page.getByText('Moving to Doing, position 1 of 2.')).toBeAttached()
  await page.keyboard.press('Enter')
  await page.keyboard.type(', please')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('button', { name: /arrow keys, please$/ })).toBeFocused()
  await page.keyboard.press('Delete')
  await expect(page.getByRole('button', { name: 'Looking around' })).toBeFocused()
  await expect(texts(page, 'Doing')).toHaveCount(1)
  await page.getByRole('button', { name: 'Undo' }).press('Enter')
  await expect(texts(page, 'Doing')).toHaveCount(2)
})

test('the menu of a card does what dragging does', async ({ page }) => {
  await list(page, 'To do').getByRole('button', { name: 'Card actions' }).first().press('Enter')
  await expect(page.getByRole('menuitem', { name: 'Edit' })).toBeFocused()
  await expect(page.getByRole('menuitem', { name: 'Move up' })).toBeDisabled()
  await page.keyboard.press('ArrowDown')
  await expect(page.getByRole('menuitem', { name: 'Move down' })).toBeFocused()
  await page.getByRole('menuitem', { name: 'Move to Done' }).click()
  await expect(texts(page, 'Done')).toHaveText([/^Found a board/, /^Send the link/])
})

test('lists are added, renamed, moved, deleted with their cards, and brought back', async ({ page }) => {
  await page.getByRole('button', { name: 'Add list' }).click()
  await page.getByRole('textbox', { name: 'List title' }).fill('Later')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Escape')
  await list(page, 'Later').getByRole('button', { name: 'Later' }).click()
  await page.getByRole('textbox', { name: 'List title' }).fill('Some day')
  await page.keyboard.press('Enter')
  await list(page, 'Some day').getByRole('button', { name: 'List actions' }).click()
  await page.getByRole('menuitem', { name: 'Move list left' }).click()
  const titles = page.getByRole('heading', { level: 2 }).and(page.locator('[data-list] h2'))
  await expect(titles).toHaveText(['To do', 'Doing', 'Some day', 'Done'])
  await list(page, 'To do').getByRole('button', { name: 'List actions' }).click()
  await page.getByRole('menuitem', { name: 'Delete list' }).click()
  await expect(titles).toHaveText(['Doing', 'Some day', 'Done'])
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(texts(page, 'To do')).toHaveCount(3)
})

test('the link is shown to copy by hand where the clipboard is denied', async ({ page }) => {
  await page.evaluate(() => {
    navigator.clipboard.writeText = () => Promise.reject(new DOMException('denied', 'NotAllowedError'))
  })
  await page.getByRole('button', { name: 'Copy link' }).click()
  await expect(page.getByRole('dialog', { name: 'Invite others' })).toBeVisible()
  await expect(page.getByRole('img', { name: 'QR code of the link' })).toBeVisible()
  await expect(page.getByRole('textbox', { name: 'Link to this board' })).toHaveValue(/#invite=flotilla1-/)
})
