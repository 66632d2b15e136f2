import type { SignalData } from 'simple-peer'

/** Bounds what a stranger can make us remember it by. */
export const peerNameCharsMax = 128
export const addressCharsMax = 128
const saltCharsMax = 128
/** How many others a peer names to whoever may want company. */
export const othersMax = 16

/** Where a third peer is said to be, on the carrier that brought the word. Hearsay: worth a greeting and no more. */
export interface Acquaintance {
  readonly peer: string
  readonly address: string
}

/**
 * What peers say to each other over a carrier, which reads none of it.
 */
export type PeerSignal =
  /** I am here, and can be linked in these ways. `answer`: so what of you? */
  | {
      readonly kind: 'greet'
      readonly answer: boolean
      readonly direct: boolean
      readonly relay: boolean
      readonly others: readonly Acquaintance[]
    }
  /** Offer, answer or candidate of one attempt to connect; `attempt` is the initiator's number for it, rising. */
  | { readonly kind: 'signal'; readonly attempt: number; readonly data: SignalData }
  /** For this attempt my worker is on the server's relay, at `address`. `salt` is for `Seal.relayKeys`. */
  | { readonly kind: 'relay'; readonly attempt: number; readonly address: string; readonly salt: string }
  /** Dial me: there is to be a link between us, and it is on you to dial. */
  | { readonly kind: 'ask' }
  /** I have as many links as I am to have. Try these. */
  | { readonly kind: 'full'; readonly others: readonly Acquaintance[] }

/** Null for what is none. What `data` says is for the browser to judge. */
export function readPeerSignal(value: unknown): PeerSignal | null {
  if (typeof value !== 'object' || value === null) return null
  const { kind, answer, direct, relay, others, attempt, data, address, salt } = value as Record<string, unknown>
  switch (kind) {
    case 'greet':
      return {
        kind,
        answer: answer === true,
        direct: direct === true,
        relay: relay === true,
        others: acquaintances(others),
      }
    case 'signal':
      if (!isCount(attempt) || typeof data !== 'object' || data === null) return null
      return { kind, attempt, data: data as SignalData }
    case 'relay':
      if (!isCount(attempt) || !isText(address, addressCharsMax) || !isText(salt, saltCharsMax)) return null
      return { kind, attempt, address, salt }
    case 'ask':
      return { kind }
    case 'full':
      return { kind, others: acquaintances(others) }
    default:
      return null
  }
}

function acquaintances(value: unknown): Acquaintance[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, othersMax).flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return []
    const { peer, address } = entry as Record<string, unknown>
    return isText(peer, peerNameCharsMax) && isText(address, addressCharsMax) ? [{ peer, address }] : []
  })
}

export function isText(value: unknown, charsMax: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= charsMax
}

/** Attempts and envelopes are numbered from 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}
