import { fileURLToPath } from 'node:url'
import type { Page } from '@playwright/test'
import { build, type Plugin } from 'vite'
import { startServer } from '../../signaling/server.ts'
import type { Database } from '../../src/client/flotilla.ts'
import { BoardTab, installHandle, kept, openTwo } from './board.ts'
import { expect, test } from './fixtures.ts'

/** Runs in the page: put there by `installHandle`. */
declare function db(): Database

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

test('a page that was loaded past the service worker is served by it from then on', async ({ context, server }) => {
  const tab = await BoardTab.open(context, server.url)
  await kept(tab.page)
  const devtools = await context.newCDPSession(tab.page)
  // As a tab that is being loaded when the service worker becomes active; this one can be had at will.
  const loaded = tab.page.waitForEvent('load')
  await devtools.send('Page.reload', { ignoreCache: true })
  await loaded
  await tab.ready()
  await kept(tab.page)
  await server.stop()
  expect(await tab.page.evaluate(async () => (await fetch('/')).status)).toBe(200)
})

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

test('offline and started anew twice, a tab shows all it has, keeps what is written, and sends it once when the others are back', async ({
  launchChromium,
  server,
}) => {
  const [first, second] = [await launchChromium(), await launchChromium()]
  const [ada, ben] = await openTwo([first.context, second.context], server.url)
  for (const { page } of [ada, ben]) await kept(page)
  await first.kill()
  await second.kill()
  await server.stop()

  const train = await launchChromium({ profile: second.profile })
  await installHandle(train.context)
  const offline = BoardTab.at(await train.context.newPage())
  await offline.page.goto(ben.url)
  await offline.card('Doing', 'Looking around').getByRole('button', { name: 'Looking around' }).click()
  await offline.page.getByRole('textbox', { name: 'Card text' }).fill('Ben was here')
  await offline.page.getByRole('textbox', { name: 'Card text' }).press('Enter')
  await offline.addCard('Done', 'Written on the train')
  await expect(offline.page.locator('[data-waiting="2"][data-kept="2"]')).toHaveText('2 kept on this device')
  expect(
    await offline.page.evaluate(async () => (await db().get('board/about', { serializable: true }))?.version),
  ).toBe(1)
  await train.kill()

  const tunnel = await launchChromium({ profile: second.profile })
  await installHandle(tunnel.context)
  const later = BoardTab.at(await tunnel.context.newPage())
  await later.page.goto(ben.url)
  await expect(later.card('Doing', 'Ben was here').locator('[data-pending]')).toBeVisible()
  await expect(later.card('Done', 'Written on the train').locator('[data-pending]')).toBeVisible()
  expect(await later.page.evaluate(() => crossOriginIsolated)).toBe(true)

  // Where the others are, the same card was changed meanwhile.
  const home = await launchChromium({ profile: first.profile })
  await installHandle(home.context)
  const back = await BoardTab.open(home.context, ada.url)
  await back.card('Doing', 'Looking around').getByRole('button', { name: 'Looking around' }).click()
  await back.page.getByRole('textbox', { name: 'Card text' }).fill('Ada was here')
  await back.page.getByRole('textbox', { name: 'Card text' }).press('Enter')
  await expect(back.card('Doing', 'Ada was here').locator('[data-pending]')).toHaveCount(0)

  await server.start()
  const choice = later.page.locator('[data-notice=clash]')
  await expect(choice).toContainText('Ada was here', { timeout: 30_000 })
  await expect(choice).toContainText('Ben was here')
  await choice.getByRole('button', { name: 'Use mine' }).click()
  for (const tab of [back, later]) {
    await expect(tab.card('Doing', 'Ben was here')).toBeVisible()
    await expect(tab.card('Done', 'Written on the train')).toHaveCount(1)
  }
  await expect(later.page.locator('[data-waiting="0"]')).toBeVisible()
  const onceWritten = await back.page.evaluate(async () => {
    const { kvs } = await db().range({ prefix: 'board/card/' })
    return kvs.filter(({ value }) => value.includes('Written on the train')).map(({ version }) => version)
  })
  expect(onceWritten).toEqual([1])
})

test('a new version is taken tab by tab, when its person likes, and nobody lacks the old one until then', async ({
  context,
  server,
}, info) => {
  await installHandle(context)
  const [ada, ben] = [await BoardTab.open(context, server.url), await BoardTab.open(context, server.url)]
  for (const { page } of [ada, ben]) await kept(page)
  const oldFiles = await keptFiles(ada.page)

  await server.stop()
  const staticDir = info.outputPath('second-version')
  await buildSecondVersion(staticDir)
  const second = await startServer({ port: Number(new URL(server.url).port), host: 'localhost', staticDir })
  try {
    // Loading a page is what makes the browser look. The page itself is still the one it has.
    const chris = await BoardTab.open(context, ada.url)
    for (const { page } of [ada, ben, chris]) {
      await expect(page.locator('[data-update]')).toContainText('A new version is ready.')
      expect(await version(page)).toBe('first')
    }
    expect(await keptFiles(ada.page)).toEqual(expect.arrayContaining(oldFiles))

    // While somebody types, the page is not to be had.
    const reload = ada.page.getByRole('button', { name: 'Reload' })
    await ada.list('Doing').getByRole('button', { name: 'Looking around' }).click()
    await expect(reload).toBeDisabled()
    await ada.page.getByRole('textbox', { name: 'Card text' }).fill('Looked around')
    await ada.page.getByRole('textbox', { name: 'Card text' }).press('Enter')
    await reload.click()
    await expect.poll(() => version(ada.page)).toBe('second')
    await ada.ready()
    await expect(ada.card('Doing', 'Looked around')).toBeVisible()
    await expect(ada.page.locator('[data-update]')).toHaveCount(0)

    // The old version's worker can be started anew, though neither the server nor the browser's HTTP cache has it any more.
    expect(await version(ben.page)).toBe('first')
    const cdp = await context.newCDPSession(ben.page)
    await cdp.send('Network.clearBrowserCache')
    const worker = oldFiles.find(file => file.startsWith('/assets/main-'))
    expect((await fetch(new URL(worker ?? '', server.url))).status).toBe(404)
    await ben.page.evaluate(() => db().faults.killWorker())
    await ben.addCard('Doing', 'By the old version')
    await expect(ada.card('Doing', 'By the old version').locator('[data-pending]')).toHaveCount(0)
    await expect(ada.card('Doing', 'By the old version')).toBeVisible()

    await chris.page.close()
    await ben.page.getByRole('button', { name: 'Reload' }).click()
    await ben.ready()
    expect(await version(ben.page)).toBe('second')
    // Nobody runs the old version now.
    await expect.poll(() => keptFiles(ben.page)).not.toContain(worker)
  } finally {
    await second.close()
  }
})

function version(page: Page): Promise<string> {
  return page.evaluate(() => ('secondVersion' in globalThis ? 'second' : 'first'))
}

/** The app as it is, but for a line more in the page and in its worker, so that all their files have other names. */
async function buildSecondVersion(outDir: string): Promise<void> {
  const mark = (): Plugin => ({
    name: 'second-version',
    transform: (code, id) =>
      /\/src\/(ui|worker)\/main\.ts$/.test(id) ? `${code}\nglobalThis.secondVersion = true` : null,
  })
  const root = fileURLToPath(new URL('../..', import.meta.url))
  // Playwright says "test", and only a production build has a service worker.
  const { NODE_ENV } = process.env
  process.env.NODE_ENV = 'production'
  try {
    await build({ root, logLevel: 'silent', build: { outDir }, plugins: [mark()], worker: { plugins: () => [mark()] } })
  } finally {
    process.env.NODE_ENV = NODE_ENV
  }
}
