import { hkdfSync } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  formatInvite,
  type Invite,
  newInvite,
  parseInvite,
  roomName,
  viewerInvite,
} from '../../../src/client/invite.ts'
import { thrownBy } from './fake-host.ts'

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** One of each kind, of one cluster. */
async function bothInvites(): Promise<[Invite, Invite]> {
  const editor = newInvite()
  return [editor, await viewerInvite(editor)]
}

const known = { clusterId: '000102030405060708090a0b0c0d0e0f', secret: new Uint8Array(32).fill(0xab) }

function hkdf({ clusterId, secret }: Invite, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, Buffer.from(clusterId, 'hex'), label, 32))
}

test("an invite is read back as it was made, an editor's as an editor's and a viewer's as a viewer's", async () => {
  for (let i = 0; i < 20; i++) {
    const [editor, viewer] = await bothInvites()
    expect(editor).toMatchObject({ clusterId: expect.stringMatching(/^[0-9a-f]{32}$/), role: 'editor' })
    expect(viewer).toMatchObject({ clusterId: editor.clusterId, role: 'viewer' })
    for (const invite of [editor, viewer]) {
      expect(invite.secret).toHaveLength(32)
      expect(parseInvite(formatInvite(invite))).toEqual(invite)
    }
  }
})

test("a viewer's invite follows from an editor's by HKDF, always the same, and gives itself", async () => {
  const editor: Invite = { ...known, role: 'editor' }
  const viewer = await viewerInvite(editor)
  expect(Buffer.from(viewer.secret)).toEqual(hkdf(editor, 'flotilla viewer 1'))
  expect(viewer.secret).not.toEqual(editor.secret)
  expect(await viewerInvite(viewer)).toEqual(viewer)
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

test('one wrong character anywhere never gives another invite', async () => {
  for (const invite of await bothInvites()) {
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
  }
})

test('an invite of one kind is not one of the other under its prefix', async () => {
  const [editor, viewer] = (await bothInvites()).map(formatInvite)
  for (const other of [editor?.replace('1-', '1v-'), viewer?.replace('1v-', '1-')]) {
    expect(thrownBy(() => parseInvite(other ?? ''))).toMatchObject({ message: expect.stringContaining('mistyped') })
  }
})

test('what is no invite is told apart from one of another version', () => {
  for (const text of ['', '#', 'https://example.org/', 'hello', `flotilla1-${'x'.repeat(200)}`]) {
    expect(thrownBy(() => parseInvite(text))).toMatchObject({ code: 'INVALID_INVITE' })
  }
  // @ts-expect-error: what callers without types may pass
  expect(thrownBy(() => parseInvite(undefined))).toMatchObject({ code: 'INVALID_INVITE' })
  for (const prefix of ['flotilla2-', 'flotilla2v-']) {
    const next = formatInvite(newInvite()).replace('flotilla1-', prefix)
    expect(thrownBy(() => parseInvite(next))).toMatchObject({ message: expect.stringContaining('version') })
  }
})

test("the room follows from the viewer's secret by HKDF, so that both kinds of invite lead there and it gives neither away", async () => {
  const editor: Invite = { ...known, role: 'editor' }
  const viewer = await viewerInvite(editor)
  expect(await roomName(editor)).toBe(hkdf(viewer, 'flotilla signaling room 2').toString('hex'))
  expect(await roomName(viewer)).toBe(await roomName(editor))
  expect(await roomName({ ...editor, secret: new Uint8Array(32) })).not.toBe(await roomName(editor))
  expect(await roomName({ ...editor, clusterId: editor.clusterId.replace('00', '01') })).not.toBe(
    await roomName(editor),
  )
})
