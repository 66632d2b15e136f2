import type { RawNode } from '../raft/raw-node.ts'
import type { Index, MemberId, Message, Snapshot, Term } from '../raft/types.ts'
import { EMPTY_BYTES } from '../raft/types.ts'
import { checksumIn } from '../store/snapshot-format.ts'
import { isSame } from './snapshot-receiver.ts'
import type { SnapshotAck, SnapshotChunk, SnapshotName } from './types.ts'

export interface SenderPort {
  readonly raft: Pick<RawNode, 'reportSnapshot' | 'status'>
  readonly send: (to: MemberId, chunk: SnapshotChunk) => void
}

export interface SenderOptions {
  readonly snapshotChunkBytes: number
  readonly snapshotWindowBytes: number
  readonly snapshotRetryTicks: number
  readonly snapshotTicksMax: number
}

/** One snapshot on its way to one follower. */
interface Sending {
  readonly snapshot: Snapshot
  readonly name: SnapshotName
  readonly term: Term
  /** How much of it the follower has said that it has, and how much was sent. */
  acked: number
  sent: number
  /** `asking`: what of it arrived is not known, as a link went down or nothing was heard; nothing is sent until it is. */
  phase: 'sending' | 'asking'
  /** Of the question. What was sent before it has arrived before its answer, or is lost. */
  round: number
  /** Once, until it gets further: where parts are lost again and again, there is time between the questions. */
  hasAskedOfGap: boolean
  /** Since it last got further, and since the follower last said anything of it. */
  idleTicks: number
  silentTicks: number
}

/**
 * A leader's half of the transfer of snapshots: takes raft's MsgSnap apart, keeps no more of it on the way than a window holds, and
 * goes on from what the follower says it has, after a link that was lost, too. It tells raft how each ended, for raft sends that
 * follower nothing before.
 */
export class SnapshotSender {
  readonly #port: SenderPort
  readonly #options: SenderOptions
  readonly #sending = new Map<MemberId, Sending>()
  #rounds = 0

  constructor(port: SenderPort, options: SenderOptions) {
    this.#port = port
    this.#options = options
  }

  /** How many different snapshots are kept for it; one that many are sent is kept once. */
  get held(): number {
    return this.#data.size
  }

  /** The oldest of them: a follower that has got it goes on with the entries after it. */
  get oldestIndex(): Index | null {
    const indexes = [...this.#sending.values()].map(({ name }) => name.index)
    return indexes.length === 0 ? null : Math.min(...indexes)
  }

  get #data(): ReadonlySet<Uint8Array> {
    return new Set([...this.#sending.values()].map(({ snapshot }) => snapshot.data))
  }

  begin({ to, term, snapshot }: Message): void {
    if (snapshot === null) return
    const { metadata, data } = snapshot
    const name = { index: metadata.index, term: metadata.term, checksum: checksumIn(data) }
    const before = this.#sending.get(to)
    this.#sending.delete(to)
    if (!this.#hasRoomFor(data)) {
      this.#port.raft.reportSnapshot(to, 'failure')
      return
    }
    // Of another snapshot it has nothing; of this one what it said.
    const acked = before !== undefined && isSame(before.name, name) ? before.acked : 0
    const sending: Sending = {
      snapshot,
      name,
      term,
      acked,
      sent: acked,
      phase: 'sending',
      round: this.#nextRound(),
      hasAskedOfGap: false,
      idleTicks: 0,
      silentTicks: 0,
    }
    this.#sending.set(to, sending)
    this.#fill(to, sending)
  }

  acknowledged(from: MemberId, { name, verdict, offset, round }: SnapshotAck): void {
    const sending = this.#sending.get(from)
    if (sending === undefined || !isSame(sending.name, name)) return
    sending.silentTicks = 0
    if (verdict !== 'more') {
      this.#end(from, verdict === 'done' ? 'finish' : 'failure')
      return
    }
    if (offset > sending.snapshot.data.length) return
    if (offset > sending.acked) {
      sending.acked = offset
      sending.sent = Math.max(sending.sent, offset)
      sending.idleTicks = 0
      sending.hasAskedOfGap = false
    } else if (
      sending.phase === 'sending' &&
      !sending.hasAskedOfGap &&
      round === sending.round &&
      sending.sent > offset
    ) {
      // A part came that did not go on where the last one ended: one before it was lost.
      sending.hasAskedOfGap = true
      this.#ask(from, sending)
      return
    }
    if (sending.phase === 'asking' && round === sending.round) {
      // It may have forgotten what it had.
      sending.acked = offset
      sending.sent = offset
      sending.phase = 'sending'
    }
    this.#fill(from, sending)
  }

  up(member: MemberId): void {
    const sending = this.#sending.get(member)
    if (sending !== undefined) this.#ask(member, sending)
  }

  down(member: MemberId): void {
    const sending = this.#sending.get(member)
    if (sending === undefined) return
    sending.phase = 'asking'
    sending.round = this.#nextRound()
  }

  /** Leadership or the term has changed: raft begins anew, and a follower says then what it has. */
  clear(): void {
    this.#sending.clear()
  }

  /** While leading. */
  tick(): void {
    const { progress: followers } = this.#port.raft.status()
    for (const member of this.#sending.keys()) if (!followers.has(member)) this.#sending.delete(member)
    for (const [member, progress] of followers) {
      if (progress.state !== 'snapshot') {
        // It got what it lacked in another way.
        this.#sending.delete(member)
      } else if (progress.match >= progress.pendingSnapshot) {
        // Raft goes on by itself unless the log was compacted past the snapshot meanwhile.
        this.#end(member, 'finish')
      } else if (!this.#sending.has(member)) {
        this.#end(member, 'failure')
      }
    }
    for (const [member, sending] of this.#sending) this.#wait(member, sending)
  }

  #wait(member: MemberId, sending: Sending): void {
    const { snapshotRetryTicks, snapshotTicksMax } = this.#options
    sending.idleTicks += 1
    sending.silentTicks += 1
    if (sending.idleTicks > snapshotTicksMax) this.#end(member, 'failure')
    else if (sending.silentTicks % snapshotRetryTicks === 0) this.#ask(member, sending)
  }

  #end(member: MemberId, how: 'finish' | 'failure'): void {
    this.#sending.delete(member)
    this.#port.raft.reportSnapshot(member, how)
  }

  /** One that waits for a link makes room for one that does not. */
  #hasRoomFor(data: Uint8Array): boolean {
    if (this.#data.has(data) || this.held < snapshotsHeldMax) return true
    for (const [member, { phase }] of this.#sending) if (phase === 'asking') this.#end(member, 'failure')
    return this.held < snapshotsHeldMax
  }

  /** Repeated under the same number while there is no answer, which may take longer than the patience for it. */
  #ask(member: MemberId, sending: Sending): void {
    if (sending.phase === 'sending') sending.round = this.#nextRound()
    sending.phase = 'asking'
    this.#send(member, sending, sending.acked, sending.acked)
  }

  #nextRound(): number {
    this.#rounds += 1
    return this.#rounds
  }

  #fill(member: MemberId, sending: Sending): void {
    const { snapshotChunkBytes, snapshotWindowBytes } = this.#options
    const whole = sending.snapshot.data.length
    const windowBytes = Math.max(snapshotWindowBytes, snapshotChunkBytes)
    while (sending.phase === 'sending' && sending.sent < whole) {
      const end = Math.min(whole, sending.sent + snapshotChunkBytes)
      if (end - sending.acked > windowBytes) return
      this.#send(member, sending, sending.sent, end)
      sending.sent = end
    }
  }

  #send(to: MemberId, { snapshot, name, term, round }: Sending, offset: number, end: number): void {
    const { metadata, data } = snapshot
    const payload = end === offset ? EMPTY_BYTES : data.subarray(offset, end)
    this.#port.send(to, {
      term,
      metadata,
      checksum: name.checksum,
      bytes: data.length,
      offset,
      data: payload,
      round,
    })
  }
}

/** Different ones on the way at a time, each as large as the state; more followers wait until raft tries again. */
export const snapshotsHeldMax = 2
