import type { OneByOne } from '../loads.ts'

/** What the page of the floor tells its worker. Every request is answered by one `FromFloorWorker`, in order. */
export type ToFloorWorker =
  /** To echo what comes on it, or to be echoed by the other end. A caller may be given several. */
  | { readonly kind: 'channel'; readonly channel: RTCDataChannel; readonly role: 'caller' | 'echo' }
  | { readonly kind: 'commits'; readonly load: OneByOne; readonly bytes: number }
  | { readonly kind: 'roundTrips'; readonly load: OneByOne; readonly bytes: number }
  | { readonly kind: 'replicated'; readonly load: OneByOne; readonly bytes: number }

/** Milliseconds each took; nothing for a channel, which is told of when it is open. */
export type FromFloorWorker = readonly number[]
