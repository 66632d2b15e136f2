import { assert } from '../raft/assert.ts'
import { StorageError } from '../raft/storage.ts'
import { type Index, membersOf, type Snapshot, type SnapshotMetadata } from '../raft/types.ts'
import type { SnapshotWriter } from '../store/snapshot.ts'

/** Saves what the state was when it was made, in steps; see the store's. */
type Writer = Pick<SnapshotWriter, 'step' | 'abandon'>

/** What a member makes snapshots of: its state as of `metadata`. */
export interface SnapshotSource {
  /** What the state is a state of now; null while none may be made. */
  position(): SnapshotMetadata | null
  write(): Writer
  /** The log's first index; a follower can go on from a snapshot only if the log does. */
  firstIndex(): Index
}

export interface SnapshotOptions {
  /** Changes saved at a time. A store with no more is saved at once. */
  readonly stepChanges: number
  /** How long one stays in memory for followers after it was last given to one. */
  readonly keptTicks: number
}

type Making = {
  readonly metadata: SnapshotMetadata
  readonly writer: Writer
}

/**
 * Makes snapshots of this member's state, for its log and for followers, one at a time and a step a tick, so that a large state
 * does not hold the member up. The first step is taken at once, which is all that a small state needs.
 */
export class Snapshots {
  readonly #source: SnapshotSource
  readonly #options: SnapshotOptions
  readonly #made: (snapshot: Snapshot) => void
  #making: Making | null = null
  #newest: Snapshot | null = null
  #idleTicks = 0
  /** Since the member was opened. */
  count = 0

  constructor(source: SnapshotSource, options: SnapshotOptions, made: (snapshot: Snapshot) => void) {
    this.#source = source
    this.#options = options
    this.#made = made
  }

  /** Begins one, unless one is being made or none can be. */
  begin(): void {
    const metadata = this.#source.position()
    if (this.#making !== null || metadata === null) return
    this.#making = { metadata, writer: this.#source.write() }
    this.#step()
  }

  tick(): void {
    this.#idleTicks += 1
    if (this.#idleTicks > this.#options.keptTicks) this.#newest = null
    this.#step()
  }

  /** The newest is on its way to a follower, and would be made anew should that fail. */
  keep(): void {
    this.#idleTicks = 0
  }

  /** The state was replaced, or is about to be: what was made of the old one is of no use. */
  abandon(): void {
    this.#making?.writer.abandon()
    this.#making = null
    this.#newest = null
  }

  /**
   * One for a follower, from which it can go on with the log. Throws `SNAPSHOT_UNAVAILABLE` while there is none, and sees to
   * it that there will be: raft asks again.
   */
  forFollower(): Snapshot {
    if (!this.#isUsable()) this.begin()
    const newest = this.#newest
    if (newest === null || !this.#isUsable()) {
      throw new StorageError('SNAPSHOT_UNAVAILABLE', 'a snapshot is being made')
    }
    this.#idleTicks = 0
    return newest
  }

  /** Members take no snapshot of a configuration that they are not in, so one from before a member came is not for it. */
  #isUsable(): boolean {
    const newest = this.#newest
    const present = this.#source.position()
    if (newest === null || present === null) return false
    if (newest.metadata.index < this.#source.firstIndex() - 1) return false
    const listed = membersOf(newest.metadata.confState)
    return [...membersOf(present.confState)].every(member => listed.has(member))
  }

  #step(): void {
    const making = this.#making
    if (making === null) return
    const data = making.writer.step(this.#options.stepChanges)
    if (data === null) return
    const { metadata } = making
    assert(this.#newest === null || this.#newest.metadata.index <= metadata.index, 'snapshots: one made out of order')
    this.#making = null
    this.#newest = { metadata, data }
    this.#idleTicks = 0
    this.count += 1
    this.#made(this.#newest)
  }
}
