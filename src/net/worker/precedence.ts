import type { PeerMessage } from '../../replica/types.ts'

/**
 * What must not wait for what. Urgent is all by which members know of each other: votes, heartbeats, acknowledgements, reads. They have
 * a channel of their own, since what goes first onto a full channel is still late. Appends and proposals may be large; they share the
 * other channel with snapshots, and go first there.
 *
 * Within a class order is kept, across classes it is not. Raft does not ask for it, least of all between an append and a heartbeat (etcd
 * sends these two on streams of their own, too).
 */
export type Precedence = 'urgent' | 'append' | 'snapshot'

export function precedenceOf(message: PeerMessage): Precedence {
  switch (message.kind) {
    case 'raft':
      return message.message.type === 'MsgApp' || message.message.type === 'MsgProp' ? 'append' : 'urgent'
    case 'leave':
      // A farewell is not to be heard before the proposals that were made ahead of it.
      return 'append'
    case 'snapshotChunk':
      return 'snapshot'
    case 'join':
    case 'gossip':
    case 'removed':
    case 'snapshotAck':
      return 'urgent'
  }
}
