import { describe, expect, test } from 'vitest'
import { put } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

describe('leadership is handed', () => {
  test('to the voter that is named, at once, and writes go on', () => {
    const cluster = TestCluster.of(3)
    cluster.input(1, { kind: 'transfer', to: 3 })
    expect(cluster.leader).toBe(3)
    const id = cluster.write(1, 'c'.repeat(32), 1, put('a', '1'))
    expect(cluster.responses.get(id)?.ok).toBe(true)
  })

  test.each([
    ['a learner', 2],
    ['a stranger', 99],
    ['itself', 1],
  ])('not to %s', (_, to) => {
    const cluster = TestCluster.of(2)
    cluster.input(1, { kind: 'transfer', to })
    cluster.tick(50)
    expect(cluster.leader).toBe(1)
    expect(cluster.replica(1).status().term).toBe(1 + 1)
  })

  test('not by one that does not lead', () => {
    const cluster = TestCluster.of(3)
    cluster.input(2, { kind: 'transfer', to: 3 })
    cluster.tick(50)
    expect(cluster.leader).toBe(1)
  })
})
