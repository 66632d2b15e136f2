import type { Index, MemberId, Term } from '../../../src/raft/types.ts'
import type { ReplicaOptions } from '../../../src/replica/options.ts'
import { snapshotsHeldMax } from '../../../src/replica/snapshot-sender.ts'
import type { Input, Output, Position, ReplicaLoad, RequestId, WalWrite } from '../../../src/replica/types.ts'
import { WATCH_INITIAL_CREDIT_BATCHES } from '../../../src/store/limits.ts'
import { Violation } from '../violation.ts'

/** What one member has in one life that may grow. */
interface Held {
  /** How often each was asked for and not answered: under one name, an answer to the first time may cross with the second. */
  readonly writes: Map<RequestId, number>
  readonly reads: Set<RequestId>
  /** Batches given and not yet taken, by watch. */
  readonly watches: Map<RequestId, number>
  /** Payload a leader put into the log, up to each index, and the most it put there in one write. */
  term: Term
  firstIndex: Index
  bytesTo: number[]
  bytesAtOnceMax: number
  turns: number
}

/** Memory and queues: nothing that a member keeps grows beyond what its options and its clients allow. */
export class Bounds {
  readonly #options: ReplicaOptions
  readonly #held = new Map<MemberId, Held>()
  /** Of those that were ever on their way. */
  #largestSnapshotBytes = 0

  constructor(options: ReplicaOptions) {
    this.#options = options
  }

  started(member: MemberId): void {
    this.#held.set(member, {
      writes: new Map(),
      reads: new Set(),
      watches: new Map(),
      term: 0,
      firstIndex: 0,
      bytesTo: [],
      bytesAtOnceMax: 0,
      turns: 0,
    })
  }

  persisted(member: MemberId, { entries, hardState }: WalWrite): void {
    const held = this.#held.get(member)
    const [first] = entries
    if (held === undefined || first === undefined) return
    const term = hardState?.term ?? held.term
    if (term !== held.term || first.index !== held.firstIndex + held.bytesTo.length) {
      held.term = term
      held.firstIndex = first.index
      held.bytesTo = []
    }
    let atOnce = 0
    for (const { data } of entries) {
      atOnce += data.length
      held.bytesTo.push((held.bytesTo.at(-1) ?? 0) + data.length)
    }
    held.bytesAtOnceMax = Math.max(held.bytesAtOnceMax, atOnce)
  }

  /** After each turn; `load` is asked for now and then only. */
  turned(
    member: MemberId,
    position: Position,
    inputs: readonly Input[],
    outputs: readonly Output[],
    load: () => ReplicaLoad,
  ): void {
    const held = this.#held.get(member)
    if (held === undefined) return
    for (const input of inputs) this.#took(held, input)
    for (const output of outputs) this.#gave(member, held, output)
    if (position.role === 'leader') this.#checkUncommitted(member, held, position)
    held.turns += 1
    if (held.turns % turnsPerLook === 0) this.#checkLoad(member, held, load())
  }

  #took(held: Held, input: Input): void {
    if (input.kind === 'request') {
      const { kind } = input.request
      if (kind === 'watch') held.watches.set(input.id, 0)
      else if (kind === 'write') held.writes.set(input.id, (held.writes.get(input.id) ?? 0) + 1)
      else held.reads.add(input.id)
    } else if (input.kind === 'cancel') {
      // A write goes on.
      held.reads.delete(input.id)
      held.watches.delete(input.id)
    } else if (input.kind === 'credit') {
      const untaken = held.watches.get(input.id)
      if (untaken !== undefined) held.watches.set(input.id, untaken - input.batches)
    }
  }

  #gave(member: MemberId, held: Held, output: Output): void {
    if (output.kind === 'respond') {
      const asked = held.writes.get(output.id) ?? 0
      if (asked > 1) held.writes.set(output.id, asked - 1)
      else held.writes.delete(output.id)
      held.reads.delete(output.id)
      return
    }
    if (output.kind === 'send' && output.message.kind === 'snapshotChunk') {
      this.#largestSnapshotBytes = Math.max(this.#largestSnapshotBytes, output.message.chunk.bytes)
    }
    if (output.kind !== 'notify') return
    const { id, notification } = output
    if (notification.kind === 'compacted') held.watches.delete(id)
    if (notification.kind !== 'events') return
    const untaken = (held.watches.get(id) ?? 0) + notification.batches.length
    held.watches.set(id, untaken)
    if (untaken > WATCH_INITIAL_CREDIT_BATCHES) {
      throw new Violation('a watch is given no more than its consumer can take', `${member}: ${untaken} batches`)
    }
  }

  /** A proposal is taken whole or not at all, so what is under way may be one of them more than the limit. */
  #checkUncommitted(member: MemberId, held: Held, { term, commit }: Position): void {
    if (term !== held.term) return
    const committed = held.bytesTo[Math.min(commit - held.firstIndex, held.bytesTo.length - 1)] ?? 0
    const bytes = (held.bytesTo.at(-1) ?? 0) - committed
    if (bytes > this.#options.uncommittedBytesMax + held.bytesAtOnceMax) {
      throw new Violation('a leader takes in no more than it may', `${member}: ${bytes} bytes uncommitted`)
    }
  }

  #checkLoad(member: MemberId, held: Held, load: ReplicaLoad): void {
    const { inflightMessagesMax, inflightBytesMax, appendBytesMax } = this.#options
    const limits: Record<keyof ReplicaLoad, number> = {
      pendingWrites: held.writes.size,
      pendingReads: held.reads.size,
      watches: held.watches.size,
      inflightMessages: inflightMessagesMax,
      // The message that crosses the limit is still sent, and one entry may be larger than a message.
      inflightBytes: inflightBytesMax + Math.max(appendBytesMax, entryBytesMax),
      // One at a time, and none that nobody sent.
      arrivingSnapshotBytes: this.#largestSnapshotBytes,
      departingSnapshots: snapshotsHeldMax,
    }
    for (const name of names) {
      if (load[name] > limits[name]) {
        throw new Violation('nothing grows beyond its bound', `${member}: ${name} ${load[name]} > ${limits[name]}`)
      }
    }
  }
}

const names = [
  'pendingWrites',
  'pendingReads',
  'watches',
  'inflightMessages',
  'inflightBytes',
  'arrivingSnapshotBytes',
  'departingSnapshots',
] as const
/** So often that nothing grows much in between. */
const turnsPerLook = 16
/** More than any client here writes at once. */
const entryBytesMax = 64 * 1024
