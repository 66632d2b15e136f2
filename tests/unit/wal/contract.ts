import type { Entry } from '../../../src/raft/types.ts'
import { type Wal, WalError, type WalErrorCode, type WalState, type WalWrite } from '../../../src/replica/types.ts'
import { crc32c } from '../../../src/wal/crc32c.ts'
import { entries, entry, nothing, snapshotAt, write } from './writes.ts'

/**
 * What every log promises, whatever it is kept in. Runs in Node over memory and in a browser over IndexedDB, so it needs
 * no test runner: a case fails by throwing.
 */

/** A place for ONE log, empty when a case begins. */
export interface WalPlace {
  create(initial: WalWrite): Promise<Wal>
  open(): Promise<Wal>
}

export interface WalCase {
  readonly name: string
  readonly run: (place: WalPlace) => Promise<void>
}

export const walCases: readonly WalCase[] = [
  {
    name: 'a new log holds what it was made with, and still does when opened again',
    async run(place) {
      const initial = write({
        hardState: { term: 1, vote: 0, commit: 1 },
        install: snapshotAt(1),
        entries: entries(2, 3),
      })
      const expected = { hardState: { term: 1, vote: 0, commit: 1 }, snapshot: snapshotAt(1), entries: entries(2, 3) }
      const wal = await place.create(initial)
      equal(wal.recovered, expected)
      await wal.close()
      await recovers(place, expected)
    },
  },
  {
    name: 'a log is made only once',
    async run(place) {
      const wal = await place.create(write({ hardState: { term: 3, vote: 2, commit: 0 } }))
      await wal.close()
      await rejects(place.create(nothing), 'FAILED')
      await recovers(place, { hardState: { term: 3, vote: 2, commit: 0 }, snapshot: null, entries: [] })
    },
  },
  {
    name: 'a log that was never made does not open, and trying does not make it',
    async run(place) {
      await rejects(place.open(), 'FAILED')
      await rejects(place.open(), 'FAILED')
      await (await place.create(nothing)).close()
    },
  },
  {
    name: 'what is appended is recovered, in order',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ hardState: { term: 1, vote: 7, commit: 0 }, entries: entries(1, 3) }))
      await wal.append(write({ hardState: { term: 1, vote: 7, commit: 3 }, entries: entries(4, 4) }))
      await wal.close()
      await recovers(place, { hardState: { term: 1, vote: 7, commit: 3 }, snapshot: null, entries: entries(1, 4) })
    },
  },
  {
    name: 'hard state alone leaves the entries, entries alone leave the hard state',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ entries: entries(1, 2) }))
      await wal.append(write({ hardState: { term: 5, vote: 2, commit: 1 } }))
      await wal.append(write({ entries: entries(3, 3, 5) }))
      await wal.append(write({}))
      await wal.close()
      const expected = [...entries(1, 2), ...entries(3, 3, 5)]
      await recovers(place, { hardState: { term: 5, vote: 2, commit: 1 }, snapshot: null, entries: expected })
    },
  },
  {
    name: 'later entries replace what was there from their first index on',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ entries: entries(1, 9, 1) }))
      await wal.append(write({ entries: entries(4, 5, 2) }))
      await wal.append(write({ entries: entries(6, 6, 3) }))
      await wal.close()
      await recovers(place, {
        hardState: { term: 0, vote: 0, commit: 0 },
        snapshot: null,
        entries: [...entries(1, 3, 1), ...entries(4, 5, 2), ...entries(6, 6, 3)],
      })
    },
  },
  {
    name: 'an installed snapshot replaces the whole log before the entries that come with it',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ entries: entries(1, 9) }))
      await wal.append(
        write({ hardState: { term: 4, vote: 0, commit: 20 }, install: snapshotAt(20, 4), entries: entries(21, 22, 4) }),
      )
      await wal.append(write({ entries: entries(23, 23, 4) }))
      await wal.close()
      await recovers(place, {
        hardState: { term: 4, vote: 0, commit: 20 },
        snapshot: snapshotAt(20, 4),
        entries: entries(21, 23, 4),
      })
    },
  },
  {
    name: 'an installed snapshot ends even a log that reached beyond it',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ hardState: { term: 1, vote: 0, commit: 2 }, entries: entries(1, 9) }))
      await wal.append(write({ hardState: { term: 2, vote: 0, commit: 5 }, install: snapshotAt(5, 2) }))
      await wal.close()
      await recovers(place, { hardState: { term: 2, vote: 0, commit: 5 }, snapshot: snapshotAt(5, 2), entries: [] })
    },
  },
  {
    name: 'compaction keeps the entries after its snapshot',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ hardState: { term: 1, vote: 1, commit: 4 }, entries: entries(1, 4) }))
      await wal.append(write({ hardState: { term: 1, vote: 1, commit: 6 }, entries: entries(5, 8) }))
      await wal.append(write({ compaction: { snapshot: snapshotAt(6), compactTo: 4 } }))
      await wal.append(write({ entries: entries(9, 9) }))
      await wal.close()
      await recovers(place, {
        hardState: { term: 1, vote: 1, commit: 6 },
        snapshot: snapshotAt(6),
        entries: entries(7, 9),
      })
    },
  },
  {
    name: 'the hard state survives the compaction of the record that brought it',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ hardState: { term: 8, vote: 3, commit: 2 }, entries: entries(1, 2, 8) }))
      await wal.append(write({ compaction: { snapshot: snapshotAt(2, 8), compactTo: 2 } }))
      await wal.close()
      await recovers(place, { hardState: { term: 8, vote: 3, commit: 2 }, snapshot: snapshotAt(2, 8), entries: [] })
    },
  },
  {
    name: 'compaction and entries in one write',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ entries: entries(1, 4) }))
      await wal.append(
        write({
          hardState: { term: 1, vote: 0, commit: 4 },
          entries: entries(5, 6),
          compaction: { snapshot: snapshotAt(3), compactTo: 3 },
        }),
      )
      await wal.append(write({ entries: entries(6, 7, 2) }))
      await wal.close()
      await recovers(place, {
        hardState: { term: 1, vote: 0, commit: 4 },
        snapshot: snapshotAt(3),
        entries: [...entries(4, 5), ...entries(6, 7, 2)],
      })
    },
  },
  {
    name: 'appends issued while others are under way are acknowledged in order, and close waits for them',
    async run(place) {
      const wal = await place.create(nothing)
      const acknowledged: number[] = []
      for (let index = 1; index <= 50; index++) {
        const compaction = index === 30 ? { snapshot: snapshotAt(20), compactTo: 20 } : null
        const hardState = { term: 1, vote: 0, commit: index }
        void wal.append(write({ hardState, entries: [entry(index)], compaction })).then(() => acknowledged.push(index))
      }
      await wal.close()
      equal(
        acknowledged,
        Array.from({ length: 50 }, (_, i) => i + 1),
      )
      await recovers(place, {
        hardState: { term: 1, vote: 0, commit: 50 },
        snapshot: snapshotAt(20),
        entries: entries(21, 50),
      })
    },
  },
  {
    name: 'a closed log refuses to append, and closing again does no harm',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.close()
      await rejects(wal.append(write({ entries: entries(1, 1) })), 'CLOSED')
      await wal.close()
      await recovers(place, { hardState: { term: 0, vote: 0, commit: 0 }, snapshot: null, entries: [] })
    },
  },
  {
    name: 'a destroyed log is gone',
    async run(place) {
      const wal = await place.create(nothing)
      void wal.append(write({ entries: entries(1, 1) }))
      await wal.destroy()
      await rejects(wal.append(nothing), 'CLOSED')
      await rejects(place.open(), 'FAILED')
    },
  },
  {
    name: 'the caller may reuse its buffers once append has returned',
    async run(place) {
      const wal = await place.create(nothing)
      const data = Uint8Array.of(1, 2, 3)
      const done = wal.append(write({ entries: [entry(1, 1, data)] }))
      data.fill(0)
      await done
      await wal.close()
      const reopened = await place.open()
      equal(reopened.recovered.entries, [entry(1, 1, Uint8Array.of(1, 2, 3))])
      await reopened.close()
    },
  },
  {
    name: 'a view into a larger buffer stores itself alone',
    async run(place) {
      const wal = await place.create(nothing)
      const large = new Uint8Array(100_000).fill(7)
      await wal.append(write({ entries: [entry(1, 1, large.subarray(5, 8))] }))
      await wal.close()
      const reopened = await place.open()
      equal(reopened.recovered.entries, [entry(1, 1, Uint8Array.of(7, 7, 7))])
      await reopened.close()
    },
  },
  {
    name: 'empty and large payloads and a large snapshot',
    async run(place) {
      const large = noise(1_500_000, 1)
      const snapshot = snapshotAt(1, 1, noise(6_000_000, 2))
      const wal = await place.create(write({ hardState: { term: 1, vote: 0, commit: 1 }, install: snapshot }))
      const written: Entry[] = [
        { term: 1, index: 2, type: 'confChangeV2', data: new Uint8Array(0) },
        { term: 1, index: 3, type: 'normal', data: large },
        { term: 1, index: 4, type: 'confChange', data: Uint8Array.of(1) },
      ]
      await wal.append(write({ entries: written }))
      await wal.close()
      await recovers(place, { hardState: { term: 1, vote: 0, commit: 1 }, snapshot, entries: written })
    },
  },
  {
    name: 'a staged snapshot is nothing until a write makes it the current one',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ hardState: { term: 1, vote: 0, commit: 3 }, entries: entries(1, 3) }))
      await wal.stage(snapshotAt(2, 1, noise(2_000_000, 3)))
      await wal.append(write({ entries: entries(4, 4) }))
      await wal.close()
      await recovers(place, { hardState: { term: 1, vote: 0, commit: 3 }, snapshot: null, entries: entries(1, 4) })
    },
  },
  {
    name: 'a staged snapshot is compacted to, and then another one',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ hardState: { term: 1, vote: 0, commit: 4 }, entries: entries(1, 4) }))
      const [first, second] = [snapshotAt(2, 1, noise(2_000_000, 4)), snapshotAt(4, 1, noise(1_500_000, 5))]
      await wal.stage(first)
      await wal.append(write({ compaction: { snapshot: first, compactTo: 2 } }))
      await wal.stage(second)
      await wal.append(write({ entries: entries(5, 5) }))
      await wal.append(write({ compaction: { snapshot: second, compactTo: 4 } }))
      await wal.close()
      const expected = { hardState: { term: 1, vote: 0, commit: 4 }, snapshot: second, entries: entries(5, 5) }
      await recovers(place, expected)
      await recovers(place, expected)
    },
  },
  {
    name: 'a staged snapshot is installed',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ entries: entries(1, 3) }))
      const received = snapshotAt(20, 4, noise(2_000_000, 6))
      await wal.stage(received)
      await wal.append(
        write({ hardState: { term: 4, vote: 0, commit: 20 }, install: received, entries: entries(21, 21, 4) }),
      )
      await wal.close()
      await recovers(place, {
        hardState: { term: 4, vote: 0, commit: 20 },
        snapshot: received,
        entries: entries(21, 21, 4),
      })
    },
  },
  {
    name: 'appends become durable while a snapshot is staged',
    async run(place) {
      const wal = await place.create(nothing)
      const order: string[] = []
      const staged = wal.stage(snapshotAt(1, 1, noise(4_000_000, 7))).then(() => order.push('staged'))
      for (const index of [1, 2, 3]) {
        await wal.append(write({ entries: [entry(index)] }))
        order.push(String(index))
      }
      await staged
      equal(order, ['1', '2', '3', 'staged'])
      await wal.close()
      await recovers(place, { hardState: { term: 0, vote: 0, commit: 0 }, snapshot: null, entries: entries(1, 3) })
    },
  },
  {
    name: 'a snapshot staged takes the place of the one before, wherever that had got to',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ hardState: { term: 1, vote: 0, commit: 4 }, entries: entries(1, 4) }))
      const [first, second] = [snapshotAt(2, 1, noise(3_000_000, 8)), snapshotAt(4, 1, noise(2_000_000, 9))]
      const both = [wal.stage(first), wal.stage(second)]
      await Promise.all(both)
      await wal.append(write({ compaction: { snapshot: second, compactTo: 4 } }))
      await wal.close()
      await recovers(place, { hardState: { term: 1, vote: 0, commit: 4 }, snapshot: second, entries: [] })
    },
  },
  {
    name: 'a snapshot is whole even if another was made current while it was staged',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ hardState: { term: 1, vote: 0, commit: 4 }, entries: entries(1, 4) }))
      const [staged, other] = [snapshotAt(4, 1, noise(3_000_000, 10)), snapshotAt(2, 1, noise(2_000_000, 11))]
      const staging = wal.stage(staged)
      await wal.append(write({ compaction: { snapshot: other, compactTo: 2 } }))
      await staging
      await wal.append(write({ compaction: { snapshot: staged, compactTo: 4 } }))
      await wal.close()
      await recovers(place, { hardState: { term: 1, vote: 0, commit: 4 }, snapshot: staged, entries: [] })
    },
  },
  {
    name: 'closing does not wait for a snapshot that is staged',
    async run(place) {
      const wal = await place.create(nothing)
      const staging = rejects(wal.stage(snapshotAt(1, 1, noise(8_000_000, 12))), 'CLOSED')
      await wal.close()
      await staging
      await rejects(wal.stage(snapshotAt(1)), 'CLOSED')
      await recovers(place, { hardState: { term: 0, vote: 0, commit: 0 }, snapshot: null, entries: [] })
    },
  },
  {
    name: 'a write that does not fit the log throws at once and changes nothing',
    async run(place) {
      const wal = await place.create(nothing)
      await wal.append(write({ entries: entries(1, 3) }))
      const misfits = [
        write({ entries: entries(5, 5) }),
        write({ entries: [entry(4), entry(6)] }),
        write({ entries: [entry(0)] }),
        write({ hardState: { term: 1, vote: 0, commit: 4 } }),
        write({ compaction: { snapshot: snapshotAt(4), compactTo: 4 } }),
        write({ compaction: { snapshot: snapshotAt(2), compactTo: 3 } }),
        write({ install: snapshotAt(9), entries: entries(11, 12) }),
      ]
      for (const misfit of misfits) throws(() => void wal.append(misfit))
      await wal.append(write({ entries: entries(4, 4) }))
      await wal.close()
      await recovers(place, { hardState: { term: 0, vote: 0, commit: 0 }, snapshot: null, entries: entries(1, 4) })
    },
  },
  {
    name: 'two hundred random writes and twenty restarts leave what a plain list would',
    async run(place) {
      const random = seeded(20_260_101)
      let expected: WalState = { hardState: { term: 0, vote: 0, commit: 0 }, snapshot: null, entries: [] }
      let wal = await place.create(nothing)
      for (let turn = 0; turn < 200; turn++) {
        const next = randomWrite(expected, random)
        expected = apply(expected, next)
        const done = wal.append(next)
        if (turn % 10 === 9) {
          await wal.close()
          wal = await place.open()
          equal(wal.recovered, expected)
        } else if (random(2) === 0) await done
      }
      await wal.close()
    },
  },
]

/** The meaning of a write, said as plainly as possible. What is in a snapshot counts as committed. */
function apply(state: WalState, { hardState, entries: added, install, compaction }: WalWrite): WalState {
  let log = install === null ? state.entries : []
  const first = added[0]
  if (first !== undefined) log = [...log.filter(({ index }) => index < first.index), ...added]
  const snapshot = compaction?.snapshot ?? install ?? state.snapshot
  const behind = snapshot?.metadata.index ?? 0
  const { term, vote, commit } = hardState ?? state.hardState
  return {
    hardState: { term, vote, commit: Math.max(commit, behind) },
    snapshot,
    entries: log.filter(({ index }) => index > behind),
  }
}

/** A write such as raft could make: nothing committed is ever taken back. */
function randomWrite({ hardState, snapshot, entries: log }: WalState, random: (below: number) => number): WalWrite {
  const lastIndex = log.at(-1)?.index ?? snapshot?.metadata.index ?? 0
  const term = hardState.term + random(2)
  if (random(25) === 0) {
    const index = lastIndex + random(5) + 1
    const install = snapshotAt(index, term)
    return write({
      hardState: { term, vote: 0, commit: index },
      install,
      entries: entries(index + 1, index + random(4), term),
    })
  }
  const first = hardState.commit + 1 + random(lastIndex - hardState.commit + 1)
  const added = random(4) === 0 ? [] : entries(first, first + random(12), term)
  const end = added.at(-1)?.index ?? lastIndex
  const commit = hardState.commit + random(end - hardState.commit + 1)
  const behind = snapshot?.metadata.index ?? 0
  const index = behind + random(commit - behind + 1)
  const compaction =
    random(6) === 0 && index > behind ? { snapshot: snapshotAt(index, term), compactTo: random(index + 1) } : null
  const moved = random(4) > 0
  return write({ hardState: moved ? { term, vote: random(4), commit } : null, entries: added, compaction })
}

/** xorshift32: the same numbers in every engine. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

function noise(length: number, seed: number): Uint8Array {
  const random = seeded(seed)
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = random(256)
  return bytes
}

async function recovers(place: WalPlace, expected: WalState): Promise<void> {
  const wal = await place.open()
  equal(wal.recovered, expected)
  await wal.close()
}

function equal(actual: unknown, expected: unknown): void {
  const [found, wanted] = [text(actual), text(expected)]
  if (found !== wanted) throw new Error(`found\n  ${found}\nexpected\n  ${wanted}`)
}

/** Short enough to print, and different for different values. */
function text(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part instanceof Uint8Array)
      return part.length > 8 ? `${part.length} bytes, ${crc32c(part)}` : [...part].join(' ')
    // In the order of their names, so that two objects with the same fields are the same text.
    if (part instanceof Object && !Array.isArray(part)) return Object.fromEntries(Object.entries(part).sort())
    return part
  })
}

async function rejects(promise: Promise<unknown>, code: WalErrorCode): Promise<void> {
  let outcome = 'it succeeded'
  try {
    await promise
  } catch (error) {
    if (error instanceof WalError && error.code === code) return
    outcome = String(error)
  }
  throw new Error(`expected WalError ${code}, but: ${outcome}`)
}

function throws(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (error instanceof RangeError) return
    throw error
  }
  throw new Error('expected a RangeError')
}
