import { assert } from '../raft/assert.ts'
import { MemoryStorage } from '../raft/memory-storage.ts'
import { EMPTY_BYTES, type Entry, type HardState, type Index, type Message, type Snapshot } from '../raft/types.ts'
import type { ReplicaOptions } from './options.ts'
import { type SnapshotSource, Snapshots } from './snapshots.ts'
import type { Output, WalState, WalWrite } from './types.ts'

/** A write on its way to the disk and what is to happen once it is there. */
interface InFlight {
  readonly id: number
  readonly write: WalWrite
  responses: readonly Message[]
}

/** A snapshot on its way to the disk, and what is to happen once it is there. */
interface Staged {
  readonly snapshot: Snapshot
  readonly then: () => void
}

/** Of the state that a log leads to. */
export interface LogSource extends Pick<SnapshotSource, 'position' | 'write'> {
  /** What a snapshot of it would take, roughly. */
  liveBytes(): number
  /** Of the oldest snapshot on its way to a follower, which needs the entries after it; null if there is none. */
  departingIndex(): Index | null
}

/**
 * Stands between raft's storage messages and the durable log: turns MsgStorageAppend into `persist` outputs, several of which
 * may be under way, and mirrors in memory what has become durable, for raft to read. When the log has outgrown the state
 * that it leads to, a snapshot takes the place of what is no longer needed.
 */
export class ReplicaLog {
  readonly storage: MemoryStorage
  readonly #options: ReplicaOptions
  readonly #snapshots: Snapshots
  readonly #source: LogSource
  readonly #emit: (output: Output) => void
  #hardState: HardState
  /** Of the newest write issued. */
  #persistedCommit: Index
  readonly #inFlight: InFlight[] = []
  #lastId = 0
  #lastStage = 0
  #staging: Staged | null = null
  /** Waits for the one that is being staged. */
  #stageNext: Staged | null = null
  /** Of the entries after the newest snapshot, roughly, and how much of that a snapshot begun since will stand for. */
  #bytes: number
  #markedBytes = 0
  #markedLiveBytes = 0
  #snapshotBytes: number
  /** Of the state when the newest snapshot was made of it; null until that is asked for. */
  #snapshotLiveBytes: number | null = null

  constructor(recovered: WalState, options: ReplicaOptions, state: LogSource, emit: (output: Output) => void) {
    const { snapshot, entries } = recovered
    this.#options = options
    this.#source = state
    this.#emit = emit
    this.storage = MemoryStorage.recover(
      { ...recovered, snapshot: snapshot && placeOf(snapshot) },
      { makeSnapshot: () => this.#snapshots.forFollower() },
    )
    this.#snapshots = new Snapshots(
      {
        // While a snapshot is being installed, raft has its configuration already: the state here is no longer anyone's.
        position: () => (this.isInstalling ? null : state.position()),
        write: () => {
          this.#markedBytes = this.#bytes
          this.#markedLiveBytes = state.liveBytes()
          return state.write()
        },
        firstIndex: () => this.storage.firstIndex(),
      },
      { stepChanges: options.snapshotStepChanges, keptTicks: options.snapshotTicksMax },
      made => this.#compact(made),
    )
    this.#bytes = bytesOf(entries.filter(({ index }) => index > (snapshot?.metadata.index ?? 0)))
    this.#snapshotBytes = snapshot?.data.length ?? 0
    this.#hardState = this.storage.initialState().hardState
    this.#persistedCommit = recovered.hardState.commit
  }

  /**
   * Starts the write that a MsgStorageAppend asks for. Where nothing but the commit index moved, none is needed (the
   * next one carries it), but its responses still wait for the writes before it: returned if there are none.
   */
  append(message: Message): readonly Message[] {
    const before = this.#hardState
    if (message.term !== 0 || message.vote !== 0 || message.commit !== 0) {
      this.#hardState = { term: message.term, vote: message.vote, commit: message.commit }
    }
    const voteMoved = this.#hardState.term !== before.term || this.#hardState.vote !== before.vote
    if (!voteMoved && message.entries.length === 0 && message.snapshot === null) {
      const last = this.#inFlight.at(-1)
      if (last === undefined) return message.responses
      last.responses = [...last.responses, ...message.responses]
      return []
    }
    this.#persist({ entries: message.entries, install: message.snapshot, compaction: null }, message.responses)
    return []
  }

  /**
   * Makes the commit index durable, which otherwise waits for the next write. To be called when a change of the configuration was
   * applied: those it lets go count on it, and a member that came back with the old one would wait for their votes.
   */
  persistCommit(): void {
    if (this.#hardState.commit === this.#persistedCommit) return
    this.#persist({ entries: [], install: null, compaction: null }, [])
  }

  /** What this member would come back with. */
  get durableCommit(): Index {
    return this.storage.initialState().hardState.commit
  }

  /** A snapshot from the leader is being written. One made here would be older, and must not be written after it. */
  get isInstalling(): boolean {
    return this.#inFlight.some(({ write }) => write.install !== null)
  }

  get snapshotsMade(): number {
    return this.#snapshots.count
  }

  /** After entries were applied: begins a snapshot if it is time for one. */
  compactIfOutgrown(): void {
    if (this.#staging === null && this.#isOutgrown()) this.#snapshots.begin()
  }

  /** In every turn that brings ticks: the next step of what is begun. */
  tick(): void {
    if (this.isInstalling) {
      this.#snapshots.abandon()
      return
    }
    if (this.#source.departingIndex() !== null) this.#snapshots.keep()
    this.#snapshots.tick()
  }

  /** Writes down a snapshot from the leader. `then` is called once it is there, unless another has come meanwhile. */
  stage(snapshot: Snapshot, then: () => void): void {
    this.#stageNext = { snapshot, then }
    if (this.#staging === null) this.#beginStaging()
  }

  /** A compaction that a snapshot from the leader has overtaken is of no use any more. */
  staged(id: number): void {
    const done = this.#staging
    assert(done !== null && id === this.#lastStage, 'log: what was staged is what was asked for')
    this.#staging = null
    if (this.#stageNext === null) done.then()
    else this.#beginStaging()
  }

  #beginStaging(): void {
    this.#staging = this.#stageNext
    this.#stageNext = null
    if (this.#staging === null) return
    this.#lastStage += 1
    this.#emit({ kind: 'stage', id: this.#lastStage, snapshot: this.#staging.snapshot })
  }

  /**
   * The log may grow as large as the state it leads to: then writing a snapshot costs a constant factor of the log. What was saved of a
   * state that is half gone since does not count, and is replaced.
   */
  #isOutgrown(): boolean {
    const { compactionBytesMin } = this.#options
    const live = this.#source.liveBytes()
    this.#snapshotLiveBytes ??= live
    const isShrunk = this.#snapshotBytes >= compactionBytesMin && live < this.#snapshotLiveBytes / 2
    return isShrunk || this.#bytes >= Math.max(compactionBytesMin, Math.min(this.#snapshotBytes, live))
  }

  /** Whatever a snapshot was made for, it can take the place of the entries up to it. */
  #compact(snapshot: Snapshot): void {
    if (this.#staging !== null || !this.#isOutgrown()) return
    const [bytes, liveBytes] = [this.#markedBytes, this.#markedLiveBytes]
    this.stage(snapshot, () => {
      if (this.isInstalling) return
      this.#bytes -= bytes
      this.#snapshotBytes = snapshot.data.length
      this.#snapshotLiveBytes = liveBytes
      const compactTo = this.#needlessUpTo(snapshot.metadata.index)
      this.#persist({ entries: [], install: null, compaction: { snapshot, compactTo } }, [])
    })
  }

  /** Entries are kept for followers a little behind, and those after a snapshot on its way to one; no more than a fixed amount. */
  #needlessUpTo(index: Index): Index {
    const { compactionTrailingEntries, compactionTrailingBytesMax } = this.#options
    const departing = this.#source.departingIndex()
    const wanted = Math.min(index - compactionTrailingEntries, departing ?? index)
    const first = Math.max(wanted + 1, this.storage.firstIndex())
    const bytesMax = Math.max(compactionTrailingBytesMax, departing === null ? 0 : this.#snapshotBytes)
    let bytes = 0
    for (let kept = index + 1; kept > first; kept -= 1) {
      // Each of them may lie in a record of its own.
      bytes += bytesOf(this.storage.entries(kept - 1, kept, Number.POSITIVE_INFINITY)) + recordOverheadBytes
      if (bytes > bytesMax) return kept - 1
    }
    return Math.max(0, first - 1)
  }

  #persist(write: Omit<WalWrite, 'hardState'>, responses: readonly Message[]): void {
    this.#lastId += 1
    const full = { ...write, hardState: this.#hardState }
    this.#persistedCommit = this.#hardState.commit
    this.#inFlight.push({ id: this.#lastId, write: full, responses })
    this.#emit({ kind: 'persist', id: this.#lastId, write: full })
  }

  /** The oldest write is durable. Returns it for the owner to act on, its responses to be stepped or sent. */
  complete(id: number): { write: WalWrite; responses: readonly Message[] } {
    const done = this.#inFlight.shift()
    assert(done !== undefined && done.id === id, 'log writes become durable in the order they were issued')
    const { install, entries, hardState, compaction } = done.write
    if (install !== null) {
      this.storage.applySnapshot(placeOf(install))
      this.#snapshots.abandon()
      this.#bytes = 0
      this.#snapshotBytes = install.data.length
      this.#snapshotLiveBytes = null
    }
    if (entries.length > 0) this.storage.append(entries)
    this.#bytes += bytesOf(entries) + recordOverheadBytes
    if (hardState !== null) this.storage.setHardState(hardState)
    if (compaction !== null && compaction.compactTo >= this.storage.firstIndex()) {
      this.storage.compact(compaction.compactTo)
    }
    return done
  }
}

/** Raft asks for what a snapshot stands for, and is never given this one: its bytes need not be kept in memory. */
function placeOf({ metadata }: Snapshot): Snapshot {
  return { metadata, data: EMPTY_BYTES }
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((bytes, { data }) => bytes + data.length + entryOverheadBytes, 0)
}

/** What an entry costs beside its payload in the log, and what each write does, roughly. */
const entryOverheadBytes = 32
const recordOverheadBytes = 64
