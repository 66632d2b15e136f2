import type { MemberId, Message, Term } from '../raft/types.ts'
import { type Input, type PeerMessage, roleOf } from './types.ts'

type Arrival = Extract<Input, { kind: 'message' }>

/** Linearizable reads that a viewer may ask for in a tick. It asks for one at a time, each a round trip to the leader. */
export const viewerReadsPerTickMax = 256

/** Names of reads are 16 bytes; a leader keeps them until a quorum has answered. */
const readContextBytesMax = 32

/**
 * The door of a member: what is said by others is looked at here before anything is done about it. An editor is believed, as far as
 * Raft believes anyone; `src/raft/admission.ts` sees to that. A viewer holds a whole copy, and by its invite may do no more with it than
 * look, whatever its tab runs. It is taken at its word in what concerns itself: that it comes or goes, and what of the log it
 * has. It moves no term, no commit index and no vote, proposes nothing, and speaks for nobody else.
 */
export class Admission {
  #refused = 0
  readonly #reads = new Map<MemberId, number>()

  /** How often it said no. */
  get refused(): number {
    return this.#refused
  }

  admits({ from, message, viewer }: Arrival, term: Term): boolean {
    const isAdmitted =
      roleOf(from) === 'viewer' ? maySay(from, message, term) && this.#hasReadLeft(from, message) : !viewer
    if (!isAdmitted) this.#refused += 1
    return isAdmitted
  }

  tick(): void {
    this.#reads.clear()
  }

  #hasReadLeft(from: MemberId, message: PeerMessage): boolean {
    if (message.kind !== 'raft' || message.message.type !== 'MsgReadIndex') return true
    const reads = (this.#reads.get(from) ?? 0) + 1
    this.#reads.set(from, reads)
    return reads <= viewerReadsPerTickMax
  }
}

/** What a viewer may say to a member whose term is `term`. */
function maySay(from: MemberId, message: PeerMessage, term: Term): boolean {
  switch (message.kind) {
    case 'raft':
      return message.message.from === from && maySayInRaft(message.message, term)
    case 'join':
    case 'leave':
      return message.member === from
    case 'gossip':
      // A learner follows, always. Others are to be told of a leader by nobody else.
      return message.position.role === 'follower'
    case 'snapshotAck':
      return true
    case 'snapshotChunk':
    case 'removed':
      return false
    default:
      return message satisfies never
  }
}

/** Answers to what a leader told it, and the question for a read. Of terms it learns from others. */
function maySayInRaft({ type, term, entries, snapshot, context }: Message, ownTerm: Term): boolean {
  if (term > ownTerm || entries.length > 0 || snapshot !== null || context.length > readContextBytesMax) return false
  return type === 'MsgAppResp' || type === 'MsgHeartbeatResp' || type === 'MsgReadIndex'
}
