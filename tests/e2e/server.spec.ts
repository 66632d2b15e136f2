import type { Page } from '@playwright/test'
import { type RunningServer, startServer } from '../../signaling/server.ts'
import { createTicket } from '../../signaling/ticket.ts'
import { openDataPage } from './data-page.ts'
import { expect, test } from './fixtures.ts'

const host = 'localhost'
const ticketKey = 'a-key-that-only-this-test-knows'
const drainMsMax = 20_000

function addressOf({ port }: RunningServer): string {
  return `ws://${host}:${port}/signal`
}

async function peersAt({ port }: RunningServer): Promise<number> {
  return (await (await fetch(`http://${host}:${port}/healthz`)).json()).peers
}

/** A member that votes, and so is linked to the others. */
const votes = (page: Page) => page.evaluate(() => window.db.status().replica.state === 'voter')

test.beforeEach(async ({ context }) => {
  // As tabs of different browsers: they can find each other by the server only.
  await context.addInitScript(() => Object.assign(globalThis, { BroadcastChannel: undefined }))
})

test('a server that asks for tickets admits who has one for the room, and nobody else', async ({
  context,
  pageUrl,
}) => {
  const server = await startServer({ port: 0, host, ticketKeys: [ticketKey] })
  const asked: string[] = []
  await context.exposeFunction('ticketFor', (room: string) => {
    asked.push(room)
    return createTicket({ key: ticketKey, room, expiresAt: Date.now() + 60_000 })
  })
  const signaling = addressOf(server)
  const first = await openDataPage(context, pageUrl('data'))
  const invite = await first.evaluate(async signaling => {
    window.db = await window.api.create({ signaling, ticket: window.ticketFor })
    await window.db.put('key', 'value')
    return window.db.invite
  }, signaling)
  await expect.poll(() => peersAt(server)).toBe(1)

  const second = await openDataPage(context, pageUrl('data'))
  await second.evaluate(
    async ([signaling, invite]) => {
      window.db = await window.api.open({ signaling, invite })
    },
    [signaling, invite] as const,
  )
  await expect.poll(() => second.evaluate(() => window.db.status().signaling)).toBe('refused')
  expect(await second.evaluate(() => window.db.status().replica.state)).toBe('joining')
  expect(await peersAt(server)).toBe(1)

  await second.evaluate(
    async ([signaling, invite]) => {
      await window.db.close()
      window.db = await window.api.open({ signaling, invite, ticket: window.ticketFor })
    },
    [signaling, invite] as const,
  )
  expect(await second.evaluate(async () => (await window.db.get('key'))?.value)).toBe('value')
  expect(asked.length).toBeGreaterThanOrEqual(2)
  expect(new Set(asked).size, 'both asked for the room that they share').toBe(1)
  await server.close()
})

test('a server that is shut down sends its tabs to another, and none of them notices', async ({ context, pageUrl }) => {
  const [leaving, staying] = [await startServer({ port: 0, host }), await startServer({ port: 0, host })]
  const signaling = [addressOf(leaving), addressOf(staying)]
  const first = await openDataPage(context, pageUrl('data'))
  const invite = await first.evaluate(async signaling => {
    window.db = await window.api.create({ signaling })
    return window.db.invite
  }, signaling)
  const join = async () => {
    const page = await openDataPage(context, pageUrl('data'))
    await page.evaluate(
      async ([signaling, invite]) => {
        window.db = await window.api.open({ signaling, invite })
        await window.db.get('key')
      },
      [signaling, invite] as const,
    )
    return page
  }
  const second = await join()
  const third = await join()
  for (const page of [first, second, third]) await expect.poll(() => votes(page)).toBe(true)
  expect(await peersAt(leaving)).toBe(3)
  const term = await first.evaluate(() => window.db.status().replica.term)

  const began = performance.now()
  const drained = leaving.drain(drainMsMax)
  await second.evaluate(() => window.db.put('key', 'written meanwhile'))
  await drained
  expect(performance.now() - began, 'they left by themselves').toBeLessThan(drainMsMax)
  await expect.poll(() => peersAt(staying)).toBe(3)
  const late = await join()
  expect(await late.evaluate(async () => (await window.db.get('key'))?.value)).toBe('written meanwhile')
  expect(await first.evaluate(() => window.db.status().replica.term), 'no election').toBe(term)
  await staying.close()
})

declare global {
  interface Window {
    ticketFor(room: string): Promise<string>
  }
}
