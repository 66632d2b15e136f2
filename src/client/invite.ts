import { FlotillaError } from './errors.ts'

/**
 * What lets someone join a cluster: its id and a secret of 256 bits, as text that survives being pasted: a prefix that says
 * what it is and in which version, then base64url of id, secret and a checksum.
 */
export interface Invite {
  /** 128 random bits as 32 hex digits. Public: it names databases and locks. */
  readonly clusterId: string
  readonly secret: Uint8Array<ArrayBuffer>
}

const prefix = 'flotilla1-'
const idBytes = 16
const secretBytes = 32
const checksumBytes = 4
const contentBytes = idBytes + secretBytes
const textChars = prefix.length + Math.ceil(((contentBytes + checksumBytes) * 4) / 3)
/** Says of what the room's name is a hash, so that no other use of the secret can give the same one. */
const roomLabel = 'flotilla signaling room 1\0'

export function newInvite(): Invite {
  const clusterId = toHex(crypto.getRandomValues(new Uint8Array(idBytes)))
  return { clusterId, secret: crypto.getRandomValues(new Uint8Array(secretBytes)) }
}

export function formatInvite({ clusterId, secret }: Invite): string {
  const bytes = new Uint8Array(contentBytes + checksumBytes)
  bytes.set(fromHex(clusterId))
  bytes.set(secret, idBytes)
  new DataView(bytes.buffer).setUint32(contentBytes, crc32(bytes.subarray(0, contentBytes)))
  const base64 = btoa(String.fromCharCode(...bytes))
  return prefix + base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/**
 * Reads an invite: the bare text, or an address that carries it in its fragment (`#flotilla1-...` or `#invite=flotilla1-...`).
 * Throws `INVALID_INVITE` that says what is wrong with it.
 */
export function parseInvite(text: string): Invite {
  if (typeof text !== 'string') throw invalid('An invite is a string.')
  const bare = bareInvite(text)
  if (bare === '') throw invalid('There is no invite here. An invite begins with "flotilla1-".')
  if (/^flotilla[0-9]+-/.test(bare) && !bare.startsWith(prefix)) {
    throw invalid('The invite is of another version of Flotilla; reload the page, or ask for a new one.')
  }
  if (!bare.startsWith(prefix)) throw invalid('This is not an invite: an invite begins with "flotilla1-".')
  if (bare.length < textChars) throw invalid('The invite is cut off: some of its end is missing.')
  if (bare.length > textChars) throw invalid('The invite is too long: something was pasted behind its end.')
  const bytes = fromBase64Url(bare.slice(prefix.length))
  if (bytes === null) throw invalid('The invite holds a character that does not belong there.')
  const content = bytes.subarray(0, contentBytes)
  if (new DataView(bytes.buffer).getUint32(contentBytes) !== crc32(content)) {
    throw invalid('The invite is mistyped: its checksum does not match. Copy it again.')
  }
  return { clusterId: toHex(content.subarray(0, idBytes)), secret: content.slice(idBytes) }
}

/** The signaling room of a cluster, as hex. Who knows it can find the room, and learns neither id nor secret from it. */
export async function roomName({ clusterId, secret }: Invite): Promise<string> {
  const label = new TextEncoder().encode(roomLabel)
  const preimage = new Uint8Array(label.length + contentBytes)
  preimage.set(label)
  preimage.set(fromHex(clusterId), label.length)
  preimage.set(secret, label.length + idBytes)
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', preimage)))
}

function bareInvite(text: string): string {
  const trimmed = text.trim()
  const fragment = trimmed.slice(trimmed.indexOf('#') + 1)
  return fragment.startsWith('invite=') ? fragment.slice('invite='.length) : fragment
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return null
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), char => char.charCodeAt(0))
}

function invalid(message: string): FlotillaError {
  return new FlotillaError('INVALID_INVITE', message)
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
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
