import type { MemberId, Message } from '../../raft/types.ts'
import type { PeerMessage } from '../../replica/types.ts'

/** How long what a member without a vote has in its log is kept to itself, at most. A heartbeat's interval is eight times that. */
export const acknowledgeMs = 50
/** With so few other members known everything is acknowledged at once: there is little to save, and a new voter may be waited for. */
export const fewMembers = 8
/** Of one member to another only the last is kept, so it takes as many pairs as this for one to leave early. */
export const keptMax = 64

export interface Acknowledgement {
  readonly from: MemberId
  readonly to: MemberId
  readonly message: Message
}

/**
 * What members without a vote acknowledge, before it leaves. A write reaches each of them twice, as an entry and as news of its commit; Raft
 * wants an answer to both, which say the same, and no commit waits for either. So the first is kept back until it is
 * said for the second time, or until one that covers more has taken its place and the time is over. Sans I/O.
 */
export class Acknowledgements {
  readonly #kept = new Map<string, Acknowledgement>()

  get size(): number {
    return this.#kept.size
  }

  /** True if it need not be sent now, as it is kept, or as one that is kept covers it. */
  keep(from: MemberId, to: MemberId, said: PeerMessage): boolean {
    if (said.kind !== 'raft') return false
    const { message } = said
    if (message.type !== 'MsgAppResp' || message.reject) return false
    const key = `${from} ${to}`
    const kept = this.#kept.get(key)?.message
    if (kept === undefined ? this.#kept.size >= keptMax : isSaidAgain(kept, message)) {
      this.#kept.delete(key)
      return false
    }
    if (kept === undefined || covers(message, kept)) this.#kept.set(key, { from, to, message })
    return true
  }

  /**
   * What is kept for that member, if anything. It goes ahead of an answer to a heartbeat: a leader that hears from somebody without the
   * acknowledgements it waits for tells it again where the log ends.
   */
  take(from: MemberId, to: MemberId): Message | null {
    const key = `${from} ${to}`
    const kept = this.#kept.get(key)
    this.#kept.delete(key)
    return kept?.message ?? null
  }

  takeAll(): Acknowledgement[] {
    const all = [...this.#kept.values()]
    this.#kept.clear()
    return all
  }
}

function isSaidAgain(kept: Message, message: Message): boolean {
  return kept.term === message.term && kept.index === message.index
}

/** Within a term a member's log only grows; what it had in an earlier one nobody waits for any more. */
function covers(message: Message, kept: Message): boolean {
  return message.term > kept.term || (message.term === kept.term && message.index > kept.index)
}
