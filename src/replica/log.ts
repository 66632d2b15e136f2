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

/**
 * Stands between raft's storage messages and the durable log: turns MsgStorageAppend into `persist` outputs, several of which
 * may be under way, and mirrors in memory what has become durable, for raft to read. When the log has outgrown the state
 * that it leads to, a snapshot takes the place of what is no longer needed.
 */
export class ReplicaLog {
  readonly storage: MemoryStorage
  readonly #options: ReplicaOptions
  readonly #snapshots: Snapshots
  readonly #emit: (output: Output) => void
  #hardState: HardState
  /** Of the newest write issued. */
  #persistedCommit: Index
  readonly #inFlight: InFlight[] = []
  #lastId = 0
  /** Of the entries after the newest snapshot, roughly, and how much of that a snapshot begun since will stand for. */
  #bytes: number
  #markedBytes = 0
  #snapshotBytes: number

  constructor(
    recovered: WalState,
    options: ReplicaOptions,
    state: Pick<SnapshotSource, 'position' | 'write'>,
    emit: (output: Output) => void,
  ) {
    const { snapshot, entries } = recovered
    this.#options = options
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
    if (this.#isOutgrown()) this.#snapshots.begin()
  }

  /** In every turn that brings ticks: the next step of what is begun. */
  tick(): void {
    if (this.isInstalling) this.#snapshots.abandon()
    else this.#snapshots.tick()
  }

  /** The log may grow as large as the state it leads to: then writing a snapshot costs a constant factor of the log. */
  #isOutgrown(): boolean {
    return this.#bytes >= Math.max(this.#options.compactionBytesMin, this.#snapshotBytes)
  }

  /** Whatever a snapshot was made for, it can take the place of the entries up to it. */
  #compact(snapshot: Snapshot): void {
    if (!this.#isOutgrown()) return
    this.#bytes -= this.#markedBytes
    this.#snapshotBytes = snapshot.data.length
    const compactTo = Math.max(0, snapshot.metadata.index - this.#options.compactionTrailingEntries)
    this.#persist({ entries: [], install: null, compaction: { snapshot, compactTo } }, [])
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
    }
    if (entries.length > 0) this.storage.append(entries)
    this.#bytes += bytesOf(entries)
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

/** What an entry costs beside its payload, roughly, in the log. */
const entryOverheadBytes = 32
