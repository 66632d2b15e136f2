import type { Database } from '../../src/client/flotilla.ts'
import { parseInvite, roomName } from '../../src/client/invite.ts'
import { sealKeys } from '../../src/net/page/keys.ts'
import { Seal } from '../../src/net/page/seal.ts'
import { BoardTab, installHandle, leaderFirst } from './board.ts'
import { expect, test } from './fixtures.ts'
import { Stranger } from './stranger.ts'

/** Runs in the page: put there by `installHandle`. */
declare function db(): Database

test('strangers who know the room but not the secret see nothing, stop nothing and leave no ghosts', async ({
  context,
  server,
}) => {
  // As tabs of different browsers: they can find each other by the server only.
  await context.addInitScript(() => Object.assign(globalThis, { BroadcastChannel: undefined }))
  await installHandle(context)
  const first = await BoardTab.open(context, server.url)
  const invite = parseInvite(first.url)
  const room = await roomName(invite)
  const ids = new Set<string>()
  const strangers = [await Stranger.join(server.url, room, ids), await Stranger.join(server.url, room, ids)]

  try {
    const second = await BoardTab.open(context, first.url)
    const third = await BoardTab.open(context, first.url)
    for (const tab of [first, second, third]) await tab.sees(3, 3)
    for (const [i, tab] of [first, second, third].entries()) await tab.put(`by/${i}`, 'written')

    const [leader, ...others] = await leaderFirst([first, second, third])
    const lost = await leader?.member()
    await leader?.page.close()
    for (const tab of others) await expect.poll(async () => [0, lost].includes(await tab.leader())).toBe(false)
    for (const [i, tab] of others.entries()) await tab.put(`again/${i}`, 'written')

    const late = await BoardTab.open(context, first.url)
    const tabs = [...others, late]
    await late.put('late', 'written')
    for (const tab of tabs) {
      await expect
        .poll(() => tab.keys('').then(keys => keys.filter(key => /^(by|again)\/|^late$/.test(key))))
        .toHaveLength(6)
      await expect.poll(() => links(tab)).toEqual(['up', 'up'])
    }
    const names = await Promise.all(tabs.map(peerNames))
    for (const { heard, fromFellows } of strangers) {
      expect(heard.length, 'it was greeted, as everybody is').toBeGreaterThan(0)
      expect(fromFellows, 'what it does is carried').toBeGreaterThan(0)
      for (const { payload } of heard) {
        const seen = payload + Buffer.from(payload, 'base64url').toString('latin1')
        for (const word of [invite.clusterId, ...names.flat(), 'sdp', 'candidate', 'fingerprint', 'greet', 'attempt']) {
          expect(seen).not.toContain(word)
        }
      }
    }
    // With the secret one can tell that nothing but greetings to whoever is there was said to them.
    const witness = Seal.create(await sealKeys(invite), 'witness')
    for (const { from, payload } of strangers.flatMap(({ heard }) => heard)) {
      expect(await witness.open(payload, from)).toMatchObject({ to: null, signal: { kind: 'greet' } })
    }
  } finally {
    for (const stranger of strangers) stranger.leave()
  }
})

function links(tab: BoardTab): Promise<string[]> {
  return tab.page.evaluate(() =>
    db()
      .status()
      .links.map(({ state }) => state),
  )
}

function peerNames(tab: BoardTab): Promise<string[]> {
  return tab.page.evaluate(() =>
    db()
      .status()
      .links.map(({ peer }) => peer),
  )
}
