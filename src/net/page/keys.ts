import type { TabRole } from '../../replica/types.ts'
import { fromHex } from './hex.ts'

/**
 * What an invite says. An editor's secret is random. A viewer's is derived from it, and so is everything else that is used: HKDF (RFC 5869)
 * with SHA-256, the cluster's id as salt, and a label that says what for. So no two uses share a key, and none gives away another.
 */
export interface Secret {
  /** 32 hex digits. */
  readonly clusterId: string
  readonly role: TabRole
  readonly secret: Uint8Array<ArrayBuffer>
}

export const secretBytes = 32

/** Of one cluster and one role in it. None of them can be read out of the browser's hands by a script. */
export interface SealKeys {
  /** AES-GCM: everybody with an invite seals and opens envelopes with it. */
  readonly envelope: CryptoKey
  /** HKDF, for relays to or from a viewer. */
  readonly viewer: CryptoKey
  /** What only editors have; null for a viewer. */
  readonly editor: {
    /** HMAC: what is under it was said by an editor. */
    readonly signature: CryptoKey
    /** HKDF, for relays between editors. */
    readonly base: CryptoKey
  } | null
}

/** The secret of a viewer's invite, which its holder cannot turn back into an editor's. */
export async function viewerSecret({ clusterId, role, secret }: Secret): Promise<Uint8Array<ArrayBuffer>> {
  return role === 'viewer' ? secret : deriveBytes(secret, clusterId, 'flotilla viewer 1')
}

/** 256 bits for the use that the label names. */
export async function deriveBytes(
  secret: Uint8Array<ArrayBuffer>,
  clusterId: string,
  label: string,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.deriveBits(hkdf(clusterId, label), await base(secret), secretBytes * 8))
}

export async function sealKeys(secret: Secret): Promise<SealKeys> {
  const { clusterId } = secret
  const viewer = await base(await viewerSecret(secret))
  const envelope = await crypto.subtle.deriveKey(
    hkdf(clusterId, 'flotilla envelope 1'),
    viewer,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  )
  return { envelope, viewer, editor: secret.role === 'editor' ? await editorKeys(secret) : null }
}

async function editorKeys({ clusterId, secret }: Secret) {
  const own = await base(secret)
  const signature = await crypto.subtle.deriveKey(
    hkdf(clusterId, 'flotilla editor 1'),
    own,
    { name: 'HMAC', hash: 'SHA-256', length: 256 },
    false,
    ['sign', 'verify'],
  )
  return { signature, base: own }
}

function base(secret: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey', 'deriveBits'])
}

function hkdf(clusterId: string, label: string) {
  return { name: 'HKDF', hash: 'SHA-256', salt: fromHex(clusterId), info: new TextEncoder().encode(label) }
}
