import { BoardTab, installHandle } from './board.ts'
import { expect, test } from './fixtures.ts'

declare global {
  interface Window {
    /** When all that was to fill the disk is answered. */
    filled?: Promise<unknown>
  }
}

/** The code and outcome of the error an API call rejects with. */
type Refusal = { code: string; outcome: string } | 'accepted'

test.describe('what the API refuses', () => {
  const calls = {
    'an empty key': ['EMPTY_KEY', () => window.flotilla?.db.put('', 'value')],
    'a value over 1.5 MiB': [
      'REQUEST_TOO_LARGE',
      () => window.flotilla?.db.put('big', 'x'.repeat(1.5 * 1024 * 1024 + 1)),
    ],
    'a read of the future': ['FUTURE_REVISION', () => window.flotilla?.db.get('key', { revision: 1_000_000 })],
  } as const
  for (const [what, [code, call]] of Object.entries(calls)) {
    test(`${what} is a typed error, and the next call works`, async ({ context, server }) => {
      await installHandle(context)
      const tab = await BoardTab.open(context, server.url)
      const refusal = await tab.page.evaluate(
        async ([source]): Promise<Refusal> => {
          try {
            await new Function(`return (${source})()`)()
            return 'accepted'
          } catch (error) {
            return { code: Reflect.get(Object(error), 'code'), outcome: Reflect.get(Object(error), 'outcome') }
          }
        },
        [call.toString()] as const,
      )
      expect(refusal).toEqual({ code, outcome: 'definite' })
      await tab.put('key', 'value')
      expect(await tab.get('key')).toBe('value')
    })
  }
})

test('a malformed invite is explained, and the last board is still there', async ({ context, server }) => {
  await installHandle(context)
  const tab = await BoardTab.open(context, server.url)
  const { url } = tab
  await tab.addCard('To do', 'Mine')
  await expect(tab.card('To do', 'Mine')).toBeVisible()
  const page = await context.newPage()
  await page.goto(`${url.slice(0, -5)}`)
  await expect(
    page
      .getByRole('alert')
      .or(page.getByRole('heading', { name: /link/i }))
      .first(),
  ).toBeVisible()
  await expect(page.getByRole('button', { name: /new board/i }).first()).toBeVisible()
  const again = await BoardTab.open(context, url)
  await expect(again.card('To do', 'Mine')).toBeVisible()
})

test.describe('what the browser must have', () => {
  const missing = {
    IndexedDB: ['STORAGE_UNAVAILABLE', () => Reflect.deleteProperty(window, 'indexedDB')],
    'Web Locks': ['LOCKS_UNAVAILABLE', () => Reflect.deleteProperty(Navigator.prototype, 'locks')],
  } as const
  for (const [what, [code, remove]] of Object.entries(missing)) {
    test(`without ${what} the page says so (${code})`, async ({ page, server }) => {
      await page.addInitScript(remove)
      await page.goto(server.url)
      await expect(page.locator(`[data-problem="${code}"]`)).toBeVisible()
    })
  }

  test('without WebRTC a tab takes part over the signaling server', async ({ context, server }) => {
    await installHandle(context)
    const tab = await BoardTab.open(context, server.url)
    await tab.addCard('To do', 'Mine')
    await context.addInitScript(() => {
      // Chromium has it under its first name, too, and simple-peer knows that one.
      for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection']) Reflect.deleteProperty(window, name)
    })
    const other = await BoardTab.open(context, tab.url)
    await expect(other.card('To do', 'Mine')).toBeVisible()
    const kinds = () => other.page.evaluate(() => window.flotilla?.db.status().links.map(({ kind }) => kind))
    await expect.poll(kinds).toEqual(['relay'])
  })
})

test('a full disk stops the member with a word, which loses nothing acknowledged and goes on by itself when there is room', async ({
  page,
  context,
  server,
}) => {
  await installHandle(context)
  const cdp = await context.newCDPSession(page)
  const { origin } = new URL(server.url)
  // Before the first use: Chromium looks again at the room it has allotted to a database only now and then.
  await cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 5_000_000 })
  const tab = await BoardTab.open(context, server.url)
  await tab.put('acknowledged', 'before')
  const member = await tab.member()
  await tab.page.evaluate(() => {
    const noise = () =>
      Array.from(crypto.getRandomValues(new Uint8Array(65_536)), byte => String.fromCharCode(32 + (byte % 95))).join('')
    const values = Array.from({ length: 40 }, () => Array.from({ length: 8 }, noise).join(''))
    window.filled = Promise.all(values.map(async (value, i) => window.flotilla?.db.put(`fill/${i}`, value)))
  })
  await expect.poll(() => tab.page.evaluate(() => window.flotilla?.db.status().interruption?.code)).toBe('NOSPACE')
  await expect(tab.page.locator('[data-status=warn]')).toContainText('The disk is full')
  await expect(tab.list('To do')).toBeVisible()
  await cdp.send('Storage.overrideQuotaForOrigin', { origin })
  await tab.page.evaluate(() => window.filled)
  await tab.ready()
  expect(await tab.page.evaluate(() => window.flotilla?.db.status().interruption)).toBeNull()
  expect(await tab.member()).toBe(member)
  expect(await tab.get('acknowledged')).toBe('before')
  expect(await tab.keys('fill/')).toHaveLength(40)
  await tab.put('again', 'written')
})
