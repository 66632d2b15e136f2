// The page's globals, for the functions that run in it.
import type {} from '../pages/wal-contract.ts'
import { expect, test } from './fixtures.ts'

/** A log over the life of a program, and over that of a large state: beside `wal.spec.ts`, which holds a log to its contract. */

test.beforeEach(async ({ page, pageUrl }) => {
  await page.goto(pageUrl('wal-contract'))
  await page.waitForFunction(() => 'runWalContract' in window)
})

/** In the page: a newer version of this program wants the database of a log that is open here; and one that is frozen holds it. */
async function lettingGo() {
  const { clusterId, entries, filled, openRaw, openWal, outcome, remake, write } = window.wal
  const wal = await filled(21, 1)
  const newer = await new Promise<number>(resolve => {
    const opening = indexedDB.open(`flotilla/${clusterId}/21`, 1_000)
    opening.onsuccess = () => {
      resolve(opening.result.version)
      opening.result.close()
    }
  })
  const said = await wal.append(write({ entries: entries(2, 2) })).catch(String)
  const older = await outcome(openWal({ clusterId, member: 21 }))

  await (await filled(22, 1)).close()
  await remake(22, 2, ['meta', 'records', 'snapshot', 'outbox'])
  // It does not hear that someone waits.
  const frozen = await openRaw(`flotilla/${clusterId}/22`)
  const blocked = await outcome(openWal({ clusterId, member: 22 }))
  frozen.close()
  const after = await openWal({ clusterId, member: 22 })
  return { newer, said, older, blocked, after: after.recovered.entries.length }
}

const letGo = {
  newer: 1_000,
  said: 'WalError: a newer version of this program takes over the log',
  older: 'UNAVAILABLE',
  blocked: 'UNAVAILABLE',
  after: 1,
}

test('a log is let go of for a newer version; one that is held by who does not let go is not waited for', async ({
  page,
}) => {
  expect(await page.evaluate(lettingGo)).toEqual(letGo)
})

/** In the page: what becomes of logs of older formats. */
async function upgrade() {
  const { clusterId, entries, filled, noise, openWal, outboxEntry, remake, snapshotAt, tamper, wholeSnapshot, write } =
    window.wal
  const found: unknown[] = []
  for (const [member, version, stores] of [
    [31, 1, ['meta', 'records', 'snapshot']],
    [32, 2, ['meta', 'records', 'snapshot', 'outbox']],
  ] as const) {
    const identity = { clusterId, member }
    const wal = await filled(member, 5)
    await wal.append(write({ compaction: { snapshot: snapshotAt(3), compactTo: 3 } }))
    await wal.close()
    // Records 5 and on are left.
    const old = snapshotAt(3, 3, noise(1_500_000))
    await tamper(member, 'snapshot', store => store.put(wholeSnapshot(5, old), 'latest'))
    await remake(member, version, stores)

    const upgraded = await openWal(identity)
    const { snapshot, entries: recovered } = upgraded.recovered
    found.push(
      snapshot?.metadata.index,
      snapshot?.data.every((byte, at) => byte === old.data[at]),
      recovered.length,
    )
    found.push(upgraded.outbox.recovered.length)
    await upgraded.outbox.change({ added: [outboxEntry(1)], removed: [] })
    const next = snapshotAt(4, 4, noise(1_500_000))
    await upgraded.stage(next)
    await upgraded.append(write({ entries: entries(6, 6), compaction: { snapshot: next, compactTo: 4 } }))
    await upgraded.close()
    const again = await openWal(identity)
    found.push(again.recovered.snapshot?.metadata.index, again.recovered.entries.length, again.outbox.recovered.length)
    await again.close()
  }
  return found
}

/** What `upgrade` must find, of each version: what the old program left, and then what the new one has written. */
const upgraded = [1, 2].flatMap(() => [3, true, 2, 0, 4, 2, 1])

test('logs of older formats are opened, with what is in them, and go on in the new one', async ({ page }) => {
  expect(await page.evaluate(upgrade)).toEqual(upgraded)
})

test('the same in Firefox: older formats, and letting go of the log', async ({ launchFirefox, pageUrl }) => {
  // Of it 5 s are the wait for who does not let go; a Firefox on a busy machine takes most of the rest to start.
  test.setTimeout(120_000)
  const page = await (await launchFirefox()).context.newPage()
  await page.goto(pageUrl('wal-contract'))
  await page.waitForFunction(() => 'runWalContract' in window)
  expect(await page.evaluate(lettingGo)).toEqual(letGo)
  expect(await page.evaluate(upgrade)).toEqual(upgraded)
})

/** In the page: how long appends take that are issued one after the other until a snapshot is on the disk. */
async function appendsMeanwhile({ mebibytes, staged }: { readonly mebibytes: number; readonly staged: boolean }) {
  const { entries, filled, noise, snapshotAt, write } = window.wal
  const wal = await filled(staged ? 41 : 42, 1)
  const snapshot = snapshotAt(1, 1, noise(mebibytes * 1024 * 1024))
  const compaction = { snapshot, compactTo: 1 }
  let isDone = false
  const begunAt = performance.now()
  const saved = (staged ? wal.stage(snapshot) : Promise.resolve())
    .then(() => wal.append(write({ hardState: { term: 1, vote: 1, commit: 1 }, compaction })))
    .then(() => {
      isDone = true
      return performance.now() - begunAt
    })
  const took: number[] = []
  // The first of them behind what has been begun.
  await Promise.resolve()
  for (let index = 2; !isDone; index++) {
    const at = performance.now()
    await wal.append(write({ entries: entries(index, index) }))
    took.push(performance.now() - at)
  }
  const savedMs = await saved
  await wal.close()
  took.sort((a, b) => a - b)
  const quantile = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0
  return { savedMs, appends: took.length, p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) }
}

test('appends go on while a snapshot of 100 MiB is written, which is then read in steps', async ({ page }) => {
  test.setTimeout(180_000)
  const mebibytes = 100
  const measured = (
    what: string,
    { savedMs, appends, p50, p99, max }: Awaited<ReturnType<typeof appendsMeanwhile>>,
  ) => {
    const times = [p50, p99, max].map(ms => `${ms.toFixed(1)} ms`).join(', ')
    const description = `${what}: ${savedMs.toFixed(0)} ms, ${appends} appends meanwhile, p50, p99, longest ${times}`
    test.info().annotations.push({ type: 'measured', description })
  }
  const whole = await page.evaluate(appendsMeanwhile, { mebibytes, staged: false })
  measured('in one write', whole)
  const staged = await page.evaluate(appendsMeanwhile, { mebibytes, staged: true })
  measured('staged', staged)
  // One waits for a part at most, and there are 200 of them.
  expect(staged.appends).toBeGreaterThan(100)
  expect(staged.max).toBeLessThan(staged.savedMs / 4)

  const opening = await page.evaluate(async () => {
    const { clusterId, openWal } = window.wal
    const begunAt = performance.now()
    const wal = await openWal({ clusterId, member: 41 })
    const ms = performance.now() - begunAt
    return { ms, bytes: wal.recovered.snapshot?.data.length }
  })
  expect(opening.bytes).toBe(mebibytes * 1024 * 1024)
  test.info().annotations.push({ type: 'measured', description: `opened in ${opening.ms.toFixed(0)} ms` })
})

test('the browser gives back what snapshots took that were replaced', async ({ page }) => {
  test.setTimeout(180_000)
  const [mebibytes, times] = [4, 30]
  await page.evaluate(
    async ({ mebibytes, times }) => {
      const { entries, filled, noise, snapshotAt, write } = window.wal
      const wal = await filled(51, 1)
      for (let index = 2; index <= times; index++) {
        const snapshot = snapshotAt(index, 1, noise(mebibytes * 1024 * 1024))
        await wal.append(write({ hardState: { term: 1, vote: 1, commit: index }, entries: entries(index, index) }))
        await wal.stage(snapshot)
        await wal.append(write({ compaction: { snapshot, compactTo: index } }))
      }
      await wal.close()
    },
    { mebibytes, times },
  )
  const usedMebibytes = () => page.evaluate(async () => ((await navigator.storage.estimate()).usage ?? 0) / 1024 / 1024)
  // Three times the live data and 12 MiB: what replaced ones took is deleted some time after, as the engine likes.
  await expect.poll(usedMebibytes, { timeout: 60_000 }).toBeLessThan(3 * mebibytes + 12)
  const description = `${(await usedMebibytes()).toFixed(1)} MiB, live ${mebibytes}, written ${mebibytes * times}`
  test.info().annotations.push({ type: 'measured', description })
})
