import type { MemberId } from '../raft/types.ts'
import type { ClusterEvent } from '../replica/types.ts'
import type { FromHost, HostEvent, TabEvent } from './protocol.ts'

/** Tells the page what happened: all that one task brought as one message. */
export class EventPost {
  readonly #post: (message: FromHost) => void
  #events: HostEvent[] = []

  constructor(post: (message: FromHost) => void) {
    this.#post = post
  }

  add(member: MemberId, event: ClusterEvent | TabEvent): void {
    if (this.#events.length === 0) {
      queueMicrotask(() => {
        this.#post({ type: 'events', events: this.#events })
        this.#events = []
      })
    }
    this.#events.push({ at: Date.now(), member, ...event })
  }
}
