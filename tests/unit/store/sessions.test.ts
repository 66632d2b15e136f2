import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StoreOptions } from '../../../src/store/limits.ts'
import { Store } from '../../../src/store/store.ts'
import type { Command, WriteRequest } from '../../../src/store/types.ts'
import { clientId, compact, put, range, text, txn, Writer } from './requests.ts'

function command(
  client: number,
  seq: number,
  acked = 0,
  request: WriteRequest = put('k', `${client}/${seq}`),
): Command {
  return { clientId: clientId(client), seq, acked, request }
}

function code(store: Store, given: Command): string | null {
  const result = store.apply(given)
  return result.ok ? null : result.code
}

function withLimits(options: Partial<StoreOptions>): Store {
  return new Store(options)
}

test('a repeated write happens once, and returns what it returned the first time', () => {
  const store = new Store()
  const first = store.apply(command(1, 1))
  store.apply(command(2, 1))
  expect(store.apply(command(1, 1))).toEqual(first)
  expect(store.revision).toBe(3)
})

test('a failed write is remembered as failed, even if it would now succeed', () => {
  const store = new Store()
  const keep = put('k', '', { ignoreValue: true })
  expect(code(store, command(1, 1, 0, keep))).toBe('KEY_NOT_FOUND')
  store.apply(command(2, 1))
  expect(code(store, command(1, 1, 0, keep))).toBe('KEY_NOT_FOUND')
  expect(code(store, command(1, 2, 1, keep))).toBeNull()
})

test('a write that comes before an earlier one is refused without effect, until the earlier one has come', () => {
  const store = new Store()
  expect(code(store, command(1, 2))).toBe('GAP')
  expect(code(store, command(1, 1))).toBeNull()
  expect(code(store, command(1, 3))).toBe('GAP')
  expect(store.resultOf(clientId(1), 3)).toBe('unknown')
  expect(code(store, command(1, 2))).toBeNull()
  expect(code(store, command(1, 3))).toBeNull()
  expect(store.revision).toBe(4)
})

test('writes sent again and again, in any order, end as if each had been sent once, in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ client: fc.integer({ min: 1, max: 3 }), seq: fc.integer({ min: 1, max: 6 }) })),
      log => {
        const store = new Store()
        const applied: string[] = []
        store.watch(1, { key: Uint8Array.of(0), end: Uint8Array.of(0), startRevision: 0, prevKv: false, filters: [] })
        for (const { client, seq } of log) store.apply(command(client, seq))
        for (const delivery of store.drainWatches()) {
          if (!('batches' in delivery)) continue
          for (const { events } of delivery.batches) applied.push(...events.map(event => text(event.kv.value)))
        }
        for (const client of [1, 2, 3]) {
          const own = applied.filter(value => value.startsWith(`${client}/`))
          expect(own).toEqual(own.map((_, i) => `${client}/${i + 1}`))
          // And none was held back: the next one is one that never came after all the others.
          let next = 1
          for (const entry of log) if (entry.client === client && entry.seq === next) next++
          expect(own.length).toBe(next - 1)
        }
      },
    ),
  )
})

test('results are forgotten once acknowledged, but the writes are not', () => {
  const store = new Store()
  store.apply(command(1, 1))
  store.apply(command(1, 2))
  store.apply(command(1, 3, 1))
  expect(store.resultOf(clientId(1), 1)).toBe('forgotten')
  expect(store.resultOf(clientId(1), 2)).toMatchObject({ ok: true, response: { header: { revision: 3 } } })
  expect(code(store, command(1, 1))).toBe('RESULT_FORGOTTEN')
  expect(store.revision).toBe(4)
})

describe('bounds', () => {
  test('of the results remembered of one client: the oldest go first', () => {
    const store = withLimits({ rememberedResultsMax: 2 })
    for (let seq = 1; seq <= 3; seq++) store.apply(command(1, seq))
    expect(store.resultOf(clientId(1), 1)).toBe('forgotten')
    expect(store.resultOf(clientId(1), 2)).not.toBe('forgotten')
    expect(store.resultOf(clientId(1), 3)).not.toBe('forgotten')
  })

  test('of their bytes: the newest is kept, however large', () => {
    const store = withLimits({ rememberedBytesPerClientMax: 1_000 })
    store.apply(command(1, 1, 0, put('k', 'x'.repeat(2_000))))
    const reading = txn([range('k')])
    store.apply(command(1, 2, 0, reading))
    expect(store.resultOf(clientId(1), 1)).toBe('forgotten')
    expect(store.resultOf(clientId(1), 2)).toMatchObject({ ok: true })
    store.apply(command(1, 3, 0, reading))
    expect(store.resultOf(clientId(1), 2)).toBe('forgotten')
    expect(store.apply(command(1, 3, 0, reading))).toMatchObject({ ok: true, response: { responses: [{ count: 1 }] } })
  })

  test('of the bytes of all clients: the least recently active lose theirs first, yet are known', () => {
    const store = withLimits({ rememberedBytesMax: 5_000 })
    store.apply(command(9, 1, 0, put('k', 'x'.repeat(2_000))))
    const reading = txn([range('k')])
    for (const client of [1, 2]) store.apply(command(client, 1, 0, reading))
    store.apply(command(1, 1, 0, reading))
    store.apply(command(3, 1, 0, reading))
    expect(store.resultOf(clientId(2), 1)).toBe('forgotten')
    expect(store.resultOf(clientId(1), 1)).toMatchObject({ ok: true })
    expect(code(store, command(2, 1, 0, reading))).toBe('RESULT_FORGOTTEN')
    expect(code(store, command(2, 2, 0, reading))).toBeNull()
  })

  test('the result just given is kept even if it is larger than all of that', () => {
    const store = withLimits({ rememberedBytesMax: 1_000 })
    store.apply(command(1, 1, 0, put('k', 'x'.repeat(2_000))))
    store.apply(command(2, 1, 0, txn([range('k')])))
    expect(store.resultOf(clientId(1), 1)).toBe('forgotten')
    expect(store.resultOf(clientId(2), 1)).toMatchObject({ ok: true, response: { responses: [{ count: 1 }] } })
  })

  test('of clients: the least recently active is forgotten, and told so if it is known to have been one', () => {
    const store = withLimits({ sessionsMax: 2 })
    store.apply(command(1, 1))
    store.apply(command(2, 1))
    store.apply(command(1, 2, 1))
    store.apply(command(3, 1))
    expect(code(store, command(2, 2, 1))).toBe('SESSION_EXPIRED')
    expect(store.resultOf(clientId(2), 1)).toBe('unknown')
    expect(code(store, command(1, 3, 2))).toBeNull()
  })
})

test('sessions survive a snapshot: a repeat is still a repeat, and the next to be forgotten is the same', () => {
  const options = { sessionsMax: 2 }
  const store = new Store(options)
  const results = [command(1, 1, 0, txn([put('k', 'v'), txn([range('k')])])), command(2, 1, 0, compact(99))].map(
    given => store.apply(given),
  )
  store.apply(command(1, 2))
  const restored = Store.restore(store.snapshot(), options)
  for (const client of [1, 2]) expect(restored.resultOf(clientId(client), 1)).toEqual(results[client - 1])
  expect(restored.apply(command(1, 1))).toEqual(results[0])
  restored.apply(command(3, 1))
  expect(code(restored, command(2, 2, 1))).toBe('SESSION_EXPIRED')
})

test('a client may have as many writes in flight as results are remembered', () => {
  const store = new Store({ rememberedResultsMax: 256 })
  const writer = new Writer(store)
  const commands = Array.from({ length: 256 }, () => ({ ...writer.next(put('k', 'v')), acked: 0 }))
  const results = commands.map(given => store.apply(given))
  expect(commands.map(given => store.apply(given))).toEqual(results)
})
