import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type NetworkOptions, networkPlan } from '../../../src/client/network-options.ts'

beforeEach(() => vi.stubGlobal('location', { href: 'https://app.example/board' }))
afterEach(() => vi.unstubAllGlobals())

function ticketOf(ticket: NetworkOptions['ticket'] & {}): ((room: string) => Promise<string>) | null | undefined {
  return networkPlan({ signaling: '/signal', ticket }).signaling?.ticket
}

test('addresses are of a WebSocket, relative to the page', () => {
  expect(networkPlan({ signaling: '/signal' })).toEqual({
    signaling: { urls: ['wss://app.example/signal'], ticket: null },
    iceServers: [],
    iceTransportPolicy: 'all',
    relay: 'fallback',
  })
  expect(networkPlan({ signaling: null }).signaling).toBeNull()
  for (const signaling of ['mailto:somebody@example.org', []]) {
    expect(() => networkPlan({ signaling })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  }
})

test('a ticket is given, or asked for with the name of the room', async () => {
  expect(await ticketOf('fixed')?.('room')).toBe('fixed')
  expect(await ticketOf(async room => `for ${room}`)?.('room')).toBe('for room')
})

test('a function that throws instead of rejecting is one that has no ticket just now', async () => {
  const ask = ticketOf(() => {
    throw new Error('no session')
  })
  await expect(ask?.('room')).rejects.toThrow('no session')
})
