import { formatConfState } from './configuration.ts'
import { hup } from './election.ts'
import { restoreConfiguration } from './membership.ts'
import { appendResponse, forwarded, newMessage } from './message.ts'
import type { Raft, StepResult } from './raft.ts'
import { type Message, membersOf, NONE, type Snapshot } from './types.ts'

/** What a follower or learner does with a message of its own term. */
export function stepFollower(raft: Raft, message: Message): StepResult {
  const { id, logger } = raft
  switch (message.type) {
    case 'MsgProp':
      if (raft.leader === NONE) {
        logger?.info(`${id} no leader at term ${raft.term}; dropping proposal`)
        return 'dropped'
      }
      if (raft.config.disableProposalForwarding) {
        logger?.info(`${id} not forwarding to leader ${raft.leader} at term ${raft.term}; dropping proposal`)
        return 'dropped'
      }
      raft.send(forwarded(message, raft.leader))
      break
    case 'MsgApp':
      hearLeader(raft, message)
      handleAppend(raft, message)
      break
    case 'MsgHeartbeat':
      hearLeader(raft, message)
      handleHeartbeat(raft, message)
      break
    case 'MsgSnap':
      hearLeader(raft, message)
      handleSnapshot(raft, message)
      break
    case 'MsgTransferLeader':
      if (raft.leader === NONE) {
        logger?.info(`${id} no leader at term ${raft.term}; dropping leader transfer msg`)
        break
      }
      raft.send({ ...message, to: raft.leader, term: raft.term })
      break
    case 'MsgForgetLeader':
      forgetLeader(raft)
      break
    case 'MsgTimeoutNow':
      logger?.info(
        `${id} [term ${raft.term}] received MsgTimeoutNow from ${message.from} and starts an election to get leadership.`,
      )
      // Never a pre-vote: the old leader itself asks for it, so no partition is being recovered from.
      hup(raft, 'transfer')
      break
    case 'MsgReadIndex':
      if (raft.leader === NONE) {
        logger?.info(`${id} no leader at term ${raft.term}; dropping index reading msg`)
        break
      }
      raft.send(forwarded(message, raft.leader))
      break
    case 'MsgReadIndexResp':
      raft.readStates.push({ index: message.index, requestContext: message.context })
      break
    default:
  }
  return 'ok'
}

function hearLeader(raft: Raft, message: Message): void {
  raft.electionElapsed = 0
  raft.leader = message.from
}

function forgetLeader(raft: Raft): void {
  // A lease rests on followers keeping to their leader for an election timeout.
  if (raft.config.readOnly === 'leaseBased') {
    raft.logger?.error('ignoring MsgForgetLeader due to ReadOnlyLeaseBased')
    return
  }
  if (raft.leader === NONE) return
  raft.logger?.info(`${raft.id} forgetting leader ${raft.leader} at term ${raft.term}`)
  raft.leader = NONE
}

/** Paper 5.3. A refusal carries where the logs may still agree, so that the leader need not try every index. */
export function handleAppend(raft: Raft, message: Message): void {
  const { id, log, term } = raft
  const { from, index, logTerm } = message
  if (index < log.committed) {
    raft.send(appendResponse(from, id, term, log.committed))
    return
  }
  const last = log.maybeAppend(index, logTerm, message.entries, message.commit)
  if (last !== null) {
    raft.send(appendResponse(from, id, term, last))
    return
  }
  raft.logger?.debug(
    `${id} [logterm: ${log.term(index) ?? 0}, index: ${index}] rejected MsgApp [logterm: ${logTerm}, index: ${index}] from ${from}`,
  )
  const hint = log.findConflictByTerm(Math.min(index, log.lastIndex), logTerm)
  const refusal = appendResponse(from, id, term, index)
  refusal.reject = true
  refusal.rejectHint = hint.index
  refusal.logTerm = hint.term
  raft.send(refusal)
}

export function handleHeartbeat(raft: Raft, message: Message): void {
  raft.log.commitTo(message.commit)
  const response = newMessage('MsgHeartbeatResp', message.from, raft.id, raft.term)
  response.context = message.context
  raft.send(response)
}

/** Paper 7: takes the leader's state where the entries that led to it are gone. */
export function handleSnapshot(raft: Raft, message: Message): void {
  const { id, log, logger } = raft
  const { snapshot } = message
  const restored = snapshot !== null && restoreSnapshot(raft, snapshot)
  if (snapshot !== null) {
    const { index, term } = snapshot.metadata
    logger?.info(
      `${id} [commit: ${log.committed}] ${restored ? 'restored' : 'ignored'} snapshot [index: ${index}, term: ${term}]`,
    )
  }
  raft.send(appendResponse(message.from, id, raft.term, restored ? log.lastIndex : log.committed))
}

/** False if the log already holds what the snapshot says, or it is not for this member. */
function restoreSnapshot(raft: Raft, snapshot: Snapshot): boolean {
  const { id, log, logger } = raft
  const { index, term, confState } = snapshot.metadata
  if (index <= log.committed) return false
  if (!membersOf(confState).has(id)) {
    logger?.warn(
      `${id} attempted to restore snapshot but it is not in the ConfState ${formatConfState(confState)}; should never happen`,
    )
    return false
  }
  const where = () => `[commit: ${log.committed}, lastindex: ${log.lastIndex}, lastterm: ${log.lastTerm}]`
  if (log.matchTerm(index, term)) {
    logger?.info(`${id} ${where()} fast-forwarded commit to snapshot [index: ${index}, term: ${term}]`)
    log.commitTo(index)
    return false
  }
  log.restore(snapshot)
  restoreConfiguration(raft, confState)
  logger?.info(`${id} ${where()} restored snapshot [index: ${index}, term: ${term}]`)
  return true
}
