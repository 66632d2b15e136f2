import { fromBase64Url, toBase64Url } from './base64.ts'

const curve = { name: 'ECDH', namedCurve: 'P-256' }
/** An uncompressed point of the curve. */
const pointBytes = 65
const freshBytes = 16
const sharedBits = 256

/** One for each direction, as the two are counted apart. They can be posted to a worker, and not be read. */
export interface RelayKeys {
  readonly sendKey: CryptoKey
  readonly receiveKey: CryptoKey
}

/** One end of what becomes a relay. */
export interface RelayEnd {
  readonly peer: string
  readonly salt: string
}

/**
 * A page's part in agreeing on the keys of relays. A salt is a point that this page made for Diffie and Hellman's exchange, and 128 random
 * bits: the point's other half is gone with the page, so an invite that leaks later opens nothing that was recorded before.
 */
export class RelayKeyExchange {
  #pair: Promise<CryptoKeyPair> | null = null

  /** For one attempt; it may be known to all that have an invite. */
  async salt(): Promise<string> {
    const { publicKey } = await this.#ownPair()
    const salt = new Uint8Array(pointBytes + freshBytes)
    salt.set(new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)))
    crypto.getRandomValues(salt.subarray(pointBytes))
    return toBase64Url(salt)
  }

  /** Both ends get the same two keys, if they share `base`. Null if the other's salt is none. */
  async keys(base: CryptoKey, own: RelayEnd, other: RelayEnd): Promise<RelayKeys | null> {
    const point = fromBase64Url(other.salt)
    if (point?.length !== pointBytes + freshBytes) return null
    const { privateKey } = await this.#ownPair()
    let shared: ArrayBuffer
    try {
      const publicKey = await crypto.subtle.importKey('raw', point.subarray(0, pointBytes), curve, false, [])
      shared = await crypto.subtle.deriveBits({ name: 'ECDH', public: publicKey }, privateKey, sharedBits)
    } catch {
      // No point of the curve.
      return null
    }
    // As in TLS 1.3 with a shared key and an exchange (RFC 8446, 7.1): the one is the salt to the other.
    const known = await crypto.subtle.deriveBits(hkdf(new ArrayBuffer(0), 'flotilla relay base 1'), base, sharedBits)
    const secret = await crypto.subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey'])
    const direction = (from: RelayEnd, to: RelayEnd, use: KeyUsage) =>
      crypto.subtle.deriveKey(
        hkdf(known, JSON.stringify(['flotilla relay 1', from.peer, from.salt, to.peer, to.salt])),
        secret,
        { name: 'AES-GCM', length: 256 },
        false,
        [use],
      )
    const [sendKey, receiveKey] = await Promise.all([
      direction(own, other, 'encrypt'),
      direction(other, own, 'decrypt'),
    ])
    return { sendKey, receiveKey }
  }

  #ownPair(): Promise<CryptoKeyPair> {
    this.#pair ??= crypto.subtle.generateKey(curve, false, ['deriveBits'])
    return this.#pair
  }
}

function hkdf(salt: ArrayBuffer, label: string) {
  return { name: 'HKDF', hash: 'SHA-256', salt, info: new TextEncoder().encode(label) }
}
