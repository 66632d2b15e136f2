import { startServer } from '../../signaling/server.ts'
import { SIGNALING_PATH } from '../../src/net/signaling-protocol.ts'
import { openDataPage } from './data-page.ts'
import { expect, test } from './fixtures.ts'

test('of two devices over the relay alone, one goes on writing after the Chromium with the only vote was closed', async ({
  launchChromium,
  pageUrl,
}) => {
  test.slow()
  const server = await startServer({ port: 0, host: 'localhost' })
  const ways = { signaling: `ws://localhost:${server.port}${SIGNALING_PATH}`, relay: 'always' } as const
  const browsers = [await launchChromium(), await launchChromium()] as const
  const [goes, stays] = await Promise.all(browsers.map(({ context }) => openDataPage(context, pageUrl('data'))))
  if (goes === undefined || stays === undefined) throw new Error('two pages were opened')
  const invite = await goes.evaluate(async ways => {
    window.db = await window.api.create(ways)
    return window.db.invite
  }, ways)
  await stays.evaluate(
    async options => {
      window.db = await window.api.open(options)
    },
    { ...ways, invite },
  )
  const states = () =>
    stays.evaluate(() =>
      window.db.status().replica.members.flatMap(({ connected, state }) => (connected ? [state] : [])),
    )
  await expect.poll(async () => (await states()).sort(), { timeout: 30_000 }).toEqual(['learner', 'voter'])
  const closed = goes.waitForEvent('close')
  await goes.close({ runBeforeUnload: true })
  await closed
  await stays.evaluate(() => window.db.put('after', 'written by the one that stays'))
  await expect
    .poll(() => stays.evaluate(() => window.db.status().replica.leader === window.db.member), { timeout: 30_000 })
    .toBe(true)
  await server.close()
})
