import type { BrowserContext, Page } from '@playwright/test'
import type { Database } from '../../src/client/flotilla.ts'
import { type BoardTab, installHandle, leaderFirst, openThree } from './board.ts'
import { expect, test } from './fixtures.ts'

/** Runs in the page: put there by `installHandle`. */
declare function db(): Database

/** One tab's inspector, as a person sees it. */
class InspectorView {
  readonly page: Page

  constructor({ page }: BoardTab) {
    this.page = page
  }

  /** The whole of it. */
  get all() {
    return this.page.getByRole('region', { name: 'Inspector', exact: true })
  }

  async open(): Promise<void> {
    await this.page.getByRole('button', { name: 'Inspector' }).click()
    await expect(this.all).toBeVisible()
  }

  seat(member: number) {
    return this.all.locator(`[data-seat="${member}"]`)
  }

  /** What a member was in the last minutes, the earliest first. */
  past(member: number) {
    return this.all.locator(`[data-past="${member}"]`)
  }

  button(name: string) {
    return this.all.getByRole('button', { name })
  }

  get outcome() {
    return this.all.getByRole('status')
  }

  events(kind: string) {
    return this.all.locator(`[data-event="${kind}"]`)
  }
}

interface Watched {
  /** The tab that leads, its member, and its inspector. */
  readonly tab: BoardTab
  readonly member: number
  readonly own: InspectorView
  /** The inspector of a tab that does not lead. */
  readonly other: InspectorView
  readonly otherTab: BoardTab
}

/** Three tabs; the leader's inspector is open, and another's. */
async function watchLeader(context: BrowserContext, url: string): Promise<Watched> {
  await installHandle(context)
  const [tab, otherTab] = await leaderFirst(await openThree(context, url))
  if (tab === undefined || otherTab === undefined) throw new Error('three tabs were opened')
  const [own, other] = [new InspectorView(tab), new InspectorView(otherTab)]
  await own.open()
  await other.open()
  const member = await tab.member()
  await expect(other.seat(member)).toHaveAttribute('data-role', 'leader')
  await expect(other.seat(member)).toHaveAttribute('data-link', 'webrtc')
  return { tab, member, own, other, otherTab }
}

test('stepping down: another leads, and every inspector shows who and since when', async ({ context, server }) => {
  const { tab, otherTab, member, own, other } = await watchLeader(context, server.url)
  const term = await tab.term()
  await own.button('Step down').click()
  await expect(own.outcome).toHaveText(/^Handed over/)
  for (const view of [own, other]) {
    await expect(view.seat(member)).toHaveAttribute('data-role', 'follower')
    await expect(view.past(member)).toHaveAttribute('data-roles', /leader follower$/)
    await expect(view.all.locator('[data-terms]')).toHaveAttribute(
      'data-terms',
      new RegExp(`\\b${term} (.* )?${term + 1}$`),
    )
  }
  const successor = await otherTab.leader()
  expect(successor).not.toBe(member)
  await expect(other.seat(successor)).toHaveAttribute('data-role', 'leader')
  await expect(other.events('leader').first()).toContainText(`leads, term ${term + 1}`)
  await expect(own.button('Step down')).toBeDisabled()
})

test('disconnected: the others go on, it stays so in the next worker too, and what it wrote arrives after all', async ({
  context,
  server,
}) => {
  const { tab, member, own, other, otherTab } = await watchLeader(context, server.url)
  await own.button('Disconnect').click()
  await expect(other.seat(member)).toHaveAttribute('data-link', 'none')
  await expect(other.past(member)).toHaveAttribute('data-roles', /away$/)
  await expect(own.all).toHaveAttribute('data-signaling', 'closed')
  await expect.poll(() => otherTab.leader()).not.toBe(member)
  await otherTab.put('by', 'those who stayed together')
  await expect(own.events('quorum').first()).toContainText('No majority in reach')
  await tab.page.evaluate(() => {
    db()
      .put('from', 'the one that was cut off')
      .catch(() => {})
  })
  await expect(own.all.locator('[data-pending]')).toHaveAttribute('data-pending', '1')

  const [worker] = tab.page.workers()
  await own.button('Kill the worker').click()
  await expect.poll(() => tab.page.workers().some(other => other !== worker)).toBe(true)
  // The next worker has opened the member when it answers.
  await tab.page.evaluate(() => db().get('by', { serializable: true }))
  const { links, signaling } = await tab.page.evaluate(() => db().status())
  expect(links).toEqual([])
  expect(signaling).toBe('closed')

  await own.button('Connect').click()
  await expect(other.seat(member)).toHaveAttribute('data-link', 'webrtc')
  await expect(other.past(member)).toHaveAttribute('data-roles', /away .*(follower|learner)$/)
  await expect.poll(() => otherTab.get('from')).toBe('the one that was cut off')
  expect(await tab.get('by')).toBe('those who stayed together')
})

test('frozen for 5 s: another leads meanwhile, and it wakes as a follower that knows how long it slept', async ({
  context,
  server,
}) => {
  const { member, own, other, otherTab } = await watchLeader(context, server.url)
  await own.button('Freeze for 5 seconds').click()
  await expect(own.all).toHaveAttribute('data-asleep', 'true')
  await expect.poll(() => otherTab.leader()).not.toBe(member)
  await otherTab.put('while', 'it slept')
  await expect(own.outcome).toHaveText('Awake again.')
  await expect(own.events('woke')).toContainText(/It had stood still for (4\.[5-9]|5\.\d|6\.\d) s/)
  await expect(own.past(member)).toHaveAttribute('data-roles', /leader asleep .*(follower|learner)$/)
  await expect(other.seat(member)).toHaveAttribute('data-role', /follower|learner/)
  await expect(other.seat(member)).toHaveAttribute('data-link', 'webrtc')
})

test('its worker killed: the same member comes back from its log, and every write is there', async ({
  context,
  server,
}) => {
  const { tab, member, own, other, otherTab } = await watchLeader(context, server.url)
  const term = await tab.term()
  await tab.put('before', 'the worker ended')
  await own.button('Kill the worker').click()
  await expect(own.outcome).toHaveText(/^Killed/)
  // Nobody can lead on without having been elected again.
  await expect(other.events('leader').first()).toContainText(new RegExp(`term (?!${term}\\b)`))
  await expect(other.seat(member)).toHaveAttribute('data-link', 'webrtc')
  await tab.sees(3, 3)
  expect(await tab.member()).toBe(member)
  expect(await tab.get('before')).toBe('the worker ended')
  await otherTab.put('after', 'and goes on')
  expect(await tab.get('after')).toBe('and goes on')
})

test('by keyboard: opened, left with Escape, and the focus is where it was', async ({ page, pageUrl }) => {
  await page.goto(`${pageUrl('ui-states')}?state=three`)
  await page.locator('body[data-shown]').waitFor()
  const opener = page.getByRole('button', { name: 'Inspector' })
  await opener.press('Enter')
  const back = page.getByRole('button', { name: 'Back to the board' })
  await expect(back).toBeFocused()
  // What it covers can be neither reached nor read.
  await page.getByRole('button', { name: 'Add list' }).focus()
  await expect(back).toBeFocused()
  await expect(page.getByRole('table').getByRole('row')).toHaveCount(4)
  await page.keyboard.press('Escape')
  await expect(back).toHaveCount(0)
  await expect(opener).toBeFocused()
})

for (const width of [360, 1280]) {
  test(`no member covers another, ${width} pixels wide`, async ({ page, pageUrl }) => {
    await page.setViewportSize({ width, height: 800 })
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await page.goto(pageUrl('ui-states'))
    await page.getByRole('link').first().waitFor()
    for (const count of [1, 2, 3, 5, 9, 12, 20, 40]) {
      await page.evaluate(count => window.showState?.(`inspector-${count}`), count)
      await expect(page.locator('[data-seat]')).toHaveCount(count)
      expect(await collisions(page), `${count} members`).toEqual([])
    }
  })
}

/** Flags and captions that overlap, or stick out of the picture. */
function collisions(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const seats = [...document.querySelectorAll('[data-seat]')]
    const frame = document.querySelector('[data-inspector] figure')?.getBoundingClientRect()
    if (frame === undefined) throw new Error('there is no picture')
    const parts = seats.flatMap(seat => {
      return [...seat.children].map(part => ({
        seat,
        name: seat.textContent?.trim(),
        box: part.getBoundingClientRect(),
      }))
    })
    const found: string[] = []
    for (const [index, a] of parts.entries()) {
      if (a.box.left < frame.left || a.box.right > frame.right || a.box.top < frame.top)
        found.push(`${a.name} sticks out`)
      for (const b of parts.slice(index + 1)) {
        const apart =
          a.box.right <= b.box.left ||
          b.box.right <= a.box.left ||
          a.box.bottom <= b.box.top ||
          b.box.bottom <= a.box.top
        if (a.seat !== b.seat && !apart) found.push(`${a.name} and ${b.name}`)
      }
    }
    return found
  })
}
