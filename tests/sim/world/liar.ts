import { newMessage } from '../../../src/raft/message.ts'
import type { MemberId, MessageType } from '../../../src/raft/types.ts'
import type { PeerMessage } from '../../../src/replica/types.ts'
import { encodeCommand } from '../../../src/store/command-codec.ts'
import { put } from '../clients/requests.ts'
import { forgedClientId } from '../judges/viewers.ts'
import type { Random } from '../random.ts'
import type { SimulatedMember } from './member.ts'

export interface Lie {
  /** In whose name. */
  readonly from: MemberId
  readonly message: PeerMessage
}

/**
 * What a viewer says that wants to do harm: in its own name or in that of others, whom it can speak for on its own links only, and mostly
 * such as might be true just now, as what makes no sense is easily refused.
 */
export function drawLie(random: Random, liar: SimulatedMember, others: readonly MemberId[], to: MemberId): Lie | null {
  const position = liar.replica?.position
  if (position === undefined) return null
  const other = random.pick(others) ?? liar.id
  const from = random.pick([liar.id, other] as const)
  const term = Math.max(1, position.term + random.integer(-1, 2))
  const index = Math.max(0, position.commit + random.integer(-20, 20))
  const near = { term, commit: index, applied: index }
  switch (random.weighted({ raft: 10, proposal: 3, join: 1, leave: 2, gossip: 3, snapshotAck: 1, removed: 1 })) {
    case 'raft': {
      const message = newMessage(random.pick(types), to, random.chance(0.8) ? from : other, term)
      message.index = index
      message.commit = Math.max(0, index + random.integer(-5, 5))
      message.logTerm = Math.max(0, term - random.integer(0, 2))
      message.rejectHint = Math.max(0, index + random.integer(-5, 5))
      message.reject = random.chance(0.5)
      if (message.type === 'MsgReadIndex' || message.type === 'MsgTransferLeader') message.term = 0
      return { from, message: { kind: 'raft', message } }
    }
    case 'proposal': {
      const command = { clientId: forgedClientId, seq: random.integer(1, 3), acked: 0, request: put('forged', 'x') }
      const message = newMessage('MsgProp', to, from, 0)
      message.entries = [{ term: 0, index: 0, type: 'normal', data: encodeCommand(command) }]
      return { from, message: { kind: 'raft', message } }
    }
    case 'join':
      return { from, message: { kind: 'join', member: random.pick([from, other] as const) } }
    case 'leave': {
      const member = random.pick([from, other] as const)
      return { from, message: { kind: 'leave', member, fate: random.pick(['demote', 'remove'] as const) } }
    }
    case 'gossip': {
      const role = random.pick(['follower', 'leader', 'candidate'] as const)
      return { from, message: { kind: 'gossip', position: { role, ...near }, commitTerm: term } }
    }
    case 'snapshotAck': {
      const verdict = random.pick(['more', 'done', 'refused'] as const)
      const name = { index, term, checksum: random.integer(0, 3) }
      return { from, message: { kind: 'snapshotAck', ack: { name, verdict, offset: index, round: index } } }
    }
    case 'removed':
      return { from, message: { kind: 'removed', member: to } }
  }
}

const types: readonly [MessageType, ...MessageType[]] = [
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
]
