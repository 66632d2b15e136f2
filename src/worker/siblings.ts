import type { MemberId } from '../raft/types.ts'
import { awaitLock, type Identity } from './identity.ts'
import { type Belonging, listOwn } from './opening.ts'

/**
 * Watches over the members of other tabs of this browser, by queueing for their locks: a lock falls free when its tab is closed
 * or has crashed, and then one of its siblings, and only one, is handed its identity.
 */
export class Siblings {
  readonly #belonging: Belonging
  readonly #onOrphaned: (identity: Identity) => void
  readonly #watched = new Set<MemberId>()
  readonly #stop = new AbortController()

  constructor(belonging: Belonging, onOrphaned: (identity: Identity) => void) {
    this.#belonging = belonging
    this.#onOrphaned = onOrphaned
  }

  /** A member was heard, so some tab speaks for it. If its log is in this browser, that tab is a sibling. */
  heard(member: MemberId): void {
    if (this.#watched.has(member)) return
    this.#watched.add(member)
    this.#watch(member).catch(() => {
      // Without a list of logs, or with locks taken away, nobody can be adopted; the cluster does without.
    })
  }

  stop(): void {
    this.#stop.abort()
  }

  async #watch(member: MemberId): Promise<void> {
    const local = await listOwn(this.#belonging)
    const identity = local.includes(member)
      ? await awaitLock(this.#belonging.clusterId, member, this.#stop.signal)
      : null
    this.#watched.delete(member)
    if (identity !== null) this.#onOrphaned(identity)
  }
}
