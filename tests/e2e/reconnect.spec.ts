import type { Page } from '@playwright/test'
import { startServer } from '../../signaling/server.ts'
import { SIGNALING_PATH } from '../../src/net/signaling-protocol.ts'
import { expect } from './fixtures.ts'
import { bothUp, report, say, test } from './links-tabs.ts'

/** Runs in the page: no candidate of another reaches its engine until `letThrough` is called, as behind a strict firewall. */
function behindFirewall(): void {
  let open = false
  Object.assign(globalThis, {
    letThrough: () => {
      open = true
      dispatchEvent(new Event('online'))
    },
  })
  const { addIceCandidate, setRemoteDescription } = RTCPeerConnection.prototype
  RTCPeerConnection.prototype.addIceCandidate = async function (this: RTCPeerConnection, candidate) {
    if (open) await Reflect.apply(addIceCandidate, this, [candidate])
  }
  RTCPeerConnection.prototype.setRemoteDescription = function (this: RTCPeerConnection, description) {
    const sdp = open ? description.sdp : description.sdp?.replaceAll(/^a=candidate:.*\r\n/gm, '')
    return Reflect.apply(setRemoteDescription, this, [{ type: description.type, sdp }])
  }
}

declare global {
  /** Put there by `behindFirewall`. */
  function letThrough(): void
}

async function linkIs(page: Page, kind: string): Promise<void> {
  await report(page, { kind: 'links', links: [{ kind, state: 'up' }] })
}

test('where no direct link comes up the relay serves, and when one does it takes over without a word lost', async ({
  context,
  join,
}) => {
  await context.addInitScript(behindFirewall)
  const a = await join(await context.newPage(), 1)
  const b = await join(await context.newPage(), 2)
  await bothUp(a, b)
  await Promise.all([a, b].map(page => linkIs(page, 'relay')))
  await say(a, b, 2)
  await say(b, a, 1)
  await b.evaluate(() => letThrough())
  await a.evaluate(() => letThrough())
  await Promise.all([a, b].map(page => linkIs(page, 'webrtc')))
  await say(a, b, 2)
  await say(b, a, 1)
  // To the members it was one link all the time.
  for (const page of [a, b]) expect(await page.evaluate(() => window.tab.count({ kind: 'down' }))).toBe(0)
})

test('a server that is not there is passed over, and one that goes is left for the next', async ({
  context,
  launchChromium,
  join,
  signaling,
}) => {
  const second = await startServer({ port: 0, host: 'localhost' })
  try {
    const gone = await startServer({ port: 0, host: 'localhost' })
    await gone.close()
    const urls = [gone.port, second.port].map(port => `ws://localhost:${port}${SIGNALING_PATH}`)
    const options = { urls: [...urls, signaling.url] }
    // Tabs of one browser would find each other without any.
    const [one, other] = [context, (await launchChromium()).context]
    const a = await join(await one.newPage(), 1, options)
    const b = await join(await other.newPage(), 2, options)
    await bothUp(a, b)
    await second.close()
    await Promise.all([a, b].map(page => page.evaluate(() => window.tab.signaling('waiting'))))
    await Promise.all([a, b].map(page => page.evaluate(() => window.tab.signaling('open'))))
    const late = await join(await other.newPage(), 3, options)
    await bothUp(a, late, 1, 3)
    await bothUp(b, late, 2, 3)
    await say(a, b, 2)
  } finally {
    await second.close()
  }
})

test('a tab whose connection broke is dialed again by itself', async ({ context, join }) => {
  await context.addInitScript(() => {
    const Original = RTCPeerConnection
    const made: RTCPeerConnection[] = []
    Object.assign(globalThis, {
      RTCPeerConnection: class extends Original {
        constructor(configuration?: RTCConfiguration) {
          super(configuration)
          made.push(this)
        }
      },
      breakAll: () => {
        for (const connection of made.splice(0)) connection.close()
      },
    })
  })
  const a = await join(await context.newPage(), 1)
  const b = await join(await context.newPage(), 2)
  await bothUp(a, b)
  await b.evaluate('breakAll()')
  await expect
    .poll(
      () =>
        Promise.all(
          [a, b].map(page => page.evaluate(() => window.tab.count({ kind: 'told', message: { type: 'up' } }))),
        ),
      {
        timeout: 30_000,
      },
    )
    .toEqual([2, 2])
  await say(a, b, 2)
  await say(b, a, 1)
})
