import { RaftError } from '../raft/errors.ts'
import type { RawNode } from '../raft/raw-node.ts'
import type { Message } from '../raft/types.ts'

/**
 * What raft refuses is lost, as on any network: messages from members it does not know, proposals nobody can take. Not so a
 * message that cannot be true beside this log: one of the two has lost what it promised to keep, and this one stops.
 */
export function stepReceived(raft: RawNode, message: Message): void {
  try {
    raft.step(message)
  } catch (error) {
    if (!(error instanceof RaftError) || error.code === 'STEP_CONTRADICTION') throw error
  }
}

/** The same from a viewer: what cannot be true is then no more than a lie. */
export function stepViewers(raft: RawNode, message: Message): void {
  try {
    raft.step(message)
  } catch (error) {
    if (!(error instanceof RaftError)) throw error
  }
}

/** What its own disk lets a member say to itself. A leader that has committed its own removal is a stranger by then. */
export function stepOwn(raft: RawNode, message: Message): void {
  try {
    raft.step(message)
  } catch (error) {
    if (!(error instanceof RaftError) || error.code !== 'STEP_PEER_NOT_FOUND') throw error
  }
}
