import type { Page } from '@playwright/test'
import { expect } from './fixtures.ts'
import { bothUp, report, say, test } from './links-tabs.ts'
import { rendererOf } from './renderers.ts'

const alone = { urls: [] } as const

/** To whom this tab's worker has links, in any state. */
async function linkedTo(page: Page): Promise<string[]> {
  const links = await page.evaluate(() => {
    window.tab.do({ kind: 'lookAtLinks' })
    return window.tab.report({ kind: 'lookedAt' })
  })
  return links.report.kind === 'lookedAt' ? links.report.links.map(({ peer }) => peer).sort() : []
}

test('tabs of one browser are linked without any server, and one that is killed leaves no ghost', async ({
  launchChromium,
  join,
}) => {
  const browser = await launchChromium()
  const { context } = browser
  const [a, b, killed] = [
    await join(await context.newPage(), 1, alone),
    await join(await context.newPage(), 2, alone),
    await join(await context.newPage(), 3, alone),
  ]
  await bothUp(a, b)
  await bothUp(a, killed, 1, 3)
  await bothUp(b, killed, 2, 3)
  await say(a, b, 2)
  await say(killed, a, 1)

  process.kill(await rendererOf(browser, killed), 'SIGKILL')
  await Promise.all([a, b].map(page => report(page, { kind: 'down', member: 3 })))
  const late = await join(await context.newPage(), 4, alone)
  await bothUp(a, late, 1, 4)
  await bothUp(b, late, 2, 4)
  await say(late, b, 2)
  expect(await linkedTo(late)).toEqual(['tab-1', 'tab-2'])
  expect(await linkedTo(a)).toEqual(['tab-2', 'tab-4'])
})

test('Firefox tabs are linked without any server, too', async ({ launchFirefox, join }) => {
  const { context } = await launchFirefox()
  const a = await join(await context.newPage(), 1, alone)
  const b = await join(await context.newPage(), 2, alone)
  await bothUp(a, b)
  await say(a, b, 2)
  await b.close({ runBeforeUnload: true })
  await report(a, { kind: 'down', member: 2 })
})

test('tabs of one browser form a cluster without any server, lose it and form it again', async ({
  context,
  pageUrl,
}) => {
  test.slow()
  const invite = { text: '' }
  const open = async () => {
    const page = await context.newPage()
    await page.goto(pageUrl('data'))
    await page.evaluate(async invite => {
      const { create, open } = window.api
      window.db = await (invite === '' ? create({ signaling: null }) : open({ signaling: null, invite }))
    }, invite.text)
    invite.text ||= await page.evaluate(() => window.db.invite)
    return page
  }
  const put = (page: Page, key: string) => page.evaluate(async key => void (await window.db.put(key, key)), key)
  const keys = (page: Page) =>
    page.evaluate(async () => (await window.db.range({ all: true })).kvs.map(({ key }) => key))
  const votersSeen = (page: Page, voters: number) =>
    expect
      .poll(
        () =>
          page.evaluate(() => {
            const { members } = window.db.status().replica
            return members.filter(({ connected, state }) => connected && state === 'voter').length
          }),
        { timeout: 30_000 },
      )
      .toBe(voters)

  const first = await open()
  expect(await first.evaluate(() => window.db.status().signaling)).toBe('none')
  await put(first, 'a')
  const [second, third] = [await open(), await open()]
  for (const page of [first, second, third]) await votersSeen(page, 3)
  await put(second, 'b')
  await first.close({ runBeforeUnload: true })
  await put(third, 'c')
  expect(await keys(second)).toEqual(['a', 'b', 'c'])

  await second.close({ runBeforeUnload: true })
  await third.close({ runBeforeUnload: true })
  const [again, other] = [await open(), await open()]
  await put(again, 'd')
  await put(other, 'e')
  expect(await keys(again)).toEqual(['a', 'b', 'c', 'd', 'e'])
})
