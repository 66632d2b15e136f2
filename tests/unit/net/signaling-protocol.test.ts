import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeFromServer,
  decodeRelayFrame,
  encodeRelayFrame,
  type FromServer,
  relayPayloadBytesMax,
} from '../../../src/net/signaling-protocol.ts'

const turn = { urls: ['turn:turn.example.org:3478?transport=udp'], username: '1:a', credential: 'x', ttlSeconds: 60 }

const known: FromServer[] = [
  { type: 'welcome', id: 'a', peers: ['b', 'c'], turn: null },
  { type: 'welcome', id: 'a', peers: [], turn },
  { type: 'found', peers: ['b'] },
  { type: 'left', id: 'a' },
  { type: 'message', from: 'a', payload: 'x' },
  { type: 'unreachable', to: 'a' },
  { type: 'pong' },
  { type: 'turn', turn },
  { type: 'closing', retryMs: 500 },
  { type: 'error', code: 'ROOM_FULL', message: 'no place left' },
  { type: 'error', code: 'BAD_TICKET', message: 'expired' },
]

test.each(known)('what the server says is read: $type', message => {
  expect(decodeFromServer(JSON.stringify(message))).toEqual(message)
})

test.each([
  '{',
  'null',
  '{"type":"news"}',
  '{"type":"welcome","id":1}',
  '{"type":"error","code":"?"}',
  '{"type":"closing","retryMs":-1}',
  '{"type":"closing","retryMs":1e999}',
  // A timer of more than 24 days fires at once.
  '{"type":"closing","retryMs":2147483648}',
  '{"type":"closing"}',
])('what this version does not know is nothing: %s', frame => {
  expect(decodeFromServer(frame)).toBeNull()
})

test('bytes are no message', () => {
  expect(decodeFromServer(new ArrayBuffer(4))).toBeNull()
})

test.each([
  ['no addresses', { ...turn, urls: [] }],
  ['an address that RTCPeerConnection would throw at', { ...turn, urls: ['https://turn.example.org'] }],
  ['a port that is none', { ...turn, urls: ['turn:turn.example.org:port'] }],
  ['no credential', { ...turn, credential: undefined }],
  ['no time to live', { ...turn, ttlSeconds: 0 }],
])('a TURN server with %s is none, and the welcome still one', (_, bad) => {
  const welcome = decodeFromServer(JSON.stringify({ type: 'welcome', id: 'a', peers: [], turn: bad }))
  expect(welcome).toEqual({ type: 'welcome', id: 'a', peers: [], turn: null })
})

test('a TURN server for ever is none', () => {
  const frame = JSON.stringify({ type: 'turn', turn }).replace('"ttlSeconds":60', '"ttlSeconds":1e999')
  expect(decodeFromServer(frame)).toEqual({ type: 'turn', turn: null })
})

test.each(['turn:203.0.113.1', 'turns:turn.example.org:443?transport=tcp', 'turn:[2001:db8::1]:3478'])(
  '%s is the address of a TURN server',
  url => {
    const message = { type: 'turn', turn: { ...turn, urls: [url] } }
    expect(decodeFromServer(JSON.stringify(message))).toEqual(message)
  },
)

test('a relay frame is what was put in', () => {
  const id = fc.stringMatching(/^[\w-]{12}$/)
  fc.assert(
    fc.property(id, fc.uint8Array({ maxLength: 200 }), (to, payload) => {
      expect(decodeRelayFrame(encodeRelayFrame(to, payload))).toEqual({ id: to, payload })
    }),
  )
})

test('what is too short, too long or begins with no id is no relay frame', () => {
  expect(decodeRelayFrame(new Uint8Array(11).fill(65))).toBeNull()
  expect(decodeRelayFrame(new Uint8Array(12).fill(65))).toEqual({ id: 'A'.repeat(12), payload: new Uint8Array() })
  expect(decodeRelayFrame(new Uint8Array(20))).toBeNull()
  const full = encodeRelayFrame('A'.repeat(12), new Uint8Array(relayPayloadBytesMax))
  expect(decodeRelayFrame(full)).not.toBeNull()
  expect(decodeRelayFrame(encodeRelayFrame('A'.repeat(12), new Uint8Array(relayPayloadBytesMax + 1)))).toBeNull()
})
