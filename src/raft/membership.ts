import { assert } from './assert.ts'
import { type ChangeResult, change, restore } from './changer.ts'
import { decodeConfChange, formatConfChange } from './conf-change.ts'
import { confStateOf, formatConfiguration } from './configuration.ts'
import { RaftError } from './errors.ts'
import { newMessage } from './message.ts'
import type { Raft } from './raft.ts'
import { releasePendingReads } from './reads.ts'
import { broadcastAppend, maybeSendAppend } from './replication.ts'
import { type ConfChange, type ConfState, EMPTY_BYTES, type Entry, type Index, NONE } from './types.ts'

/**
 * Leader: lets a membership change into the log only if it will be possible when it is applied: one at a time (thesis 4.1),
 * and in the right state. A refused one becomes an empty entry. A change that cannot be applied would stop every member.
 */
export function screenConfChanges(
  raft: Raft,
  entries: readonly Entry[],
): { entries: readonly Entry[]; pendingConfIndex: Index } {
  let { pendingConfIndex } = raft
  if (entries.every(entry => entry.type === 'normal')) return { entries, pendingConfIndex }
  const { lastIndex } = raft.log
  const screened = entries.map((entry, i): Entry => {
    if (entry.type === 'normal') return entry
    const refusal = refusalOf(raft, entry, pendingConfIndex)
    if (refusal === null) {
      pendingConfIndex = lastIndex + i + 1
      return entry
    }
    raft.logger?.info(
      `${raft.id} ignoring conf change ${refusal.change} at config ${formatConfiguration(raft.tracker.configuration)}: ${refusal.reason}`,
    )
    return { ...entry, type: 'normal', data: EMPTY_BYTES }
  })
  return { entries: screened, pendingConfIndex }
}

function refusalOf(raft: Raft, entry: Entry, pendingConfIndex: Index): { change: string; reason: string } | null {
  let confChange: ConfChange
  try {
    confChange = decodeConfChange(entry.data)
  } catch (error) {
    if (error instanceof RaftError) return { change: 'malformed', reason: error.message }
    throw error
  }
  if (raft.config.disableConfChangeValidation) return null
  const refuse = (reason: string) => ({ change: formatConfChange(confChange, entry.type), reason })
  const { applied } = raft.log
  const { isJoint } = raft.tracker.configuration.voters
  const leaves = confChange.changes.length === 0
  if (pendingConfIndex > applied) {
    return refuse(`possible unapplied conf change at index ${pendingConfIndex} (applied to ${applied})`)
  }
  if (isJoint && !leaves) return refuse('must transition out of joint config first')
  if (!isJoint && leaves) return refuse('not in joint state; refusing empty conf change')
  try {
    // Nothing is pending, so this is the configuration it will be applied to.
    change(raft.changeBase(), confChange)
    return null
  } catch (error) {
    if (error instanceof RaftError) return refuse(error.message)
    throw error
  }
}

/**
 * Every member, when the change is applied. Not, however, between a snapshot's arrival and its being durable: the configuration
 * is then the snapshot's already, and what is still being applied lies before it.
 */
export function applyConfChange(raft: Raft, confChange: ConfChange): ConfState {
  if (raft.log.hasUnstableSnapshot) return confStateOf(raft.tracker.configuration)
  return switchTo(raft, change(raft.changeBase(), confChange))
}

/** Follower: takes over the configuration of a snapshot. */
export function restoreConfiguration(raft: Raft, confState: ConfState): void {
  switchTo(raft, restore(raft.changeBase(), confState))
}

export function switchTo(raft: Raft, { configuration, progress }: ChangeResult): ConfState {
  const { id, tracker } = raft
  tracker.configuration = configuration
  tracker.progress = progress
  raft.logger?.info(`${id} switched to configuration ${formatConfiguration(configuration)}`)
  const confState = confStateOf(configuration)
  if (raft.role !== 'leader') return confState
  const own = progress.get(id)
  if (own === undefined || own.isLearner) {
    if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.term, NONE)
    return confState
  }
  assert(confState.voters.length > 0, 'membership: a leader without voters')
  if (raft.maybeCommit()) {
    // The new quorum is smaller, or elsewhere, and already has more.
    releasePendingReads(raft)
    broadcastAppend(raft)
  } else {
    for (const [member, memberProgress] of progress) {
      if (member !== id) maybeSendAppend(raft, member, memberProgress, false)
    }
  }
  if (raft.leadTransferee !== NONE && !configuration.voters.has(raft.leadTransferee)) raft.leadTransferee = NONE
  return confState
}

/** Leader: proposes to leave the joint configuration as soon as entering it is applied, if so asked (thesis 4.3). */
export function initiateAutoLeave(raft: Raft, applied: Index): void {
  const { configuration } = raft.tracker
  if (!configuration.autoLeave || raft.role !== 'leader' || applied < raft.pendingConfIndex) return
  const message = newMessage('MsgProp', raft.id, raft.id, 0)
  // Empty, and so never refused for its size. A transfer under way does refuse it: then it is tried again when that is given up,
  // or by the new leader.
  message.entries = [{ term: 0, index: 0, type: 'confChangeV2', data: EMPTY_BYTES }]
  const result = raft.step(message)
  const text = formatConfiguration(configuration)
  if (result === 'ok') raft.logger?.info(`initiating automatic transition out of joint configuration ${text}`)
  else raft.logger?.debug(`not initiating automatic transition out of joint configuration ${text}: dropped`)
}
