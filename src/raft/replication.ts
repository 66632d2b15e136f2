import { assert } from './assert.ts'
import { payloadBytes } from './entry.ts'
import { newMessage } from './message.ts'
import type { Progress } from './progress.ts'
import type { Raft } from './raft.ts'
import { EMPTY_BYTES, type Entry, type MemberId } from './types.ts'

const NO_ENTRIES: readonly Entry[] = []

/** Sends everyone what they lack, and the commit index. */
export function broadcastAppend(raft: Raft): void {
  for (const [member, progress] of raft.tracker.progress) {
    if (member !== raft.id) maybeSendAppend(raft, member, progress, true)
  }
}

/**
 * Sends a follower the next entries, or a snapshot if they are gone. Nothing while it is paused, and, unless `sendIfEmpty`,
 * nothing without entries. True if a message was sent.
 */
export function maybeSendAppend(raft: Raft, to: MemberId, progress: Progress, sendIfEmpty: boolean): boolean {
  if (progress.paused) return false
  const { log } = raft
  const prevIndex = progress.next - 1
  const prevTerm = log.term(prevIndex)
  if (prevTerm === null) return maybeSendSnapshot(raft, to, progress)
  // Into a full window only an empty append goes, on heartbeats: if all of the window was lost, its answer reveals that.
  let entries: readonly Entry[] | null = NO_ENTRIES
  if (progress.state !== 'replicate' || !progress.inflights.full) {
    entries = log.entriesFrom(progress.next, raft.config.maxSizePerMessageBytes)
  }
  if (entries === null) return maybeSendSnapshot(raft, to, progress)
  if (entries.length === 0 && !sendIfEmpty) return false
  const message = newMessage('MsgApp', to, raft.id, raft.term)
  message.index = prevIndex
  message.logTerm = prevTerm
  message.entries = entries
  message.commit = log.committed
  raft.send(message)
  progress.sentEntries(entries.length, payloadBytes(entries))
  progress.sentCommit(log.committed)
  return true
}

function maybeSendSnapshot(raft: Raft, to: MemberId, progress: Progress): boolean {
  const { id, log, logger } = raft
  if (!progress.recentActive) {
    logger?.debug(`ignore sending snapshot to ${to} since it is not recently active`)
    return false
  }
  const snapshot = log.snapshot()
  if (snapshot === null) {
    logger?.debug(`${id} failed to send snapshot to ${to} because snapshot is temporarily unavailable`)
    return false
  }
  const { index, term } = snapshot.metadata
  assert(index > 0, 'replication: an empty snapshot')
  logger?.debug(
    `${id} [firstindex: ${log.firstIndex}, commit: ${log.committed}] sent snapshot[index: ${index}, term: ${term}] to ${to} [${progress}]`,
  )
  progress.becomeSnapshot(index)
  logger?.debug(`${id} paused sending replication messages to ${to} [${progress}]`)
  const message = newMessage('MsgSnap', to, id, raft.term)
  message.snapshot = snapshot
  raft.send(message)
  return true
}

/** Everyone, or everyone who votes, hears from the leader. Reads that wait for proof of its leadership ride along. */
export function broadcastHeartbeat(raft: Raft, toLearners: boolean): void {
  if (toLearners) raft.learnerHeartbeatElapsed = 0
  const context = raft.config.readOnly === 'safe' ? raft.readOnly.announce(raft.id) : EMPTY_BYTES
  for (const [member, progress] of raft.tracker.progress) {
    if (member === raft.id || (progress.isLearner && !toLearners)) continue
    const message = newMessage('MsgHeartbeat', member, raft.id, raft.term)
    // Beyond its match a follower's log may differ from the leader's, and a heartbeat does not check.
    message.commit = Math.min(progress.match, raft.log.committed)
    message.context = context
    raft.send(message)
    progress.sentCommit(message.commit)
  }
}

export function sendTimeoutNow(raft: Raft, to: MemberId): void {
  raft.send(newMessage('MsgTimeoutNow', to, raft.id, raft.term))
}
