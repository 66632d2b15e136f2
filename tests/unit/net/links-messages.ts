import { newMessage } from '../../../src/raft/message.ts'
import type { Message } from '../../../src/raft/types.ts'
import type { PeerMessage } from '../../../src/replica/types.ts'

/** Messages as members send them, for the tests of what carries them. Those of member 11 to member 22. */

export const MEMBER_A = 11
export const MEMBER_B = 22

export function raftMessage(fields: Partial<Message>): PeerMessage {
  return { kind: 'raft', message: { ...newMessage('MsgHeartbeat', MEMBER_B, MEMBER_A, 1), ...fields } }
}

export function appendOf(bytes: number, index = 0): PeerMessage {
  const data = new Uint8Array(bytes)
  return raftMessage({ type: 'MsgApp', entries: [{ term: 1, index: index + 1, type: 'normal', data }], index })
}

export const partBytes = 60 * 1024

export function partOf(whole: Uint8Array, offset: number): PeerMessage {
  const confState = { voters: [MEMBER_A], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false }
  const metadata = { confState, index: 5, term: 1 }
  const data = whole.subarray(offset, offset + partBytes)
  return {
    kind: 'snapshotChunk',
    chunk: { term: 1, metadata, checksum: 7, bytes: whole.length, offset, data, round: 1 },
  }
}

export const join: PeerMessage = { kind: 'join', member: MEMBER_A }
