import { expect, test } from 'vitest'
import { Backoff } from '../../../src/net/page/backoff.ts'
import { newPeerName, roleOfName } from '../../../src/net/page/peer-name.ts'
import { type PeerSignal, readPeerSignal } from '../../../src/net/page/peer-signal.ts'

test('the waits of a backoff double up to the bound, each shortened by at most half, and start over after a success', () => {
  const backoff = new Backoff(100, 1_000)
  for (const ceiling of [100, 200, 400, 800, 1_000, 1_000]) {
    const wait = backoff.next()
    expect(wait).toBeGreaterThanOrEqual(ceiling / 2)
    expect(wait).toBeLessThanOrEqual(ceiling)
  }
  backoff.reset()
  expect(backoff.next()).toBeLessThanOrEqual(100)
})

test.each(['editor', 'viewer'] as const)(
  'names of an %s are alike in form, never the same, and the newer page sorts first',
  role => {
    const [older, newer, twin] = [
      newPeerName(role, 1_000_000),
      newPeerName(role, 1_000_001),
      newPeerName(role, 1_000_001),
    ]
    expect(newer < older).toBe(true)
    expect(newer).not.toBe(twin)
    for (const name of [older, newer, newPeerName(role)]) {
      expect(name).toMatch(/^[0-9a-f]{32}(-viewer)?$/)
      expect(roleOfName(name)).toBe(role)
    }
  },
)

test('what peers say through the server is read back as it was said', () => {
  const signals: PeerSignal[] = [
    { kind: 'greet', answer: true, direct: true, relay: false, others: [] },
    { kind: 'greet', answer: false, direct: false, relay: true, others: [{ peer: 'a', address: 'b' }] },
    { kind: 'signal', attempt: 3, data: { type: 'offer', sdp: 'v=0' } },
    { kind: 'relay', attempt: 3, address: 'id', salt: 'salt' },
    { kind: 'ask' },
    { kind: 'full', others: [] },
  ]
  for (const signal of signals) expect(readPeerSignal(JSON.parse(JSON.stringify(signal)))).toEqual(signal)
})

test.each([
  null,
  [],
  {},
  'greet',
  { kind: 'news' },
  { kind: 'signal', attempt: 1 },
  { kind: 'signal', attempt: 1.5, data: {} },
  { kind: 'signal', attempt: 1, data: null },
  { kind: 'relay', attempt: 1, address: '', salt: 'salt' },
  { kind: 'relay', attempt: 1, address: 'id', salt: 'x'.repeat(129) },
])('%j from a peer is nothing', value => {
  expect(readPeerSignal(value)).toBeNull()
})

test('of the others that a peer names, no more are heard than it may name, and none that make no sense', () => {
  const others = [
    { peer: 'a' },
    { peer: 'b', address: 'x'.repeat(129) },
    null,
    ...Array(99).fill({ peer: 'c', address: 'd' }),
  ]
  expect(readPeerSignal({ kind: 'full', others })).toEqual({
    kind: 'full',
    others: Array(13).fill({ peer: 'c', address: 'd' }),
  })
  expect(readPeerSignal({ kind: 'full', others: 'all' })).toEqual({ kind: 'full', others: [] })
})
