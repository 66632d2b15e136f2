import type { Page } from '@playwright/test'
import type { Database } from '../../src/client/flotilla.ts'
import type { ToHost } from '../../src/worker/protocol.ts'
import { BoardTab, installHandle } from './board.ts'
import { expect, test } from './fixtures.ts'

/** Runs in the page: put there by `installHandle`. */
declare function db(): Database

declare global {
  interface Window {
    /** Once set, the page asks its worker to write what it was asked to read. */
    isPatched?: boolean
  }
}

/** The link that the share dialog gives for those who may only look. */
async function viewerLink({ page }: BoardTab): Promise<string> {
  await page.getByRole('button', { name: 'Show QR code' }).click()
  const link = page.getByRole('textbox', { name: 'Link to this board' })
  await expect(link).toHaveValue(/#invite=flotilla1-/)
  await page.getByText('Can only look').click()
  await expect(link).toHaveValue(/#invite=flotilla1v-/)
  const value = await link.inputValue()
  await page.keyboard.press('Escape')
  return value
}

/** What the page would say at once if it were asked to write. */
function refusals(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const attempts = [
      db().put('a', '1'),
      db().delete('a'),
      db().lease(10),
      db().lock('l'),
      db().election('e').campaign('me'),
      db().service('s').register('me'),
      db().transact(async tx => tx.put('a', '1')),
      db().compact(1),
    ]
    const settled = await Promise.allSettled<unknown>(attempts)
    return settled.map(attempt => (attempt.status === 'rejected' ? String(attempt.reason.code) : 'done'))
  })
}

function refusedMessages({ page }: BoardTab): Promise<number> {
  return page.evaluate(async () => {
    return Number(/^flotilla_messages_refused_total(?:\{.*\})? (\d+)$/m.exec(await db().metrics())?.[1])
  })
}

test('a viewer sees all there is, as it happens, and cannot write', async ({ context, launchChromium, server }) => {
  const other = await launchChromium()
  for (const each of [context, other.context]) await installHandle(each)
  const editor = await BoardTab.open(context, server.url)
  await editor.addCard('To do', 'Written before')
  const viewer = await BoardTab.open(other.context, await viewerLink(editor))
  await expect(viewer.card('To do', 'Written before')).toBeVisible()
  await editor.addCard('To do', 'Written while it looks')
  await expect(viewer.card('To do', 'Written while it looks')).toBeVisible()

  await expect(viewer.page.getByText('View only')).toBeVisible()
  await expect(viewer.page.getByRole('button', { name: /^Add|actions$/ })).toHaveCount(1)
  await expect(viewer.page.getByRole('button', { name: 'Board actions' })).toBeVisible()
  expect(await viewer.page.evaluate(() => db().role)).toBe('viewer')
  expect(await refusals(viewer.page)).toEqual(Array(8).fill('PERMISSION_DENIED'))
  const about = await viewer.page.evaluate(async () => {
    const get = { kind: 'get', key: 'board/about', options: {} } as const
    return (await db().txn().then(get).commit()).succeeded
  })
  expect(about, 'a transaction that only reads').toBe(true)

  const member = await viewer.member()
  const row = editor.cluster.locator(`[data-member="${member}"]`)
  await expect(row).toHaveAttribute('data-role', 'viewer')
  await editor.sees(2, 1)
  await viewer.page.getByRole('button', { name: 'Show QR code' }).click()
  const link = viewer.page.getByRole('textbox', { name: 'Link to this board' })
  expect(await link.inputValue(), 'it has no better one to give').toContain('#invite=flotilla1v-')
  await expect(viewer.page.getByRole('radio')).toHaveCount(0)

  await viewer.page.reload()
  await viewer.ready()
  expect(await viewer.member()).toBe(member)
})

test('the cluster takes nothing from a viewer whose page lets it write', async ({
  context,
  launchChromium,
  server,
}) => {
  const other = await launchChromium()
  for (const each of [context, other.context]) await installHandle(each)
  await other.context.addInitScript(() => {
    const { postMessage } = MessagePort.prototype
    MessagePort.prototype.postMessage = function (message: ToHost, ...more: unknown[]) {
      const patched = () => {
        if (message.type !== 'requests') return message
        const command = (key: Uint8Array) => ({
          clientId: 'f'.repeat(32),
          seq: 1,
          acked: 0,
          request: { op: 'put', key, value: key, lease: 0, prevKv: false, ignoreValue: false, ignoreLease: false },
        })
        const requests = message.requests.map(({ id, request }) => {
          const isRead = request.kind === 'read' && request.request.op === 'range'
          return { id, request: isRead ? { kind: 'write', command: command(request.request.key) } : request }
        })
        return { ...message, requests }
      }
      Reflect.apply(postMessage, this, [window.isPatched ? patched() : message, ...more])
    }
  })
  const editor = await BoardTab.open(context, server.url)
  const viewer = await BoardTab.open(other.context, await viewerLink(editor))
  await viewer.sees(2, 1)
  const before = await editor.put('mine', '1')
  expect(await refusedMessages(editor)).toBe(0)

  await viewer.page.evaluate(() => {
    window.isPatched = true
    void db().get('forged')
  })
  await expect.poll(() => refusedMessages(editor)).toBeGreaterThan(0)
  expect(await editor.put('mine', '2'), 'nothing came between').toBe(before + 1)
  expect(await editor.keys('')).not.toContain('forged')
  const told = await editor.page.evaluate(() => {
    let kinds: string[] = []
    db().events.subscribe(events => {
      kinds = events.map(({ kind }) => kind)
    })()
    return kinds
  })
  expect(told).toContain('refused')
})

test('a viewer keeps apart from the editors of its browser', async ({ context, server }) => {
  await installHandle(context)
  const editor = await BoardTab.open(context, server.url)
  const editors = await editor.member()
  const viewer = await BoardTab.open(context, await viewerLink(editor))
  await viewer.sees(2, 1)
  expect(await viewer.member()).not.toBe(editors)
  const revision = await editor.put('mine', '1')

  // The only voter: had it a sibling that may vote, that one would speak for it now.
  await editor.page.close()
  await expect(viewer.cluster).toHaveAttribute('data-quorum', 'lost', { timeout: 15_000 })
  expect(await viewer.page.evaluate(() => db().status().adopted)).toEqual([])
  expect(await viewer.page.evaluate(async () => (await db().get('mine', { serializable: true }))?.value)).toBe('1')

  const again = await BoardTab.open(context, editor.url)
  expect(await again.member()).toBe(editors)
  expect(await again.put('mine', '2')).toBe(revision + 1)
  await expect.poll(() => viewer.get('mine')).toBe('2')
})
