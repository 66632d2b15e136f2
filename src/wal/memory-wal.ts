import type { Snapshot } from '../raft/types.ts'
import { type Wal, WalError, type WalErrorCode, type WalState, type WalWrite } from '../replica/types.ts'
import { type Change, Layout, recoveredOf, type StoredSnapshot, type TailCut } from './layout.ts'
import { type PartWrite, readSnapshotRecord, SnapshotAssembly, snapshotPartBytes } from './snapshot-parts.ts'

/**
 * The log in memory, for Node and for tests: the same records and the same bookkeeping as over IndexedDB, on a disk that
 * outlives its log, so a member can be stopped, crashed, damaged and started again.
 */

/** One transaction: of the log, or of a part of a snapshot that is staged. */
type Transaction =
  | { readonly kind: 'append'; readonly change: Change }
  | { readonly kind: 'part'; readonly part: PartWrite }

interface Pending {
  readonly transaction: Transaction
  readonly resolve: () => void
  readonly reject: (error: WalError) => void
}

/**
 * One member's disk, and the levers a test or a simulation pulls on it. Nothing here knows of time: `atOnce` completes
 * each write in the next microtask, `whenTold` when `complete` is called.
 */
export class MemoryDisk {
  readonly #completion: 'atOnce' | 'whenTold'
  readonly #partBytes: number
  readonly #records = new Map<number, Uint8Array>()
  /** By generation, in the order of their numbers; a part may be missing. */
  readonly #parts = new Map<number, (Uint8Array | undefined)[]>()
  #snapshot: Uint8Array | undefined
  #exists = false
  #owner: MemoryWal | null = null
  #pending: Pending[] = []

  constructor(completion: 'atOnce' | 'whenTold' = 'atOnce', partBytes: number = snapshotPartBytes) {
    this.#completion = completion
    this.#partBytes = partBytes
  }

  /** Makes the log; its first write is on the disk when this returns. Errors: `FAILED` if there is one. */
  create(initial: WalWrite): MemoryWal {
    if (this.#exists) throw new WalError('FAILED', 'the log exists')
    const { change } = Layout.found(initial, this.#partBytes)
    this.#exists = true
    this.#carryOut({ kind: 'append', change })
    return this.open()
  }

  /** Errors: `FAILED` if there is no log, `CORRUPT`. The log before it must have been closed, or lost in a `crash`. */
  open(): MemoryWal {
    if (!this.#exists) throw new WalError('FAILED', 'there is no log')
    if (this.#owner !== null) throw new Error('the log is open already')
    const records = this.sequences.map(sequence => ({ sequence, value: this.#records.get(sequence) }))
    const snapshot = this.#readSnapshot()
    const { layout, state, cut } = Layout.recover({ records, snapshot }, this.#partBytes)
    if (cut !== null) this.#records.delete(cut.sequence)
    this.#keepParts(snapshot?.generation ?? 0)
    const wal = new MemoryWal(this, layout, state, cut)
    this.#owner = wal
    return wal
  }

  get exists(): boolean {
    return this.#exists
  }

  get hasSnapshot(): boolean {
    return this.#snapshot !== undefined
  }

  /** Of all that is stored. */
  get bytes(): number {
    const parts = [...this.#parts.values()].flatMap(parts => parts.flatMap(part => part ?? []))
    const values = [...this.#records.values(), ...parts, ...(this.#snapshot === undefined ? [] : [this.#snapshot])]
    return values.reduce((bytes, value) => bytes + value.length, 0)
  }

  /** Of which snapshots there are parts. */
  get generations(): readonly number[] {
    return [...this.#parts.keys()]
  }

  /** Appends and parts issued and neither durable nor failed. */
  get pendingWrites(): number {
    return this.#pending.length
  }

  /** Keys of the records on the disk, in order. */
  get sequences(): readonly number[] {
    return [...this.#records.keys()].sort((a, b) => a - b)
  }

  /** The oldest pending writes, all unless told how many, become durable and are acknowledged. */
  complete(count: number = this.#pending.length): void {
    for (const { transaction, resolve } of this.#pending.splice(0, count)) {
      this.#carryOut(transaction)
      resolve()
    }
  }

  /** The oldest pending write fails, and with it all behind it and all to come. */
  fail(code: WalErrorCode = 'FAILED'): void {
    const error = new WalError(code, 'the disk failed, as it was told to')
    this.#owner?.refuse(error)
    for (const { reject } of this.#pending.splice(0)) reject(error)
  }

  /**
   * The process is gone: what was pending never happened, and nobody hears of it. With `tornBytes` the oldest pending write
   * was under way: that much of its record is found, and nothing else of it.
   */
  crash({ tornBytes = 0 }: { tornBytes?: number } = {}): void {
    const [oldest] = this.#pending.splice(0)
    if (oldest !== undefined && tornBytes > 0) this.#tear(oldest.transaction, tornBytes)
    this.#owner?.refuse(new WalError('CLOSED', 'the process has crashed'))
    this.#owner = null
  }

  /** Keeps only so many bytes of a stored record, as if its writing had been broken off there. */
  tearRecord(sequence: number, bytes: number): void {
    const record = this.#records.get(sequence)
    if (record === undefined) throw new Error('there is nothing to tear')
    this.#records.set(sequence, record.slice(0, bytes))
  }

  /** Flips one bit of a stored record. */
  corruptRecord(sequence: number, bit: number): void {
    flip(this.#records.get(sequence), bit)
  }

  /** Of the snapshot's record or of one of its parts. */
  corruptSnapshot(bit: number): void {
    const parts = [...this.#parts.values()].flatMap(parts => parts.flatMap(part => part ?? []))
    const values = [this.#snapshot, ...parts]
    flip(values[bit % values.length], bit)
  }

  loseSnapshot(): void {
    this.#snapshot = undefined
  }

  losePart(generation: number, number: number): void {
    const parts = this.#parts.get(generation)
    if (parts?.[number] === undefined) throw new Error('there is nothing to lose')
    parts[number] = undefined
  }

  loseRecord(sequence: number): void {
    this.#records.delete(sequence)
  }

  /** Someone cleared it, or the browser did. The log must not be open. */
  erase(): void {
    if (this.#owner !== null) throw new Error('the log is open')
    this.#exists = false
    this.#records.clear()
    this.#parts.clear()
    this.#snapshot = undefined
  }

  /** For the log that is open on this disk. */
  write(transaction: Transaction): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#pending.push({ transaction, resolve, reject })
    })
    if (this.#completion === 'atOnce') queueMicrotask(() => this.complete(1))
    return written
  }

  /** For the log that is open on this disk. */
  release(wal: MemoryWal, { erase }: { erase: boolean }): void {
    if (this.#owner !== wal) return
    this.#owner = null
    if (erase) this.erase()
  }

  #carryOut(transaction: Transaction): void {
    if (transaction.kind === 'part') {
      this.#putPart(transaction.part)
      return
    }
    const { sequence, record, replacement } = transaction.change
    this.#records.set(sequence, record)
    if (replacement === null) return
    for (const part of replacement.parts) this.#putPart(part)
    this.#keepParts(replacement.generation)
    this.#snapshot = replacement.snapshot
    for (const old of this.sequences) {
      if (old < replacement.firstSequence) this.#records.delete(old)
    }
  }

  #putPart({ key: [generation, number], bytes }: PartWrite): void {
    const parts = this.#parts.get(generation) ?? []
    parts[number] = bytes
    this.#parts.set(generation, parts)
  }

  #keepParts(current: number): void {
    for (const generation of [...this.#parts.keys()]) if (generation !== current) this.#parts.delete(generation)
  }

  #readSnapshot(): StoredSnapshot | null {
    if (this.#snapshot === undefined) return null
    const assembly = new SnapshotAssembly(readSnapshotRecord(this.#snapshot))
    const { firstSequence, generation } = assembly.record
    for (let next = assembly.next; next !== null; next = assembly.next) {
      assembly.add(this.#parts.get(generation)?.[next])
    }
    return { firstSequence, generation, snapshot: assembly.finish() }
  }

  #tear(transaction: Transaction, tornBytes: number): void {
    const torn = (bytes: Uint8Array<ArrayBuffer>) => bytes.slice(0, Math.min(tornBytes, bytes.length - 1))
    if (transaction.kind === 'part') {
      const { key, bytes } = transaction.part
      this.#putPart({ key, bytes: torn(bytes) })
    } else {
      const { sequence, record } = transaction.change
      this.#records.set(sequence, torn(record))
    }
  }
}

export class MemoryWal implements Wal {
  /** The unfinished record that was cut off the end when this log was opened. */
  readonly cut: TailCut | null
  readonly #disk: MemoryDisk
  readonly #layout: Layout
  #lastDone: Promise<void> = Promise.resolve()
  #lastStaged: Promise<void> = Promise.resolve()
  #refusal: WalError | null = null
  #recovered: WalState | null

  constructor(disk: MemoryDisk, layout: Layout, recovered: WalState, cut: TailCut | null) {
    this.#recovered = recovered
    this.cut = cut
    this.#disk = disk
    this.#layout = layout
  }

  get recovered(): WalState {
    return recoveredOf(this.#recovered)
  }

  /** Throws RangeError at once, and does nothing, for a write that does not fit the log: a bug of the caller's. */
  append(write: WalWrite): Promise<void> {
    this.#recovered = null
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    this.#lastDone = this.#disk.write({ kind: 'append', change: this.#layout.plan(write) })
    return this.#lastDone
  }

  stage(snapshot: Snapshot): Promise<void> {
    this.#recovered = null
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    const staging = this.#layout.stage(snapshot)
    if (staging === null) return Promise.resolve()
    this.#lastStaged = staging.write(this.#lastStaged, part => this.#writePart(part))
    return this.#lastStaged
  }

  /** The same a step at a time, for who has a disk in a time of its own: calls `next` when the write given last is durable. */
  stageBy(snapshot: Snapshot, write: (written: Promise<void>, next: () => void) => void, done: () => void): void {
    const staging = this.#layout.stage(snapshot)
    const step = (number: number) => {
      if (staging === null || number === staging.count || staging.isSuperseded) {
        staging?.complete()
        done()
      } else {
        write(this.#disk.write({ kind: 'part', part: staging.part(number) }), () => step(number + 1))
      }
    }
    step(0)
  }

  async #writePart(part: PartWrite): Promise<void> {
    if (this.#refusal !== null) throw this.#refusal
    await this.#disk.write({ kind: 'part', part })
  }

  close(): Promise<void> {
    return this.#end({ erase: false })
  }

  destroy(): Promise<void> {
    return this.#end({ erase: true })
  }

  /** For the disk: from now on every append is refused with this error, or with the one given first. */
  refuse(error: WalError): void {
    this.#refusal ??= error
  }

  async #end(options: { erase: boolean }): Promise<void> {
    this.refuse(new WalError('CLOSED', 'the log is closed'))
    await Promise.allSettled([this.#lastDone, this.#lastStaged])
    this.#disk.release(this, options)
  }
}

function flip(bytes: Uint8Array | undefined, bit: number): void {
  if (bytes === undefined) throw new Error('there is nothing to corrupt')
  const at = Math.floor(bit / 8) % bytes.length
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8))
}
