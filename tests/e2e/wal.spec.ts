// The page's globals, for the functions that run in it.
import type {} from '../pages/wal-contract.ts'
import { walCases } from '../unit/wal/contract.ts'
import { outboxCases } from '../unit/wal/outbox-contract.ts'
import { expect, test } from './fixtures.ts'

test.beforeEach(async ({ page, pageUrl }) => {
  await page.goto(pageUrl('wal-contract'))
  await page.waitForFunction(() => 'runWalContract' in window)
})

/** In the page: an append, four more while it is under way, which share a transaction; one of the five fails. And then a sixth. */
async function failOneOfFive(failing: number) {
  const { clusterId, entries, filled, openWal, outcome, write } = window.wal
  const member = failing
  const wal = await filled(member, 1)
  // It fails in the browser and not at the call: its key is taken.
  const add = IDBObjectStore.prototype.add
  let calls = 0
  let begun = () => {}
  const isBegun = new Promise<void>(resolve => {
    begun = resolve
  })
  IDBObjectStore.prototype.add = function (value, key) {
    calls += 1
    begun()
    return add.call(this, value, calls === failing ? 1 : key)
  }
  const append = (index: number) => outcome(wal.append(write({ entries: entries(index, index) })))
  const writes = [append(2)]
  await isBegun
  writes.push(...[3, 4, 5, 6].map(append))
  const outcomes = await Promise.all(writes)
  IDBObjectStore.prototype.add = add
  outcomes.push(await outcome(wal.append(write({ entries: entries(7, 7) }))))
  await wal.close()
  const again = await openWal({ clusterId, member })
  return { outcomes, entries: again.recovered.entries.length, cut: again.cut }
}

/** What `failOneOfFive` must find: what was durable before, nothing of the transaction that failed, nothing after it. */
function failedAt(failing: number) {
  const done = failing === 1 ? 0 : 1
  const outcomes = [1, 2, 3, 4, 5, 6].map(position => (position <= done ? 'done' : 'FAILED'))
  return { outcomes, entries: 1 + done, cut: null }
}

test.describe('the contract of every log, over IndexedDB', () => {
  for (const { name } of walCases) {
    test(name, async ({ page }) => {
      await page.evaluate(name => window.runWalContract(name), name)
    })
  }
})

test.describe('the contract of every outbox store, over IndexedDB', () => {
  for (const { name } of outboxCases) {
    test(name, async ({ page }) => {
      await page.evaluate(name => window.runOutboxContract(name), name)
    })
  }
})

test('a member that was removed has an heir, which is given its writes, and its log is deleted', async ({ page }) => {
  const found = await page.evaluate(async () => {
    const { bequeath, listMembers, membership, newMember, openWal, outboxEntry } = window.wal
    const clusterId = 'heirs'
    const belonging = { clusterId, role: 'editor', membership } as const
    const removed = await newMember(belonging)
    const entries = [outboxEntry(1), outboxEntry(2)]
    await removed.outbox.change({ added: entries, removed: [] })
    const heir = await bequeath(belonging, removed, entries)
    const members = await listMembers(clusterId)
    const seqsOf = async (member: number) => {
      const { outbox } = await openWal({ clusterId, member })
      return outbox.recovered.map(({ command }) => command.seq)
    }
    const poor = await newMember(belonging)
    const ofNothing = await bequeath(belonging, poor, [])
    const left = await listMembers(clusterId)
    return {
      heirs: members.map(member => member === heir),
      seqs: await seqsOf(heir),
      ofNothing: await seqsOf(ofNothing),
      left: left.map(member => member === heir || member === ofNothing),
    }
  })
  expect(found).toEqual({ heirs: [true], seqs: [1, 2], ofNothing: [], left: [true, true] })
})

test('the same in Firefox: the contract, and nothing durable behind a write that failed', async ({
  launchFirefox,
  pageUrl,
}) => {
  // What takes Chromium a test each.
  test.setTimeout(180_000)
  const page = await (await launchFirefox()).context.newPage()
  await page.goto(pageUrl('wal-contract'))
  await page.waitForFunction(() => 'runWalContract' in window)
  for (const { name } of walCases) {
    await test.step(name, () => page.evaluate(name => window.runWalContract(name), name))
  }
  for (const { name } of outboxCases) {
    await test.step(name, () => page.evaluate(name => window.runOutboxContract(name), name))
  }
  for (const failing of [1, 3, 5]) expect(await page.evaluate(failOneOfFive, failing)).toEqual(failedAt(failing))
})

test.describe('damage in the database', () => {
  test('a newest record that was never finished is cut off, reported, and stays cut off', async ({ page }) => {
    const found = await page.evaluate(async () => {
      const { clusterId, entries, filled, openWal, tear, write } = window.wal
      const identity = { clusterId, member: 1 }
      await (await filled(1, 3)).close()
      await tear(1, 'records', 4)
      const cut = await openWal(identity)
      const first = cut.recovered.entries.length
      await cut.append(write({ entries: entries(3, 4, 9) }))
      await cut.close()
      const again = await openWal(identity)
      return {
        cut: cut.cut,
        first,
        again: again.recovered.entries.length,
        clean: again.cut,
      }
    })
    expect(found).toEqual({ cut: { sequence: 4, reason: 'checksum mismatch' }, first: 2, again: 4, clean: null })
  })

  test('damage stops the member', async ({ page }) => {
    const found = await page.evaluate(async () => {
      const { clusterId, filled, flipBit, noise, openWal, outcome, snapshotAt, tamper, tear, write } = window.wal
      const damages: [string, (member: number) => Promise<void>][] = [
        ['a record in the middle', member => flipBit(member, 'records', 4)],
        ['the newest record', member => flipBit(member, 'records', 6)],
        ['no bytes', member => tamper(member, 'records', store => store.put('what is this', 6))],
        ['a missing record', member => tamper(member, 'records', store => store.delete(4))],
        ['a missing first record', member => tamper(member, 'records', store => store.delete(3))],
        ['no record', member => tamper(member, 'records', store => store.clear())],
        ['the snapshot', member => flipBit(member, 'snapshot', 'latest')],
        ['no snapshot', member => tamper(member, 'snapshot', store => store.clear())],
        ['a part of the snapshot', member => flipBit(member, 'parts', [1, 0])],
        ['a part that was broken off', member => tear(member, 'parts', [1, 1])],
        ['a missing part', member => tamper(member, 'parts', store => store.delete([1, 0]))],
        ['a missing last part', member => tamper(member, 'parts', store => store.delete([1, 2]))],
        ['no part', member => tamper(member, 'parts', store => store.clear())],
        ['parts in the wrong places', member => tamper(member, 'parts', store => store.put(new Uint8Array(9), [1, 1]))],
        ['the identity', member => tamper(member, 'meta', store => store.put({ clusterId, member: 99 }, 'identity'))],
        ['no identity', member => tamper(member, 'meta', store => store.clear())],
      ]
      const outcomes: Record<string, string> = {}
      for (const [i, [name, damage]] of damages.entries()) {
        const member = i + 1
        const wal = await filled(member, 4)
        // Leaves records 3 to 6.
        await wal.append(write({ compaction: { snapshot: snapshotAt(2, 2, noise(1_300_000)), compactTo: 1 } }))
        await wal.close()
        await damage(member)
        outcomes[name] = await outcome(openWal({ clusterId, member }))
      }
      return outcomes
    })
    expect(new Set(Object.values(found)), JSON.stringify(found)).toEqual(new Set(['CORRUPT']))
  })

  test('what is left of snapshots that were never finished is deleted on opening', async ({ page }) => {
    const found = await page.evaluate(async () => {
      const { clusterId, filled, keysOf, noise, openWal, outcome, snapshotAt, write } = window.wal
      const wal = await filled(1, 4)
      const current = snapshotAt(2, 2, noise(1_300_000))
      await wal.stage(current)
      await wal.append(write({ compaction: { snapshot: current, compactTo: 1 } }))
      await wal.stage(snapshotAt(3, 3, noise(1_300_000)))
      const unfinished = outcome(wal.stage(snapshotAt(4, 4, noise(50_000_000))))
      // A part of it is on its way by now.
      await wal.append(write({}))
      await wal.close()
      const before = new Set((await keysOf(1, 'parts')).map(key => String(key).split(',')[0]))
      const again = await openWal({ clusterId, member: 1 })
      const { snapshot } = again.recovered
      await again.close()
      return {
        unfinished: await unfinished,
        before: before.size > 1,
        after: await keysOf(1, 'parts'),
        whole: snapshot?.data.every((byte, at) => byte === current.data[at]),
      }
    })
    const after = [
      [1, 0],
      [1, 1],
      [1, 2],
    ]
    expect(found).toEqual({ unfinished: 'CLOSED', before: true, after, whole: true })
  })

  test('a database of a later version of this program is left alone', async ({ page }) => {
    const found = await page.evaluate(async () => {
      const { clusterId, filled, openWal, outcome } = window.wal
      await (await filled(1, 1)).close()
      await new Promise<void>(resolve => {
        const request = indexedDB.open(`flotilla/${clusterId}/1`, 4)
        request.onsuccess = () => {
          request.result.close()
          resolve()
        }
      })
      return await outcome(openWal({ clusterId, member: 1 }))
    })
    expect(found).toBe('UNAVAILABLE')
  })
})

test.describe('a disk that fails', () => {
  test('a full disk refuses the write and all to come; what was durable stays', async ({ page }) => {
    const found = await page.evaluate(async () => {
      const { clusterId, entries, filled, openWal, outcome, write } = window.wal
      const wal = await filled(1, 1)
      const add = IDBObjectStore.prototype.add
      IDBObjectStore.prototype.add = () => {
        throw new DOMException('no room', 'QuotaExceededError')
      }
      const full = await outcome(wal.append(write({ entries: entries(2, 2) })))
      IDBObjectStore.prototype.add = add
      const outcomes = [full, await outcome(wal.append(write({ entries: entries(3, 3) })))]
      await wal.close()
      const again = await openWal({ clusterId, member: 1 })
      return { outcomes, entries: again.recovered.entries.length, cut: again.cut }
    })
    expect(found).toEqual({ outcomes: ['NOSPACE', 'NOSPACE'], entries: 1, cut: null })
  })

  for (const failing of [1, 3, 5]) {
    test(`nothing becomes durable behind a write that failed: the ${failing}. of five under way`, async ({ page }) => {
      expect(await page.evaluate(failOneOfFive, failing)).toEqual(failedAt(failing))
    })
  }

  test('a real quota, really exceeded', async ({ page, context }) => {
    const session = await context.newCDPSession(page)
    // Before the first use: Chromium looks again at the room it has allotted to a database only now and then.
    const { origin } = new URL(page.url())
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2_000_000 })
    const outcomes = await page.evaluate(async () => {
      const { filled, outcome, write } = window.wal
      const wal = await filled(1, 1)
      const outcomes: string[] = []
      for (let index = 2; index <= 6; index++) {
        const data = crypto.getRandomValues(new Uint8Array(65_536))
        const large = new Uint8Array(1_000_000)
        for (let at = 0; at + data.length <= large.length; at += data.length) large.set(data, at)
        outcomes.push(await outcome(wal.append(write({ entries: [{ term: 1, index, type: 'normal', data: large }] }))))
      }
      await wal.close()
      return outcomes
    })
    expect(outcomes.at(-1)).toBe('NOSPACE')
    await session.send('Storage.overrideQuotaForOrigin', { origin })
    const again = await page.evaluate(async () => {
      const wal = await window.wal.openWal({ clusterId: window.wal.clusterId, member: 1 })
      return { entries: wal.recovered.entries.length, cut: wal.cut }
    })
    expect(again).toEqual({ entries: 1 + outcomes.filter(outcome => outcome === 'done').length, cut: null })
  })

  test('deleting a log that is open stops it, and does not wait for it', async ({ page }) => {
    const found = await page.evaluate(async () => {
      const { clusterId, deleteWal, entries, filled, listMembers, outcome, write } = window.wal
      const wal = await filled(1, 1)
      const deleted = await outcome(deleteWal({ clusterId, member: 1 }))
      return {
        deleted,
        append: await outcome(wal.append(write({ entries: entries(2, 2) }))),
        left: await listMembers(clusterId),
      }
    })
    expect(found).toEqual({ deleted: 'done', append: 'EVICTED', left: [] })
  })

  test('storage cleared by the browser under an open log stops it', async ({ page, context }) => {
    await page.evaluate(async () => {
      const wal = await window.wal.filled(1, 1)
      window.openWal = wal
    })
    const session = await context.newCDPSession(page)
    await session.send('Storage.clearDataForOrigin', { origin: new URL(page.url()).origin, storageTypes: 'indexeddb' })
    const found = await page.evaluate(async () => {
      const { entries, outcome, write } = window.wal
      return await outcome(window.openWal?.append(write({ entries: entries(2, 2) })))
    })
    expect(found).toBe('EVICTED')
  })
})

test.describe('where there is no storage', () => {
  test('no IndexedDB at all', async ({ page }) => {
    const found = await page.evaluate(async () => {
      const { createWal, deleteWal, listMembers, nothing, openWal, outcome } = window.wal
      Object.defineProperty(window, 'indexedDB', { value: undefined })
      const identity = { clusterId: 'none', member: 1 }
      return [
        await outcome(openWal(identity)),
        await outcome(createWal(identity, nothing)),
        await outcome(listMembers('none')),
        await outcome(deleteWal(identity)),
      ]
    })
    expect(found).toEqual(['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE'])
  })

  test('an IndexedDB that throws when it is opened', async ({ page }) => {
    const found = await page.evaluate(async () => {
      const { clusterId, openWal, outcome } = window.wal
      IDBFactory.prototype.open = () => {
        throw new DOMException('not here', 'SecurityError')
      }
      return await outcome(openWal({ clusterId, member: 1 }))
    })
    expect(found).toBe('UNAVAILABLE')
  })
})

test('every write asks for strict durability', async ({ page }) => {
  const durabilities = await page.evaluate(async () => {
    const { entries, filled, snapshotAt, write } = window.wal
    const durabilities: string[] = []
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = function (...args) {
      const made = transaction.apply(this, args)
      if (made.mode === 'readwrite') durabilities.push(made.durability)
      return made
    }
    const wal = await filled(1, 2)
    await wal.append(write({ compaction: { snapshot: snapshotAt(1), compactTo: 1 } }))
    await wal.append(write({ install: snapshotAt(5), entries: entries(6, 6) }))
    return durabilities
  })
  // One for the log itself, and one for each of the four writes.
  expect(durabilities).toEqual(['strict', 'strict', 'strict', 'strict', 'strict'])
})

test('the members of a cluster are listed, and no others', async ({ page }) => {
  const found = await page.evaluate(async () => {
    const { createWal, deleteWal, listMembers, nothing } = window.wal
    for (const [clusterId, member] of [
      ['a', 1],
      ['a', Number.MAX_SAFE_INTEGER],
      ['ab', 3],
      ['b', 4],
    ] as const) {
      await (await createWal({ clusterId, member }, nothing)).close()
    }
    const before = await listMembers('a')
    await deleteWal({ clusterId: 'a', member: 1 })
    await deleteWal({ clusterId: 'a', member: 7 })
    return { before: before.sort(), after: await listMembers('a'), none: await listMembers('c') }
  })
  expect(found).toEqual({ before: [1, Number.MAX_SAFE_INTEGER], after: [Number.MAX_SAFE_INTEGER], none: [] })
})

test('nothing acknowledged is lost when the whole browser is killed', async ({ launchChromium, pageUrl }) => {
  const browser = await launchChromium()
  const page = await browser.context.newPage()
  const acknowledged: number[] = []
  const enough = new Promise<void>(resolve => {
    void page.exposeFunction('report', (index: number) => {
      acknowledged.push(index)
      if (index === 200) resolve()
    })
  })
  await page.goto(pageUrl('wal-contract'))
  await page.waitForFunction(() => 'runWalContract' in window)
  await page.evaluate(async () => {
    const { clusterId, createWal, entries, nothing, write } = window.wal
    const wal = await createWal({ clusterId, member: 1 }, nothing)
    const run = async () => {
      for (let index = 1; ; index++) {
        const hardState = { term: 1, vote: 1, commit: index }
        await wal.append(write({ hardState, entries: entries(index, index) }))
        void window.report?.(index)
      }
    }
    void run()
  })
  await enough
  await browser.kill()

  const again = await launchChromium({ profile: browser.profile })
  const reopened = await again.context.newPage()
  await reopened.goto(pageUrl('wal-contract'))
  await reopened.waitForFunction(() => 'runWalContract' in window)
  const recovered = await reopened.evaluate(async () => {
    const wal = await window.wal.openWal({ clusterId: window.wal.clusterId, member: 1 })
    return { last: wal.recovered.entries.at(-1)?.index, cut: wal.cut }
  })
  expect(recovered.cut).toBeNull()
  expect(recovered.last).toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0)
})
