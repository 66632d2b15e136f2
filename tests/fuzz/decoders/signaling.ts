import { isIP } from 'node:net'
import fc from 'fast-check'
import {
  type BackplaneFrame,
  decodeFrame,
  encodeDelivery,
  encodeUnreachable,
  frameTypes,
} from '../../../signaling/backplane-frames.ts'
import { clientAddress, coarseAddress, networkOf } from '../../../signaling/client-address.ts'
import { decodeToServer } from '../../../signaling/decode.ts'
import { checkTicket, createTicket } from '../../../signaling/ticket.ts'
import { FlotillaError } from '../../../src/client/errors.ts'
import { formatInvite, type Invite, parseInvite } from '../../../src/client/invite.ts'
import { SIGNALING_VERSION, signalingIdChars } from '../../../src/net/signaling-protocol.ts'
import {
  Broken,
  bytesOf,
  type Codec,
  concat,
  type Decoder,
  drawn,
  encoded,
  jsonOf,
  jsonWords,
  oddObject,
  refused,
  takeStable,
  textOf,
} from '../decoder.ts'

/** What the server reads, and what people paste. */

const room = fc.string({ minLength: 1, maxLength: 60 })
const toServerMessage = fc.oneof(
  fc.record({
    type: fc.constant('join'),
    version: fc.constant(SIGNALING_VERSION),
    room,
    as: fc.constantFrom('peer', 'relay'),
    ticket: fc.string({ maxLength: 200 }),
  }),
  fc.record({ type: fc.constant('send'), to: fc.string(), payload: fc.string() }),
  fc.record({ type: fc.constantFrom('ping', 'turn') }),
)
const oddToServer = oddObject({
  type: fc.constantFrom('join', 'send', 'ping', 'turn'),
  version: fc.oneof(fc.constant(SIGNALING_VERSION), fc.double()),
  room: fc.string({ maxLength: 300 }),
  as: fc.constantFrom('peer', 'relay', 'king'),
  ticket: fc.string({ maxLength: 400 }),
  to: fc.string(),
  payload: fc.string(),
})

const toServer: Decoder = {
  name: 'to-server',
  weight: 1,
  words: jsonWords,
  corpus: seed => ({ valid: drawn(toServerMessage, seed).map(jsonOf), odd: drawn(oddToServer, seed).map(jsonOf) }),
  take(bytes) {
    const decoded = decodeToServer(textOf(bytes))
    if (!decoded.ok) return 'refused'
    const again = JSON.stringify(decoded.message)
    const second = decodeToServer(again)
    if (!second.ok || JSON.stringify(second.message) !== again) throw new Broken(`read again, it is another: ${again}`)
    return 'taken'
  },
}

const keys = ['new key', 'old key'] as const
const nowMs = 1_700_000_000_000
/** A ticket, and on a line of its own the room. */
const ticketText = fc
  .record({
    key: fc.constantFrom(...keys),
    room: fc.constantFrom('a', 'room'),
    expiresAt: fc.integer({ min: nowMs + 1_000, max: nowMs * 2 }),
  })
  .map(options => bytesOf(`${createTicket(options)}\n${options.room}`))

const tickets: Decoder = {
  name: 'ticket',
  weight: 0.5,
  words: ['.', '0', '-', '=', ' ', '\n', '1e3', '9'.repeat(15)].map(bytesOf),
  corpus: seed => ({ valid: drawn(ticketText, seed) }),
  take(bytes) {
    const text = textOf(bytes)
    const cut = text.indexOf('\n')
    const [ticket, room] = cut < 0 ? [text, 'room'] : [text.slice(0, cut), text.slice(cut + 1)]
    if (checkTicket(ticket, room, keys, nowMs) !== 'valid') return 'refused'
    const expiresAt = Number(ticket.split('.')[0]) * 1_000
    // The last character has two bits that belong to no byte.
    const same = keys.some(key => createTicket({ key, room, expiresAt }).slice(0, -1) === ticket.slice(0, -1))
    if (!same) throw new Broken('a ticket that nobody gave')
    return 'taken'
  },
}

const id = fc.string({ unit: fc.constantFrom(...'aZ09-_'), minLength: signalingIdChars, maxLength: signalingIdChars })
const backplaneFrame: fc.Arbitrary<BackplaneFrame> = fc.oneof(
  fc.record({ type: fc.constantFrom('joined' as const, 'left' as const), room, id }),
  fc.record({ type: fc.constant('unreachable' as const), room, from: id, to: id }),
  fc.record({
    type: fc.constant('deliver' as const),
    room,
    from: id,
    to: id,
    payload: fc.string({ unit: 'grapheme' }),
  }),
)

const backplane: Codec<BackplaneFrame> = {
  read: bytes => decodeFrame(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)) ?? refused,
  write(frame) {
    switch (frame.type) {
      case 'joined':
      case 'left':
        return concat([Uint8Array.of(frameTypes[frame.type]), bytesOf(frame.id + frame.room)])
      case 'unreachable':
        return encodeUnreachable(frame.room, frame.from, frame.to)
      case 'deliver':
        return encodeDelivery(frame.room, frame.from, frame.to, frame.payload)
    }
  },
}

const address = fc.oneof(fc.ipV4(), fc.ipV6())
const heard = '192.0.2.1'
/** A header; the length of it says how many proxies are trusted. */
const addresses: Decoder = {
  name: 'client-address',
  weight: 1,
  words: [',', ' ', '[', ']', ':', '%', '::', '::ffff:', '%eth0', ':443', '.', '-'].map(bytesOf),
  corpus: seed => ({ valid: drawn(fc.array(address, { maxLength: 5 }), seed).map(list => bytesOf(list.join(', '))) }),
  take(bytes) {
    const header = Buffer.from(bytes).toString('latin1')
    const request = { headers: { 'x-forwarded-for': header }, socket: { remoteAddress: heard } }
    const said = clientAddress(request, bytes.length % 4)
    if (isIP(said) === 0) throw new Broken(`no address: ${JSON.stringify(said)}`)
    if (networkOf(said).length > 64 || coarseAddress(said) === 'unknown') throw new Broken(`no network: ${said}`)
    return 'taken'
  },
}

const invite: fc.Arbitrary<Invite> = fc.record({
  clusterId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(id => Buffer.from(id).toString('hex')),
  role: fc.constantFrom('editor', 'viewer'),
  secret: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(secret => new Uint8Array(secret)),
})

const invites: Codec<Invite> = {
  read: bytes => parseInvite(textOf(bytes)),
  write: invite => bytesOf(formatInvite(invite)),
  declares: error => error instanceof FlotillaError && error.code === 'INVALID_INVITE',
}

export const signalingDecoders: readonly Decoder[] = [
  toServer,
  tickets,
  {
    name: 'backplane',
    weight: 1,
    corpus: seed => ({ valid: encoded(backplane, backplaneFrame, seed) }),
    take: bytes => (backplane.read(bytes) === refused ? 'refused' : 'taken'),
  },
  addresses,
  {
    name: 'invite',
    weight: 1,
    words: [
      '#',
      '#invite=',
      'flotilla1-',
      'flotilla1v-',
      'flotilla2-',
      ' ',
      '\n',
      '=',
      '+',
      '\ufeff',
      'https://a.example/',
    ].map(bytesOf),
    corpus: seed => ({ valid: encoded(invites, invite, seed) }),
    take: bytes => takeStable(invites, bytes),
  },
]
