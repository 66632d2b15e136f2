import { fromBase64Url, toBase64Url } from '../net/page/base64.ts'
import { fromHex, toHex } from '../net/page/hex.ts'
import { deriveBytes, secretBytes, viewerSecret } from '../net/page/keys.ts'
import { FlotillaError } from './errors.ts'

/**
 * What lets someone join a cluster: its id and a secret of 256 bits, as text that survives being pasted: a prefix that says
 * what it is, for whom and in which version, then base64url of id, secret and a checksum.
 */
export interface Invite {
  /** 128 random bits as 32 hex digits. Public: it names databases and locks. */
  readonly clusterId: string
  /** An editor reads and writes, a viewer only reads. */
  readonly role: 'editor' | 'viewer'
  /** Another for each role. The viewer's follows from the editor's, and not the other way round. */
  readonly secret: Uint8Array<ArrayBuffer>
}

const prefixes = { editor: 'flotilla1-', viewer: 'flotilla1v-' } as const
const idBytes = 16
const checksumBytes = 4
const contentBytes = idBytes + secretBytes
const base64Chars = Math.ceil(((contentBytes + checksumBytes) * 4) / 3)

/** An editor's, as a new cluster's first is. */
export function newInvite(): Invite {
  const clusterId = toHex(crypto.getRandomValues(new Uint8Array(idBytes)))
  return { clusterId, role: 'editor', secret: crypto.getRandomValues(new Uint8Array(secretBytes)) }
}

/** For those who may read and not write. A viewer's invite gives itself. */
export async function viewerInvite(invite: Invite): Promise<Invite> {
  return { ...invite, role: 'viewer', secret: await viewerSecret(invite) }
}

export function formatInvite({ clusterId, role, secret }: Invite): string {
  const bytes = new Uint8Array(contentBytes + checksumBytes)
  bytes.set(fromHex(clusterId))
  bytes.set(secret, idBytes)
  new DataView(bytes.buffer).setUint32(contentBytes, checksum(role, bytes.subarray(0, contentBytes)))
  return prefixes[role] + toBase64Url(bytes)
}

/**
 * Reads an invite: the bare text, or an address that carries it in its fragment (`#flotilla1-...` or `#invite=flotilla1-...`).
 * Throws `INVALID_INVITE` that says what is wrong with it.
 */
export function parseInvite(text: string): Invite {
  if (typeof text !== 'string') throw invalid('An invite is a string.')
  const bare = bareInvite(text)
  if (bare === '') throw invalid('There is no invite here. An invite begins with "flotilla1-".')
  const role = roleOf(bare)
  if (role === null) {
    if (/^flotilla[0-9]+v?-/.test(bare)) {
      throw invalid('The invite is of another version of Flotilla; reload the page, or ask for a new one.')
    }
    throw invalid('This is not an invite: an invite begins with "flotilla1-", or a viewer\'s with "flotilla1v-".')
  }
  const base64 = bare.slice(prefixes[role].length)
  if (base64.length < base64Chars) throw invalid('The invite is cut off: some of its end is missing.')
  if (base64.length > base64Chars) throw invalid('The invite is too long: something was pasted behind its end.')
  const bytes = fromBase64Url(base64)
  if (bytes === null) throw invalid('The invite holds a character that does not belong there.')
  const content = bytes.subarray(0, contentBytes)
  if (new DataView(bytes.buffer).getUint32(contentBytes) !== checksum(role, content)) {
    throw invalid('The invite is mistyped: its checksum does not match. Copy it again.')
  }
  return { clusterId: toHex(content.subarray(0, idBytes)), role, secret: content.slice(idBytes) }
}

/** The cluster's signaling room, as hex, for both roles. Who knows it can find the room, and learns neither id nor secret from it. */
export async function roomName(invite: Invite): Promise<string> {
  return toHex(await deriveBytes(await viewerSecret(invite), invite.clusterId, 'flotilla signaling room 2'))
}

function roleOf(text: string): Invite['role'] | null {
  if (text.startsWith(prefixes.editor)) return 'editor'
  return text.startsWith(prefixes.viewer) ? 'viewer' : null
}

function bareInvite(text: string): string {
  const trimmed = text.trim()
  const fragment = trimmed.slice(trimmed.indexOf('#') + 1)
  return fragment.startsWith('invite=') ? fragment.slice('invite='.length) : fragment
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('INVALID_INVITE', message)
}

/** A viewer's is the complement, so that an invite that lost its "v" is not taken for an editor's. */
function checksum(role: Invite['role'], content: Uint8Array): number {
  const crc = crc32(content)
  return role === 'viewer' ? ~crc >>> 0 : crc
}

/** CRC-32 as in IEEE 802.3: against slips of the hand, not against anybody. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}
