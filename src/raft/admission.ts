import { RaftError } from './errors.ts'
import type { RaftLog } from './log.ts'
import { isLocalMessage, isResponseMessage } from './message.ts'
import type { Raft } from './raft.ts'
import {
  type ConfState,
  type Index,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type MemberId,
  type Message,
  NONE,
  type Snapshot,
  type Term,
} from './types.ts'

/** No cluster gets this far, and from here there is as much room again: what is added to it stays a safe integer. */
const POSITION_MAX = 2 ** 52

/**
 * The door: what comes from outside is looked at here, before it can change anything. Everything behind it may rely on messages
 * that a member which keeps Raft's rules could have sent, and its asserts say so. Throws `RaftError`, see `RawNode.step`.
 */
export function admit(raft: Raft, message: Message): void {
  const { type, from } = message
  if (!hasSoundNumbers(message)) malformed(message, 'a number that is no index, term or member')
  if (from === LOCAL_APPEND_THREAD || from === LOCAL_APPLY_THREAD) {
    admitFromThread(raft, message)
    return
  }
  if (isLocalMessage(type)) throw new RaftError('STEP_LOCAL', `${type} from ${from}: only a member itself may step it`)
  if (isResponseMessage(type) && !raft.tracker.progress.has(from)) {
    throw new RaftError('STEP_PEER_NOT_FOUND', `${type} from ${from}, which is not in the configuration`)
  }
  if (from === NONE) malformed(message, 'nobody sent it')
  if (from === raft.id && !mayComeBack(message)) malformed(message, 'a member sends itself no such message')
  admitContent(raft, message)
}

/** The own storage threads answer, and that is all they do; without asynchronous writes there are none. */
function admitFromThread(raft: Raft, message: Message): void {
  const { type, from, entries, snapshot } = message
  const expected = from === LOCAL_APPEND_THREAD ? 'MsgStorageAppendResp' : 'MsgStorageApplyResp'
  if (!raft.config.asyncStorageWrites || type !== expected) {
    throw new RaftError('STEP_LOCAL', `${type}: no storage thread of this member sends it`)
  }
  const { handedOut } = raft.log
  if (snapshot !== null && !isWithin(snapshot.metadata.index, handedOut)) {
    malformed(message, 'a snapshot never handed out')
  }
  const last = entries.at(-1)
  if (last !== undefined && !isWithin(last.index, handedOut)) malformed(message, 'entries never handed out')
}

/** What a member can get back of its own: the votes and acknowledgements of its own disk, and what others passed on for it. */
function mayComeBack({ type, reject }: Message): boolean {
  switch (type) {
    case 'MsgAppResp':
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return !reject
    case 'MsgProp':
    case 'MsgReadIndex':
    case 'MsgTransferLeader':
      return true
    default:
      return false
  }
}

function admitContent(raft: Raft, message: Message): void {
  const { type, term, index, entries, snapshot, commit } = message
  if (type === 'MsgProp' || type === 'MsgReadIndex') {
    // Whoever leads may answer them, whatever the term.
    if (term !== 0) malformed(message, 'it has a term')
    if (type === 'MsgProp' && entries.length === 0) malformed(message, 'a proposal of nothing')
    return
  }
  if (term === 0) malformed(message, 'no term')
  // What an old leader says is not looked at further.
  if (term < raft.term) return
  switch (type) {
    case 'MsgApp':
      if (!areInOrder(message)) malformed(message, 'entries out of order')
      if (contradictsCommitted(raft, message)) contradiction(message, 'replaces what is committed')
      return
    case 'MsgHeartbeat':
      // The leader has seen our acknowledgement of at least as much.
      if (commit > raft.log.lastIndex) contradiction(message, 'commits what is not in this log')
      return
    case 'MsgSnap':
      if (snapshot === null || !isSoundSnapshot(snapshot) || snapshot.metadata.term > term)
        malformed(message, 'no snapshot')
      if (contradictsSnapshot(raft, snapshot)) contradiction(message, 'a snapshot that contradicts what is committed')
      return
    case 'MsgAppResp':
      if (raft.role === 'leader' && term === raft.term && !message.reject && index > raft.log.lastIndex) {
        contradiction(message, 'acknowledges what the leader does not have')
      }
      return
    default:
  }
}

/** Numbers that other code adds up, compares and uses as positions. */
function hasSoundNumbers({ to, from, term, logTerm, index, commit, vote, rejectHint }: Message): boolean {
  const isThread = from === LOCAL_APPEND_THREAD || from === LOCAL_APPLY_THREAD
  if (!((isMember(from) || isThread) && isMember(to) && isMember(vote))) return false
  return isPosition(term) && isPosition(logTerm) && isPosition(index) && isPosition(commit) && isPosition(rejectHint)
}

function isMember(id: MemberId): boolean {
  return Number.isSafeInteger(id) && id >= NONE
}

function isWithin(index: Index, limit: Index): boolean {
  return isPosition(index) && index <= limit
}

function isPosition(value: Index | Term): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= POSITION_MAX
}

/** Indexes follow one another, and terms never fall: from the entry before to the leader's own (paper 5.3, 5.4). */
function areInOrder({ index, logTerm, term, entries }: Message): boolean {
  let next = index
  let last = logTerm
  for (const entry of entries) {
    if (entry.index !== ++next) return false
    // Rarely a new term: the only time it has to be looked at.
    if (entry.term === last && last !== 0) continue
    if (!isPosition(entry.term) || entry.term <= last) return false
    last = entry.term
  }
  return last <= term
}

/** Whoever leads this term or a later one has everything that is committed here, and so the same entries there (paper 5.4.3). */
function contradictsCommitted({ log }: Raft, { index, logTerm, entries }: Message): boolean {
  if (index > log.committed) return false
  if (differs(log, index, logTerm)) return true
  for (const entry of entries) {
    if (entry.index > log.committed) return false
    if (differs(log, entry.index, entry.term)) return true
  }
  return false
}

/** Not where the log is compacted away: nothing is known of it any more. */
function differs(log: RaftLog, index: Index, term: Term): boolean {
  const ours = log.term(index)
  return ours !== null && ours !== term
}

function contradictsSnapshot({ log }: Raft, { metadata: { index, term } }: Snapshot): boolean {
  const floor = index > log.committed ? log.term(log.committed) : null
  return floor !== null && term < floor
}

function isSoundSnapshot({ metadata: { index, term, confState } }: Snapshot): boolean {
  return isPosition(index) && index > 0 && isPosition(term) && term > 0 && isSoundConfState(confState)
}

/** A configuration that membership changes can lead to. */
function isSoundConfState({ voters, votersOutgoing, learners, learnersNext, autoLeave }: ConfState): boolean {
  const incoming = distinctMembers(voters)
  const outgoing = distinctMembers(votersOutgoing)
  const listening = distinctMembers(learners)
  const next = distinctMembers(learnersNext)
  if (incoming === null || outgoing === null || listening === null || next === null || incoming.size === 0) return false
  for (const learner of listening) if (incoming.has(learner) || outgoing.has(learner)) return false
  for (const member of next) if (incoming.has(member) || !outgoing.has(member)) return false
  return outgoing.size > 0 || !autoLeave
}

/** Null if they are no ids, or one is there twice. */
function distinctMembers(list: readonly MemberId[]): ReadonlySet<MemberId> | null {
  const members = new Set(list)
  if (members.size !== list.length) return null
  for (const member of members) if (!isMember(member) || member === NONE) return null
  return members
}

function malformed({ type, from }: Message, reason: string): never {
  throw new RaftError('STEP_MALFORMED', `${type} from ${from} makes no sense: ${reason}`)
}

function contradiction({ type, from }: Message, reason: string): never {
  throw new RaftError('STEP_CONTRADICTION', `${type} from ${from}: ${reason}`)
}
