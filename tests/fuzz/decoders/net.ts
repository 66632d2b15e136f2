import fc from 'fast-check'
import { decodeLinkFrame, encodeLinkFrame, type LinkFrame } from '../../../src/net/codec.ts'
import { FrameReader, FrameWriter, frameBytesMax } from '../../../src/net/frames.ts'
import { toBase64Url } from '../../../src/net/page/base64.ts'
import { sealKeys } from '../../../src/net/page/keys.ts'
import { readPeerSignal } from '../../../src/net/page/peer-signal.ts'
import { Seal } from '../../../src/net/page/seal.ts'
import {
  decodeFromServer,
  decodeRelayFrame,
  encodeRelayFrame,
  signalingIdChars,
} from '../../../src/net/signaling-protocol.ts'
import { openSealed, Sealer } from '../../../src/net/worker/relay-seal.ts'
import { decodeRelayWord, encodeRelayWord, type RelayWord } from '../../../src/net/worker/relay-words.ts'
import { linkFrame } from '../../unit/net/arbitraries.ts'
import {
  Broken,
  bytesOf,
  type Codec,
  concat,
  type Decoder,
  drawn,
  encoded,
  joinSeries,
  jsonOf,
  jsonWords,
  oddObject,
  refused,
  splitSeries,
  takeCanonical,
  takeStable,
  textOf,
} from '../decoder.ts'

/** What peers send each other, directly and by way of the server. */

const link: Codec<LinkFrame> = {
  read(bytes) {
    const decoded = decodeLinkFrame(bytes)
    return decoded.ok ? decoded.value : refused
  },
  write: encodeLinkFrame,
}

/** Messages of a turn, few of which are large enough to come in parts. */
const turn = fc.array(
  fc.oneof(
    { weight: 300, arbitrary: fc.uint8Array({ maxLength: 60 }) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: frameBytesMax - 20, max: 2 * frameBytesMax }).map(size => new Uint8Array(size)),
    },
  ),
  { maxLength: 6 },
)

/** In an input for a reader of frames: several, one after the other. */
const frames: Decoder = {
  name: 'frames',
  weight: 2,
  corpus(seed) {
    const valid = drawn(turn, seed).map(messages => {
      const writer = new FrameWriter()
      for (const message of messages) writer.add(message)
      const series: Uint8Array[] = []
      for (let frame = writer.first; frame !== undefined; frame = writer.first) {
        series.push(frame.slice())
        writer.drop()
      }
      const reader = new FrameReader()
      const got = series.flatMap(frame => reader.push(frame)).map(message => Buffer.from(message).toString('base64'))
      const given = messages.map(message => Buffer.from(message).toString('base64'))
      // Packed frames may come between parts.
      if (got.sort().join() !== given.sort().join()) throw new Broken('messages do not come back')
      return joinSeries(series)
    })
    return { valid }
  },
  take(bytes) {
    const reader = new FrameReader()
    let payload = 0
    for (const frame of splitSeries(bytes)) for (const message of reader.push(frame)) payload += message.length
    if (payload > bytes.length) throw new Broken(`${payload} bytes of messages`)
    return reader.badFrames === 0 ? 'taken' : 'refused'
  },
}

const relayWord: fc.Arbitrary<RelayWord> = fc.oneof(
  fc.record({ kind: fc.constant('open' as const), heard: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('raft' as const, 'bulk' as const), frame: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ kind: fc.constant('taken' as const), raft: fc.nat(2 ** 31 - 1), bulk: fc.nat(2 ** 31 - 1) }),
  fc.constant({ kind: 'close' as const }),
)

const word: Codec<RelayWord> = { read: bytes => decodeRelayWord(bytes) ?? refused, write: encodeRelayWord }

const serverId = fc.string({
  unit: fc.constantFrom(...'aZ09-_'),
  minLength: signalingIdChars,
  maxLength: signalingIdChars,
})

const relayed: Codec<{ id: string; payload: Uint8Array }> = {
  read: bytes => decodeRelayFrame(bytes) ?? refused,
  write: ({ id, payload }) => encodeRelayFrame(id, payload),
}

/** A key that is the same in every run. */
const relayKey = crypto.subtle.importKey('raw', new Uint8Array(32).fill(5), 'AES-GCM', false, ['encrypt', 'decrypt'])

const relaySeal: Decoder = {
  name: 'relay-seal',
  weight: 0.02,
  async corpus(seed) {
    const key = await relayKey
    const seal = (value: RelayWord) => new Sealer(key).seal(encodeRelayWord(value))
    return { valid: await Promise.all(drawn(relayWord, seed).map(seal)) }
  },
  async take(bytes) {
    const opened = await openSealed(await relayKey, new Uint8Array(bytes))
    return opened === null || decodeRelayWord(opened.content) === null ? 'refused' : 'taken'
  },
}

/** What JSON says, said again: the same. */
function sameJson<T>(read: (text: string) => T | null, text: string): 'taken' | 'refused' {
  const value = read(text)
  if (value === null) return 'refused'
  const again = JSON.stringify(value)
  if (JSON.stringify(read(again)) !== again) throw new Broken(`read, written and read again, it is another: ${again}`)
  return 'taken'
}

const texts = fc.array(fc.string(), { maxLength: 3 })
const turnServer = fc.record({
  urls: fc.array(fc.constantFrom('turn:a.example:3478', 'turns:[::1]:5349?transport=tcp'), {
    minLength: 1,
    maxLength: 2,
  }),
  username: fc.string(),
  credential: fc.string(),
  ttlSeconds: fc.integer({ min: 1, max: 86_400 }),
})
const turnOrNone = fc.option(turnServer, { nil: null })
const serverMessage = fc.oneof(
  fc.record({ type: fc.constant('welcome'), id: serverId, peers: texts, turn: turnOrNone }),
  fc.record({ type: fc.constant('found'), peers: texts }),
  fc.record({ type: fc.constant('left'), id: serverId }),
  fc.record({ type: fc.constant('message'), from: serverId, payload: fc.string() }),
  fc.record({ type: fc.constant('unreachable'), to: serverId }),
  fc.record({ type: fc.constant('pong') }),
  fc.record({ type: fc.constant('turn'), turn: turnOrNone }),
  fc.record({ type: fc.constant('closing'), retryMs: fc.nat(60_000) }),
  fc.record({ type: fc.constant('error'), code: fc.constantFrom('ROOM_FULL', 'VERSION'), message: fc.string() }),
)
const serverFields = {
  type: fc.constantFrom('welcome', 'found', 'left', 'message', 'unreachable', 'turn', 'closing', 'error'),
  id: serverId,
  peers: texts,
  turn: oddObject({ urls: texts, username: fc.string(), credential: fc.string(), ttlSeconds: fc.double() }),
  retryMs: fc.double(),
  code: fc.constantFrom('BAD_FRAME', 'NEW'),
  message: fc.string(),
  from: fc.string(),
  to: fc.string(),
  payload: fc.string(),
}

const fromServer: Decoder = {
  name: 'from-server',
  weight: 1,
  words: jsonWords,
  corpus: seed => ({
    valid: drawn(serverMessage, seed).map(jsonOf),
    odd: drawn(oddObject(serverFields), seed).map(jsonOf),
  }),
  take: bytes => sameJson(decodeFromServer, textOf(bytes)),
}

const name = fc.string({ minLength: 1, maxLength: 40 })
const others = fc.array(fc.record({ peer: name, address: name }), { maxLength: 20 })
const attempt = fc.integer({ min: 1, max: 1_000 })
const peerSignal = fc.oneof(
  fc.record({
    kind: fc.constant('greet'),
    answer: fc.boolean(),
    direct: fc.boolean(),
    relay: fc.boolean(),
    others,
  }),
  fc.record({
    kind: fc.constant('signal'),
    attempt,
    data: fc.record({ type: fc.constant('offer'), sdp: fc.string() }),
  }),
  fc.record({ kind: fc.constant('relay'), attempt, address: name, salt: name }),
  fc.record({ kind: fc.constant('ask') }),
  fc.record({ kind: fc.constant('full'), others }),
)
const oddSignal = oddObject({
  kind: fc.constantFrom('greet', 'signal', 'relay', 'ask', 'full'),
  answer: fc.boolean(),
  others: fc.array(oddObject({ peer: name, address: name })),
  attempt: fc.double(),
  data: fc.jsonValue(),
  address: fc.string({ maxLength: 300 }),
  salt: name,
})

const signal: Decoder = {
  name: 'peer-signal',
  weight: 1,
  words: jsonWords,
  corpus: seed => ({ valid: drawn(peerSignal, seed).map(jsonOf), odd: drawn(oddSignal, seed).map(jsonOf) }),
  take: bytes => sameJson(text => readPeerSignal(parsed(text)), textOf(bytes)),
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Keys of an invite that is the same in every run. */
const secret = { clusterId: '00112233445566778899aabbccddeeff', secret: new Uint8Array(32).fill(7) }
const editors = sealKeys({ ...secret, role: 'editor' })
/** It opens what is sealed under the key that all have; a page of viewers looks into more than one of editors. */
const viewers = editors.then(keys => ({ ...keys, editor: null }))
const here = 'address'

async function sealed(letter: Uint8Array): Promise<string> {
  const iv = new Uint8Array(12)
  const { envelope } = await editors
  const cipher = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, envelope, new Uint8Array(letter))
  return toBase64Url(concat([iv, new Uint8Array(cipher)]))
}

async function opens(payload: string): Promise<'taken' | 'refused'> {
  const editor = Seal.create(await editors, 'me')
  const viewer = Seal.create(await viewers, 'me-viewer')
  const [one, other] = await Promise.all([editor.open(payload, here), viewer.open(payload, here)])
  return one === null && other === null ? 'refused' : 'taken'
}

/** With the mark of a viewer before it, whom everybody believes that he is one. */
const viewersLetter = (letter: unknown): Uint8Array => concat([Uint8Array.of(0), jsonOf(letter)])
const letterFields = { from: fc.constant('x-viewer'), at: fc.constant(here), sequence: attempt }
const letterTo = fc.constantFrom('me', 'me-viewer')
const letter = fc.record({ ...letterFields, to: letterTo, signal: peerSignal }).map(viewersLetter)
const oddLetter = oddObject({ ...letterFields, to: fc.option(letterTo, { nil: null }), signal: oddSignal }).map(
  viewersLetter,
)

const letters: Decoder = {
  name: 'letter',
  weight: 0.02,
  words: jsonWords.filter(word => word.length < 20_000),
  corpus: seed => ({ valid: drawn(letter, seed), odd: drawn(oddLetter, seed) }),
  take: async bytes => opens(await sealed(bytes)),
}

const envelopes: Decoder = {
  name: 'envelope',
  weight: 0.02,
  words: ['=', '+', '/', '\u0000', '\ud83d\ude00', 'A'.repeat(70_000)].map(bytesOf),
  corpus: async seed => ({ valid: (await Promise.all(drawn(letter, seed).map(sealed))).map(bytesOf) }),
  take: bytes => opens(textOf(bytes)),
}

export const netDecoders: readonly Decoder[] = [
  frames,
  {
    name: 'link-frame',
    weight: 4,
    corpus: seed => ({ valid: encoded(link, linkFrame, seed) }),
    take: bytes => takeStable(link, bytes),
  },
  {
    name: 'relay-word',
    weight: 1,
    corpus: seed => ({ valid: encoded(word, relayWord, seed) }),
    take: bytes => takeCanonical(word, bytes),
  },
  {
    name: 'relay-frame',
    weight: 1,
    corpus: seed => ({
      valid: encoded(relayed, fc.record({ id: serverId, payload: fc.uint8Array({ maxLength: 40 }) }), seed),
    }),
    take: bytes => takeCanonical(relayed, bytes),
  },
  relaySeal,
  fromServer,
  signal,
  letters,
  envelopes,
]
