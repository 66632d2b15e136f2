import { describe, expect, test } from 'vitest'
import { compareAnswers, compareFields, leaseSecondsTolerance } from '../../differential/compare.ts'
import type { Answer } from '../../differential/endpoint.ts'
import type { Call } from '../../differential/operations.ts'
import type { Message, UnaryMethod } from '../../differential/protocol.ts'
import { alterations } from '../../differential/saboteur.ts'

const bytes = (text: string) => Buffer.from(text)
const header = (revision: number, member = '7'): Message => ({
  cluster_id: '99',
  member_id: member,
  revision: `${revision}`,
  raft_term: '2',
})
const kv = (key: string, fields: Message = {}): Message => ({
  key: bytes(key),
  create_revision: '2',
  mod_revision: '3',
  version: '2',
  value: bytes('v'),
  lease: '0',
  ...fields,
})
const ok = (response: Message): Answer => ({ ok: true, response })
const ask = (method: UnaryMethod, request: Message = {}): Call => ({ method, request })

/** Of 20 keys, so that etcd's order of equals means nothing. */
function sorted(keys: readonly string[], fields: Message = {}): Answer {
  return ok({ header: header(9), kvs: keys.map(key => kv(key)), more: false, count: '20', ...fields })
}

const answers: readonly [Call, Message][] = [
  [ask('Range'), { header: header(9), kvs: [kv('a'), kv('b', { lease: '5' })], more: true, count: '3' }],
  [ask('Put'), { header: header(9), prev_kv: kv('a') }],
  [ask('Put'), { header: header(9), prev_kv: null }],
  [ask('DeleteRange'), { header: header(9), deleted: '1', prev_kvs: [kv('a')] }],
  [
    ask('Txn', { success: [{ request_range: {} }, { request_txn: { failure: [{ request_put: {} }] } }] }),
    {
      header: header(9),
      succeeded: true,
      responses: [
        {
          response: 'response_range',
          response_range: { header: header(9, '0'), kvs: [kv('a')], more: false, count: '1' },
        },
        {
          response: 'response_txn',
          response_txn: {
            header: null,
            succeeded: false,
            responses: [{ response: 'response_put', response_put: { header: header(9, '0'), prev_kv: null } }],
          },
        },
      ],
    },
  ],
  [ask('LeaseGrant'), { header: header(9), ID: '5', TTL: '1000', error: '' }],
  [ask('LeaseTimeToLive'), { header: header(9), ID: '5', TTL: '990', grantedTTL: '1000', keys: [bytes('a')] }],
  [ask('LeaseTimeToLive'), { header: header(9), ID: '5', TTL: '-1', grantedTTL: '0', keys: [] }],
  [ask('LeaseLeases'), { header: header(9), leases: [{ ID: '5' }, { ID: '6' }] }],
]

describe('an answer is compared whole', () => {
  test.each(answers)('$method', (call, answer) => {
    expect(compareAnswers(call, ok(answer), ok(structuredClone(answer)))).toEqual([])
    const altered = alterations(answer)
    expect(altered.length).toBeGreaterThan(2)
    const unseen = altered.filter(other => compareAnswers(call, ok(answer), ok(other)).length === 0)
    expect(unseen).toEqual([])
  })

  test('a watch response, too', () => {
    const event = { type: 0, kv: kv('a'), prev_kv: kv('a', { version: '1' }) }
    const message = {
      header: header(3),
      watch_id: '0',
      created: false,
      canceled: false,
      cancel_reason: '',
      events: [event],
    }
    const unseen = alterations(message).filter(other => compareFields(message, other).length === 0)
    expect(unseen).toEqual([])
  })

  test('an error by its code and its message', () => {
    const compacted: Answer = { ok: false, code: 11, message: 'compacted' }
    expect(compareAnswers(ask('Range'), compacted, { ...compacted })).toEqual([])
    expect(compareAnswers(ask('Range'), compacted, { ...compacted, code: 3 })).toHaveLength(1)
    expect(compareAnswers(ask('Range'), compacted, { ...compacted, message: 'future' })).toHaveLength(1)
    expect(compareAnswers(ask('Range'), compacted, ok({}))).toHaveLength(1)
  })

  test('it is said where, and what', () => {
    const [first, second] = [kv('a\0'), kv('a\xff')].map(pair => ok({ kvs: [pair] }))
    expect(compareAnswers(ask('Range'), first ?? ok({}), second ?? ok({}))).toEqual([
      'kvs[0].key: "a\\x00" and "a\\xc3\\xbf", from byte 1 on',
    ])
  })
})

describe('what is left aside', () => {
  test('who answered, but not whether it says so', () => {
    const [mine, yours, none] = [header(9, '7'), header(9, '8'), header(9, '0')]
    expect(compareFields(mine, yours)).toEqual([])
    expect(compareFields(mine, none)).toHaveLength(1)
  })

  test('seconds of a lease, but not whether there is one', () => {
    const left = (TTL: number) => ok({ ID: '5', TTL: `${TTL}`, grantedTTL: '1000', keys: [] })
    const call = ask('LeaseTimeToLive')
    expect(compareAnswers(call, left(900), left(900 - leaseSecondsTolerance))).toEqual([])
    expect(compareAnswers(call, left(900), left(900 - leaseSecondsTolerance - 1))).toHaveLength(1)
    expect(compareAnswers(call, left(0), left(-1))).toHaveLength(1)
  })

  test('the order of leases, and of the keys of one', () => {
    const leases = (...ids: string[]) => ok({ leases: ids.map(ID => ({ ID })) })
    expect(compareAnswers(ask('LeaseLeases'), leases('1', '2'), leases('2', '1'))).toEqual([])
    const keys = (...names: string[]) => ok({ TTL: '9', keys: names.map(bytes) })
    expect(compareAnswers(ask('LeaseTimeToLive'), keys('a', 'b'), keys('b', 'a'))).toEqual([])
  })

  test('the order of what sorts as equal, if there are many', () => {
    const call = ask('Range', { sort_target: 1 })
    expect(compareAnswers(call, sorted(['a', 'b']), sorted(['b', 'a']))).toEqual([])
    expect(compareAnswers(call, sorted(['a', 'b']), sorted(['a', 'c']))).not.toEqual([])
    const few = { count: '2' }
    expect(compareAnswers(call, sorted(['a', 'b'], few), sorted(['b', 'a'], few))).not.toEqual([])
    expect(compareAnswers(ask('Range'), sorted(['a', 'b']), sorted(['b', 'a']))).not.toEqual([])
  })

  test('which of many equals a limit cut off', () => {
    const call = ask('Range', { sort_target: 1, limit: 2 })
    const cut = { more: true }
    expect(compareAnswers(call, sorted(['a', 'b'], cut), sorted(['c', 'd'], cut))).toEqual([])
    expect(compareAnswers(call, sorted(['a', 'b'], cut), sorted(['c'], cut))).not.toEqual([])
  })

  test('the words of the library that refuses a message, but not the numbers', () => {
    const refusal = (message: string): Answer => ({ ok: false, code: 8, message })
    const go = refusal('grpc: received message larger than max (9 vs. 5)')
    expect(compareAnswers(ask('Put'), go, refusal('Received message larger than max (9 vs 5)'))).toEqual([])
    expect(compareAnswers(ask('Put'), go, refusal('Received message larger than max (9 vs 6)'))).toHaveLength(1)
  })
})
