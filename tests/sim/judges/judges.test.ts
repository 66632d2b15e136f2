import { describe, expect, test } from 'vitest'
import type { ClientResponse } from '../../../src/replica/types.ts'
import type { Command, KeyValue, WatchBatch, WatchEvent, WatchRequest, WriteRequest } from '../../../src/store/types.ts'
import { LockReferee } from '../clients/locks.ts'
import { bytes, deletion, oneKey, prefixed, put, range, watch } from '../clients/requests.ts'
import { Watcher } from '../clients/watcher.ts'
import { Model } from './model.ts'
import { Promises } from './promises.ts'

/** What clients are told in a run is held against the log by judges that must not nod everything through. */

const clientId = 'c'.repeat(32)

/** A log of these writes, the first of which makes revision 2. */
function logOf(...requests: readonly WriteRequest[]): { model: Model; promises: Promises; commands: Command[] } {
  const model = new Model()
  const commands = requests.map((request, at) => ({ clientId, seq: at + 1, acked: 0, request }))
  for (const command of commands) model.apply(command)
  return { model, promises: new Promises(model), commands }
}

function kv(key: string, value: string, revision: number, version = 1): KeyValue {
  const [createRevision, modRevision] = [version === 0 ? 0 : revision - version + 1, revision]
  return { key: bytes(key), value: bytes(value), createRevision, modRevision, version, lease: 0 }
}

function putAnswer(revision: number): ClientResponse {
  return { ok: true, response: { op: 'put', header: { revision }, prevKv: null } }
}

function rangeAnswer(revision: number, ...kvs: readonly KeyValue[]): ClientResponse {
  return { ok: true, response: { op: 'range', header: { revision }, kvs, more: false, count: kvs.length } }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new Error('no such item')
  return item
}

describe('of writes', () => {
  test('the true answer is accepted, as often as it is given, and counts once', () => {
    const { promises, commands } = logOf(put('a', '1'))
    expect([1, 2].map(() => promises.writeAnswered(at(commands, 0), putAnswer(2)))).toEqual([true, false])
    expect(promises.acknowledged).toBe(1)
  })

  test.each<[string, ClientResponse]>([
    ['another revision', putAnswer(3)],
    ['a refusal', { ok: false, code: 'GAP', message: '', outcome: 'definite' }],
    ['a result that was forgotten too soon', { ok: false, code: 'RESULT_FORGOTTEN', message: '', outcome: 'unknown' }],
  ])('%s is not', (_, response) => {
    const { promises, commands } = logOf(put('a', '1'))
    expect(() => promises.writeAnswered(at(commands, 0), response)).toThrow()
  })

  test('nothing is, of one that is not in the log', () => {
    const { promises } = logOf()
    expect(() => promises.writeAnswered({ clientId, seq: 1, acked: 0, request: put('a', '1') }, putAnswer(2))).toThrow()
  })
})

describe('of reads', () => {
  test('one of the present may not be older than what was committed when it was asked', () => {
    const { model, promises, commands } = logOf(put('a', '1'))
    const before = promises.now()
    model.apply({ ...at(commands, 0), seq: 2, request: put('a', '2') })
    const [old, present] = [rangeAnswer(2, kv('a', '1', 2)), rangeAnswer(3, kv('a', '2', 3, 2))]
    const request = range(oneKey('a'))
    expect(promises.readAnswered(request, old, before, 0)).toBe(2)
    expect(promises.readAnswered(request, present, before, 0)).toBe(3)
    expect(() => promises.readAnswered(request, old, promises.now(), 0)).toThrow('linearizable')
    expect(() => promises.readAnswered(request, old, null, 3)).toThrow('never goes back')
  })

  test('what is compacted, or still to come, is refused, and only that', () => {
    const { promises } = logOf(put('a', '1'), put('a', '2'), { op: 'compact', revision: 3 })
    const refusal = (code: 'COMPACTED' | 'FUTURE_REVISION'): ClientResponse => {
      return { ok: false, code, message: '', outcome: 'definite' }
    }
    const ask = (revision: number, response: ClientResponse) => {
      return () => promises.readAnswered(range(oneKey('a'), { revision }), response, promises.now(), 0)
    }
    expect(ask(2, refusal('COMPACTED'))).not.toThrow()
    expect(ask(3, refusal('COMPACTED'))).toThrow()
    expect(ask(4, refusal('FUTURE_REVISION'))).not.toThrow()
    expect(ask(3, refusal('FUTURE_REVISION'))).toThrow()
    expect(ask(2, rangeAnswer(3, kv('a', '1', 2)))).toThrow()
  })
})

describe('of watches', () => {
  const both: WriteRequest = { op: 'txn', compare: [], success: [put('a', '1'), put('b', '1')], failure: [] }
  const event = (given: KeyValue): WatchEvent => ({ type: 'put', kv: given, prevKv: null })
  const [a, b, second] = [event(kv('a', '1', 2)), event(kv('b', '1', 2)), event(kv('a', '2', 3, 2))]

  function told(request: Partial<WatchRequest>, ...batches: readonly WatchBatch[]) {
    const { model } = logOf(both, put('a', '2'), deletion(oneKey('a')))
    const watcher = new Watcher(model, watch(prefixed(''), { startRevision: 2, ...request }))
    return () => watcher.told({ kind: 'events', batches }, 0)
  }

  test('each revision comes whole, in order and once', () => {
    const first = { revision: 2, events: [a, b] }
    expect(told({}, first, { revision: 3, events: [second] })).not.toThrow()
    expect(told({}, { revision: 2, events: [a] })).toThrow()
    expect(told({}, { revision: 3, events: [second] })).toThrow()
    expect(told({}, first, first)).toThrow()
    expect(told({ filters: ['put'] }, first)).toThrow()
  })

  test('what was before is told if it was asked for, and as it was', () => {
    const from = { startRevision: 3, prevKv: true }
    expect(told(from, { revision: 3, events: [{ ...second, prevKv: kv('a', '1', 2) }] })).not.toThrow()
    expect(told(from, { revision: 3, events: [{ ...second, prevKv: kv('a', '0', 2) }] })).toThrow()
    expect(told(from, { revision: 3, events: [second] })).toThrow()
  })
})

test('of locks: who is not the first in line does not hold it', () => {
  const enter = (name: string) => put(`lock/${name}`, name)
  const { model, promises } = logOf(enter('x'), enter('y'))
  const referee = new LockReferee(model, promises)
  const place = (name: string, token: number) => ({ lock: 'lock', key: `lock/${name}`, lease: 1, token })
  referee.acquired(place('x', 2), 3)
  expect(() => referee.wrote(place('y', 3), 4)).toThrow('holder')
  expect(() => referee.acquired(place('y', 3), 3)).toThrow()
  expect(() => referee.lost(place('x', 2), 3)).toThrow('not lost')
})
