import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { formatInvite, newInvite, parseInvite, roomName } from '../../../src/client/invite.ts'
import { thrownBy } from './fake-host.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

test('an invite is read back as it was made', () => {
  for (let i = 0; i < 20; i++) {
    const invite = newInvite()
    expect(invite.clusterId).toMatch(/^[0-9a-f]{32}$/)
    expect(invite.secret).toHaveLength(32)
    expect(parseInvite(formatInvite(invite))).toEqual(invite)
  }
})

test('an invite can stand in a fragment as it is', () => {
  const invite = newInvite()
  const text = formatInvite(invite)
  const url = new URL('https://example.org/board?x=1')
  url.hash = text
  expect(url.hash).toBe(`#${text}`)
  for (const form of [url.href, `#${text}`, ` ${text}\n`, `https://example.org/#invite=${text}`, `invite=${text}`]) {
    expect(parseInvite(form)).toEqual(invite)
  }
})

test('an invite cut off anywhere is told so', () => {
  const text = formatInvite(newInvite())
  for (let length = 0; length < text.length; length++) {
    expect(thrownBy(() => parseInvite(text.slice(0, length)))).toMatchObject({ code: 'INVALID_INVITE' })
  }
  expect(thrownBy(() => parseInvite(text.slice(0, -1)))).toMatchObject({ message: expect.stringContaining('cut off') })
})

test('one wrong character anywhere never gives another invite', () => {
  const invite = newInvite()
  const text = formatInvite(invite)
  for (let at = 0; at < text.length; at++) {
    for (const wrong of `${alphabet} !é`) {
      if (wrong === text[at]) continue
      const mistyped = text.slice(0, at) + wrong + text.slice(at + 1)
      let parsed: unknown
      try {
        parsed = parseInvite(mistyped)
      } catch (error) {
        expect(error).toMatchObject({ code: 'INVALID_INVITE', outcome: 'definite' })
        continue
      }
      // The last character has four bits that nothing uses.
      expect(parsed).toEqual(invite)
      expect(at).toBe(text.length - 1)
    }
  }
})

test('what is no invite is told apart from one of another version', () => {
  for (const text of ['', '#', 'https://example.org/', 'hello', `flotilla1-${'x'.repeat(200)}`]) {
    expect(thrownBy(() => parseInvite(text))).toMatchObject({ code: 'INVALID_INVITE' })
  }
  // @ts-expect-error: what callers without types may pass
  expect(thrownBy(() => parseInvite(undefined))).toMatchObject({ code: 'INVALID_INVITE' })
  const next = formatInvite(newInvite()).replace('flotilla1-', 'flotilla2-')
  expect(thrownBy(() => parseInvite(next))).toMatchObject({ message: expect.stringContaining('version') })
})

test('the room is a hash of id and secret, so that it gives neither away', async () => {
  const invite = { clusterId: '000102030405060708090a0b0c0d0e0f', secret: new Uint8Array(32).fill(0xab) }
  const expected = createHash('sha256')
    .update('flotilla signaling room 1\0')
    .update(Buffer.from(invite.clusterId, 'hex'))
    .update(invite.secret)
    .digest('hex')
  expect(await roomName(invite)).toBe(expected)
  expect(await roomName({ ...invite, secret: new Uint8Array(32) })).not.toBe(expected)
})
