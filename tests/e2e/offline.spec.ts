import type { Page } from '@playwright/test'
import { BoardTab } from './board.ts'
import { expect, test } from './fixtures.ts'

/** Runs in the page until the service worker has the whole app and answers for this page. */
async function kept(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
    if (navigator.serviceWorker.controller === null) {
      await new Promise(resolve =>
        navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
      )
    }
  })
}

/** The paths of what is kept, without the mark of their revision. */
function keptFiles(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const paths: string[] = []
    for (const name of await caches.keys()) {
      for (const { url } of await (await caches.open(name)).keys()) paths.push(new URL(url).pathname)
    }
    return paths.sort()
  })
}

for (const engine of ['Chromium', 'Firefox'] as const) {
  test(`without the server, in a ${engine} started anew, the board is there and works`, async ({
    launchChromium,
    launchFirefox,
    server,
  }) => {
    const launch = engine === 'Chromium' ? launchChromium : launchFirefox
    const first = await launch()
    const tab = await BoardTab.open(first.context, server.url)
    await tab.addCard('Doing', 'Written while the server was there')
    await expect(tab.card('Doing', 'Written while').locator('[data-pending]')).toHaveCount(0)
    await kept(tab.page)
    const { url } = tab
    await first.close()
    await server.stop()

    const second = await launch({ profile: first.profile })
    const again = await BoardTab.open(second.context, url)
    await expect(again.card('Doing', 'Written while the server was there')).toBeVisible()
    expect(await again.page.evaluate(() => crossOriginIsolated)).toBe(true)
    await again.addCard('Doing', 'Written without it')
    await expect(again.card('Doing', 'Written without it').locator('[data-pending]')).toHaveCount(0)

    // Nor does the address without a board need anybody.
    await again.page.goto(server.url)
    await again.ready()
    await expect(again.card('Doing', 'Written without it')).toBeVisible()
  })
}

test('what is kept is the app, and nothing that has to be asked for', async ({ context, server }) => {
  const tab = await BoardTab.open(context, server.url)
  await kept(tab.page)
  const fetched = (path: string) =>
    tab.page.evaluate(
      path =>
        fetch(path).then(
          ({ status }) => status,
          () => 0,
        ),
      path,
    )
  expect(await fetched('/healthz')).toBe(200)
  const files = await keptFiles(tab.page)
  expect(files).toContain('/index.html')
  for (const file of files)
    expect(file).toMatch(/^\/(assets\/[\w-]+\.(js|css)|index\.html|[\w.-]+\.(png|svg|webmanifest))$/)
  await server.stop()
  expect(await fetched('/healthz')).toBe(0)
  for (const file of files) expect(await fetched(file), file).toBe(200)
})
