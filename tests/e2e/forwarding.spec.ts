import type { Database } from '../../src/client/flotilla.ts'
import { type BoardTab, installHandle, leaderFirst, openThree } from './board.ts'
import { expect, test } from './fixtures.ts'

declare function db(): Database

/** Writes of each tab while the link is cut. */
const writes = 25

function linkedTo(tab: BoardTab, member: number): Promise<string | null> {
  return tab.page.evaluate(
    member =>
      db()
        .status()
        .links.find(({ state, members }) => state === 'up' && members.includes(member))?.peer ?? null,
    member,
  )
}

/** How often a tab has seen leadership begin or end since it was opened. */
function elections(tab: BoardTab): Promise<number> {
  return tab.page.evaluate(() => {
    let count = 0
    db().events.subscribe(events => {
      count = events.filter(({ kind }) => kind === 'leader').length
    })()
    return count
  })
}

/** Frames that the tab has passed on for others. */
function forwarded(tab: BoardTab): Promise<number> {
  return tab.page.evaluate(async () =>
    Number(/^flotilla_frames_forwarded_total (\d+)$/m.exec(await db().metrics())?.[1]),
  )
}

test('a follower that loses its link to the leader goes on through a third: no election, and all write', async ({
  context,
  server,
}) => {
  await installHandle(context)
  const [leader, follower, third] = await leaderFirst(await openThree(context, server.url))
  if (leader === undefined || follower === undefined || third === undefined) throw new Error('three tabs')
  const tabs = [leader, follower, third]
  const leading = await leader.member()
  const following = await follower.member()
  const term = await leader.term()
  const before = await Promise.all(tabs.map(elections))
  const forwardedBefore = await forwarded(third)
  const peer = await linkedTo(follower, leading)
  if (peer === null) throw new Error('the follower has no link to the leader')

  await follower.page.evaluate(peer => db().faults.cut(peer), peer)
  // Each tab says what its own worker has told it so far.
  await expect.poll(() => linkedTo(leader, following)).toBeNull()
  await expect.poll(() => linkedTo(follower, leading)).toBeNull()
  await Promise.all(
    tabs.map(async (tab, at) => {
      for (let count = 0; count < writes; count += 1) await tab.put(`${at}/${count}`, 'through a third')
    }),
  )
  expect(await linkedTo(follower, leading)).toBeNull()
  for (const tab of tabs) {
    for (const at of [0, 1, 2]) expect(await tab.keys(`${at}/`)).toHaveLength(writes)
    await tab.sees(3, 3)
    expect(await tab.term()).toBe(term)
    expect(await tab.leader()).toBe(leading)
  }
  expect(await Promise.all(tabs.map(elections))).toEqual(before)
  expect(await forwarded(third)).toBeGreaterThan(forwardedBefore)

  await follower.page.evaluate(peer => db().faults.mend(peer), peer)
  await expect.poll(() => linkedTo(follower, leading), { timeout: 30_000 }).toBe(peer)
  await follower.put('mended', 'yes')
  expect(await leader.get('mended')).toBe('yes')
  expect(await leader.term()).toBe(term)
})
