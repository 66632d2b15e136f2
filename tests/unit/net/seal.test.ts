import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { fromBase64Url, toBase64Url } from '../../../src/net/page/base64.ts'
import type { SealKeys } from '../../../src/net/page/keys.ts'
import { type PeerSignal, readPeerSignal } from '../../../src/net/page/peer-signal.ts'
import { noRefusals, type Opened, Seal, type SealRefusals } from '../../../src/net/page/seal.ts'
import { roomKeys } from './room-keys.ts'

const greeting = signal({ kind: 'greet', peer: 'a', answer: true, direct: true, relay: false, others: [] })
const offer = signal({ kind: 'signal', attempt: 1, data: { type: 'offer', sdp: 'a=fingerprint:sha-256 00:11\r\n' } })

/** As it is read from inside an envelope. */
function signal(value: object): PeerSignal {
  const read = readPeerSignal(value)
  if (read === null) throw new Error('no signal')
  return read
}

/** From where everything comes, where the carrier is not the point. */
const here = 'address'

interface Tab {
  readonly refusals: SealRefusals
  seal(to: string | null, signal: PeerSignal): Promise<string>
  open(payload: string): Promise<Opened | null>
}

function tab(keys: SealKeys, peer: string): Tab {
  const refusals = noRefusals()
  const seal = Seal.create(keys, peer, refusals)
  return {
    refusals,
    seal: (to, signal) => seal.seal(to, signal, here),
    open: payload => seal.open(payload, here),
  }
}

const { editors, viewers } = await roomKeys()
const { editors: strangers } = await roomKeys()

/** What somebody with these keys can seal, whatever the rules are. */
async function envelope(keys: SealKeys, mark: number, signature: BufferSource, body: BufferSource): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const plain = await new Blob([new Uint8Array([mark]), signature, body]).arrayBuffer()
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, keys.envelope, plain)
  return toBase64Url(new Uint8Array(await new Blob([iv, sealed]).arrayBuffer()))
}

/** As a viewer's page seals what it says, but with this inside. */
function viewersEnvelope(letter: unknown): Promise<string> {
  return envelope(viewers, 0, new Uint8Array(0), new TextEncoder().encode(JSON.stringify(letter)))
}

/** The next call waits until so many after it are done. */
function letOvertake(operation: 'encrypt' | 'decrypt', others: number): void {
  const original = crypto.subtle[operation].bind(crypto.subtle)
  const spy = vi.spyOn(crypto.subtle, operation)
  spy.mockImplementationOnce(async (...given) => {
    await vi.waitFor(() => {
      expect(spy.mock.settledResults.filter(({ type }) => type === 'fulfilled')).toHaveLength(others)
    })
    spy.mockRestore()
    return original(...given)
  })
}

/** What is inside an envelope, for whoever has any invite. */
async function inside(payload: string) {
  const bytes = fromBase64Url(payload) ?? new Uint8Array(0)
  const algorithm = { name: 'AES-GCM', iv: bytes.subarray(0, 12) }
  const plain = new Uint8Array(await crypto.subtle.decrypt(algorithm, viewers.envelope, bytes.subarray(12)))
  return { mark: plain[0], signature: plain.slice(1, 33), body: plain.slice(33) }
}

function bodyOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

describe('between those with an invite', () => {
  test('what one seals the other opens, and editors know who is an editor', async () => {
    const [a, b, v] = [tab(editors, 'a'), tab(editors, 'b'), tab(viewers, 'v-viewer')]
    expect(await b.open(await a.seal('b', offer))).toEqual({ from: 'a', to: 'b', role: 'editor', signal: offer })
    expect(await b.open(await v.seal('b', offer))).toEqual({ from: 'v-viewer', to: 'b', role: 'viewer', signal: offer })
    expect(await v.open(await a.seal('v-viewer', offer))).toEqual({
      from: 'a',
      to: 'v-viewer',
      role: 'editor',
      signal: offer,
    })
    expect(b.refusals).toEqual({ forged: 0, replayed: 0, misaddressed: 0, flooded: 0 })
  })

  test('everybody opens a greeting to nobody by name', async () => {
    const payload = await tab(editors, 'a').seal(null, greeting)
    for (const seal of [tab(editors, 'b'), tab(viewers, 'v-viewer')]) {
      expect(await seal.open(payload)).toEqual({ from: 'a', to: null, role: 'editor', signal: greeting })
    }
  })

  test('envelopes are sealed and opened in the order in which that was asked, whichever is ready first', async () => {
    const [a, b] = [tab(editors, 'a'), tab(editors, 'b')]
    const signals = [1, 2, 3].map(attempt => signal({ ...offer, attempt }))
    const sealed: string[] = []
    letOvertake('encrypt', 2)
    await Promise.all(signals.map(async signal => sealed.push(await a.seal('b', signal))))
    const opened: unknown[] = []
    letOvertake('decrypt', 2)
    await Promise.all(sealed.map(async payload => opened.push((await b.open(payload))?.signal)))
    expect(opened).toEqual(signals)
  })

  test('what overtakes another on its way is opened, and so is the other', async () => {
    const [a, b] = [tab(editors, 'a'), tab(editors, 'b')]
    const [first, second] = [await a.seal('b', greeting), await a.seal('b', offer)]
    expect(await b.open(second)).toMatchObject({ signal: offer })
    expect(await b.open(first)).toMatchObject({ signal: greeting })
  })

  test('another seal under the same name goes on where the first one stopped', async () => {
    const b = tab(editors, 'b')
    for (let i = 0; i < 3; i++) {
      expect(await b.open(await tab(editors, 'a').seal('b', offer))).not.toBeNull()
    }
  })
})

describe('a server or stranger', () => {
  test('reads neither names nor words, and finds no two envelopes alike', async () => {
    const a = tab(editors, 'name-of-a')
    const payloads = await Promise.all([a.seal('name-of-b', offer), a.seal('name-of-b', offer)])
    expect(payloads[0]).not.toBe(payloads[1])
    for (const payload of payloads) {
      expect(payload).toMatch(/^[A-Za-z0-9_-]+$/)
      const bytes = Buffer.from(payload, 'base64url').toString('latin1')
      for (const word of ['name-of', 'fingerprint', 'offer', 'sequence']) expect(bytes).not.toContain(word)
    }
  })

  test('cannot make an envelope', async () => {
    const b = tab(editors, 'b')
    for (const to of [null, 'b']) {
      expect(await b.open(await tab(strangers, 'a').seal(to, greeting))).toBeNull()
    }
    expect(await b.open(JSON.stringify(greeting))).toBeNull()
    expect(b.refusals).toMatchObject({ forged: 3 })
  })

  test('cannot change one bit, cut one off or lengthen it', async () => {
    const payload = await tab(editors, 'a').seal('b', offer)
    const bytes = Buffer.from(payload, 'base64url')
    const b = tab(editors, 'b')
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async bit => {
        const changed = Uint8Array.from(bytes)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(await b.open(toBase64Url(changed))).toBeNull()
      }),
    )
    for (let length = 0; length < payload.length; length++) expect(await b.open(payload.slice(0, length))).toBeNull()
    for (const more of ['A', 'AAAA', '=', ' ']) expect(await b.open(payload + more)).toBeNull()
    expect(b.refusals).toMatchObject({ replayed: 0, misaddressed: 0 })
    expect(await b.open(payload)).not.toBeNull()
  })

  test('cannot have one opened twice, in whatever spelling', async () => {
    const [a, b] = [tab(editors, 'a'), tab(editors, 'b')]
    // Of a length that leaves bits over in the last character.
    let payload = ''
    let said = ''
    while (payload.length % 4 === 0) {
      said += '.'
      payload = await a.seal('b', signal({ ...offer, data: { type: 'offer', sdp: said } }))
    }
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(payload.slice(-1))
    const respelled =
      payload.slice(0, -1) + 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'[last ^ 1]
    expect(fromBase64Url(respelled)).toEqual(fromBase64Url(payload))
    expect(await b.open(payload)).not.toBeNull()
    for (const again of [payload, respelled, payload]) expect(await b.open(again)).toBeNull()
    expect(b.refusals).toMatchObject({ replayed: 3 })
  })

  test('cannot have one opened at once by two calls', async () => {
    const [a, b] = [tab(editors, 'a'), tab(editors, 'b')]
    const payload = await a.seal('b', offer)
    const opened = await Promise.all([b.open(payload), b.open(payload)])
    expect(opened.map(one => one !== null)).toEqual([true, false])
  })

  test('cannot give it to another than it was for, nor back to its sender', async () => {
    const [a, b, c] = [tab(editors, 'a'), tab(editors, 'b'), tab(editors, 'c')]
    const payload = await a.seal('b', offer)
    expect(await c.open(payload)).toBeNull()
    expect(await a.open(payload)).toBeNull()
    expect(await a.open(await a.seal(null, greeting))).toBeNull()
    expect(c.refusals).toMatchObject({ misaddressed: 1 })
    expect(a.refusals).toMatchObject({ replayed: 2 })
    expect(await b.open(payload)).not.toBeNull()
  })

  test('cannot pass one on as its own, and by that be taken for its sender', async () => {
    const refusals = noRefusals()
    const [a, b] = [Seal.create(editors, 'a'), Seal.create(editors, 'b', refusals)]
    for (const to of [null, 'b']) {
      const payload = await a.seal(to, greeting, 'where a is')
      expect(await b.open(payload, 'where the stranger is')).toBeNull()
      expect(await b.open(payload, 'where a is')).not.toBeNull()
    }
    expect(refusals).toMatchObject({ misaddressed: 2 })
  })

  test('cannot play an envelope of an earlier life to a page that is loaded again, which has another name', async () => {
    const payload = await tab(editors, 'a').seal('b of before', offer)
    expect(await tab(editors, 'b of now').open(payload)).toBeNull()
  })

  test('can play an old greeting to a page that does not know its sender, but not to one that does', async () => {
    const [a, b] = [tab(editors, 'a'), tab(editors, 'b')]
    const payload = await a.seal(null, greeting)
    expect(await b.open(payload)).toMatchObject({ to: null })
    expect(await b.open(payload)).toMatchObject({ to: null })
    await b.open(await a.seal('b', offer))
    const fresh = await a.seal(null, greeting)
    expect(await b.open(fresh)).toMatchObject({ to: null })
    expect(await b.open(fresh)).toBeNull()
  })

  test('cannot pile up envelopes: past a bound they are refused, and those after the flood are opened', async () => {
    const [a, b] = [tab(editors, 'a'), tab(editors, 'b')]
    const junk = 'A'.repeat(1_000)
    await Promise.all(Array.from({ length: 2_000 }, () => b.open(junk)))
    const { forged, flooded } = b.refusals
    expect(forged).toBeGreaterThan(0)
    expect(flooded).toBeGreaterThan(forged)
    expect(forged + flooded).toBe(2_000)
    expect(await b.open(await a.seal('b', offer))).not.toBeNull()
  })
})

describe('a viewer', () => {
  test('cannot pass for an editor', async () => {
    const b = tab(editors, 'b')
    const body = bodyOf(JSON.stringify({ from: 'v', at: here, to: 'b', sequence: 1, signal: offer }))
    const ownKey = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    const signatures = [new Uint8Array(32), new Uint8Array(0), await crypto.subtle.sign('HMAC', ownKey, body)]
    for (const signature of signatures) expect(await b.open(await envelope(viewers, 1, signature, body))).toBeNull()
    expect(b.refusals).toMatchObject({ forged: 3 })
  })

  test("cannot put an editor's signature under other words, another name or another address", async () => {
    const [a, b] = [tab(editors, 'a'), tab(editors, 'b')]
    const sealed = await inside(await a.seal('c', offer))
    const text = new TextDecoder().decode(sealed.body)
    for (const [old, other] of [
      ['"to":"c"', '"to":"b"'],
      ['"from":"a"', '"from":"w"'],
      ['00:11', '00:12'],
    ] as const) {
      expect(text).toContain(old)
      const body = bodyOf(text.replace(old, other).replace('"to":"c"', '"to":"b"'))
      expect(await b.open(await envelope(viewers, 1, sealed.signature, body))).toBeNull()
    }
    expect(b.refusals).toMatchObject({ forged: 3 })
  })

  test("can seal an editor's words anew, and they are opened once", async () => {
    const [a, b] = [tab(editors, 'a'), tab(editors, 'b')]
    const payload = await a.seal('b', offer)
    const { signature, body } = await inside(payload)
    expect(await b.open(await envelope(viewers, 1, signature, body))).toMatchObject({ from: 'a', role: 'editor' })
    expect(await b.open(payload)).toBeNull()
  })

  test("is not heard under an editor's name, nor an editor under a viewer's", async () => {
    const [a, b] = [tab(editors, 'a'), tab(editors, 'b')]
    for (const to of ['b', null]) {
      const letter = { from: 'a', at: here, to, sequence: Number.MAX_SAFE_INTEGER, signal: greeting }
      expect(await b.open(await viewersEnvelope(letter))).toBeNull()
    }
    expect(b.refusals).toMatchObject({ forged: 2 })
    expect(await b.open(await a.seal('b', offer))).toMatchObject({ from: 'a', role: 'editor' })
    expect(() => tab(viewers, 'a')).toThrow('viewer')
    expect(() => tab(editors, 'a-viewer')).toThrow('editor')
  })

  test("sees through nobody: an editor's mark is believed, and its absence, too", async () => {
    const v = tab(viewers, 'v-viewer')
    const body = bodyOf(JSON.stringify({ from: 'w', at: here, to: 'v-viewer', sequence: 1, signal: offer }))
    expect(await v.open(await envelope(viewers, 1, new Uint8Array(32), body))).toMatchObject({ role: 'editor' })
    const other = tab(viewers, 'x-viewer')
    expect(await v.open(await other.seal('v-viewer', offer))).toMatchObject({ role: 'viewer' })
  })

  test('cannot address anything but a greeting to nobody', async () => {
    const b = tab(editors, 'b')
    expect(
      await b.open(await viewersEnvelope({ from: 'v-viewer', at: here, to: null, sequence: 1, signal: offer })),
    ).toBeNull()
  })

  const letter = { from: 'v-viewer', at: here, to: 'b', sequence: 1, signal: offer }

  test('that keeps to the form is heard', async () => {
    expect(await tab(editors, 'b').open(await viewersEnvelope(letter))).toMatchObject({ role: 'viewer' })
  })

  test.each([
    ['nothing', null],
    ['no object', [1]],
    ['no name', { ...letter, from: '' }],
    ['a name that is none', { ...letter, from: {} }],
    ['a long name', { ...letter, from: 'x'.repeat(129) }],
    ['nowhere it comes from', { ...letter, at: undefined }],
    ['nobody it is for', { ...letter, to: undefined }],
    ['no number', { ...letter, sequence: undefined }],
    ['number zero', { ...letter, sequence: 0 }],
    ['a fraction', { ...letter, sequence: 1.5 }],
    ['too large a number', { ...letter, sequence: 2 ** 53 }],
    ['no signal', { ...letter, signal: undefined }],
    ['an unknown signal', { ...letter, signal: { kind: 'news' } }],
  ])('that seals %s is not heard', async (_, letter) => {
    const b = tab(editors, 'b')
    expect(await b.open(await viewersEnvelope(letter))).toBeNull()
    expect(b.refusals).toMatchObject({ forged: 1 })
  })

  test('that seals random bytes does no harm', async () => {
    const b = tab(editors, 'b')
    await fc.assert(
      fc.asyncProperty(fc.nat(2), fc.uint8Array({ maxLength: 100 }), async (mark, bytes) => {
        const none = new Uint8Array(0)
        expect(await b.open(await envelope(viewers, mark, none, Uint8Array.from(bytes)))).toBeNull()
      }),
    )
  })

  test('that seals random JSON does no harm', async () => {
    const b = tab(editors, 'b')
    const letters = fc.record({
      from: fc.jsonValue(),
      to: fc.constant('b'),
      sequence: fc.nat(),
      signal: fc.jsonValue(),
    })
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.jsonValue(), letters), async letter => {
        expect(await b.open(await viewersEnvelope(letter))).toBeNull()
      }),
    )
  })
})

test('anything at all that comes as a payload is nothing, and never an error; nor is what is longer than a server carries', async () => {
  const b = tab(editors, 'b')
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.base64String({ maxLength: 500 })), async payload => {
      expect(await b.open(payload)).toBeNull()
    }),
  )
  const large = signal({ ...offer, data: { type: 'offer', sdp: 'x'.repeat(64 * 1024) } })
  expect(await b.open(await tab(editors, 'a').seal('b', large))).toBeNull()
})
