import type { BrowserContext, Page } from '@playwright/test'
import { openDataPage } from './data-page.ts'
import { expect, test } from './fixtures.ts'

/** Forgets a member in seconds instead of minutes. */
const hasty = { replaceMs: 1_000, forgetMs: 2_000 }

/** Tabs of one browser with the public API and no app. */
class Tabs {
  readonly #context: BrowserContext
  readonly #url: string
  readonly #signaling: string

  constructor(context: BrowserContext, url: string, serverUrl: string) {
    this.#context = context
    this.#url = url
    this.#signaling = new URL('signal', serverUrl.replace('http', 'ws')).href
  }

  /** Without an invite it founds a cluster. */
  async open(invite: string | null, signaling = this.#signaling): Promise<Page> {
    const page = await openDataPage(this.#context, this.#url)
    await page.evaluate(
      async ({ invite, signaling, membership }) => {
        const { create, open } = window.api
        const options = { signaling, membership }
        window.db = invite === null ? await create(options) : await open({ ...options, invite })
      },
      { invite, signaling, membership: hasty },
    )
    return page
  }
}

function member(page: Page): Promise<number> {
  return page.evaluate(() => window.db.member)
}

function invite(page: Page): Promise<string> {
  return page.evaluate(() => window.db.invite)
}

/** The members of the cluster that this browser has logs of. */
async function logs(page: Page): Promise<number[]> {
  return page.evaluate(async () => {
    const prefix = `flotilla/${window.db.clusterId}/`
    const names = (await indexedDB.databases()).map(({ name = '' }) => name)
    return names.filter(name => name.startsWith(prefix)).map(name => Number(name.slice(prefix.length)))
  })
}

async function voters(page: Page, count: number): Promise<void> {
  const now = () => window.db.status().replica.members.filter(({ state }) => state === 'voter').length
  await expect.poll(() => page.evaluate(now)).toBe(count)
}

/** What happened to one member, as a tab saw it. */
function happened(page: Page, member: number): Promise<string[]> {
  return page.evaluate(member => {
    const kinds: string[] = []
    window.db.events.subscribe(events => {
      kinds.splice(0, kinds.length, ...events.filter(event => event.member === member).map(({ kind }) => kind))
    })()
    return kinds
  }, member)
}

/** Flips a bit of every record in the database of a log that no tab has open. */
function damage(page: Page, name: string): Promise<void> {
  return page.evaluate(name => {
    return new Promise<void>((resolve, reject) => {
      const opening = indexedDB.open(name)
      opening.onerror = () => reject(opening.error)
      opening.onsuccess = () => {
        const database = opening.result
        const transaction = database.transaction('records', 'readwrite')
        const cursors = transaction.objectStore('records').openCursor()
        cursors.onsuccess = () => {
          const cursor = cursors.result
          if (cursor === null) return
          const bytes = new Uint8Array(cursor.value)
          bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
          cursor.update(bytes)
          cursor.continue()
        }
        transaction.oncomplete = () => {
          database.close()
          resolve()
        }
        transaction.onabort = () => reject(transaction.error)
      }
    })
  }, name)
}

for (const engine of ['Chromium', 'Firefox'] as const) {
  test(`${engine}: the log of a member that the cluster has removed is deleted by a tab that is open`, async ({
    launchChromium,
    launchFirefox,
    server,
    pageUrl,
  }) => {
    // Firefox takes most of the usual minute on two busy cores.
    if (engine === 'Firefox') test.slow()
    const { context } = await (engine === 'Chromium' ? launchChromium() : launchFirefox())
    const tabs = new Tabs(context, pageUrl('data'), server.url)
    const founder = await tabs.open(null)
    const others = [await tabs.open(await invite(founder)), await tabs.open(await invite(founder))]
    await voters(founder, 3)
    const [gone, stays] = others
    if (gone === undefined || stays === undefined) throw new Error('two were opened')
    const removed = await member(gone)
    await gone.close()
    await founder.evaluate(() => window.db.put('key', 'value'))
    await expect.poll(() => logs(founder)).not.toContain(removed)
    expect(new Set(await logs(founder))).toEqual(new Set([await member(founder), await member(stays)]))
    const seen = [...(await happened(founder, removed)), ...(await happened(stays, removed))]
    expect(seen).toContain('retired')
    for (const page of [founder, stays]) {
      await expect.poll(() => page.evaluate(() => window.db.status().adopted)).toEqual([])
    }
  })
}

test('the log of a tab that was never let in is deleted when its tab is gone', async ({
  launchChromium,
  server,
  pageUrl,
}) => {
  const [here, there] = [await launchChromium(), await launchChromium()]
  const tabs = new Tabs(here.context, pageUrl('data'), server.url)
  const founder = await tabs.open(null)
  // Nobody is there to introduce it.
  const stranger = await tabs.open(await invite(founder), 'ws://localhost:9/')
  const blank = await member(stranger)
  await stranger.close()
  expect(await logs(founder)).toContain(blank)
  // A tab of this browser would take it for its own. One of another changes the configuration, and that is when to look.
  await new Tabs(there.context, pageUrl('data'), server.url).open(await invite(founder))
  await expect.poll(() => logs(founder)).toEqual([await member(founder)])
  expect(await happened(founder, blank)).toEqual(['retired'])
})

test('a tab whose log is damaged joins as a new member, with the writes that could be read, and the log is deleted', async ({
  launchChromium,
  server,
  pageUrl,
}) => {
  const [here, there] = [await launchChromium(), await launchChromium()]
  const founder = await new Tabs(here.context, pageUrl('data'), server.url).open(null)
  const tabs = new Tabs(there.context, pageUrl('data'), server.url)
  const tab = await tabs.open(await invite(founder))
  const damaged = await member(tab)
  await tab.evaluate(() => {
    window.db.faults.disconnect()
    void window.db.put('key', 'written without a quorum')
  })
  const kept = () => {
    let durable = 0
    window.db.pending.subscribe(pending => {
      durable = pending.filter(write => write.durable).length
    })()
    return durable
  }
  await expect.poll(() => tab.evaluate(kept)).toBe(1)
  const clusterId = await tab.evaluate(() => window.db.clusterId)
  await tab.reload()
  await damage(tab, `flotilla/${clusterId}/${damaged}`)

  const again = await tabs.open(await invite(founder))
  expect(await member(again)).not.toBe(damaged)
  const value = async () => (await window.db.get('key'))?.value
  await expect.poll(() => founder.evaluate(value)).toBe('written without a quorum')
  expect(await again.evaluate(async () => (await window.db.get('key'))?.version)).toBe(1)
  await expect.poll(() => logs(again)).toEqual([await member(again)])
  await expect.poll(() => happened(again, damaged)).toEqual(['damaged', 'retired'])
  const listed = () => window.db.status().replica.members.map(({ member }) => member)
  expect(await founder.evaluate(listed)).not.toContain(damaged)
})
