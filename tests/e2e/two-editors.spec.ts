import type { Locator } from '@playwright/test'
import { BoardTab, installHandle, openTwo } from './board.ts'
import { expect, test } from './fixtures.ts'

/** Two people at one card, in two tabs of a real cluster: whatever happens, no word that anybody typed is lost unseen. */
const seeded = 'Looking around'

const editor = (tab: BoardTab) => tab.page.getByRole('textbox', { name: 'Card text' })
const notice = (tab: BoardTab) => tab.page.locator('[data-notice=clash]')

async function startTyping(tab: BoardTab, text: string): Promise<Locator> {
  await tab.card('Doing', seeded).getByRole('button', { name: seeded }).click()
  await editor(tab).fill(text)
  return editor(tab)
}

async function choose(tab: BoardTab, text: string, list = 'Doing', item = 'Delete card'): Promise<void> {
  await tab.card(list, text).getByRole('button', { name: 'Card actions' }).click()
  await tab.page.getByRole('menuitem', { name: item }).click()
}

test.describe('two tabs', () => {
  let ada: BoardTab
  let ben: BoardTab

  test.beforeEach(async ({ context, server }) => {
    await installHandle(context)
    ada = await BoardTab.open(context, server.url)
    ben = await BoardTab.open(context, ada.url)
    for (const tab of [ada, ben]) await expect(tab.card('Doing', seeded)).toBeVisible()
  })

  test('both edit one card: the second sees the first one’s text before saving, and is offered both after', async () => {
    const typed = await startTyping(ada, 'Ada was here')
    await startTyping(ben, 'Ben was here')
    await typed.press('Enter')
    await expect(ben.page.locator('[data-theirs]')).toHaveText('Changed meanwhile: Ada was here')
    await expect(editor(ben)).toBeFocused()
    await editor(ben).press('Enter')
    await expect(notice(ben)).toContainText('Ada was here')
    await expect(notice(ben)).toContainText('Ben was here')
    for (const tab of [ada, ben]) await expect(tab.card('Doing', 'Ada was here')).toBeVisible()
    await notice(ben).getByRole('button', { name: 'Use mine' }).click()
    for (const tab of [ada, ben]) await expect(tab.card('Doing', 'Ben was here')).toBeVisible()
  })

  test('both save at the same moment: one text stands, and the other is in its writer’s hands', async () => {
    const fields = [await startTyping(ada, 'Ada was here'), await startTyping(ben, 'Ben was here')]
    await Promise.all(fields.map(field => field.press('Enter')))
    await expect.poll(async () => (await notice(ada).count()) + (await notice(ben).count())).toBe(1)
    const loser = (await notice(ada).count()) === 1 ? ada : ben
    const [own, other] = loser === ada ? ['Ada was here', 'Ben was here'] : ['Ben was here', 'Ada was here']
    await expect(notice(loser)).toContainText(own)
    await expect(notice(loser)).toContainText(other)
    await notice(loser).getByRole('button', { name: 'Keep theirs' }).click()
    for (const tab of [ada, ben]) await expect(tab.card('Doing', other)).toBeVisible()
  })

  test('one deletes the card that the other types into: the words are offered back, in a card again', async () => {
    await startTyping(ben, 'Ben was here')
    await choose(ada, seeded)
    await expect(notice(ben)).toContainText('Someone deleted this card meanwhile.')
    await expect(notice(ben)).toContainText('Ben was here')
    await expect(ben.list('Doing').getByRole('listitem')).toHaveCount(0)
    await notice(ben).getByRole('button', { name: 'Put it back' }).click()
    for (const tab of [ada, ben]) await expect(tab.card('Doing', 'Ben was here')).toBeVisible()
  })

  test('a card put back that somebody else put back, too, overwrites nothing', async () => {
    await startTyping(ben, 'Ben was here')
    await choose(ada, seeded)
    await expect(notice(ben)).toBeVisible()
    await ada.page.getByRole('button', { name: 'Undo' }).click()
    await expect(ben.card('Doing', seeded)).toBeVisible()
    await notice(ben).getByRole('button', { name: 'Put it back' }).click()
    await expect(notice(ben)).toContainText('Someone else changed this card meanwhile.')
    await expect(notice(ben)).toContainText('Ben was here')
  })

  test('one moves the card that the other types into: the editor goes along, caret and all, and both changes stand', async () => {
    const field = await startTyping(ben, 'Ben was here')
    await field.press('Home')
    await ben.page.keyboard.type('Yes, ')
    await choose(ada, seeded, 'Doing', 'Move to Done')
    await expect(ben.list('Done').getByRole('textbox', { name: 'Card text' })).toBeFocused()
    await ben.page.keyboard.type('really: ')
    await ben.page.keyboard.press('Enter')
    for (const tab of [ada, ben]) await expect(tab.card('Done', 'Yes, really: Ben was here')).toBeVisible()
    await expect(notice(ben)).toHaveCount(0)
  })

  test('cancelling writes nothing, and leaves what the other wrote', async () => {
    const typed = await startTyping(ada, 'Ada was here')
    await startTyping(ben, 'Ben was here')
    await typed.press('Enter')
    await expect(ben.page.locator('[data-theirs]')).toBeVisible()
    await editor(ben).press('Escape')
    for (const tab of [ada, ben]) await expect(tab.card('Doing', 'Ada was here')).toBeVisible()
    await expect(notice(ben)).toHaveCount(0)
  })

  test('a page with a draft asks before it goes; one without does not', async () => {
    let asked = 0
    ben.page.on('dialog', dialog => {
      asked += 1
      return dialog.accept()
    })
    await ben.page.reload()
    await ben.ready()
    expect(asked).toBe(0)
    await startTyping(ben, 'Ben was here')
    await ben.page.reload()
    await ben.ready()
    expect(asked).toBe(1)
  })
})

test('what was written without a majority outlives the page, and meets what others wrote with both texts in hand', async ({
  launchChromium,
  server,
}) => {
  const [first, second] = [await launchChromium(), await launchChromium()]
  const [ada, ben] = await openTwo([first.context, second.context], server.url)
  await first.kill()
  await expect(ben.cluster).not.toHaveAttribute('data-quorum', 'reached')

  await (await startTyping(ben, 'Ben was here')).press('Enter')
  await ben.addCard('Done', 'Written on the train')
  const { page } = ben
  await expect(page.locator('[data-waiting="2"][data-kept="2"]')).toHaveText('2 kept on this device')
  let asked = 0
  page.on('dialog', dialog => {
    asked += 1
    return dialog.accept()
  })
  await page.reload()
  await expect(ben.card('Doing', 'Ben was here').locator('[data-pending]')).toBeVisible()
  await expect(ben.card('Done', 'Written on the train').locator('[data-pending]')).toBeVisible()
  await expect(page.locator('[data-waiting="2"][data-kept="2"]')).toBeVisible()
  expect(asked, 'what is kept needs no question').toBe(0)
  await second.kill()

  const adaAgain = await launchChromium({ profile: first.profile })
  const back = await BoardTab.open(adaAgain.context, ada.url)
  await (await startTyping(back, 'Ada was here')).press('Enter')
  await expect(back.card('Doing', 'Ada was here').locator('[data-pending]')).toHaveCount(0)

  const benAgain = await launchChromium({ profile: second.profile })
  const later = await BoardTab.open(benAgain.context, ada.url)
  await expect(notice(later)).toContainText('before this page was loaded')
  await expect(notice(later)).toContainText('Ada was here')
  await expect(notice(later)).toContainText('Ben was here')
  for (const tab of [back, later]) {
    await expect(tab.card('Done', 'Written on the train')).toBeVisible()
    await expect(tab.card('Doing', 'Ada was here')).toBeVisible()
  }
  await notice(later).getByRole('button', { name: 'Use mine' }).click()
  for (const tab of [back, later]) await expect(tab.card('Doing', 'Ben was here')).toBeVisible()
})
