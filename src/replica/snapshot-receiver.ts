import type { RawNode } from '../raft/raw-node.ts'
import { type MemberId, membersOf, type Snapshot, type SnapshotMetadata, type Term } from '../raft/types.ts'
import { CHECKSUM_BYTES, Checksum, checksumIn } from '../store/snapshot-format.ts'
import type { SnapshotAck, SnapshotChunk, SnapshotName } from './types.ts'

/** Who hands the whole on. */
export interface ReceiverPort {
  readonly member: MemberId
  readonly raft: Pick<RawNode, 'commit' | 'term'>
  readonly acknowledge: (to: MemberId, ack: SnapshotAck) => void
  /** Writes the whole down; `staged` is called once, when it is, unless another took its place. */
  readonly stage: (snapshot: Snapshot, staged: () => void) => void
  /** As if it had come whole, from that leader in that term. */
  readonly step: (from: MemberId, term: Term, snapshot: Snapshot) => void
}

export interface ReceiverOptions {
  readonly snapshotBytesMax: number
  readonly snapshotTicksMax: number
}

/** The one that is being put together. */
interface Arriving {
  readonly name: SnapshotName
  readonly metadata: SnapshotMetadata
  readonly data: Uint8Array
  readonly checksum: Checksum
  received: number
  /** Kept through raft's refusal, if the leader that sent it is one no longer: the next may have the same. */
  phase: 'arriving' | 'staging' | 'staged'
  /** Who sent the newest part of it, and led in which term. */
  from: MemberId
  term: Term
  round: number
  idleTicks: number
}

/**
 * A follower's half of the transfer of a snapshot: puts it together from its parts, one snapshot at a time, in memory that is as
 * large as the snapshot and no larger than `snapshotBytesMax`. What is there stays through lost links and changes of leader; a
 * newer snapshot, or a leader of a later term with another one, takes its place unless it is whole and being written down.
 */
export class SnapshotReceiver {
  readonly #port: ReceiverPort
  readonly #options: ReceiverOptions
  #arriving: Arriving | null = null
  /** To be answered at the end of the turn: once, however many parts have come. */
  #asked: { readonly from: MemberId; readonly name: SnapshotName; readonly round: number } | null = null
  #refused = false

  constructor(port: ReceiverPort, options: ReceiverOptions) {
    this.#port = port
    this.#options = options
  }

  /** Memory taken. */
  get bytes(): number {
    return this.#arriving?.data.length ?? 0
  }

  take(from: MemberId, chunk: SnapshotChunk): void {
    const { term, metadata, checksum, round } = chunk
    if (this.#isOld(chunk)) return
    const name: SnapshotName = { index: metadata.index, term: metadata.term, checksum }
    if (this.#asked !== null && !isSame(this.#asked.name, name)) this.flush()
    this.#asked = { from, name, round }
    this.#refused = false
    if (metadata.index <= this.#port.raft.commit) return
    if (!this.#isWanted(chunk)) {
      this.#refused = true
      return
    }
    const whole = this.#arriving
    if (whole?.phase === 'staging' && !isSame(whole.name, name)) {
      // It is committed whoever leads, and is not given up for a newer one: to a slow disk one always comes before it is done.
      whole.from = from
      whole.term = term
      return
    }
    const arriving = this.#continue(from, name, chunk)
    arriving.round = round
    if (arriving.term !== term || arriving.from !== from) {
      arriving.from = from
      arriving.term = term
      if (arriving.phase === 'staged') this.#step(arriving)
    }
    if (arriving.phase === 'arriving') this.#add(arriving, chunk)
  }

  /** At the end of a turn. */
  flush(): void {
    if (this.#asked === null) return
    const { from, name, round } = this.#asked
    this.#asked = null
    this.#port.acknowledge(from, { name, round, ...this.#standing(name) })
  }

  tick(): void {
    const arriving = this.#arriving
    if (arriving === null || arriving.phase === 'staging') return
    arriving.idleTicks += 1
    const isOver = arriving.name.index <= this.#port.raft.commit
    if (isOver || arriving.idleTicks > this.#options.snapshotTicksMax) this.#arriving = null
  }

  #standing(name: SnapshotName): Pick<SnapshotAck, 'verdict' | 'offset'> {
    if (this.#refused) return { verdict: 'refused', offset: 0 }
    if (name.index <= this.#port.raft.commit) return { verdict: 'done', offset: 0 }
    const arriving = this.#arriving
    return { verdict: 'more', offset: arriving !== null && isSame(arriving.name, name) ? arriving.received : 0 }
  }

  /** An old leader's, who learns from its heartbeats that it is one; or what came late, as a leader's snapshots get only newer. */
  #isOld({ term, metadata }: SnapshotChunk): boolean {
    const arriving = this.#arriving
    if (term < this.#port.raft.term) return true
    return (
      arriving !== null && (term < arriving.term || (term === arriving.term && metadata.index < arriving.name.index))
    )
  }

  /** Raft takes no snapshot of a configuration that this member is not in. */
  #isWanted({ metadata, bytes, offset, data }: SnapshotChunk): boolean {
    const isMember = membersOf(metadata.confState).has(this.#port.member)
    if (!isMember || bytes <= CHECKSUM_BYTES || bytes > this.#options.snapshotBytesMax) return false
    return offset + data.length <= bytes
  }

  #continue(from: MemberId, name: SnapshotName, { term, metadata, bytes }: SnapshotChunk): Arriving {
    const before = this.#arriving
    if (before !== null && isSame(before.name, name) && before.data.length === bytes) return before
    const arriving: Arriving = {
      name,
      metadata,
      data: new Uint8Array(bytes),
      checksum: new Checksum(),
      received: 0,
      phase: 'arriving',
      from,
      term,
      round: 0,
      idleTicks: 0,
    }
    this.#arriving = arriving
    return arriving
  }

  /** What does not go on where the last part ended is dropped: the answer says where to go on. */
  #add(arriving: Arriving, { offset, data }: SnapshotChunk): void {
    if (offset !== arriving.received || data.length === 0) return
    arriving.data.set(data, offset)
    arriving.received += data.length
    arriving.idleTicks = 0
    const body = arriving.data.length - CHECKSUM_BYTES
    arriving.checksum.upTo(arriving.data.subarray(0, Math.min(arriving.received, body)))
    if (arriving.received === arriving.data.length) this.#complete(arriving, body)
  }

  #complete(arriving: Arriving, body: number): void {
    const { checksum } = arriving.name
    const isIntact = arriving.checksum.end(arriving.data.subarray(0, body)) === checksum
    if (!isIntact || checksumIn(arriving.data) !== checksum) {
      this.#arriving = null
      this.#refused = true
      return
    }
    arriving.phase = 'staging'
    this.#port.stage({ metadata: arriving.metadata, data: arriving.data }, () => {
      arriving.phase = 'staged'
      if (this.#arriving === arriving) this.#step(arriving)
    })
  }

  /** Raft may know better by now. If it takes it, the commit index says so, and the leader hears that it is done. */
  #step(arriving: Arriving): void {
    const { name, metadata, data, from, term, round } = arriving
    this.#port.step(from, term, { metadata, data })
    if (name.index > this.#port.raft.commit) return
    this.#arriving = null
    this.#asked = { from, name, round }
    this.#refused = false
  }
}

export function isSame(a: SnapshotName, b: SnapshotName): boolean {
  return a.index === b.index && a.term === b.term && a.checksum === b.checksum
}
