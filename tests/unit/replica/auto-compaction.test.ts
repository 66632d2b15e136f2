import { describe, expect, test } from 'vitest'
import { type AutoCompaction, AutoCompactor } from '../../../src/replica/auto-compaction.ts'
import { oneKey, put, range } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

/** What is to be compacted at each tick, as `tick: revision`, when the revision rises by `perTick`. */
function compactions(policy: AutoCompaction, ticks: number, perTick: number, options = { follows: true }): string[] {
  const revisions = { revision: 1, compactRevision: 0 }
  const compactor = new AutoCompactor(policy, revisions)
  const due: string[] = []
  for (let tick = 1; tick <= ticks; tick += 1) {
    revisions.revision += perTick
    const target = compactor.advance(1)
    if (target === null) continue
    due.push(`${tick}: ${target}`)
    if (options.follows) revisions.compactRevision = target
  }
  return due
}

describe('by revision', () => {
  const policy = { kind: 'revision', retentionRevisions: 100, everyTicks: 10 } as const

  test('the last so many are kept, and it is looked at every so often', () => {
    expect(compactions(policy, 35, 10)).toEqual(['11: 11', '21: 111', '31: 211'])
  })

  test('nothing is done that frees less than a tenth of what is kept', () => {
    expect(compactions(policy, 200, 1)).toEqual([
      '111: 12',
      '121: 22',
      '131: 32',
      '141: 42',
      '151: 52',
      '161: 62',
      '171: 72',
      '181: 82',
      '191: 92',
    ])
    expect(compactions({ ...policy, everyTicks: 1 }, 120, 1)).toEqual(['109: 10', '119: 20'])
  })

  test('what was lost on the way is due again', () => {
    expect(compactions(policy, 25, 10, { follows: false })).toEqual(['11: 11', '21: 111'])
  })
})

describe('by time', () => {
  const policy = { kind: 'periodic', retentionTicks: 50 } as const

  test('what was the present within that time is kept, to a tenth of it', () => {
    // Looked at in ticks 1, 6, 11, ...; the first look is 50 ticks old in tick 51.
    expect(compactions(policy, 62, 2)).toEqual(['51: 3', '56: 13', '61: 23'])
  })

  test('a store in which nothing happens is left alone', () => {
    expect(compactions(policy, 500, 0)).toEqual([])
  })
})

test('switched off, nothing is compacted', () => {
  expect(compactions({ kind: 'off' }, 1_000, 100)).toEqual([])
})

describe('in a cluster', () => {
  function write(cluster: TestCluster, first: number, count: number): void {
    for (let seq = first; seq < first + count; seq += 1) cluster.write(2, client, seq, put('a', String(seq)))
  }

  const compactRevisions = (cluster: TestCluster) =>
    [1, 2, 3].map(member => cluster.replica(member).metrics().compactRevision)

  test('the leader compacts all members alike, and its successor goes on', () => {
    const autoCompaction = { kind: 'revision', retentionRevisions: 10, everyTicks: 5 } as const
    const cluster = TestCluster.of(3, { autoCompaction })
    write(cluster, 1, 40)
    cluster.tick(6)
    expect(compactRevisions(cluster)).toEqual([31, 31, 31])
    const id = cluster.request(3, {
      kind: 'read',
      request: range(oneKey('a'), { revision: 30 }),
      serializable: true,
    })
    expect(cluster.responses.get(id)).toMatchObject({ ok: false, code: 'COMPACTED' })
    cluster.input(1, { kind: 'transfer', to: 2 })
    write(cluster, 41, 20)
    cluster.tick(6)
    expect(compactRevisions(cluster)).toEqual([51, 51, 51])
  })

  test('a new leader knows what the past was, from before it led', () => {
    const autoCompaction = { kind: 'periodic', retentionTicks: 50 } as const
    const cluster = TestCluster.of(3, { autoCompaction })
    write(cluster, 1, 40)
    cluster.tick(45)
    write(cluster, 41, 10)
    cluster.stop(1)
    cluster.until('there is another leader', () => [2, 3].includes(cluster.leader))
    cluster.tick(10)
    expect(cluster.replica(2).metrics().compactRevision).toBe(41)
  })
})
