import fc from 'fast-check'
import { derived, readable, writable } from 'svelte/store'
import { describe, expect, test } from 'vitest'
import type { DatabaseEvent, DatabaseStatus } from '../../../src/client/flotilla.ts'
import { viewCluster } from '../../../src/ui/cluster/view.ts'
import { bytes } from '../../../src/ui/cluster/words.ts'
import { figuresOf, since } from '../../../src/ui/inspector/figures.ts'
import { emptyHistory, type History, historyMs, record, slept } from '../../../src/ui/inspector/history.ts'
import { arrange, seatSizes } from '../../../src/ui/inspector/layout.ts'
import { barOf, logWindow } from '../../../src/ui/inspector/log-bars.ts'
import { keepHistory } from '../../../src/ui/inspector/source.ts'
import { spansOf } from '../../../src/ui/inspector/spans.ts'
import { eventWords, killsLeft } from '../../../src/ui/inspector/words.ts'
import { aloneStatus } from '../client/fake-host.ts'

type Replica = DatabaseStatus['replica']

/** Seen by member 1: who leads in which term, and who is in reach. */
function status(leader: number, term: number, present: readonly number[] = [1, 2, 3], away: readonly number[] = []) {
  const position = (member: number) => {
    return { role: member === leader ? 'leader' : 'follower', term, commit: 9, applied: 9 } as const
  }
  const members: Replica['members'] = present.map(member => {
    return { member, state: 'voter', connected: !away.includes(member), position: position(member) }
  })
  const replica: Replica = { ...aloneStatus.replica, ...position(1), member: 1, leader, quorum: leader !== 0, members }
  return {
    ...aloneStatus,
    replica,
    links: [],
    signaling: 'connected',
    failure: null,
    interruption: null,
  } satisfies DatabaseStatus
}

const view = (...of: Parameters<typeof status>) => viewCluster(status(...of))
const roles = (history: History, member: number) => history.members.get(member)?.map(({ role }) => role)

describe('the past', () => {
  test('is what members were, and whose term it was', () => {
    let history = record(emptyHistory(0), view(2, 1), 1)
    history = record(history, view(0, 1, [1, 2, 3], [2]), 2)
    history = record(history, view(3, 2, [1, 2, 3], [2]), 3)
    history = record(history, view(3, 2), 4)
    expect(roles(history, 2)).toEqual(['leader', 'away', 'follower'])
    expect(roles(history, 3)).toEqual(['follower', 'leader'])
    expect(history.terms).toEqual([
      { at: 1, term: 1, leader: 2 },
      { at: 2, term: 1, leader: 0 },
      { at: 3, term: 2, leader: 3 },
    ])
  })

  test('is the same object while nothing changes', () => {
    const history = record(emptyHistory(0), view(2, 1), 1)
    expect(record(history, view(2, 1), 2)).toBe(history)
  })

  test('keeps who is no longer a member until that is long ago', () => {
    let history = record(emptyHistory(0), view(2, 1), 1)
    history = record(history, view(2, 1, [1, 2]), 2)
    expect(roles(history, 3)).toEqual(['follower', 'gone'])
    history = record(history, view(2, 2, [1, 2]), historyMs + 3)
    expect(history.members.has(3)).toBe(false)
  })

  test('knows what holds at its beginning, and is no longer than it may be', () => {
    let history = emptyHistory(0)
    for (let term = 1; term <= 2_000; term += 1) history = record(history, view((term % 2) + 1, term), term * 1_000)
    const from = 2_000_000 - historyMs
    expect(history.terms.length).toBeLessThanOrEqual(historyMs / 1_000 + 2)
    expect(history.terms[0]?.at).toBeLessThanOrEqual(from)
    expect(history.members.get(1)?.[0]?.at).toBeLessThanOrEqual(from)
    for (let step = 0; step < 2_000; step += 1) {
      history = record(history, view(1, 3_000, [1, 2], step % 2 === 0 ? [2] : []), 2_100_000 + step)
    }
    expect(history.members.get(2)?.length).toBeLessThanOrEqual(400)
  })

  test('a tab that slept did not see itself lead meanwhile', () => {
    let history = record(emptyHistory(0), view(1, 1), 1_000)
    history = record(history, view(2, 2), 9_000)
    history = slept(history, { kind: 'woke', at: 9_000, member: 1, asleepMs: 5_000 })
    expect(history.members.get(1)).toEqual([
      { at: 1_000, role: 'leader' },
      { at: 4_000, role: 'asleep' },
      { at: 9_000, role: 'follower' },
    ])
  })

  test('is kept from the statuses and events of a tab', () => {
    const statuses = writable<DatabaseStatus>(status(1, 1))
    const events = writable<readonly DatabaseEvent[]>([])
    let now = 1_000
    let seen: History | undefined
    keepHistory(derived(statuses, viewCluster), events, () => now).subscribe(history => {
      seen = history
    })
    now = 8_000
    const woke = { kind: 'woke', at: 8_000, member: 1, asleepMs: 5_000 } as const
    events.set([woke])
    events.set([woke, { kind: 'quorum', at: 8_001, member: 1, reached: true }])
    statuses.set(status(2, 2))
    expect(seen && roles(seen, 1)).toEqual(['leader', 'asleep', 'leader', 'follower'])
  })

  test('without a tab’s own member there is nothing to have slept', () => {
    const history = emptyHistory(0)
    expect(slept(history, { kind: 'woke', at: 8, member: 1, asleepMs: 5 })).toBe(history)
    expect(keepHistory(readable(view(1, 1)), readable([]), () => 1)).toBeDefined()
  })

  test('is drawn as spans, each until the next', () => {
    const marks = [{ at: 1 }, { at: 5 }, { at: 8 }]
    expect(spansOf(marks, 3, 10)).toEqual([
      { at: 3, until: 5 },
      { at: 5, until: 8 },
      { at: 8, until: 10 },
    ])
    expect(spansOf(marks, 6, 7)).toEqual([{ at: 6, until: 7 }])
  })
})

describe('the picture', () => {
  test('has a seat for everyone, inside of it, and none over another', () => {
    const inputs = [
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 280, max: 1_200 }),
    ] as const
    fc.assert(
      fc.property(...inputs, (count, voters, width) => {
        const members = Array.from({ length: count }, (_, member) => ({ member, votes: member < voters }))
        const { seats, height } = arrange(members, width)
        expect(new Set(seats.map(({ member }) => member)).size).toBe(count)
        const wrong = seats.filter((a, index) => {
          const size = seatSizes[a.caption]
          const sticksOut =
            Math.abs(a.x - width / 2) > (width - size.width) / 2 + 1e-6 ||
            Math.abs(a.y - height / 2) > (height - size.height) / 2 + 1e-6
          const covered = seats.slice(index + 1).some(b => {
            const other = seatSizes[b.caption]
            return (
              Math.abs(a.x - b.x) < (size.width + other.width) / 2 &&
              Math.abs(a.y - b.y) < (size.height + other.height) / 2
            )
          })
          return sticksOut || covered
        })
        expect(wrong).toEqual([])
      }),
      { numRuns: 40 },
    )
  })

  test('names everyone as long as there is room', () => {
    const seated = (count: number, width: number) => {
      const members = Array.from({ length: count }, (_, member) => ({ member, votes: member < 5 }))
      return arrange(members, width).seats.filter(({ caption }) => caption === 'name').length
    }
    for (const count of [1, 2, 3, 5, 7]) expect(seated(count, 334)).toBe(count)
    expect(seated(12, 700)).toBe(12)
    // The voters, in the middle.
    expect(seated(40, 700)).toBe(5)
  })
})

describe('the logs', () => {
  test('are shown by as many of their newest entries as anyone lacks, and more', () => {
    const log = (applied: number, commit = applied) => ({ applied, commit })
    expect(logWindow([log(1_000)], 1_000)).toBe(20)
    expect(logWindow([log(1_000), log(960), null], 1_000)).toBe(100)
    expect(logWindow([log(1_000), log(1)], 1_000)).toBe(1_000)
    expect(logWindow([], 0)).toBe(1)
    expect(barOf(log(960, 980), 1_000, 100)).toEqual({ applied: 60, committed: 20 })
    expect(barOf(log(10), 1_000, 100)).toEqual({ applied: 0, committed: 0 })
    expect(barOf(null, 1_000, 100)).toEqual({ applied: 0, committed: 0 })
  })
})

describe('figures', () => {
  const text = `# HELP etcd_debugging_mvcc_keys_total Keys held.
# TYPE etcd_debugging_mvcc_keys_total gauge
etcd_debugging_mvcc_keys_total 12
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 3
etcd_disk_wal_fsync_duration_seconds_sum 0.02
etcd_disk_wal_fsync_duration_seconds_count 10
flotilla_proposals_applied_total 77
`
  test('are read from the metrics', () => {
    const figures = figuresOf(text)
    expect(figures).toMatchObject({ keys: 12, applied: 77, storeBytes: 0 })
    expect(figures.durableWrites.count).toBe(10)
    expect(figures.durableWrites.meanMs).toBeCloseTo(2)
  })

  test('are those since the last time, of a worker that did not begin anew', () => {
    const then = { count: 10, meanMs: 2 }
    expect(since(then, { count: 20, meanMs: 3 })).toEqual({ count: 10, meanMs: 4 })
    expect(since(then, { count: 10, meanMs: 2 })).toEqual({ count: 0, meanMs: null })
    expect(since(then, { count: 3, meanMs: 5 })).toEqual({ count: 3, meanMs: 5 })
  })

  test('sizes are written as people read them', () => {
    expect([0, 512, 1_536, 150 * 1024, 3 * 1024 ** 3].map(bytes)).toEqual([
      '0 B',
      '512 B',
      '1.5 KiB',
      '150 KiB',
      '3.0 GiB',
    ])
  })
})

describe('words', () => {
  const lines = (event: DatabaseEvent) => eventWords(event, member => `member ${member}`)

  test('an event says what happened, and why', () => {
    const changes = [
      { member: 4, change: 'demoted', reason: 'silent' },
      { member: 5, change: 'promoted', reason: 'replacement' },
    ] as const
    expect(lines({ kind: 'membership', at: 1, member: 1, index: 7, changes })).toEqual([
      { tone: 'member', text: 'member 4 gave its vote up', why: 'It has not been heard of.' },
      { tone: 'member', text: 'member 5 got a vote', why: 'It has caught up, and takes the place of a voter.' },
    ])
    const [left] = lines({ kind: 'leader', at: 1, member: 1, term: 1_200, leader: 0 })
    expect(left?.text).toBe('Nobody leads, term 1,200')
    const [kept] = lines({ kind: 'withheld', at: 1, member: 1, because: 'tooFewVoters', changes: [changes[0]] })
    expect(kept).toMatchObject({ text: 'member 4 keeps its vote', why: 'There would be too few voters.' })
  })

  test('a worker may be killed five times in a minute', () => {
    expect(killsLeft([1, 2, 3, 4], 5)).toBe(1)
    expect(killsLeft([1, 2, 3, 4, 5], 6)).toBe(0)
    expect(killsLeft([1, 2, 3, 4, 5], 60_003)).toBe(3)
  })
})
