import type { Revision } from '../store/types.ts'

/** Which past revisions the cluster keeps without being told. The leader's option decides. */
export type AutoCompaction =
  | { readonly kind: 'off' }
  /** The last so many revisions, looked at every so often. */
  | { readonly kind: 'revision'; readonly retentionRevisions: number; readonly everyTicks: number }
  /** What was the present at any time within the last so many ticks. */
  | { readonly kind: 'periodic'; readonly retentionTicks: number }

/** What is asked of the store. */
export interface Revisions {
  readonly revision: Revision
  readonly compactRevision: Revision
}

/**
 * Says when to compact, and up to where. Every member follows the time, so that a new leader knows what the revision was before
 * it led; only the leader acts on what this says. A compaction that gets lost on the way is found due again.
 */
export class AutoCompactor {
  readonly #policy: AutoCompaction
  readonly #revisions: Revisions
  /** Revisions as of moments in the past, the oldest first; those a compaction no longer needs are dropped. */
  #samples: { readonly at: number; readonly revision: Revision }[] = []
  #now = 0
  #nextAt = 0

  constructor(policy: AutoCompaction, revisions: Revisions) {
    this.#policy = policy
    this.#revisions = revisions
  }

  /** Time has passed. Returns the revision to compact at, if it is time and worth it. */
  advance(ticks: number): Revision | null {
    this.#now += ticks
    if (this.#policy.kind === 'off' || this.#now < this.#nextAt) return null
    const { compactRevision, revision } = this.#revisions
    switch (this.#policy.kind) {
      case 'revision': {
        const { retentionRevisions, everyTicks } = this.#policy
        this.#nextAt = this.#now + everyTicks
        const target = revision - retentionRevisions
        return target - compactRevision >= Math.max(1, retentionRevisions / shares) ? target : null
      }
      case 'periodic': {
        const { retentionTicks } = this.#policy
        this.#nextAt = this.#now + Math.ceil(retentionTicks / shares)
        const target = this.#revisionAt(this.#now - retentionTicks)
        this.#samples.push({ at: this.#now, revision })
        return target > Math.max(firstRevision, compactRevision) ? target : null
      }
    }
  }

  /** As of the last look at or before that time; 0 if that is not known. */
  #revisionAt(time: number): Revision {
    const later = this.#samples.findIndex(({ at }) => at > time)
    const last = (later === -1 ? this.#samples.length : later) - 1
    const sample = this.#samples[last]
    if (sample === undefined) return 0
    this.#samples = this.#samples.slice(last)
    return sample.revision
  }
}

/** Nothing lies before it that could be forgotten. */
const firstRevision = 1
/** A compaction takes at least this part of what is kept, so that keeping much does not mean compacting all the time. */
const shares = 10
