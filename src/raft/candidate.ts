import { campaign, poll } from './election.ts'
import { handleAppend, handleHeartbeat, handleSnapshot } from './follower.ts'
import { ROLE_NAMES } from './logger.ts'
import type { Raft, StepResult } from './raft.ts'
import { broadcastAppend } from './replication.ts'
import { type Message, NONE } from './types.ts'

/** What a candidate or pre-candidate does with a message of its own term. */
export function stepCandidate(raft: Raft, message: Message): StepResult {
  const { id, logger } = raft
  switch (message.type) {
    case 'MsgProp':
      logger?.info(`${id} no leader at term ${raft.term}; dropping proposal`)
      return 'dropped'
    // Somebody leads this term: the election is over (paper 5.2).
    case 'MsgApp':
      raft.becomeFollower(message.term, message.from)
      handleAppend(raft, message)
      break
    case 'MsgHeartbeat':
      raft.becomeFollower(message.term, message.from)
      handleHeartbeat(raft, message)
      break
    case 'MsgSnap':
      raft.becomeFollower(message.term, message.from)
      handleSnapshot(raft, message)
      break
    // Answers to a campaign of the other kind are late, and no longer mean anything.
    case 'MsgPreVoteResp':
      if (raft.role === 'preCandidate') countVote(raft, message)
      break
    case 'MsgVoteResp':
      if (raft.role === 'candidate') countVote(raft, message)
      break
    case 'MsgTimeoutNow':
      logger?.debug(
        `${id} [term ${raft.term} state ${ROLE_NAMES[raft.role]}] ignored MsgTimeoutNow from ${message.from}`,
      )
      break
    default:
  }
  return 'ok'
}

function countVote(raft: Raft, message: Message): void {
  switch (poll(raft, message.from, message.type, !message.reject)) {
    case 'won':
      if (raft.role === 'preCandidate') {
        campaign(raft, 'election')
      } else {
        raft.becomeLeader()
        broadcastAppend(raft)
      }
      break
    case 'lost':
      // A granted pre-vote carries a term nobody is in: stay in ours.
      raft.becomeFollower(raft.term, NONE)
      break
    case 'pending':
      break
  }
}
