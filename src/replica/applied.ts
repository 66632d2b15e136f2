import { EMPTY_CONF_STATE } from '../raft/configuration.ts'
import type { ConfState, Entry, Index, Snapshot, SnapshotMetadata, Term } from '../raft/types.ts'
import { Store } from '../store/store.ts'

/** What a member has applied, up to which entry: the store, and the configuration in force. */
export class Applied {
  readonly store: Store
  confState: ConfState
  index: Index
  term: Term
  #isWithinEntry = false

  constructor(snapshot: Snapshot | null) {
    this.store = snapshot === null ? new Store() : Store.restore(snapshot.data)
    this.confState = snapshot?.metadata.confState ?? EMPTY_CONF_STATE
    this.index = snapshot?.metadata.index ?? 0
    this.term = snapshot?.metadata.term ?? 0
  }

  /** False in a member that has not been given the cluster's state yet. */
  get hasState(): boolean {
    return this.index > 0
  }

  /** What the state is a state of; null in the middle of an entry, when it is that of none. */
  get position(): SnapshotMetadata | null {
    if (this.#isWithinEntry) return null
    return { confState: this.confState, index: this.index, term: this.term }
  }

  apply({ index, term }: Entry, takeEffect: () => void): void {
    this.#isWithinEntry = true
    this.index = index
    this.term = term
    takeEffect()
    this.#isWithinEntry = false
  }

  install({ metadata, data }: Snapshot): void {
    this.store.install(data)
    this.confState = metadata.confState
    this.index = metadata.index
    this.term = metadata.term
  }
}
