import {
  EMPTY_BYTES,
  type Entry,
  type Index,
  type MemberId,
  type Message,
  type MessageType,
  type Term,
} from './types.ts'

export type MutableMessage = { -readonly [Field in keyof Message]: Message[Field] }

const NO_ENTRIES: readonly Entry[] = []
const NO_MESSAGES: readonly Message[] = []

/**
 * A message with zero in every field the caller does not go on to set. All messages are born here, so they all have one
 * hidden class and the code that reads them stays monomorphic.
 */
export function newMessage(type: MessageType, to: MemberId, from: MemberId, term: Term): MutableMessage {
  return {
    type,
    to,
    from,
    term,
    logTerm: 0,
    index: 0,
    entries: NO_ENTRIES,
    commit: 0,
    vote: 0,
    snapshot: null,
    reject: false,
    rejectHint: 0,
    context: EMPTY_BYTES,
    responses: NO_MESSAGES,
  }
}

/** The same message to somebody else: what a follower does with what only the leader can answer. */
export function forwarded(message: Message, to: MemberId): Message {
  return { ...message, to }
}

export function appendResponse(to: MemberId, from: MemberId, term: Term, index: Index): MutableMessage {
  const message = newMessage('MsgAppResp', to, from, term)
  message.index = index
  return message
}

/** Kinds that only the member itself, or its own storage threads, may step. */
export function isLocalMessage(type: MessageType): boolean {
  switch (type) {
    case 'MsgHup':
    case 'MsgBeat':
    case 'MsgUnreachable':
    case 'MsgSnapStatus':
    case 'MsgCheckQuorum':
    case 'MsgStorageAppend':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApply':
    case 'MsgStorageApplyResp':
      return true
    default:
      return false
  }
}

/** Kinds that answer something, and so make sense only from a member of the configuration. */
export function isResponseMessage(type: MessageType): boolean {
  switch (type) {
    case 'MsgAppResp':
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
    case 'MsgHeartbeatResp':
    case 'MsgReadIndexResp':
    case 'MsgUnreachable':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApplyResp':
      return true
    default:
      return false
  }
}
