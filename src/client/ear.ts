import type { MemberId } from '../raft/types.ts'
import { watchUntil } from './abortable.ts'
import type { DatabaseStatus } from './database.ts'
import { FlotillaError } from './errors.ts'
import type { Readable } from './readable.ts'

/** Why a cluster is not recovered, unless that is forced. */
export type RecoverRefusal = 'QUORUM_REACHABLE' | 'MEMBER_AHEAD' | 'SIGNALING_UNREACHABLE'

export type Heard = Pick<DatabaseStatus, 'replica' | 'adopted' | 'signaling' | 'failure'>

/** Listens for whether a cluster lives, and for what the members in reach know. */
export class Ear {
  /** When each member was last connected. */
  readonly heard = new Map<MemberId, Date>()
  readonly #status: Readable<Heard>
  readonly #force: readonly RecoverRefusal[]
  #latest: Heard | null = null
  #couldHear = false

  /** `force`: what is not to be refused. */
  constructor(status: Readable<Heard>, force: readonly RecoverRefusal[]) {
    this.#status = status
    this.#force = force
  }

  /** Until something speaks against recovering, or nothing has for so long. Errors: `ABORTED`. */
  listen(listenMs: number, signal: AbortSignal | undefined): Promise<FlotillaError | null> {
    const seen = (status: Heard) => {
      this.#latest = status
      return this.#hear(status) ?? undefined
    }
    return watchUntil(this.#status, seen, { msMax: listenMs, late: () => this.#verdict() }, signal)
  }

  #hear(status: Heard): FlotillaError | null {
    const { replica, adopted, signaling, failure } = status
    if (signaling === 'connected' || signaling === 'none') this.#couldHear = true
    for (const { member, connected } of replica.members) {
      if (connected && member !== replica.member && !adopted.includes(member)) this.heard.set(member, new Date())
    }
    if (failure !== null) return failure
    if (!replica.quorum) return null
    return this.#refuse('QUORUM_REACHABLE', 'This cluster has a leader: open it, there is nothing to recover.')
  }

  #verdict(): FlotillaError | null {
    if (!this.#couldHear) {
      const message =
        'The signaling server was not reached, so nobody could be heard: whether there is a quorum is not known.'
      return this.#refuse('SIGNALING_UNREACHABLE', message)
    }
    const { commit = 0, members = [] } = this.#latest?.replica ?? {}
    const ahead = members.find(({ connected, position }) => connected && (position?.commit ?? 0) > commit)
    if (ahead === undefined) return null
    const message = `Member ${ahead.member} is in reach and has more than this browser. Recover in its browser.`
    return this.#refuse('MEMBER_AHEAD', message)
  }

  #refuse(code: RecoverRefusal, message: string): FlotillaError | null {
    return this.#force.includes(code) ? null : new FlotillaError(code, message)
  }
}
