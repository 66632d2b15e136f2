import type { TabRole } from '../../replica/types.ts'
import { fromBase64Url, toBase64Url } from './base64.ts'
import type { SealKeys } from './keys.ts'
import { roleOfName } from './peer-name.ts'
import { isCount, isText, type PeerSignal, peerNameCharsMax, readPeerSignal } from './peer-signal.ts'
import { type RelayEnd, RelayKeyExchange, type RelayKeys } from './relay-keys.ts'
import { ReplayGuard } from './replay.ts'

const nonceBytes = 12
const tagBytes = 16
const signatureBytes = 32
const addressCharsMax = 128
/** A base64 text of what the signaling server carries at most. Longer ones are not looked at. */
const payloadCharsMax = 64 * 1024
/** So many envelopes are being opened at most; what comes meanwhile is refused. */
const opensPendingMax = 512

/** An envelope that was sealed by somebody with an invite, for us or for everybody, and that has not been here before. */
export interface Opened {
  readonly from: string
  /** Our own name; null: said to nobody by name. Only a greeting is, and it may be an old one. */
  readonly to: string | null
  /** What the sender is, as its name says, too. Proven, if we are an editor; a viewer's page cannot check and takes its word for it. */
  readonly role: TabRole
  readonly signal: PeerSignal
}

/** How many envelopes were not opened, or did not count, by why. */
export interface SealRefusals {
  /** Sealed by nobody with an invite, or by a viewer in an editor's name; or none at all. */
  forged: number
  /** Here before, or our own. */
  replayed: number
  /** For somebody else, or brought from another address than its sender's. */
  misaddressed: number
  /** Came faster than they could be opened. */
  flooded: number
}

export function noRefusals(): SealRefusals {
  return { forged: 0, replayed: 0, misaddressed: 0, flooded: 0 }
}

interface Letter {
  readonly from: string
  readonly at: string
  readonly to: string | null
  readonly sequence: number
  readonly role: TabRole
  readonly signal: PeerSignal
}

/**
 * Of the page, not of one seal: another that takes its place under the same name must not number its envelopes again, since to
 * those who heard the first they would be old.
 */
let lastSequence = 0

/**
 * Seals what this page says to others over a carrier, and opens what they say. A server or stranger can hold an envelope back, and can
 * neither read it, nor change it, nor make one, nor have one opened twice or by another than it was meant for. Nor can a stranger
 * pass one on, and by that be taken for its sender: it says at which address of the carrier its sender is.
 *
 * An envelope is base64url of a random nonce and AES-GCM under the key that all invites give. Inside are a mark, an editor's HMAC and JSON
 * of {from, at, to, sequence, signal}. Names are fresh for each page load, so that an envelope to our name is of this life; one
 * seal must therefore serve a name for all of it.
 */
export class Seal {
  readonly #keys: SealKeys
  readonly #peer: string
  readonly #relay = new RelayKeyExchange()
  /** Apart, so that viewers cannot make us forget editors. */
  readonly #heard: Readonly<Record<TabRole, ReplayGuard>> = { editor: new ReplayGuard(), viewer: new ReplayGuard() }
  readonly #refusals: SealRefusals
  #sealed: Promise<unknown> = Promise.resolve()
  #opened: Promise<unknown> = Promise.resolve()
  #opening = 0

  private constructor(keys: SealKeys, peer: string, refusals: SealRefusals) {
    this.#keys = keys
    this.#peer = peer
    this.#refusals = refusals
  }

  /** For the life of the page under this name, which is one of its role (`newPeerName`). Counts into `refusals`. */
  static create(keys: SealKeys, peer: string, refusals = noRefusals()): Seal {
    const seal = new Seal(keys, peer, refusals)
    if (roleOfName(peer) !== seal.role) throw new Error(`no name for one who is ${seal.role}: ${peer}`)
    return seal
  }

  get role(): TabRole {
    return this.#keys.editor === null ? 'viewer' : 'editor'
  }

  /** `at`: our address on the carrier that is to take it. Answers come in the order of the calls. */
  seal(to: string | null, signal: PeerSignal, at: string): Promise<string> {
    const encrypted = this.#encrypt(JSON.stringify({ from: this.#peer, at, to, sequence: ++lastSequence, signal }))
    const sealed = this.#sealed.then(() => encrypted)
    this.#sealed = sealed
    return sealed
  }

  /**
   * `at`: the address it came from. Null, and counted, for what is forged, replayed, or not for us; never rejects. Answers come in the order
   * of the calls.
   */
  open(payload: string, at: string): Promise<Opened | null> {
    if (this.#opening >= opensPendingMax) return Promise.resolve(this.#refuse('flooded'))
    this.#opening++
    const decrypted = this.#decrypt(payload)
    const opened = this.#opened.then(async () => {
      const letter = await decrypted
      this.#opening--
      return letter === null ? this.#refuse('forged') : this.#admit(letter, at)
    })
    this.#opened = opened
    return opened
  }

  /** What a peer needs from us for the keys of one attempt to relay. */
  relaySalt(): Promise<string> {
    return this.#relay.salt()
  }

  /**
   * The keys of a relay to a peer of this role, out of both salts. Between editors nobody else can have them; where one end is a viewer, no
   * more is proven than that the other has an invite. Null if the peer's salt is none.
   */
  relayKeys(salt: string, other: RelayEnd & { readonly role: TabRole }): Promise<RelayKeys | null> {
    const { editor, viewer } = this.#keys
    const base = editor !== null && other.role === 'editor' ? editor.base : viewer
    return this.#relay.keys(base, { peer: this.#peer, salt }, other)
  }

  async #encrypt(text: string): Promise<string> {
    const { editor, envelope } = this.#keys
    const body = new TextEncoder().encode(text)
    const signature = editor === null ? new ArrayBuffer(0) : await crypto.subtle.sign('HMAC', editor.signature, body)
    const letter = new Uint8Array(1 + signature.byteLength + body.length)
    letter[0] = editor === null ? 0 : 1
    letter.set(new Uint8Array(signature), 1)
    letter.set(body, 1 + signature.byteLength)
    const iv = crypto.getRandomValues(new Uint8Array(nonceBytes))
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, envelope, letter)
    const bytes = new Uint8Array(nonceBytes + sealed.byteLength)
    bytes.set(iv)
    bytes.set(new Uint8Array(sealed), nonceBytes)
    return toBase64Url(bytes)
  }

  async #decrypt(payload: string): Promise<Letter | null> {
    const bytes = payload.length > payloadCharsMax ? null : fromBase64Url(payload)
    if (bytes === null || bytes.length < nonceBytes + tagBytes) return null
    try {
      const algorithm = { name: 'AES-GCM', iv: bytes.subarray(0, nonceBytes) }
      return await this.#read(
        new Uint8Array(await crypto.subtle.decrypt(algorithm, this.#keys.envelope, bytes.subarray(nonceBytes))),
      )
    } catch {
      return null
    }
  }

  async #read(letter: Uint8Array<ArrayBuffer>): Promise<Letter | null> {
    const signed = letter[0] === 1
    if (!signed && letter[0] !== 0) return null
    const body = letter.subarray(signed ? 1 + signatureBytes : 1)
    const { editor } = this.#keys
    if (signed && editor !== null) {
      const signature = letter.subarray(1, 1 + signatureBytes)
      if (!(await crypto.subtle.verify('HMAC', editor.signature, signature, body))) return null
    }
    const { from, at, to, sequence, signal: said } = JSON.parse(new TextDecoder().decode(body))
    const signal = readPeerSignal(said)
    if (!isText(from, peerNameCharsMax) || !isText(at, addressCharsMax)) return null
    if (!isCount(sequence) || signal === null || (to !== null && !isText(to, peerNameCharsMax))) return null
    return { from, at, to, sequence, role: signed ? 'editor' : 'viewer', signal }
  }

  #admit({ from, at, to, sequence, role, signal }: Letter, cameFrom: string): Opened | null {
    if (from === this.#peer) return this.#refuse('replayed')
    if (at !== cameFrom || (to !== null && to !== this.#peer)) return this.#refuse('misaddressed')
    if (roleOfName(from) !== role || (to === null && signal.kind !== 'greet')) return this.#refuse('forged')
    const heard = this.#heard[role]
    // A greeting to nobody may be from before our life: that its sender is there would be saying too much.
    if ((to !== null || heard.knows(from)) && !heard.admit(from, sequence)) return this.#refuse('replayed')
    return { from, to, role, signal }
  }

  #refuse(why: keyof SealRefusals): null {
    this.#refusals[why]++
    return null
  }
}
