import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeConfChange } from '../../../src/raft/conf-change.ts'
import { type ConfChangeSingle, EMPTY_BYTES, type Entry } from '../../../src/raft/types.ts'
import { emptyState, foundingWrite } from '../../../src/replica/founding.ts'
import { type MemberLog, salvage, salvageBest } from '../../../src/replica/salvage.ts'
import type { WalState } from '../../../src/replica/types.ts'
import { encodeCommand, encodeSystemCommand } from '../../../src/store/command-codec.ts'
import { Store } from '../../../src/store/store.ts'
import type { Command, WriteRequest } from '../../../src/store/types.ts'
import { checkpoint, everything, grant, put, text } from '../store/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'a'.repeat(32)

function command(seq: number, request: WriteRequest): Command {
  return { clientId: client, seq, acked: seq - 1, request }
}

/** A log that begins as a founder's does and goes on with these payloads, known to be committed up to `commit`. */
function logOf(payloads: readonly (Uint8Array | Pick<Entry, 'type' | 'data'>)[], commit: number, term = 1): WalState {
  const entries = payloads.map((payload, i): Entry => {
    const content = payload instanceof Uint8Array ? { type: 'normal' as const, data: payload } : payload
    return { term, index: i + 2, ...content }
  })
  return { hardState: { term, vote: 1, commit }, snapshot: foundingWrite(1).install, entries }
}

function writes(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => encodeCommand(command(i + 1, put(`k${i + 1}`, 'v'))))
}

function confChange(...changes: ConfChangeSingle[]): Pick<Entry, 'type' | 'data'> {
  return { type: 'confChangeV2', data: encodeConfChange({ transition: 'auto', changes, context: EMPTY_BYTES }) }
}

function saved(state: WalState) {
  const found = salvage(state)
  if (found === null) throw new Error('there is a state in it')
  return { ...found, store: Store.restore(found.data) }
}

function keysOf(store: Store): string[] {
  return store.range(everything()).kvs.map(({ key }) => text(key))
}

describe('salvaging a log', () => {
  test('takes all of its entries, known to be committed or not', () => {
    const { store, revision, entriesBeyondCommit } = saved(logOf(writes(3), 2))
    expect(keysOf(store)).toEqual(['k1', 'k2', 'k3'])
    expect(revision).toBe(4)
    expect(entriesBeyondCommit).toBe(2)
  })

  test('keeps the sessions: what is in the outbox and in the log happens once', () => {
    const { store } = saved(logOf(writes(2), 3))
    const again = store.apply(command(2, put('k2', 'v')))
    expect(again).toMatchObject({ ok: true, response: { header: { revision: 3 } } })
    expect(store.revision).toBe(3)
    expect(store.apply(command(3, put('k3', 'v')))).toMatchObject({ ok: true })
  })

  test('gives leases all their time', () => {
    const lease = encodeCommand(command(1, grant(5, 600)))
    const { store } = saved(logOf([lease, encodeSystemCommand(checkpoint(5, 1, 10))], 3))
    expect(store.lease(5)).toMatchObject({ ttlSeconds: 600, remainingSeconds: 600 })
  })

  test('tells who had a vote by the configuration known to be in force', () => {
    const join = confChange({ type: 'addVoter', member: 2 })
    const joint = confChange({ type: 'addVoter', member: 3 }, { type: 'removeMember', member: 1 })
    expect(saved(logOf([], 1)).voters).toEqual([1])
    expect(saved(logOf([join, joint], 2)).voters).toEqual([1, 2])
    expect(saved(logOf([join, joint], 3)).voters).toEqual([1, 2, 3])
    expect(saved(logOf([join, joint, confChange()], 4)).voters).toEqual([2, 3])
  })

  test('leaves the log as it was', () => {
    const state = logOf(writes(3), 2)
    const before = structuredClone(state)
    salvage(state)
    expect(state).toEqual(before)
  })

  test('finds nothing with a member that was never let in', () => {
    expect(salvage(emptyState)).toBeNull()
  })
})

describe('of several logs', () => {
  const member = (id: number, state: WalState): MemberLog => ({ member: id, state })

  test('the one of the later term is taken, and of one term the longer one', () => {
    const short = member(1, logOf(writes(1), 2, 3))
    const long = member(2, logOf(writes(4), 5, 2))
    const longer = member(3, logOf(writes(2), 2, 3))
    expect(salvageBest([long, short]).best?.member).toBe(1)
    expect(salvageBest([short, long, longer]).best?.member).toBe(3)
  })

  test('the next one is taken where the best cannot be read', () => {
    const broken = member(1, logOf([...writes(2), Uint8Array.of(99)], 2))
    const sound = member(2, logOf(writes(1), 2))
    const never = member(3, emptyState)
    expect(salvageBest([sound, broken, never])).toMatchObject({ best: { member: 2 }, unreadable: [1] })
    expect(salvageBest([never])).toEqual({ best: null, unreadable: [] })
    expect(salvageBest([broken])).toEqual({ best: null, unreadable: [1] })
  })
})

test('whoever is left of three, however they were cut off, has every write that it was told of', {
  timeout: 60_000,
}, () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), at: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('isolate' as const), at: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('heal' as const) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('tick' as const) }) },
  )
  const scenario = fc.record({
    seed: fc.nat(1_000),
    survivor: fc.integer({ min: 1, max: 3 }),
    steps: fc.array(step, { maxLength: 30 }),
  })
  fc.assert(
    fc.property(scenario, ({ seed, survivor, steps }) => {
      const cluster = TestCluster.of(3, {}, seed)
      const seqs = new Map<number, number>()
      const asked = new Map<number, string>()
      for (const next of steps) {
        if (next.do === 'write') {
          const seq = (seqs.get(next.at) ?? 0) + 1
          seqs.set(next.at, seq)
          const key = `${next.at}/${seq}`
          const id = cluster.write(next.at, String(next.at).repeat(32), seq, put(key, 'v'))
          if (next.at === survivor) asked.set(id, key)
        } else if (next.do === 'isolate') cluster.isolate(next.at)
        else if (next.do === 'heal') cluster.heal()
        else cluster.tick(5)
      }
      const acknowledged = [...asked].filter(([id]) => cluster.responses.get(id)?.ok).map(([, key]) => key)
      cluster.vanish(survivor)
      const { best } = salvageBest([{ member: survivor, state: cluster.logOf(survivor) }])
      if (best === null) throw new Error('it was let in')
      const store = Store.restore(best.salvage.data)
      const versions = new Map(store.range(everything()).kvs.map(kv => [text(kv.key), kv.version]))
      for (const key of acknowledged) expect(versions.get(key)).toBe(1)
      expect([...versions.values()].every(version => version === 1)).toBe(true)
    }),
    { numRuns: 30 },
  )
})
