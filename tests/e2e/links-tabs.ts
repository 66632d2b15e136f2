import type { Page } from '@playwright/test'
import { type RunningServer, startServer } from '../../signaling/server.ts'
import { SIGNALING_PATH } from '../../src/net/signaling-protocol.ts'
import type { StartOptions } from '../pages/links.ts'
import { test as base, expect } from './fixtures.ts'

export interface LinksFixtures {
  signaling: { readonly url: string; stop(): Promise<void>; start(): Promise<void> }
  /** Opens the links page and starts it as the tab of this member. */
  join: (page: Page, member: number, options?: Partial<StartOptions>) => Promise<Page>
}

/** Tabs with nothing in them but the two halves of the network. */
export const test = base.extend<LinksFixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads a fixture's needs from this pattern
  signaling: async ({}, use) => {
    let server: RunningServer = await startServer({ port: 0, host: 'localhost' })
    const { port } = server
    await use({
      url: `ws://localhost:${port}${SIGNALING_PATH}`,
      stop: () => server.close(),
      start: async () => {
        server = await startServer({ port, host: 'localhost' })
      },
    })
    await server.close()
  },

  join: async ({ signaling, pageUrl }, use) =>
    use(async (page, member, options = {}) => {
      await page.goto(pageUrl('links'))
      // The name decides who dials; by default the tab that comes first does.
      const start: StartOptions = { urls: [signaling.url], peer: `tab-${member}`, member, ...options }
      await page.evaluate(start => window.tab.start(start), start)
      return page
    }),
})

export function report(page: Page, wanted: object) {
  return page.evaluate(wanted => window.tab.report(wanted), wanted)
}

export async function bothUp(a: Page, b: Page, memberA = 1, memberB = 2): Promise<void> {
  await Promise.all([report(a, { kind: 'up', member: memberB }), report(b, { kind: 'up', member: memberA })])
}

let word = 1000

/** A word from one tab's worker to the other's. */
export async function say(from: Page, to: Page, member: number): Promise<void> {
  const said = word++
  await from.evaluate(command => window.tab.do({ kind: 'say', ...command }), { to: member, word: said })
  await report(to, { kind: 'heard', word: said })
}

export async function sendSnapshot(from: Page, to: Page, member: number, bytes: number): Promise<void> {
  await from.evaluate(command => window.tab.do({ kind: 'sendSnapshot', ...command }), { to: member, bytes })
  const sent = await report(from, { kind: 'sending', bytes })
  const received = await report(to, { kind: 'snapshot', bytes })
  expect(received.report).toMatchObject({ intact: true })
  const perSecond = ((bytes / 1024 / 1024) * 1000) / (received.at - sent.at)
  test.info().annotations.push({ type: 'measured', description: `snapshot: ${perSecond.toFixed(1)} MiB/s` })
}
