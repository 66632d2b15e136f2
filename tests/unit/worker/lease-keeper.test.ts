import { expect, test } from 'vitest'
import type { ClientResponse } from '../../../src/replica/types.ts'
import type { Command } from '../../../src/store/types.ts'
import { LeaseKeeper } from '../../../src/worker/lease-keeper.ts'
import type { FromHost } from '../../../src/worker/protocol.ts'

const alive: ClientResponse = {
  ok: true,
  response: { op: 'leaseKeepAlive', header: { revision: 1 }, lease: 7, ttlSeconds: 9 },
}

function refused(code: 'LEASE_NOT_FOUND' | 'UNAVAILABLE' | 'GAP'): ClientResponse {
  return { ok: false, code, message: '', outcome: 'definite' }
}

class Keeping {
  readonly sent: { id: number; command: Command }[] = []
  readonly told: FromHost[] = []
  now = 0
  #lastId = 0
  #clients = 0
  readonly keeper = new LeaseKeeper({
    now: () => this.now,
    newClientId: () => `client ${++this.#clients}`,
    nextId: () => --this.#lastId,
    send: (id, command) => this.sent.push({ id, command }),
    tell: message => this.told.push(message),
  })

  at(ms: number): void {
    this.now = ms
    this.keeper.tick()
  }

  answer(response: ClientResponse): void {
    const next = this.sent.shift()
    if (next === undefined) throw new Error('nothing was sent')
    expect(this.keeper.answered(next.id, response)).toBe(true)
  }
}

test('a lease is kept alive three times in its time, as counted from when that was asked', () => {
  const keeping = new Keeping()
  keeping.keeper.keep(7, 9, 0)
  keeping.at(2_999)
  expect(keeping.sent).toEqual([])
  keeping.at(3_000)
  expect(keeping.sent).toMatchObject([{ command: { seq: 1, acked: 0, request: { op: 'leaseKeepAlive', lease: 7 } } }])
  keeping.at(5_500)
  expect(keeping.sent).toHaveLength(1)
  keeping.answer(alive)
  expect(keeping.told).toEqual([{ type: 'leaseKept', lease: 7, untilMs: 12_000 }])
  keeping.at(5_999)
  expect(keeping.sent).toEqual([])
  keeping.at(6_000)
  expect(keeping.sent).toMatchObject([{ command: { clientId: 'client 1', seq: 2, acked: 1 } }])
})

test('one that was granted long ago is kept alive at once', () => {
  const keeping = new Keeping()
  keeping.now = 5_000
  keeping.keeper.keep(7, 9, 0)
  expect(keeping.sent).toHaveLength(1)
})

test('a lease that is gone is lost', () => {
  const keeping = new Keeping()
  keeping.keeper.keep(7, 9, 0)
  keeping.at(3_000)
  keeping.answer(refused('LEASE_NOT_FOUND'))
  expect(keeping.told).toEqual([{ type: 'leaseLost', lease: 7 }])
  expect(keeping.keeper.size).toBe(0)
  keeping.at(9_000)
  expect(keeping.told).toHaveLength(1)
})

test('a lease whose time is over is lost, and a late answer does not bring it back', () => {
  const keeping = new Keeping()
  keeping.keeper.keep(7, 9, 0)
  keeping.at(3_000)
  keeping.at(8_999)
  expect(keeping.told).toEqual([])
  keeping.at(60_000)
  expect(keeping.told).toEqual([{ type: 'leaseLost', lease: 7 }])
  keeping.answer(alive)
  expect(keeping.told).toHaveLength(1)
})

test('a keepalive that failed is tried again with the next tick, under a new name', () => {
  const keeping = new Keeping()
  keeping.keeper.keep(7, 9, 0)
  keeping.at(3_000)
  keeping.answer(refused('GAP'))
  expect(keeping.sent).toEqual([])
  keeping.at(3_050)
  expect(keeping.sent).toMatchObject([{ command: { clientId: 'client 2', seq: 1, acked: 0 } }])
  keeping.answer(alive)
  expect(keeping.told).toEqual([{ type: 'leaseKept', lease: 7, untilMs: 12_050 }])
})

test('what is dropped is kept alive no more, and is nobody’s loss', () => {
  const keeping = new Keeping()
  keeping.keeper.keep(7, 9, 0)
  keeping.at(3_000)
  keeping.keeper.drop(7)
  keeping.answer(refused('LEASE_NOT_FOUND'))
  keeping.at(60_000)
  expect(keeping.told).toEqual([])
  expect(keeping.sent).toEqual([])
})

test('goodbye revokes all that is kept, and its answers are nobody’s', () => {
  const keeping = new Keeping()
  keeping.keeper.keep(7, 9, 0)
  keeping.keeper.keep(8, 9, 0)
  keeping.keeper.revokeAll()
  expect(keeping.sent.map(({ command: { seq, request } }) => ({ seq, request }))).toEqual([
    { seq: 1, request: { op: 'leaseRevoke', lease: 7 } },
    { seq: 2, request: { op: 'leaseRevoke', lease: 8 } },
  ])
  keeping.answer(refused('LEASE_NOT_FOUND'))
  keeping.answer({ ok: true, response: { op: 'leaseRevoke', header: { revision: 2 } } })
  keeping.at(60_000)
  expect(keeping.told).toEqual([])
})

test('answers to what others asked are not its own', () => {
  expect(new Keeping().keeper.answered(5, alive)).toBe(false)
})

test('time that passed on no clock counts: a lease that ended while the machine slept is lost, one that did not is kept alive', () => {
  const keeping = new Keeping()
  keeping.keeper.keep(7, 9, 0)
  keeping.keeper.keep(8, 9_000, 0)
  keeping.at(3_000)
  keeping.keeper.slept(3_600_000)
  keeping.at(3_050)
  expect(keeping.told).toEqual([{ type: 'leaseLost', lease: 7 }])
  const asked = keeping.sent.map(({ command }) => command.request)
  expect(asked).toEqual([
    { op: 'leaseKeepAlive', lease: 7 },
    { op: 'leaseKeepAlive', lease: 8 },
  ])
})

test('an answer to what was asked before the machine slept does not prolong a lease by the time it slept', () => {
  const keeping = new Keeping()
  keeping.keeper.keep(7, 9_000, 0)
  keeping.at(3_000_000)
  keeping.keeper.slept(3_600_000)
  keeping.answer(alive)
  expect(keeping.told).toEqual([{ type: 'leaseKept', lease: 7, untilMs: 3_000_000 - 3_600_000 + 9_000_000 }])
})
