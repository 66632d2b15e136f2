import type { BrowserContext, Page } from '@playwright/test'
import { type RunningServer, startServer } from '../../signaling/server.ts'
import { SIGNALING_PATH } from '../../src/net/signaling-protocol.ts'
import { Coturn, coturnIsThere } from './coturn.ts'
import { test as base, expect } from './fixtures.ts'

declare global {
  interface Window {
    /** Every connection that the page ever made. */
    connections: RTCPeerConnection[]
  }
}

const secret = 'between coturn and the signaling server'
const credentialsTtlSeconds = 600

interface TurnFixtures {
  coturn: Coturn
  /** A signaling server that gives out credentials for coturn, made with this secret. */
  signaling: (secret: string) => Promise<string>
  /** A page with the public API that may connect by TURN alone. */
  tab: (context: BrowserContext) => Promise<Page>
}

const test = base.extend<TurnFixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
  coturn: async ({}, use) => {
    const coturn = await Coturn.start(secret)
    await use(coturn)
    await coturn.stop()
  },

  signaling: async ({ coturn }, use) => {
    const servers: RunningServer[] = []
    await use(async secret => {
      const turn = { urls: [coturn.url], secret, ttlSeconds: credentialsTtlSeconds }
      const server = await startServer({ port: 0, host: 'localhost', turn })
      servers.push(server)
      return `ws://localhost:${server.port}${SIGNALING_PATH}`
    })
    await Promise.all(servers.map(server => server.close()))
  },

  tab: async ({ pageUrl }, use) =>
    use(async context => {
      const page = await context.newPage()
      await page.addInitScript(() => {
        window.connections = []
        const Native = RTCPeerConnection
        Object.assign(window, {
          RTCPeerConnection: class extends Native {
            constructor(configuration?: RTCConfiguration) {
              super(configuration)
              window.connections.push(this)
            }
          },
        })
      })
      await page.goto(pageUrl('data'))
      await page.waitForFunction(() => 'api' in window)
      return page
    }),
})

const options = { iceTransportPolicy: 'relay', relay: 'never' } as const

function found(page: Page, signaling: string): Promise<string> {
  return page.evaluate(
    async options => {
      window.db = await window.api.create(options)
      return window.db.invite
    },
    { signaling, ...options },
  )
}

/** Resolves when the member runs, which it may do without anybody to talk to. */
async function takePart(page: Page, signaling: string, invite: string): Promise<void> {
  await page.evaluate(
    async options => {
      window.db = await window.api.open(options)
    },
    { signaling, invite, ...options },
  )
}

function put(page: Page, key: string, value: string): Promise<number> {
  return page.evaluate(async ([key, value]) => (await window.db.put(key, value)).header.revision, [key, value] as const)
}

function get(page: Page, key: string): Promise<string | null> {
  return page.evaluate(async key => (await window.db.get(key))?.value ?? null, key)
}

function linked(page: Page) {
  return page.evaluate(() =>
    window.db
      .status()
      .links.filter(({ state }) => state === 'up')
      .map(({ kind }) => kind),
  )
}

/** The kinds of candidates between which the page's living connections send, as its own engine tells. */
function selectedTypes(page: Page): Promise<{ local: string; remote: string; protocol: string }[]> {
  return page.evaluate(async () => {
    const living = window.connections.filter(({ connectionState }) => connectionState === 'connected')
    const reports = await Promise.all(living.map(connection => connection.getStats()))
    return reports.flatMap(report => {
      const stats: Record<string, unknown>[] = [...report.values()]
      const transport = stats.find(({ type }) => type === 'transport')
      // Firefox has no transport in its report, and marks the pair.
      const pair = stats.find(
        ({ type, id, selected }) =>
          type === 'candidate-pair' && (id === transport?.selectedCandidatePairId || selected === true),
      )
      const typeOf = (id: unknown) => String(stats.find(stat => stat.id === id)?.candidateType)
      const local = stats.find(({ id }) => id === pair?.localCandidateId)
      return [
        {
          local: typeOf(pair?.localCandidateId),
          remote: typeOf(pair?.remoteCandidateId),
          protocol: String(local?.relayProtocol),
        },
      ]
    })
  })
}

const overTurn = { local: 'relay', remote: 'relay', protocol: 'udp' }

if (!coturnIsThere) test.skip('skipped: coturn is not installed', () => {})
else {
  test('two Chromiums and a Firefox are one cluster, all links over a TURN server with credentials of the signaling server', async ({
    launchChromium,
    launchFirefox,
    signaling,
    tab,
    coturn,
  }) => {
    test.slow()
    const url = await signaling(secret)
    const browsers = await Promise.all([launchChromium(), launchChromium(), launchFirefox()])
    const [a, b, c] = await Promise.all(browsers.map(({ context }) => tab(context)))
    if (a === undefined || b === undefined || c === undefined) throw new Error('three pages were opened')
    const invite = await found(a, url)
    await takePart(b, url, invite)
    await takePart(c, url, invite)
    const pages = [a, b, c]
    for (const page of pages) await expect.poll(() => linked(page), { timeout: 30_000 }).toEqual(['webrtc', 'webrtc'])
    for (const [i, page] of pages.entries()) await put(page, `key ${i}`, `of page ${i}`)
    for (const page of pages) {
      expect(await Promise.all(pages.map((_, i) => get(page, `key ${i}`)))).toEqual(pages.map((_, i) => `of page ${i}`))
      expect(await selectedTypes(page)).toEqual([overTurn, overTurn])
    }
    // The user's name is when it expires and the id that the signaling server gave.
    await coturn.says(/user <\d{10,}:[\w-]{12}>: incoming packet ALLOCATE processed, success/)
  })

  test('two tabs of one browser are linked over TURN, too, if they are told to', async ({
    context,
    signaling,
    tab,
  }) => {
    test.slow()
    const url = await signaling(secret)
    const [a, b] = await Promise.all([tab(context), tab(context)])
    const invite = await found(a, url)
    await takePart(b, url, invite)
    await expect.poll(() => linked(a), { timeout: 30_000 }).toEqual(['webrtc'])
    await put(b, 'key', 'value')
    expect(await get(a, 'key')).toBe('value')
    for (const page of [a, b]) expect(await selectedTypes(page)).toEqual([overTurn])
  })

  test('credentials made with another secret open nothing', async ({ context, signaling, tab, coturn }) => {
    const url = await signaling('not the one that coturn has')
    const [a, b] = await Promise.all([tab(context), tab(context)])
    const invite = await found(a, url)
    await takePart(b, url, invite)
    await coturn.says(/user <\d{10,}:[\w-]{12}>.*401: Unauthorized/)
    expect(await linked(a)).toEqual([])
    expect(await b.evaluate(() => window.db.status().replica.state)).toBe('joining')
  })
}
