import { readFile } from 'node:fs/promises'
import type { BrowserContext, Page } from '@playwright/test'
import type { RecoverReport } from '../../src/client/flotilla.ts'
import { BoardTab } from './board.ts'
import { removeProfile } from './browsers.ts'
import { openDataPage } from './data-page.ts'
import { expect, test } from './fixtures.ts'

/** Long enough for a quorum on this machine to be heard. */
const listenMs = 4_000

/** A page with the public API and no app. */
class DataTab {
  readonly page: Page
  readonly #signaling: string

  private constructor(page: Page, signaling: string) {
    this.page = page
    this.#signaling = signaling
  }

  static async at(context: BrowserContext, url: string, serverUrl: string): Promise<DataTab> {
    const page = await openDataPage(context, url)
    return new DataTab(page, new URL('signal', serverUrl.replace('http', 'ws')).href)
  }

  create(): Promise<string> {
    return this.page.evaluate(async signaling => {
      window.db = await window.api.create({ signaling })
      return window.db.invite
    }, this.#signaling)
  }

  async open(invite: string): Promise<void> {
    await this.page.evaluate(
      async ([signaling, invite]) => {
        window.db = await window.api.open({ signaling, invite })
      },
      [this.#signaling, invite] as const,
    )
  }

  /** Founds a cluster with the file chosen. Returns 'done', or the error's code. */
  createFromFile(): Promise<string> {
    return this.page.evaluate(async signaling => {
      const { create, chosen, outcome } = window.api
      return outcome(
        create({ signaling, data: chosen() }).then(db => {
          window.db = db
        }),
      )
    }, this.#signaling)
  }

  /** Returns the report, or the error's code. */
  recover(invite: string): Promise<RecoverReport | string> {
    return this.page.evaluate(
      async ([signaling, invite, listenMs]) => {
        const { FlotillaError, recover } = window.api
        try {
          const { database, report } = await recover({ signaling, invite, listenMs })
          window.db = database
          return report
        } catch (error) {
          if (error instanceof FlotillaError) return error.code
          throw error
        }
      },
      [this.#signaling, invite, listenMs] as const,
    )
  }

  async put(key: string, value: string): Promise<void> {
    await this.page.evaluate(
      async ([key, value]) => {
        await window.db.put(key, value)
      },
      [key, value] as const,
    )
  }

  get(key: string): Promise<string | null> {
    return this.page.evaluate(async key => (await window.db.get(key))?.value ?? null, key)
  }

  close(): Promise<void> {
    return this.page.evaluate(() => window.db.close())
  }

  leave(force = false): Promise<string> {
    return this.page.evaluate(force => window.api.outcome(window.db.leave({ force })), force)
  }

  erase(cluster: string): Promise<string> {
    return this.page.evaluate(cluster => window.api.outcome(window.api.erase(cluster)), cluster)
  }

  /** How many members of each cluster this browser holds. */
  held(): Promise<number[]> {
    return this.page.evaluate(async () => (await window.api.held()).map(({ members }) => members.length))
  }

  /** Waits until this tab's member sees so many voters and so many members, itself among them. */
  async sees(voters: number, members: number): Promise<void> {
    await expect
      .poll(() =>
        this.page.evaluate(() => {
          const { members } = window.db.status().replica
          return [members.filter(({ state }) => state === 'voter').length, members.length]
        }),
      )
      .toEqual([voters, members])
  }

  leads(): Promise<boolean> {
    return this.page.evaluate(() => window.db.status().replica.role === 'leader')
  }

  async choose(buffer: Buffer): Promise<void> {
    await this.page
      .getByLabel('Backup')
      .setInputFiles({ name: 'backup.flotilla', mimeType: 'application/octet-stream', buffer })
  }

  /** Downloads a backup as a person would. */
  async download(): Promise<Buffer> {
    const [download] = await Promise.all([
      this.page.waitForEvent('download'),
      this.page.evaluate(async () => window.api.download(await window.db.export())),
    ])
    return readFile(await download.path())
  }

  /** The same, where no test hears of a download: a Firefox that Playwright did not patch. */
  async export(): Promise<Buffer> {
    const url = await this.page.evaluate(async () => {
      const reader = new FileReader()
      reader.readAsDataURL(await window.db.export())
      await new Promise(resolve => reader.addEventListener('load', resolve))
      return String(reader.result)
    })
    return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64')
  }
}

for (const engine of ['Chromium', 'Firefox'] as const) {
  test(`a backup founds another cluster, under the same revisions, in ${engine}`, async ({
    launchChromium,
    launchFirefox,
    pageUrl,
    server,
  }) => {
    // Two pages and three workers, each module by module: a busy machine's Firefox took 50 s for what takes Chromium 20.
    test.setTimeout(120_000)
    const launch = engine === 'Chromium' ? launchChromium : launchFirefox
    const { context } = await launch()
    const first = await DataTab.at(context, pageUrl('data'), server.url)
    await first.create()
    const clusterId = await first.page.evaluate(async () => {
      const { db } = window
      const draft = await db.put('doc', 'draft')
      await db.put('doc', 'final')
      await db.put('gone', 'x')
      await db.delete('gone')
      const lease = await db.lease(60)
      await db.put('online', 'yes', { lease })
      await db.put('large', 'x'.repeat(300_000))
      if (draft.header.revision !== 2) throw new Error('revisions begin elsewhere')
      return db.clusterId
    })
    const fractions = await first.page.evaluate(async () => {
      const seen: number[] = []
      await window.db.export({ onProgress: fraction => seen.push(fraction) })
      return seen
    })
    expect(fractions.at(-1)).toBe(1)
    const file = engine === 'Chromium' ? await first.download() : await first.export()

    const second = await DataTab.at(context, pageUrl('data'), server.url)
    await second.choose(file)
    const info = await second.page.evaluate(async () => {
      const { clusterId, revision, bytes } = await window.api.inspectBackup(window.api.chosen())
      return { clusterId, revision, bytes }
    })
    expect(info).toEqual({ clusterId, revision: 7, bytes: file.length })
    expect(await second.createFromFile()).toBe('done')
    const found = await second.page.evaluate(async () => {
      const { db } = window
      const events: string[] = []
      for await (const { header, events: of } of db.watch({ all: true }, { startRevision: 2 })) {
        for (const { type, kv } of of) events.push(`${header.revision} ${type} ${kv.key}`)
        if (header.revision === 7) break
      }
      const [lease = 0] = await db.leases()
      return {
        events,
        draft: (await db.get('doc', { revision: 2 }))?.value,
        large: (await db.get('large'))?.value.length,
        online: (await db.get('online'))?.lease === lease,
        next: (await db.put('next', 'x')).header.revision,
        clusterId: db.clusterId,
      }
    })
    expect(found).toMatchObject({ draft: 'draft', large: 300_000, online: true, next: 8 })
    expect(found.events).toEqual([
      ...['2 put doc', '3 put doc', '4 put gone', '5 delete gone', '6 put online', '7 put large'],
    ])
    expect(found.clusterId).not.toBe(clusterId)
    expect(await first.get('next')).toBe(null)
    expect(await second.held()).toEqual([1, 1])
  })
}

test('a damaged or incomplete backup is refused, and nothing is founded', async ({ context, pageUrl, server }) => {
  const tab = await DataTab.at(context, pageUrl('data'), server.url)
  await tab.create()
  await tab.put('k', 'v')
  const file = await tab.download()
  const flipped = Buffer.from(file)
  flipped[file.length - 9] = (flipped[file.length - 9] ?? 0) ^ 4
  for (const bad of [flipped, file.subarray(0, file.length - 1), file.subarray(0, 30), Buffer.from('hello')]) {
    await tab.choose(bad)
    expect(await tab.createFromFile()).toBe('INVALID_BACKUP')
  }
  expect(await tab.held()).toEqual([1])
  expect(await tab.get('k')).toBe('v')
})

test('a quorum lost for good: the one that is left recovers every acknowledged write it had', async ({
  launchChromium,
  pageUrl,
  server,
}) => {
  test.setTimeout(120_000)
  const browsers = [await launchChromium(), await launchChromium(), await launchChromium()] as const
  const tabs = []
  let invite = ''
  for (const { context } of browsers) {
    const tab = await DataTab.at(context, pageUrl('data'), server.url)
    if (tabs.length === 0) invite = await tab.create()
    else await tab.open(invite)
    tabs.push(tab)
  }
  const [first, second, third] = tabs
  if (first === undefined || second === undefined || third === undefined) throw new Error('three tabs were opened')
  for (const tab of tabs) await tab.sees(3, 3)

  // While there is a quorum there is nothing to recover.
  expect(await third.recover(invite)).toBe('IN_USE')
  await third.close()
  expect(await third.recover(invite)).toBe('QUORUM_REACHABLE')
  await third.open(invite)
  await third.sees(3, 3)

  // A stream of writes from two tabs, in the midst of which two browsers are gone, profiles and all.
  await first.page.evaluate(() => {
    for (let i = 0; i < 10_000; i++) window.db.put(`first/${i}`, 'x').catch(() => {})
  })
  await third.page.evaluate(() => {
    Object.assign(window, { acknowledged: 0 })
    const write = async (i: number): Promise<void> => {
      await window.db.put(`third/${i}`, 'x')
      Object.assign(window, { acknowledged: i + 1 })
      return write(i + 1)
    }
    write(0).catch(() => {})
  })
  const acknowledged = () => third.page.evaluate(() => Number(Reflect.get(window, 'acknowledged')))
  await expect.poll(acknowledged).toBeGreaterThan(20)
  for (const browser of browsers.slice(0, 2)) {
    await browser.kill()
    await removeProfile(browser.profile)
  }
  await expect.poll(() => third.page.evaluate(() => window.db.status().replica.quorum)).toBe(false)
  const before = await acknowledged()
  const unanswered = await third.page.evaluate(async () => {
    window.db.put('queued', 'while there was no quorum').catch(() => {})
    // One write of the stream is unanswered, and this one; they count once they are on the disk.
    await new Promise<void>(resolve => {
      window.db.pending.subscribe(writes => {
        if (writes.length >= 2 && writes.every(({ durable }) => durable)) resolve()
      })
    })
    const { api, db } = window
    return {
      export: await api.outcome(db.export({ signal: AbortSignal.timeout(300) })),
      serializable: await api.outcome(db.export({ serializable: true })),
    }
  })
  expect(unanswered).toEqual({ export: 'ABORTED', serializable: 'done' })

  await third.close()
  const report = await third.recover(invite)
  if (typeof report === 'string') throw new Error(report)
  expect(report).toMatchObject({ outboxWrites: 2, damaged: [] })
  expect(report.missing.map(({ lastHeard }) => lastHeard)).toEqual([null, null])
  await expect.poll(() => third.page.evaluate(() => window.db.status().replica.quorum)).toBe(true)
  expect(await third.get('queued')).toBe('while there was no quorum')
  // Those acknowledged, and the one that was not: once each.
  const keys = await third.page.evaluate(async () => {
    const { kvs } = await window.db.range({ prefix: 'third/' })
    return kvs.map(({ key, version }) => `${key} ${version}`)
  })
  expect(new Set(keys)).toEqual(new Set(Array.from({ length: before + 1 }, (_, i) => `third/${i} 1`)))

  // It is a cluster like any other, with an invite of its own; and the old one's log is there until it is erased.
  const successor = await third.page.evaluate(() => window.db.invite)
  expect(successor).not.toBe(invite)
  const joiner = await DataTab.at((await launchChromium()).context, pageUrl('data'), server.url)
  await joiner.open(successor)
  expect(await joiner.get('queued')).toBe('while there was no quorum')
  expect(await third.held()).toEqual([1, 1])
  expect(await third.erase(invite)).toBe('done')
  expect(await third.held()).toEqual([1])
})

test('nothing is recovered where nobody could have been heard, and nothing where nothing is held', async ({
  context,
  launchChromium,
  pageUrl,
  server,
}) => {
  const browser = await launchChromium()
  const founder = await DataTab.at(browser.context, pageUrl('data'), server.url)
  const invite = await founder.create()
  const other = await DataTab.at(context, pageUrl('data'), server.url)
  expect(await other.recover(invite)).toBe('NOT_HELD')
  await other.open(invite)
  await founder.sees(1, 2)
  await browser.kill()
  await other.close()
  await server.stop()
  expect(await other.recover(invite)).toBe('SIGNALING_UNREACHABLE')
  expect(await other.held()).toEqual([1])
})

test('a cluster is erased from a browser once no tab of it has it open', async ({ context, pageUrl, server }) => {
  const tab = await DataTab.at(context, pageUrl('data'), server.url)
  const invite = await tab.create()
  await tab.put('k', 'v')
  const other = await DataTab.at(context, pageUrl('data'), server.url)
  await other.open(invite)
  await other.sees(1, 2)
  expect(await tab.held()).toEqual([2])
  expect(await tab.erase(invite)).toBe('IN_USE')
  await other.close()
  expect(await tab.erase(invite)).toBe('IN_USE')
  expect(await tab.get('k')).toBe('v')
  await tab.close()
  expect(await tab.erase(invite)).toBe('done')
  expect(await tab.held()).toEqual([])
  expect(await tab.erase(invite)).toBe('done')
})

test('a member that leaves is removed and deleted; the last one only by force', async ({
  context,
  launchChromium,
  pageUrl,
  server,
}) => {
  const first = await DataTab.at(context, pageUrl('data'), server.url)
  const invite = await first.create()
  const second = await DataTab.at((await launchChromium()).context, pageUrl('data'), server.url)
  await second.open(invite)
  await first.sees(1, 2)
  await second.put('k', 'v')
  expect(await first.leads()).toBe(true)
  // The leader and only voter: it hands both over.
  expect(await first.leave()).toBe('done')
  expect(await first.held()).toEqual([])
  await second.sees(1, 1)
  await second.put('k', 'w')
  expect(await second.leave()).toBe('LAST_MEMBER')
  expect(await second.get('k')).toBe('w')
  expect(await second.leave(true)).toBe('done')
  expect(await second.held()).toEqual([])
})

test('the browser is asked to keep the data, once, when a person has written something', async ({
  context,
  server,
}) => {
  await context.addInitScript(() => {
    // Not on the empty page before.
    if (!isSecureContext) return
    let asked = 0
    let isActive = false
    Object.assign(window, { asked: () => asked })
    navigator.storage.persist = async () => {
      asked += 1
      return true
    }
    // Whatever Playwright evaluates counts as a person's act, so a real click has to be told from that.
    Object.defineProperty(navigator, 'userActivation', { get: () => ({ isActive }) })
    addEventListener('pointerdown', () => {
      isActive = true
    })
  })
  const tab = await BoardTab.open(context, server.url)
  const asked = () => tab.page.evaluate(() => Number(Reflect.get(window, 'asked')()))
  expect(await asked()).toBe(0)
  await tab.addCard('To do', 'Keep this')
  await expect(tab.card('To do', 'Keep this')).toBeVisible()
  await expect.poll(asked).toBe(1)
  await tab.addCard('To do', 'And this')
  await expect(tab.card('To do', 'And this')).toBeVisible()
  expect(await asked()).toBe(1)
})
