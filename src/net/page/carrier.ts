/**
 * Something that takes sealed words to other tabs and brings theirs: the signaling server, or the browser itself to its own
 * tabs. An address is a carrier's word for one tab, and means nothing on another carrier.
 */
export interface Carrier {
  /** Ours; null while there is none. What we say carries it inside its seal, so that nobody else can pass it on as theirs. */
  readonly address: string | null
  /** Lost without a word if the carrier cannot take it just now: what peers say here is only about the present. */
  send(to: string, payload: string): void
}

export type CarrierEvent =
  /** They are there and need not know of us: it is on us to greet. */
  | { readonly kind: 'present'; readonly addresses: readonly string[] }
  /** Nobody is there any more. Says nothing about a living link. */
  | { readonly kind: 'gone'; readonly address: string }
  | { readonly kind: 'message'; readonly from: string; readonly payload: string }
  /** No address that was known means anything any more, our own included. */
  | { readonly kind: 'cut' }
