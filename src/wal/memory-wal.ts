import { type Wal, WalError, type WalErrorCode, type WalState, type WalWrite } from '../replica/types.ts'
import { type Change, Layout, type TailCut } from './layout.ts'

/**
 * The log in memory, for Node and for tests: the same records and the same bookkeeping as over IndexedDB, on a disk that
 * outlives its log, so a member can be stopped, crashed, damaged and started again.
 */

interface Pending {
  readonly change: Change
  readonly resolve: () => void
  readonly reject: (error: WalError) => void
}

/**
 * One member's disk, and the levers a test or a simulation pulls on it. Nothing here knows of time: `atOnce` completes
 * each write in the next microtask, `whenTold` when `complete` is called.
 */
export class MemoryDisk {
  readonly #completion: 'atOnce' | 'whenTold'
  readonly #records = new Map<number, Uint8Array>()
  #snapshot: Uint8Array | undefined
  #exists = false
  #owner: MemoryWal | null = null
  #pending: Pending[] = []

  constructor(completion: 'atOnce' | 'whenTold' = 'atOnce') {
    this.#completion = completion
  }

  /** Makes the log; its first write is on the disk when this returns. Errors: `FAILED` if there is one. */
  create(initial: WalWrite): MemoryWal {
    if (this.#exists) throw new WalError('FAILED', 'the log exists')
    const { change } = Layout.found(initial)
    this.#exists = true
    this.#carryOut(change)
    return this.open()
  }

  /** Errors: `FAILED` if there is no log, `CORRUPT`. The log before it must have been closed, or lost in a `crash`. */
  open(): MemoryWal {
    if (!this.#exists) throw new WalError('FAILED', 'there is no log')
    if (this.#owner !== null) throw new Error('the log is open already')
    const records = this.sequences.map(sequence => ({ sequence, value: this.#records.get(sequence) }))
    const { layout, state, cut } = Layout.recover({ records, snapshot: this.#snapshot })
    if (cut !== null) this.#records.delete(cut.sequence)
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

  /** Appends issued and neither durable nor failed. */
  get pendingWrites(): number {
    return this.#pending.length
  }

  /** Keys of the records on the disk, in order. */
  get sequences(): readonly number[] {
    return [...this.#records.keys()].sort((a, b) => a - b)
  }

  /** The oldest pending writes, all unless told how many, become durable and are acknowledged. */
  complete(count: number = this.#pending.length): void {
    for (const { change, resolve } of this.#pending.splice(0, count)) {
      this.#carryOut(change)
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
    if (oldest !== undefined && tornBytes > 0) {
      const { sequence, record } = oldest.change
      this.#records.set(sequence, record.slice(0, Math.min(tornBytes, record.length - 1)))
    }
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

  corruptSnapshot(bit: number): void {
    flip(this.#snapshot, bit)
  }

  loseRecord(sequence: number): void {
    this.#records.delete(sequence)
  }

  /** Someone cleared it, or the browser did. The log must not be open. */
  erase(): void {
    if (this.#owner !== null) throw new Error('the log is open')
    this.#exists = false
    this.#records.clear()
    this.#snapshot = undefined
  }

  /** For the log that is open on this disk. */
  write(change: Change): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#pending.push({ change, resolve, reject })
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

  #carryOut({ sequence, record, replacement }: Change): void {
    this.#records.set(sequence, record)
    if (replacement === null) return
    this.#snapshot = replacement.snapshot
    for (const old of this.sequences) {
      if (old < replacement.firstSequence) this.#records.delete(old)
    }
  }
}

export class MemoryWal implements Wal {
  readonly recovered: WalState
  /** The unfinished record that was cut off the end when this log was opened. */
  readonly cut: TailCut | null
  readonly #disk: MemoryDisk
  readonly #layout: Layout
  #lastDone: Promise<void> = Promise.resolve()
  #refusal: WalError | null = null

  constructor(disk: MemoryDisk, layout: Layout, recovered: WalState, cut: TailCut | null) {
    this.recovered = recovered
    this.cut = cut
    this.#disk = disk
    this.#layout = layout
  }

  /** Throws RangeError at once, and does nothing, for a write that does not fit the log: a bug of the caller's. */
  append(write: WalWrite): Promise<void> {
    if (this.#refusal !== null) return Promise.reject(this.#refusal)
    this.#lastDone = this.#disk.write(this.#layout.plan(write))
    return this.#lastDone
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
    await this.#lastDone.catch(() => {})
    this.#disk.release(this, options)
  }
}

function flip(bytes: Uint8Array | undefined, bit: number): void {
  if (bytes === undefined) throw new Error('there is nothing to corrupt')
  const at = Math.floor(bit / 8) % bytes.length
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8))
}
