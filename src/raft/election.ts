import { newMessage } from './message.ts'
import type { VoteResult } from './quorum.ts'
import type { Raft } from './raft.ts'
import { type MemberId, type Message, type MessageType, NONE } from './types.ts'

/** `transfer`: on the old leader's word, so neither a pre-vote nor a live leader stands in its way (thesis 3.10). */
export type CampaignKind = 'preElection' | 'election' | 'transfer'

/** Marks the vote requests of a transfer. */
const CAMPAIGN_TRANSFER = Uint8Array.from('CampaignTransfer', letter => letter.charCodeAt(0))

/** Campaigns, unless this member leads already or cannot. */
export function hup(raft: Raft, kind: CampaignKind): void {
  const { id, logger } = raft
  if (raft.role === 'leader') {
    logger?.debug(`${id} ignoring MsgHup because already leader`)
    return
  }
  if (!raft.promotable) {
    logger?.warn(`${id} is unpromotable and can not campaign`)
    return
  }
  if (hasPendingConfiguration(raft)) {
    logger?.warn(
      `${id} cannot campaign at term ${raft.term} since there are still pending configuration changes to apply`,
    )
    return
  }
  logger?.info(`${id} is starting a new election at term ${raft.term}`)
  campaign(raft, kind)
}

/** Another configuration is committed and not applied yet: votes would be counted by one that is already superseded. */
export function hasPendingConfiguration(raft: Raft): boolean {
  return raft.log.someUnapplied(entry => entry.type !== 'normal')
}

export function campaign(raft: Raft, kind: CampaignKind): void {
  const { id, log, logger } = raft
  if (kind === 'preElection') raft.becomePreCandidate()
  else raft.becomeCandidate()
  const type: MessageType = kind === 'preElection' ? 'MsgPreVote' : 'MsgVote'
  const term = kind === 'preElection' ? raft.term + 1 : raft.term
  const { lastIndex, lastTerm } = log
  for (const voter of raft.tracker.configuration.voters.members) {
    if (voter === id) {
      // The own vote counts like any other, once it is durable.
      raft.send(newMessage(responseType(type), id, id, term))
      continue
    }
    logger?.info(
      `${id} [logterm: ${lastTerm}, index: ${lastIndex}] sent ${type} request to ${voter} at term ${raft.term}`,
    )
    const request = newMessage(type, voter, id, term)
    request.index = lastIndex
    request.logTerm = lastTerm
    if (kind === 'transfer') request.context = CAMPAIGN_TRANSFER
    raft.send(request)
  }
}

/**
 * Counts a vote. Nothing is won before the own vote is on disk, even if the others' suffice: a member whose disk does not answer
 * would lead without being able to keep anything, again and again.
 */
export function poll(raft: Raft, from: MemberId, type: MessageType, granted: boolean): VoteResult {
  const { id, term, tracker, logger } = raft
  logger?.info(`${id} received ${type}${granted ? '' : ' rejection'} from ${from} at term ${term}`)
  tracker.recordVote(from, granted)
  const tally = tracker.tallyVotes()
  logger?.info(`${id} has received ${tally.granted} ${type} votes and ${tally.rejected} vote rejections`)
  return tally.result === 'won' && !tracker.hasVoted(id) ? 'pending' : tally.result
}

/**
 * Whether this member hears a live leader, and so refuses even to consider a candidate (thesis 4.2.3). Such a request does
 * not raise the term either: a member cut off for a while, or removed, disturbs nobody.
 */
export function inLease(raft: Raft, request: Message): boolean {
  const { config, log, logger } = raft
  if (!config.checkQuorum || raft.leader === NONE || raft.electionElapsed >= config.electionTicks) return false
  if (isTransfer(request.context)) return false
  logger?.info(
    `${raft.id} [logterm: ${log.lastTerm}, index: ${log.lastIndex}, vote: ${raft.vote}] ignored ${request.type} from ` +
      `${request.from} [logterm: ${request.logTerm}, index: ${request.index}] at term ${raft.term}: ` +
      `lease is not expired (remaining ticks: ${config.electionTicks - raft.electionElapsed})`,
  )
  return true
}

/** Paper 5.2 and 5.4.1: one vote a term, first come, first served, and only for a log at least as complete. */
export function handleVoteRequest(raft: Raft, request: Message): void {
  const { id, log, logger } = raft
  const { type, from, term } = request
  const canVote =
    raft.vote === from || (raft.vote === NONE && raft.leader === NONE) || (type === 'MsgPreVote' && term > raft.term)
  // A learner votes if asked: whoever asks it has applied a configuration, not seen here yet, in which it is a voter.
  const granted = canVote && log.isUpToDate(request.index, request.logTerm)
  logger?.info(
    `${id} [logterm: ${log.lastTerm}, index: ${log.lastIndex}, vote: ${raft.vote}] ${granted ? 'cast' : 'rejected'} ` +
      `${type} ${granted ? 'for' : 'from'} ${from} [logterm: ${request.logTerm}, index: ${request.index}] at term ${raft.term}`,
  )
  // A pre-vote is granted for the term asked about, and refused in our own, which may be news to the one who asks.
  const response = newMessage(responseType(type), from, id, granted ? term : raft.term)
  response.reject = !granted
  raft.send(response)
  if (granted && type === 'MsgVote') {
    raft.electionElapsed = 0
    raft.vote = from
  }
}

function responseType(request: MessageType): MessageType {
  return request === 'MsgPreVote' ? 'MsgPreVoteResp' : 'MsgVoteResp'
}

function isTransfer(context: Uint8Array): boolean {
  return context.length === CAMPAIGN_TRANSFER.length && CAMPAIGN_TRANSFER.every((byte, i) => context[i] === byte)
}
