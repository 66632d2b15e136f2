import { describe, expect, test } from 'vitest'
import { WATCH_INITIAL_CREDIT_BATCHES } from '../../../src/store/limits.ts'
import { oneKey, put, watch } from '../../sim/clients/requests.ts'
import { TestCluster } from './cluster.ts'

const client = 'c'.repeat(32)

/** What a watch was told, in short. */
function told(cluster: TestCluster, id: number): string[] {
  return (cluster.notifications.get(id) ?? []).map(notification => {
    switch (notification.kind) {
      case 'events':
        return `events to ${notification.batches.at(-1)?.revision}`
      case 'compacted':
        return `compacted ${notification.compactRevision}`
      default:
        return `${notification.kind} ${notification.revision}`
    }
  })
}

describe('a watch that is asked how far it is', () => {
  test('tells the revision up to which it has been given everything, events or not', () => {
    const cluster = TestCluster.of(3)
    const id = cluster.request(2, { kind: 'watch', request: watch(oneKey('a')) })
    cluster.write(1, client, 1, put('a', '1'))
    cluster.write(1, client, 2, put('b', '2'))
    cluster.tick()
    cluster.input(2, { kind: 'progress', id })
    expect(told(cluster, id)).toEqual(['created 1', 'events to 2', 'progress 3'])
    cluster.tick(10)
    expect(told(cluster, id)).toHaveLength(3)
  })

  test('has the answer of one that lags when it has caught up, once, however often it was asked', () => {
    const cluster = TestCluster.of(1)
    const id = cluster.request(1, { kind: 'watch', request: watch(oneKey('a')) })
    const last = WATCH_INITIAL_CREDIT_BATCHES + 10
    for (let seq = 1; seq <= last; seq += 1) cluster.write(1, client, seq, put('a', String(seq)))
    for (let i = 0; i < 3; i += 1) cluster.input(1, { kind: 'progress', id })
    cluster.tick(10)
    expect(told(cluster, id).filter(line => line.startsWith('progress'))).toEqual([])
    cluster.input(1, { kind: 'credit', id, batches: 100 })
    expect(told(cluster, id).slice(-2)).toEqual([`events to ${last + 1}`, `progress ${last + 1}`])
    cluster.tick(10)
    expect(told(cluster, id).filter(line => line.startsWith('progress'))).toHaveLength(1)
  })

  test('at a member that has no state yet, answers when it has one', () => {
    const cluster = TestCluster.of(1)
    cluster.write(1, client, 1, put('a', '1'))
    cluster.drop = ({ message }) => message.kind === 'join'
    cluster.join(2)
    const id = cluster.request(2, { kind: 'watch', request: watch(oneKey('a')) })
    cluster.input(2, { kind: 'progress', id })
    expect(told(cluster, id)).toEqual([])
    cluster.drop = () => false
    cluster.until('it is answered', () => told(cluster, id).length === 2)
    expect(told(cluster, id)).toEqual(['created 2', 'progress 2'])
  })

  test('says nothing if it is no more, or never was', () => {
    const cluster = TestCluster.of(1)
    const id = cluster.request(1, { kind: 'watch', request: watch(oneKey('a')) })
    cluster.input(1, { kind: 'cancel', id })
    cluster.input(1, { kind: 'progress', id })
    cluster.input(1, { kind: 'progress', id: 99 })
    cluster.tick()
    expect(told(cluster, id)).toEqual(['created 1'])
    expect(told(cluster, 99)).toEqual([])
  })
})
