import { newMessage } from './message.ts'
import type { Raft } from './raft.ts'
import {
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type ReadState,
  type Snapshot,
  type SoftState,
} from './types.ts'

/** What is to be saved, sent and applied now. See `RawNode` for in which order. */
export interface Ready {
  /** Null if it has not changed. */
  readonly softState: SoftState | null
  /** To be made durable before `messages` are sent. Null if it has not changed. */
  readonly hardState: HardState | null
  /** To be made durable before `messages` are sent; replaces what the log holds from the first one's index on. */
  readonly entries: readonly Entry[]
  /** To be made durable before `messages` are sent, in place of the whole log, and to be applied. */
  readonly snapshot: Snapshot | null
  /** To be applied. */
  readonly committedEntries: readonly Entry[]
  readonly messages: readonly Message[]
  /** Reads that may be served once their index is applied. */
  readonly readStates: readonly ReadState[]
  /** A new vote, term or entry is to be saved: the write must reach the disk, not only the system's cache. */
  readonly mustSync: boolean
}

/** Async: the whole write of one Ready as a message, with what may be sent once it is durable. Null if nothing depends on it. */
export function storageAppendMessage(raft: Raft, ready: Omit<Ready, 'messages'>): Message | null {
  const { hardState, entries, snapshot } = ready
  const { messagesAfterAppend } = raft
  if (entries.length === 0 && hardState === null && snapshot === null && messagesAfterAppend.length === 0) return null
  const message = newMessage('MsgStorageAppend', LOCAL_APPEND_THREAD, raft.id, hardState?.term ?? 0)
  message.vote = hardState?.vote ?? 0
  message.commit = hardState?.commit ?? 0
  message.entries = entries
  message.snapshot = snapshot
  const response = storageAppendResponse(raft, snapshot)
  message.responses = response === null ? messagesAfterAppend : [...messagesAfterAppend, response]
  return message
}

/**
 * Tells the machine that all it has handed out so far is durable. Null if there is nothing it needs to hear about.
 *
 * It names the end of the whole log, not of this write's entries, and the present term. Suppose entries are overwritten
 * and then written again by a later leader while the first write is still under way: its answer would fit the log, index and
 * term alike, although the disk may hold the entries in between. Answers from an earlier term are therefore ignored
 * (entries change only with a term), which makes an answer necessary for each new term even without new entries.
 */
export function storageAppendResponse(raft: Raft, snapshot: Snapshot | null): Message | null {
  const { log } = raft
  if (!log.hasUnstableEntries && snapshot === null) return null
  const message = newMessage('MsgStorageAppendResp', raft.id, LOCAL_APPEND_THREAD, raft.term)
  if (log.hasUnstableEntries) {
    message.index = log.lastIndex
    message.logTerm = log.lastTerm
  }
  message.snapshot = snapshot
  return message
}

/** Async: the entries to apply, as a message. They are committed, so no term takes them back. */
export function storageApplyMessage(raft: Raft, entries: readonly Entry[]): Message {
  const message = newMessage('MsgStorageApply', LOCAL_APPLY_THREAD, raft.id, 0)
  message.entries = entries
  message.responses = [storageApplyResponse(raft, entries)]
  return message
}

export function storageApplyResponse(raft: Raft, entries: readonly Entry[]): Message {
  const message = newMessage('MsgStorageApplyResp', raft.id, LOCAL_APPLY_THREAD, 0)
  message.entries = entries
  return message
}
