import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toBase64Url } from '../../../src/net/page/base64.ts'
import { RelayKeyExchange } from '../../../src/net/page/relay-keys.ts'
import { Seal } from '../../../src/net/page/seal.ts'
import type { TabRole } from '../../../src/replica/types.ts'
import { roomKeys } from './room-keys.ts'

const { editors, viewers } = await roomKeys()

function nameIn(role: TabRole, name: string): string {
  return role === 'viewer' ? `${name}-viewer` : name
}

function sealIn(role: TabRole, name: string): Seal {
  return Seal.create(role === 'editor' ? editors : viewers, nameIn(role, name))
}

async function agree(a: Seal, b: Seal, salts?: readonly [string, string]) {
  const [saltA, saltB] = salts ?? [await a.relaySalt(), await b.relaySalt()]
  return Promise.all([
    a.relayKeys(saltA, { peer: nameIn(b.role, 'b'), salt: saltB, role: b.role }),
    b.relayKeys(saltB, { peer: nameIn(a.role, 'a'), salt: saltA, role: a.role }),
  ])
}

const iv = new Uint8Array(12)
const word = new TextEncoder().encode('word')

/** Whether what is sealed with the one is opened by the other. */
async function fits(sendKey: CryptoKey | undefined, receiveKey: CryptoKey | undefined): Promise<boolean> {
  if (sendKey === undefined || receiveKey === undefined) throw new Error('no keys')
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, sendKey, word)
  return crypto.subtle.decrypt({ name: 'AES-GCM', iv }, receiveKey, sealed).then(
    () => true,
    () => false,
  )
}

test.each([
  ['two editors', 'editor', 'editor'],
  ['an editor and a viewer', 'editor', 'viewer'],
  ['a viewer and an editor', 'viewer', 'editor'],
  ['two viewers', 'viewer', 'viewer'],
] as const)('%s agree on two keys, one for each direction, that no script can read', async (_, first, second) => {
  const [a, b] = [sealIn(first, 'a'), sealIn(second, 'b')]
  const [ofA, ofB] = await agree(a, b)
  expect(await fits(ofA?.sendKey, ofB?.receiveKey)).toBe(true)
  expect(await fits(ofB?.sendKey, ofA?.receiveKey)).toBe(true)
  for (const key of [ofA?.sendKey, ofA?.receiveKey]) expect(key).toMatchObject({ extractable: false })
  expect(ofA?.sendKey.usages).toEqual(['encrypt'])
  expect(ofA?.receiveKey.usages).toEqual(['decrypt'])
  // The other direction has another key: `fits` encrypts under one nonce, and a frame played back is not opened.
  expect(await sameKey(ofA?.sendKey, ofB?.sendKey)).toBe(false)
})

/** Two sealing keys are the same if they seal alike. */
async function sameKey(one: CryptoKey | undefined, other: CryptoKey | undefined): Promise<boolean> {
  if (one === undefined || other === undefined) throw new Error('no keys')
  const sealed = [one, other].map(async key =>
    toBase64Url(new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, word))),
  )
  return (await sealed[0]) === (await sealed[1])
}

test('every attempt has keys of its own, as soon as one end has a salt of its own', async () => {
  const [a, b] = [Seal.create(editors, 'a'), Seal.create(editors, 'b')]
  const [saltA, saltB] = [await a.relaySalt(), await b.relaySalt()]
  const [first] = await agree(a, b, [saltA, saltB])
  const [same] = await agree(a, b, [saltA, saltB])
  const [fresh] = await agree(a, b, [await a.relaySalt(), saltB])
  expect(await sameKey(first?.sendKey, same?.sendKey)).toBe(true)
  expect(await sameKey(first?.sendKey, fresh?.sendKey)).toBe(false)
})

test('who takes an editor for a viewer, or has another name in mind, has no keys in common with it', async () => {
  const [a, b] = [Seal.create(editors, 'a'), Seal.create(editors, 'b')]
  const [saltA, saltB] = [await a.relaySalt(), await b.relaySalt()]
  const ofA = await a.relayKeys(saltA, { peer: 'b', salt: saltB, role: 'editor' })
  const mistaken = await b.relayKeys(saltB, { peer: 'a', salt: saltA, role: 'viewer' })
  const elsewhere = await b.relayKeys(saltB, { peer: 'c', salt: saltA, role: 'editor' })
  expect(await fits(ofA?.sendKey, mistaken?.receiveKey)).toBe(false)
  expect(await fits(ofA?.sendKey, elsewhere?.receiveKey)).toBe(false)
})

test('the salts and the secret together do not give the keys: a page keeps its half to itself', async () => {
  const [a, b, eavesdropper] = ['a', 'b', 'b'].map(peer => Seal.create(editors, peer))
  if (a === undefined || b === undefined || eavesdropper === undefined) throw new Error('three seals')
  const [saltA, saltB] = [await a.relaySalt(), await b.relaySalt()]
  const [ofA, ofB] = await agree(a, b, [saltA, saltB])
  const guessed = await eavesdropper.relayKeys(saltB, { peer: 'a', salt: saltA, role: 'editor' })
  expect(await fits(ofA?.sendKey, ofB?.receiveKey)).toBe(true)
  expect(await fits(ofA?.sendKey, guessed?.receiveKey)).toBe(false)
})

test('what is no salt gives no keys', async () => {
  const exchange = new RelayKeyExchange()
  const own = { peer: 'a', salt: await exchange.salt() }
  const salts = fc.oneof(
    fc.string(),
    fc.base64String(),
    fc.uint8Array({ minLength: 81, maxLength: 81 }).map(toBase64Url),
  )
  await fc.assert(
    fc.asyncProperty(salts, async salt => {
      expect(await exchange.keys(viewers.viewer, own, { peer: 'b', salt })).toBeNull()
    }),
  )
})
