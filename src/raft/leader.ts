import { assert } from './assert.ts'
import { screenConfChanges } from './membership.ts'
import type { Progress } from './progress.ts'
import type { Raft, StepResult } from './raft.ts'
import { readIndex, releaseConfirmedReads, releasePendingReads } from './reads.ts'
import { broadcastAppend, broadcastHeartbeat, maybeSendAppend, sendTimeoutNow } from './replication.ts'
import { type Message, NONE } from './types.ts'

/** What a leader does with a message of its own term. */
export function stepLeader(raft: Raft, message: Message): StepResult {
  switch (message.type) {
    case 'MsgBeat':
      broadcastHeartbeat(raft, raft.learnerHeartbeatElapsed >= raft.config.learnerHeartbeatTicks)
      return 'ok'
    case 'MsgCheckQuorum':
      checkQuorum(raft)
      return 'ok'
    case 'MsgProp':
      return propose(raft, message)
    case 'MsgReadIndex':
      readIndex(raft, message)
      return 'ok'
    default:
  }
  const progress = raft.tracker.progress.get(message.from)
  if (progress === undefined) {
    raft.logger?.debug(`${raft.id} no progress available for ${message.from}`)
    return 'ok'
  }
  switch (message.type) {
    case 'MsgAppResp':
      handleAppendResponse(raft, message, progress)
      break
    case 'MsgHeartbeatResp':
      handleHeartbeatResponse(raft, message, progress)
      break
    case 'MsgSnapStatus':
      handleSnapshotStatus(raft, message, progress)
      break
    case 'MsgUnreachable':
      // What was sent optimistically is probably lost: find out where the follower is.
      if (progress.state === 'replicate') progress.becomeProbe()
      raft.logger?.debug(`${raft.id} failed to send message to ${message.from} because it is unreachable [${progress}]`)
      break
    case 'MsgTransferLeader':
      transferLeader(raft, message, progress)
      break
    default:
  }
  return 'ok'
}

/**
 * Thesis 6.2: a leader that no quorum answers steps down, so that its clients can look for another. So does one whose own disk
 * has not answered for as long: the others could commit without it (thesis 10.2.1), but it would lag ever further behind what it
 * leads, apply nothing, and keep in memory all that it cannot write.
 */
function checkQuorum(raft: Raft): void {
  const own = raft.tracker.progress.get(raft.id)
  if (!raft.tracker.quorumActive()) {
    raft.logger?.warn(`${raft.id} stepped down to follower since quorum is not active`)
    raft.becomeFollower(raft.term, NONE)
  } else if (own !== undefined && own.match < raft.dueOnDisk) {
    raft.logger?.warn(
      `${raft.id} stepped down to follower since its own disk has not written index ${raft.dueOnDisk} [${own}]`,
    )
    raft.becomeFollower(raft.term, NONE)
  } else {
    raft.dueOnDisk = raft.log.lastIndex
  }
  for (const [member, progress] of raft.tracker.progress) {
    if (member !== raft.id) progress.recentActive = false
  }
}

function propose(raft: Raft, message: Message): StepResult {
  const { id, logger } = raft
  assert(message.entries.length > 0, 'leader: a proposal without entries')
  // Removed from the configuration, and still leading until it steps down: nothing new is to rest on it.
  if (!raft.tracker.progress.has(id)) return 'dropped'
  if (raft.leadTransferee !== NONE) {
    logger?.debug(
      `${id} [term ${raft.term}] transfer leadership to ${raft.leadTransferee} is in progress; dropping proposal`,
    )
    return 'dropped'
  }
  const screened = screenConfChanges(raft, message.entries)
  if (!raft.appendEntries(screened.entries)) return 'dropped'
  raft.pendingConfIndex = screened.pendingConfIndex
  broadcastAppend(raft)
  return 'ok'
}

function handleAppendResponse(raft: Raft, message: Message, progress: Progress): void {
  const { id, log, logger } = raft
  const { from, index } = message
  progress.recentActive = true
  if (message.reject) {
    logger?.debug(
      `${id} received MsgAppResp(rejected, hint: (index ${message.rejectHint}, term ${message.logTerm})) from ${from} for index ${index}`,
    )
    // The follower skipped, in its log, the terms above ours; we skip, in our log, the terms above its.
    const { rejectHint, logTerm } = message
    const probe = logTerm > 0 ? log.findConflictByTerm(rejectHint, logTerm).index : rejectHint
    if (progress.maybeDecrementTo(index, probe)) {
      logger?.debug(`${id} decreased progress of ${from} to [${progress}]`)
      if (progress.state === 'replicate') progress.becomeProbe()
      maybeSendAppend(raft, from, progress, true)
    }
    return
  }
  assert(index <= log.lastIndex, 'leader: a follower acknowledged what the leader does not have')
  // No news can still be the answer that a probe was waiting for.
  if (!progress.maybeUpdate(index) && !(progress.match === index && progress.state === 'probe')) return
  switch (progress.state) {
    case 'probe':
      progress.becomeReplicate()
      break
    case 'snapshot':
      // Whichever snapshot it applied, from wherever: what matters is that the log can take it from there.
      if (progress.match + 1 >= log.firstIndex) {
        logger?.debug(
          `${id} recovered from needing snapshot, resumed sending replication messages to ${from} [${progress}]`,
        )
        progress.becomeProbe()
        progress.becomeReplicate()
      }
      break
    case 'replicate':
      progress.inflights.freeUpTo(index)
      break
  }
  if (raft.maybeCommit()) {
    releasePendingReads(raft)
    broadcastAppend(raft)
  } else if (from !== id && progress.canBumpCommit(log.committed)) {
    maybeSendAppend(raft, from, progress, true)
  }
  if (from === id) return
  // Room in the window may have come free for several messages.
  while (maybeSendAppend(raft, from, progress, false));
  if (from === raft.leadTransferee && progress.match === log.lastIndex) {
    logger?.info(`${id} sent MsgTimeoutNow to ${from} after received MsgAppResp`)
    sendTimeoutNow(raft, from)
  }
}

function handleHeartbeatResponse(raft: Raft, message: Message, progress: Progress): void {
  progress.recentActive = true
  progress.flowPaused = false
  // It lacks entries, or is being probed: the one message per heartbeat that a paused follower gets.
  if (progress.match < raft.log.lastIndex || progress.state === 'probe') {
    maybeSendAppend(raft, message.from, progress, true)
  }
  if (raft.config.readOnly !== 'safe' || message.context.length === 0) return
  raft.readOnly.acknowledge(message.from, message.context)
  releaseConfirmedReads(raft)
}

function handleSnapshotStatus(raft: Raft, message: Message, progress: Progress): void {
  if (progress.state !== 'snapshot') return
  // Failed, it must not be probed from where it would be with the snapshot.
  if (message.reject) progress.pendingSnapshot = 0
  progress.becomeProbe()
  raft.logger?.debug(
    `${raft.id} snapshot ${message.reject ? 'failed' : 'succeeded'}, resumed sending replication messages to ${message.from} [${progress}]`,
  )
  // Done, it will say so itself; failed, it can do with a pause.
  progress.flowPaused = true
}

/** Thesis 3.10: bring the successor's log up to date, then tell it to campaign at once. No proposals meanwhile. */
function transferLeader(raft: Raft, message: Message, progress: Progress): void {
  const { id, term, log, logger } = raft
  const transferee = message.from
  if (progress.isLearner) {
    logger?.debug(`${id} is learner. Ignored transferring leadership`)
    return
  }
  if (raft.leadTransferee !== NONE) {
    if (raft.leadTransferee === transferee) {
      logger?.info(
        `${id} [term ${term}] transfer leadership to ${transferee} is in progress, ignores request to same node ${transferee}`,
      )
      return
    }
    logger?.info(`${id} [term ${term}] abort previous transferring leadership to ${raft.leadTransferee}`)
    raft.leadTransferee = NONE
  }
  if (transferee === id) {
    logger?.debug(`${id} is already leader. Ignored transferring leadership to self`)
    return
  }
  logger?.info(`${id} [term ${term}] starts to transfer leadership to ${transferee}`)
  // It has an election timeout to succeed.
  raft.electionElapsed = 0
  raft.leadTransferee = transferee
  if (progress.match === log.lastIndex) {
    sendTimeoutNow(raft, transferee)
    logger?.info(`${id} sends MsgTimeoutNow to ${transferee} immediately as ${transferee} already has up-to-date log`)
  } else {
    maybeSendAppend(raft, transferee, progress, true)
  }
}
