import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CONF_CHANGES_MAX, decodeConfChange, encodeConfChange, LEAVE_JOINT } from '../../../src/raft/conf-change.ts'
import { ENTRY_OVERHEAD_BYTES } from '../../../src/raft/entry.ts'
import { RaftError } from '../../../src/raft/errors.ts'
import { Inflights } from '../../../src/raft/inflights.ts'
import { RaftLog } from '../../../src/raft/log.ts'
import { MemoryStorage } from '../../../src/raft/memory-storage.ts'
import { MajorityQuorum } from '../../../src/raft/quorum.ts'
import { type ConfChange, EMPTY_BYTES, type Entry, membersOf, votersOf } from '../../../src/raft/types.ts'
import { Unstable } from '../../../src/raft/unstable.ts'
import { bytes } from './network.ts'

const entry = (index: number, term = 1, data = EMPTY_BYTES): Entry => ({ term, index, type: 'normal', data })
const range = (from: number, to: number, term = 1) =>
  Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term))
const indexes = (entries: readonly Entry[]) => entries.map(({ index, term }) => `${term}/${index}`)

describe('encoded membership changes', () => {
  const changes = fc.array(
    fc.record({
      type: fc.constantFrom('addVoter', 'removeMember', 'updateMember', 'addLearner'),
      member: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    }),
    { maxLength: 20 },
  )
  const transition = fc.constantFrom('auto', 'jointImplicit', 'jointExplicit')
  const confChange: fc.Arbitrary<ConfChange> = fc.record({ transition, changes, context: fc.uint8Array() })

  test('decode to what was encoded', () => {
    fc.assert(
      fc.property(confChange, change => {
        const decoded = decodeConfChange(encodeConfChange(change))
        expect({ ...decoded, context: [...decoded.context] }).toEqual({ ...change, context: [...change.context] })
      }),
    )
  })

  test('any other bytes are refused with a RaftError, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), noise => {
        try {
          const change = decodeConfChange(noise)
          expect([...encodeConfChange(change)]).toEqual([...noise])
        } catch (error) {
          expect(error).toBeInstanceOf(RaftError)
        }
      }),
    )
  })

  test('no bytes at all leave a joint configuration', () => {
    expect(decodeConfChange(EMPTY_BYTES)).toBe(LEAVE_JOINT)
    expect(encodeConfChange(LEAVE_JOINT)).toHaveLength(0)
  })

  test('more changes than anyone needs are refused', () => {
    const many = Array.from({ length: CONF_CHANGES_MAX + 1 }, () => ({ type: 'addVoter', member: 1 }) as const)
    expect(() => encodeConfChange({ transition: 'auto', changes: many, context: EMPTY_BYTES })).toThrow(RaftError)
  })
})

describe('Inflights', () => {
  test('frees in order, also when the ring has wrapped', () => {
    const inflights = new Inflights(3, 100)
    for (let index = 1; index <= 50; index++) {
      inflights.add(index, 10)
      if (index % 3 === 0) inflights.freeUpTo(index - 1)
      else inflights.freeUpTo(index - 2)
    }
    expect(inflights.count).toBeGreaterThan(0)
    inflights.freeUpTo(50)
    expect([inflights.count, inflights.bytes, inflights.full]).toEqual([0, 0, false])
  })

  test('is full by messages or by bytes, and then takes no more', () => {
    const byMessages = new Inflights(2, Number.POSITIVE_INFINITY)
    byMessages.add(1, 1)
    byMessages.add(2, 1)
    expect(byMessages.full).toBe(true)
    const byBytes = new Inflights(100, 10)
    byBytes.add(1, 25)
    expect(byBytes.full).toBe(true)
    expect(() => byBytes.add(2, 1)).toThrow('full window')
  })
})

test('a majority commits what more than half of it has', () => {
  const acks = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 9 })
  fc.assert(
    fc.property(acks, indexes => {
      const quorum = new MajorityQuorum(indexes.keys())
      const committed = quorum.committedIndex({ ackedIndex: member => indexes[member] })
      const having = (index: number) => indexes.filter(acked => acked >= index).length
      expect(having(committed)).toBeGreaterThan(indexes.length / 2)
      expect(having(committed + 1)).toBeLessThanOrEqual(indexes.length / 2)
    }),
  )
})

test('a configuration counts on those on their way in or out, too; both halves of a joint one have a vote', () => {
  const joint = { voters: [1, 2], votersOutgoing: [2, 4], learners: [3], learnersNext: [4], autoLeave: true }
  expect([...membersOf(joint)].sort()).toEqual([1, 2, 3, 4])
  expect([...votersOf(joint)].sort()).toEqual([1, 2, 4])
})

describe('Unstable', () => {
  test('hands out every entry once, and anew what was replaced since', () => {
    const unstable = new Unstable(5, undefined)
    unstable.truncateAndAppend(range(5, 8))
    expect(indexes(unstable.nextEntries())).toEqual(['1/5', '1/6', '1/7', '1/8'])
    unstable.acceptInProgress()
    expect(unstable.nextEntries()).toEqual([])
    unstable.truncateAndAppend(range(7, 9, 2))
    expect(indexes(unstable.nextEntries())).toEqual(['2/7', '2/8', '2/9'])
  })

  test('an entry is stable only if it is still the one that was written', () => {
    const unstable = new Unstable(5, undefined)
    unstable.truncateAndAppend(range(5, 8))
    unstable.truncateAndAppend(range(7, 7, 2))
    unstable.stableTo(8, 1)
    unstable.stableTo(7, 1)
    expect(unstable.offset).toBe(5)
    unstable.stableTo(6, 1)
    expect([unstable.offset, unstable.length]).toEqual([7, 1])
  })

  test('entries handed out do not change when the window does', () => {
    const unstable = new Unstable(1, undefined)
    unstable.truncateAndAppend(range(1, 3))
    const handedOut = unstable.nextEntries()
    unstable.truncateAndAppend(range(2, 5, 2))
    expect(indexes(handedOut)).toEqual(['1/1', '1/2', '1/3'])
  })

  test('refuses an append that would leave a gap', () => {
    expect(() => new Unstable(5, undefined).truncateAndAppend(range(7, 7))).toThrow('gap')
  })
})

describe('MemoryStorage', () => {
  test('an append replaces the log from its first index on, and skips what is compacted', () => {
    const storage = new MemoryStorage()
    storage.append(range(1, 5))
    storage.append(range(4, 4, 2))
    expect(indexes(storage.entries(1, 5, 1024))).toEqual(['1/1', '1/2', '1/3', '2/4'])
    storage.compact(3)
    storage.append(range(2, 6, 3))
    expect(indexes(storage.entries(4, 7, 1024))).toEqual(['3/4', '3/5', '3/6'])
    expect(storage.term(3)).toBe(1)
  })

  test('says COMPACTED below the log and UNAVAILABLE beyond it', () => {
    const storage = new MemoryStorage()
    storage.append(range(1, 5))
    storage.compact(3)
    for (const read of [() => storage.term(2), () => storage.entries(3, 5, 1024), () => storage.compact(3)]) {
      expect(read).toThrow(expect.objectContaining({ code: 'COMPACTED' }))
    }
    for (const read of [() => storage.term(6), () => storage.entries(4, 7, 1024)]) {
      expect(read).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }))
    }
  })

  test('returns at least one entry, and no more than the size allows', () => {
    const storage = new MemoryStorage()
    storage.append([1, 2, 3].map(index => entry(index, 1, bytes('x'.repeat(100)))))
    expect(storage.entries(1, 4, 0)).toHaveLength(1)
    expect(storage.entries(1, 4, 2 * (100 + ENTRY_OVERHEAD_BYTES))).toHaveLength(2)
  })

  test('makes a snapshot only when asked, and none older than its log', () => {
    let made = 0
    const metadata = { confState: new MemoryStorage().initialState().confState, index: 2, term: 1 }
    const storage = new MemoryStorage({
      makeSnapshot: () => {
        made++
        return { metadata, data: EMPTY_BYTES }
      },
    })
    storage.append(range(1, 5))
    storage.compact(2)
    expect(made).toBe(0)
    expect(storage.snapshot().metadata.index).toBe(2)
    storage.compact(3)
    expect(() => storage.snapshot()).toThrow('older than the log')
  })

  test('refuses a snapshot older than the one it has', () => {
    const storage = new MemoryStorage()
    storage.append(range(1, 5))
    const { confState } = storage.initialState()
    storage.createSnapshot(3, confState, EMPTY_BYTES)
    expect(() => storage.createSnapshot(2, confState, EMPTY_BYTES)).toThrow(
      expect.objectContaining({ code: 'SNAPSHOT_OUT_OF_DATE' }),
    )
  })

  describe('recovered', () => {
    const { confState } = new MemoryStorage().initialState()
    const snapshot = { metadata: { confState, index: 10, term: 2 }, data: EMPTY_BYTES }
    const hardState = { term: 3, vote: 1, commit: 8 }

    test('with a log that reaches below its snapshot keeps that log for followers that lag', () => {
      const entries = [...range(6, 9), ...range(10, 14, 2)]
      const storage = MemoryStorage.recover({ hardState, snapshot, entries })
      expect([storage.firstIndex(), storage.lastIndex(), storage.term(6)]).toEqual([7, 14, 1])
      // What the snapshot contains was committed, whether or not the commit index got to the disk.
      expect(storage.initialState().hardState).toEqual({ term: 3, vote: 1, commit: 10 })
    })

    test('with a snapshot alone begins after it', () => {
      const storage = MemoryStorage.recover({ hardState, snapshot, entries: [] })
      expect([storage.firstIndex(), storage.lastIndex(), storage.term(10)]).toEqual([11, 10, 2])
    })

    test('refuses a log that does not meet its snapshot', () => {
      expect(() => MemoryStorage.recover({ hardState, snapshot, entries: range(12, 14, 2) })).toThrow('gap')
      expect(() => MemoryStorage.recover({ hardState, snapshot, entries: range(5, 8) })).toThrow('ends before')
      expect(() => MemoryStorage.recover({ hardState, snapshot, entries: range(6, 14, 1) })).toThrow('contradicts')
    })
  })
})

describe('RaftLog', () => {
  function logWith(stable: readonly Entry[], unstable: readonly Entry[]): RaftLog {
    const storage = new MemoryStorage()
    storage.append(stable)
    const log = new RaftLog(storage, 1024, undefined)
    log.append(unstable)
    return log
  }

  test('reads across the edge between disk and memory', () => {
    const log = logWith(range(1, 3), range(4, 6, 2))
    expect(indexes(log.entriesFrom(2, 1024) ?? [])).toEqual(['1/2', '1/3', '2/4', '2/5', '2/6'])
    expect(log.entriesFrom(2, 3 * ENTRY_OVERHEAD_BYTES)).toHaveLength(3)
    expect(log.entriesFrom(7, 1024)).toEqual([])
  })

  test('takes only what is new of an append, and refuses one that does not fit', () => {
    const log = logWith(range(1, 3), [])
    expect(log.maybeAppend(3, 2, range(4, 4, 2), 0)).toBeNull()
    expect(log.maybeAppend(1, 1, [entry(2), entry(3), entry(4, 2)], 3)).toBe(4)
    expect(indexes(log.nextUnstableEntries())).toEqual(['2/4'])
    expect(log.committed).toBe(3)
    // A late repetition cuts nothing off.
    expect(log.maybeAppend(1, 1, [entry(2)], 2)).toBe(2)
    expect(log.lastIndex).toBe(4)
  })

  test('never replaces a committed entry', () => {
    const log = logWith(range(1, 3), [])
    log.commitTo(3)
    expect(() => log.maybeAppend(1, 1, [entry(2, 2)], 0)).toThrow('committed')
  })

  test('does not commit beyond its end: something was lost', () => {
    expect(() => logWith(range(1, 3), []).commitTo(4)).toThrow('beyond the end')
  })

  test('finds where two logs may still agree by their terms', () => {
    const log = logWith([...range(1, 2, 1), ...range(3, 5, 3), ...range(6, 8, 6)], [])
    expect(log.findConflictByTerm(8, 5)).toEqual({ index: 5, term: 3 })
    expect(log.findConflictByTerm(8, 2)).toEqual({ index: 2, term: 1 })
    expect(log.findConflictByTerm(4, 6)).toEqual({ index: 4, term: 3 })
    expect(log.findConflictByTerm(8, 0)).toEqual({ index: 0, term: 0 })
  })

  test('applies in bounded portions: no more is handed out until some is acknowledged', () => {
    const size = 500
    const log = logWith(
      [],
      [1, 2, 3].map(index => entry(index, 1, bytes('x'.repeat(size)))),
    )
    log.commitTo(3)
    const first = log.nextCommittedEntries(true)
    expect(first).toHaveLength(1)
    log.acceptApplying(1, size + ENTRY_OVERHEAD_BYTES, true)
    expect(log.hasNextCommittedEntries(true)).toBe(false)
    log.appliedTo(1, size + ENTRY_OVERHEAD_BYTES)
    expect(indexes(log.nextCommittedEntries(true))).toEqual(['1/2'])
  })
})
