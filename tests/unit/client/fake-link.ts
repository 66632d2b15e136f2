import type { LinkStatus } from '../../../src/worker/protocol.ts'

/** A link that is up and idle. */
export function linkTo(peer: string, members: readonly number[], more: Partial<LinkStatus> = {}): LinkStatus {
  return {
    peer,
    kind: 'webrtc',
    role: 'editor',
    state: 'up',
    members,
    roundTrip: 0.4,
    queuedBytes: { urgent: 0, append: 0, snapshot: 0 },
    peerTotals: { sentBytes: 0, receivedBytes: 0, dropped: 0, reconnects: 0 },
    ...more,
  }
}
