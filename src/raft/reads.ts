import { newMessage } from './message.ts'
import type { Raft } from './raft.ts'
import { PENDING_READS_MAX, type PendingRead } from './read-only.ts'
import { broadcastHeartbeat } from './replication.ts'
import { type Message, NONE } from './types.ts'

/** A leader's side of linearizable reads (thesis 6.4): remember the commit index, prove leadership, answer. */
export function readIndex(raft: Raft, message: Message): void {
  // Only then does the leader's commit index cover all that was committed before its term.
  if (!raft.committedInOwnTerm) {
    if (raft.pendingReads.length < PENDING_READS_MAX) raft.pendingReads.push(message)
    return
  }
  acceptRead(raft, message)
}

/** Reads that arrived before the first commit of the term; to be called when the commit index has moved. */
export function releasePendingReads(raft: Raft): void {
  if (raft.pendingReads.length === 0 || !raft.committedInOwnTerm) return
  const pending = raft.pendingReads
  raft.pendingReads = []
  for (const message of pending) acceptRead(raft, message)
}

function acceptRead(raft: Raft, message: Message): void {
  const read: PendingRead = { from: message.from, context: message.context, index: raft.log.committed }
  if (raft.config.readOnly === 'leaseBased') answerRead(raft, read)
  else raft.readOnly.add(read)
}

/** Sends out the heartbeats that reads are waiting for, once for all that came since the last time. */
export function announceReads(raft: Raft): void {
  if (!raft.readOnly.hasUnannounced) return
  const { heartbeatTicks, learnerHeartbeatTicks } = raft.config
  broadcastHeartbeat(raft, learnerHeartbeatTicks === heartbeatTicks)
  // A leader that is all of its quorum needs no one's confirmation.
  releaseConfirmedReads(raft)
}

export function releaseConfirmedReads(raft: Raft): void {
  for (const read of raft.readOnly.release(raft.tracker.configuration.voters)) answerRead(raft, read)
}

function answerRead(raft: Raft, read: PendingRead): void {
  if (read.from === raft.id || read.from === NONE) {
    raft.readStates.push({ index: read.index, requestContext: read.context })
    return
  }
  const response = newMessage('MsgReadIndexResp', read.from, raft.id, raft.term)
  response.index = read.index
  response.context = read.context
  raft.send(response)
}
