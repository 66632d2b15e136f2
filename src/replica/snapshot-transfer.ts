import { newMessage } from '../raft/message.ts'
import type { RawNode } from '../raft/raw-node.ts'
import type { Index, MemberId, Message, Snapshot } from '../raft/types.ts'
import type { ReplicaOptions } from './options.ts'
import { type ReceiverPort, SnapshotReceiver } from './snapshot-receiver.ts'
import { SnapshotSender } from './snapshot-sender.ts'
import type { PeerMessage, SnapshotAck, SnapshotChunk } from './types.ts'

export interface TransferPort {
  readonly send: (to: MemberId, message: PeerMessage) => void
  readonly stage: ReceiverPort['stage']
  /** Steps raft with a MsgSnap that is whole. */
  readonly step: (message: Message) => void
}

/**
 * Snapshots between members, as raft does not know them: in parts, a window of them at a time, resumed where they were cut. To raft it
 * looks as if MsgSnap had travelled, and taken its time.
 */
export class SnapshotTransfer {
  readonly #raft: RawNode
  readonly #sender: SnapshotSender
  readonly #receiver: SnapshotReceiver

  constructor(raft: RawNode, member: MemberId, options: ReplicaOptions, { send, stage, step }: TransferPort) {
    this.#raft = raft
    this.#sender = new SnapshotSender(
      { raft, send: (to, chunk) => send(to, { kind: 'snapshotChunk', chunk }) },
      options,
    )
    this.#receiver = new SnapshotReceiver(
      {
        member,
        raft,
        acknowledge: (to, ack) => send(to, { kind: 'snapshotAck', ack }),
        stage,
        step: (from, term, snapshot: Snapshot) => step({ ...newMessage('MsgSnap', member, from, term), snapshot }),
      },
      options,
    )
  }

  /** Raft wants to send this. */
  begin(message: Message): void {
    this.#sender.begin(message)
  }

  chunkArrived(from: MemberId, chunk: SnapshotChunk): void {
    this.#receiver.take(from, chunk)
  }

  ackArrived(from: MemberId, ack: SnapshotAck): void {
    if (this.#raft.role === 'leader') this.#sender.acknowledged(from, ack)
  }

  up(member: MemberId): void {
    this.#sender.up(member)
  }

  down(member: MemberId): void {
    this.#sender.down(member)
  }

  leaderChanged(): void {
    this.#sender.clear()
  }

  tick(): void {
    if (this.#raft.role === 'leader') this.#sender.tick()
    this.#receiver.tick()
  }

  /** At the end of a turn. */
  answer(): void {
    this.#receiver.flush()
  }

  /** Of the oldest on its way to a follower; null if there is none. */
  get oldestIndex(): Index | null {
    return this.#sender.oldestIndex
  }

  get load(): { readonly arrivingSnapshotBytes: number; readonly departingSnapshots: number } {
    return { arrivingSnapshotBytes: this.#receiver.bytes, departingSnapshots: this.#sender.held }
  }
}
