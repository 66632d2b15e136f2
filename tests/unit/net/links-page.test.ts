import { expect, test } from 'vitest'
import { Backoff } from '../../../src/net/page/backoff.ts'
import { newPeerName } from '../../../src/net/page/peer-name.ts'
import { decodePeerSignal, encodePeerSignal, type PeerSignal } from '../../../src/net/page/peer-signal.ts'

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

test('peer names are alike in form, never the same, and the newer page sorts first', () => {
  const [older, newer, twin] = [newPeerName(1_000_000), newPeerName(1_000_001), newPeerName(1_000_001)]
  expect(newer < older).toBe(true)
  expect(newer).not.toBe(twin)
  for (const name of [older, newer, newPeerName()]) expect(name).toMatch(/^[0-9a-f]{32}$/)
})

test('what peers say through the server is read back as it was said', () => {
  const signals: PeerSignal[] = [
    { kind: 'greet', peer: 'tab', answer: true },
    { kind: 'greet', peer: 'tab', answer: false },
    { kind: 'signal', attempt: 3, data: { type: 'offer', sdp: 'v=0' } },
  ]
  for (const signal of signals) expect(decodePeerSignal(encodePeerSignal(signal))).toEqual(signal)
})

test.each([
  '',
  '{',
  'null',
  '[]',
  '{}',
  '{"kind":"greet"}',
  '{"kind":"greet","peer":""}',
  `{"kind":"greet","peer":"${'x'.repeat(129)}"}`,
  '{"kind":"signal","attempt":1}',
  '{"kind":"signal","attempt":1.5,"data":{}}',
  '{"kind":"signal","attempt":1,"data":null}',
])('%s from a peer is nothing', payload => {
  expect(decodePeerSignal(payload)).toBeNull()
})
