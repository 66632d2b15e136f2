import type { SignalData } from 'simple-peer'

/** Bounds what a stranger can make us remember it by. */
const peerNameCharsMax = 128

/**
 * What peers say to each other through the signaling server, which reads none of it.
 */
export type PeerSignal =
  /** My name. `answer`: tell me yours. */
  | { readonly kind: 'greet'; readonly peer: string; readonly answer: boolean }
  /** Offer, answer or candidate of one attempt to connect; `attempt` is the initiator's number for it, rising. */
  | { readonly kind: 'signal'; readonly attempt: number; readonly data: SignalData }

export function encodePeerSignal(signal: PeerSignal): string {
  return JSON.stringify(signal)
}

/** Null for what is none. What `data` says is for the browser to judge. */
export function decodePeerSignal(payload: string): PeerSignal | null {
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { kind, peer, answer, attempt, data } = value as Record<string, unknown>
  switch (kind) {
    case 'greet':
      if (typeof peer !== 'string' || peer === '' || peer.length > peerNameCharsMax) return null
      return { kind, peer, answer: answer === true }
    case 'signal':
      if (!Number.isSafeInteger(attempt) || typeof data !== 'object' || data === null) return null
      return { kind, attempt: attempt as number, data: data as SignalData }
    default:
      return null
  }
}
