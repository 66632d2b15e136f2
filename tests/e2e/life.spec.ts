import type { Database } from '../../src/client/flotilla.ts'
import { BoardTab, installHandle, leaderFirst, openThree } from './board.ts'
import { expect, test } from './fixtures.ts'

/** Runs in the page: put there by `installHandle`. */
declare function db(): Database

test('a page blocked for 10 s keeps its leadership and holds up nobody', async ({ context, server }) => {
  await installHandle(context)
  const [leader, follower] = await leaderFirst(await openThree(context, server.url))
  if (leader === undefined || follower === undefined) throw new Error('three tabs were opened')
  const member = await leader.member()
  const term = await leader.term()
  let blocked = true
  const block = leader.page
    .evaluate(() => {
      const end = performance.now() + 10_000
      while (performance.now() < end);
    })
    .then(() => {
      blocked = false
    })
  for (let i = 0; i < 25; i += 1) await follower.put(`while-blocked/${i}`, 'written')
  expect(blocked, 'all of it was written while the page was blocked').toBe(true)
  await block
  for (const tab of [leader, follower]) {
    expect(await tab.leader()).toBe(member)
    expect(await tab.term()).toBe(term)
    expect(await tab.keys('while-blocked/')).toHaveLength(25)
  }
})

test('in Firefox, too, a tab that is navigated away from comes back as the same member', async ({
  launchFirefox,
  server,
}) => {
  // Its tabs take most of the usual minute to open on two busy cores.
  test.slow()
  const { context } = await launchFirefox()
  await installHandle(context)
  const stays = await BoardTab.open(context, server.url)
  const away = await BoardTab.open(context, stays.url)
  await away.sees(2, 1)
  const member = await away.member()
  await away.page.goto('about:blank')
  await stays.put('key', 'while away')
  await away.page.goBack()
  await away.ready()
  expect(await away.member()).toBe(member)
  expect(await away.get('key')).toBe('while away')
})

test('in Firefox, too, a leader whose worker stands still for 4 s is replaced, and gives no stale read when it wakes', async ({
  launchFirefox,
  server,
}) => {
  // Its tabs take most of the usual minute to open on two busy cores.
  test.slow()
  const { context } = await launchFirefox()
  await installHandle(context)
  const [asleep, awake] = await leaderFirst(await openThree(context, server.url))
  if (asleep === undefined || awake === undefined) throw new Error('three tabs were opened')
  const member = await asleep.member()
  await awake.put('key', 'before')
  const woken = asleep.page.evaluate(async () => {
    const frozen = db().faults.freeze(4_000)
    // Asked for while the worker stands still, so that it is among the first things that it finds.
    const read = db().get('key')
    await frozen
    return (await read)?.value
  })
  await expect.poll(() => awake.leader()).not.toBe(member)
  await awake.put('key', 'while asleep')
  expect(await woken).toBe('while asleep')
  const woke = () => {
    let asleepMs = 0
    db().events.subscribe(events => {
      for (const event of events) if (event.kind === 'woke') asleepMs = event.asleepMs
    })()
    return asleepMs
  }
  await expect.poll(() => asleep.page.evaluate(woke)).toBeGreaterThan(3_000)
  expect(await asleep.member()).toBe(member)
  await asleep.sees(3, 3)
})

test('a duplicated tab becomes a second member', async ({ context, server }) => {
  await installHandle(context)
  const original = await BoardTab.open(context, server.url)
  const member = await original.member()
  // An auxiliary window starts with a copy of its opener's sessionStorage, as a duplicated tab does.
  const [page] = await Promise.all([
    context.waitForEvent('page'),
    original.page.evaluate(() => {
      window.open(location.href)
    }),
  ])
  const copy = await BoardTab.of(page)
  expect(await copy.page.evaluate(() => Object.keys(sessionStorage).length)).toBeGreaterThan(0)
  expect(await copy.member()).not.toBe(member)
  expect(await original.member()).toBe(member)
  for (const tab of [original, copy]) await tab.sees(2, 1)
  await copy.put('copy', 'speaks for itself')
  expect(await original.get('copy')).toBe('speaks for itself')
})

test('the vote of a tab that crashed is given up by a sibling, and its tab comes back as the same member', async ({
  context,
  server,
}) => {
  await installHandle(context)
  const voter = await BoardTab.open(context, server.url)
  const learner = await BoardTab.open(context, voter.url)
  await learner.sees(2, 1)
  const crashed = await voter.member()
  expect(await learner.leader()).toBe(crashed)
  const cdp = await context.newCDPSession(voter.page)
  const crash = voter.page.waitForEvent('crash')
  // The command has no answer: whoever would give it is gone.
  cdp.send('Page.crash').catch(() => {})
  await crash
  await learner.put('after', 'written by the one who had no vote')
  await expect.poll(() => learner.leader()).toBe(await learner.member())
  await expect.poll(() => learner.page.evaluate(() => window.flotilla?.db.status().adopted)).toEqual([])
  const again = await BoardTab.open(context, voter.url)
  expect(await again.member()).toBe(crashed)
  expect(await again.get('after')).toBe('written by the one who had no vote')
})

test('a tab that has not been let in yet gives the founder a voice when that is gone', async ({ context, server }) => {
  await installHandle(context)
  const founder = await BoardTab.open(context, server.url)
  const { url } = founder
  await founder.put('before', 'written by the founder')
  const page = await context.newPage()
  // Without signaling it finds nobody who could let it in, and does not know who has a vote.
  await page.routeWebSocket(/.*/, () => {})
  await page.goto(url)
  await expect.poll(() => page.evaluate(() => window.flotilla?.db.status().replica.state)).toBe('joining')
  await founder.page.close()
  const heir = await BoardTab.of(page)
  expect(await heir.get('before')).toBe('written by the founder')
  await expect.poll(() => heir.leader()).toBe(await heir.member())
  await expect.poll(() => page.evaluate(() => window.flotilla?.db.status().adopted)).toEqual([])
})
