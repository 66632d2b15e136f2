import { assert } from './assert.ts'
import type { Inflights } from './inflights.ts'
import type { Index } from './types.ts'

/**
 * How the leader feeds one follower.
 * - `probe`: where the logs part is not known; at most one message per heartbeat interval until the follower answers.
 * - `replicate`: it is known; entries are sent optimistically, as many as the inflight window takes.
 * - `snapshot`: the entries it needs are gone; nothing is sent until the snapshot is acknowledged or has failed.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot'

const STATE_NAMES = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' } as const

export interface ProgressInit {
  readonly match: Index
  readonly next: Index
  readonly isLearner: boolean
  readonly recentActive: boolean
  readonly inflights: Inflights
}

/**
 * The leader's view of one member (Raft paper, figure 2: nextIndex and matchIndex), and the flow control that goes with it.
 * Always `match < next`.
 */
export class Progress {
  /** Everything up to here is known to be on the member's disk. */
  match: Index
  /** The first entry to send next. */
  next: Index
  state: ProgressState = 'probe'
  /** In `snapshot`: the index of the snapshot under way. */
  pendingSnapshot: Index = 0
  /** Heard from since the last quorum check. */
  recentActive: boolean
  /** Nothing but heartbeats is sent until the member answers. */
  flowPaused = false
  isLearner: boolean
  readonly inflights: Inflights
  /** The highest commit index known to be under way to the member, so that it is not told twice. */
  #sentCommit: Index = 0

  constructor(init: ProgressInit) {
    this.match = init.match
    this.next = init.next
    this.isLearner = init.isLearner
    this.recentActive = init.recentActive
    this.inflights = init.inflights
  }

  get paused(): boolean {
    return this.state === 'snapshot' || this.flowPaused
  }

  becomeProbe(): void {
    // After a snapshot the member is known to hold more than it has acknowledged so far.
    const afterSnapshot = this.state === 'snapshot' ? this.pendingSnapshot + 1 : 0
    this.#enter('probe')
    this.next = Math.max(this.match + 1, afterSnapshot)
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1)
  }

  becomeReplicate(): void {
    this.#enter('replicate')
    this.next = this.match + 1
  }

  becomeSnapshot(index: Index): void {
    assert(index >= this.match, 'progress: snapshot below what the member already has')
    this.#enter('snapshot')
    this.pendingSnapshot = index
    this.next = index + 1
    this.#sentCommit = index
  }

  #enter(state: ProgressState): void {
    this.state = state
    this.flowPaused = false
    this.pendingSnapshot = 0
    this.inflights.reset()
  }

  /** An append with `count` entries was sent from `next`. */
  sentEntries(count: number, bytes: number): void {
    assert(this.state !== 'snapshot', 'progress: append sent while a snapshot is under way')
    if (this.state === 'replicate') {
      if (count > 0) {
        this.next += count
        this.inflights.add(this.next - 1, bytes)
      }
      // A message that fills the window, or finds it full, is a probe: wait for the answer.
      this.flowPaused = this.inflights.full
    } else if (count > 0) {
      this.flowPaused = true
    }
  }

  sentCommit(commit: Index): void {
    this.#sentCommit = commit
  }

  /** Whether telling the member this commit index could move it further than what it was already told. */
  canBumpCommit(commit: Index): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.next - 1
  }

  /** The member has acknowledged `index`. False if that is no news. */
  maybeUpdate(index: Index): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.flowPaused = false
    return true
  }

  /**
   * The member refused the append after `rejected`; its log may agree up to `hint`. False if the refusal is stale.
   * Messages may be reordered, so only a refusal of what was sent last (or, replicating, of something not yet
   * acknowledged) tells anything.
   */
  maybeDecrementTo(rejected: Index, hint: Index): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false
      this.next = this.match + 1
    } else {
      if (this.next - 1 !== rejected) return false
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1)
      this.flowPaused = false
    }
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1)
    return true
  }

  /** For a configuration that may take the place of this one; the two share the inflight window, and one is dropped. */
  clone(): Progress {
    const copy = new Progress(this)
    copy.state = this.state
    copy.pendingSnapshot = this.pendingSnapshot
    copy.flowPaused = this.flowPaused
    copy.#sentCommit = this.#sentCommit
    return copy
  }

  toString(): string {
    let text = `${STATE_NAMES[this.state]} match=${this.match} next=${this.next}`
    if (this.isLearner) text += ' learner'
    if (this.paused) text += ' paused'
    if (this.pendingSnapshot > 0) text += ` pendingSnap=${this.pendingSnapshot}`
    if (!this.recentActive) text += ' inactive'
    if (this.inflights.count > 0) text += ` inflight=${this.inflights.count}${this.inflights.full ? '[full]' : ''}`
    return text
  }
}
