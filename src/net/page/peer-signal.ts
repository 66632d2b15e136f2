import type { SignalData } from 'simple-peer'

/** Bounds what a stranger can make us remember it by. */
export const peerNameCharsMax = 128
const addressCharsMax = 128
const saltCharsMax = 128

/**
 * What peers say to each other through the signaling server, which reads none of it.
 */
export type PeerSignal =
  /** My name. `answer`: tell me yours. */
  | { readonly kind: 'greet'; readonly peer: string; readonly answer: boolean }
  /** Offer, answer or candidate of one attempt to connect; `attempt` is the initiator's number for it, rising. */
  | { readonly kind: 'signal'; readonly attempt: number; readonly data: SignalData }
  /** For this attempt my worker is on the server's relay, at `address`. `salt` is for `Seal.relayKeys`. */
  | { readonly kind: 'relay'; readonly attempt: number; readonly address: string; readonly salt: string }

export function encodePeerSignal(signal: PeerSignal): string {
  return JSON.stringify(signal)
}

/** Null for what is none. */
export function decodePeerSignal(payload: string): PeerSignal | null {
  try {
    return readPeerSignal(JSON.parse(payload))
  } catch {
    return null
  }
}

/** Null for what is none. What `data` says is for the browser to judge. */
export function readPeerSignal(value: unknown): PeerSignal | null {
  if (typeof value !== 'object' || value === null) return null
  const { kind, peer, answer, attempt, data, address, salt } = value as Record<string, unknown>
  switch (kind) {
    case 'greet':
      if (!isText(peer, peerNameCharsMax)) return null
      return { kind, peer, answer: answer === true }
    case 'signal':
      if (!isCount(attempt) || typeof data !== 'object' || data === null) return null
      return { kind, attempt, data: data as SignalData }
    case 'relay':
      if (!isCount(attempt) || !isText(address, addressCharsMax) || !isText(salt, saltCharsMax)) return null
      return { kind, attempt, address, salt }
    default:
      return null
  }
}

export function isText(value: unknown, charsMax: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= charsMax
}

/** Attempts and envelopes are numbered from 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}
