import { equalBytes } from '../../binary/bytes.ts'
import type { Entry, Message } from '../../raft/types.ts'
import type { PeerMessage } from '../../replica/types.ts'

/** Whether two messages of one sender differ in nothing but the address. In doubt they do. */
export function isAlike(a: PeerMessage, b: PeerMessage): boolean {
  if (a.kind === 'raft') return b.kind === 'raft' && isAlikeRaft(a.message, b.message)
  if (a.kind === 'gossip') {
    if (b.kind !== 'gossip' || a.commitTerm !== b.commitTerm) return false
    const [{ role, term, commit, applied }, other] = [a.position, b.position]
    return role === other.role && term === other.term && commit === other.commit && applied === other.applied
  }
  if (a.kind === 'leave') return b.kind === 'leave' && a.member === b.member && a.fate === b.fate
  return (a.kind === 'join' || a.kind === 'removed') && b.kind === a.kind && b.member === a.member
}

function isAlikeRaft(a: Message, b: Message): boolean {
  return (
    a.type === b.type &&
    a.index === b.index &&
    a.commit === b.commit &&
    a.term === b.term &&
    a.logTerm === b.logTerm &&
    a.from === b.from &&
    a.vote === b.vote &&
    a.reject === b.reject &&
    a.rejectHint === b.rejectHint &&
    equalBytes(a.context, b.context) &&
    isSameRun(a.entries, b.entries)
  )
}

/** A leader's appends hold the very entries of its log, one after the other. */
function isSameRun(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a === b || (a.length === b.length && a[0] === b[0] && a.at(-1) === b.at(-1))
}
