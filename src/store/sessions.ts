import { storeError } from './errors.ts'
import type { StoreOptions } from './limits.ts'
import { Place, Recency } from './recency.ts'
import type { Command, CommandResult, KeyValue, ResponseOp, WriteResponse } from './types.ts'

/** One client, as remembered. */
export interface SessionState {
  readonly clientId: string
  /** The last write applied. */
  readonly lastSeq: number
  /** Results of the last writes, in `seq` order up to `lastSeq`. */
  readonly results: ReadonlyMap<number, CommandResult>
}

type Bounds = Pick<
  StoreOptions,
  'sessionsMax' | 'rememberedResultsMax' | 'rememberedBytesPerClientMax' | 'rememberedBytesMax'
>

/**
 * Makes each client's writes happen in order and exactly once, however often and in whatever order they reach the log
 * (Raft thesis, section 6.3). All of it is a function of the log: who is forgotten and when is the same everywhere.
 */
export class Sessions {
  readonly #bounds: Bounds
  readonly #sessions = new Map<string, Session>()
  readonly #active = new Recency<Session>()
  /** Of those with results, which are few. */
  readonly #remembering = new Recency<Session>()
  #rememberedBytes = 0

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  /**
   * Runs `execute` if this is the client's next write, and remembers what it returns. A repeated write returns what it
   * returned the first time. `GAP`, `SESSION_EXPIRED` and `RESULT_FORGOTTEN` are refusals without effect.
   */
  once(command: Command, execute: () => CommandResult): CommandResult {
    const { clientId, seq, acked } = command
    let session = this.#sessions.get(clientId)
    if (session === undefined) {
      // Whoever has the result of an earlier write was known once. Whoever has none may still send its first.
      if (seq !== 1) return refusal(acked > 0 ? 'SESSION_EXPIRED' : 'GAP')
      session = new Session(clientId, 0)
    }
    this.#touch(session)
    this.#forgetUpTo(session, acked)
    if (seq > session.lastSeq + 1) return refusal('GAP')
    if (seq <= session.lastSeq) return session.resultOf(seq) ?? refusal('RESULT_FORGOTTEN')
    const result = execute()
    session.lastSeq = seq
    this.#remember(session, result)
    this.#enforceBounds(session)
    return result
  }

  resultOf(clientId: string, seq: number): CommandResult | 'unknown' | 'forgotten' {
    const session = this.#sessions.get(clientId)
    if (session === undefined || seq > session.lastSeq) return 'unknown'
    return session.resultOf(seq) ?? 'forgotten'
  }

  /** From the least to the most recently active. */
  *states(): Generator<SessionState> {
    for (const { clientId, lastSeq, firstSeq, remembered } of this.#active) {
      yield { clientId, lastSeq, results: new Map(remembered.map(({ result }, at) => [firstSeq + at, result])) }
    }
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Adds the most recently active session. Throws `RangeError` if it cannot be one. */
  restore(state: SessionState): void {
    if (this.#sessions.has(state.clientId)) throw new RangeError('session given twice')
    const session = new Session(state.clientId, state.lastSeq)
    this.#touch(session)
    let seq = state.lastSeq - state.results.size
    if (seq < 0) throw new RangeError('more results than writes')
    for (const [given, result] of state.results) {
      if (given !== ++seq) throw new RangeError('results out of order')
      this.#remember(session, result)
    }
  }

  #touch(session: Session): void {
    if (!session.active.isIn) this.#sessions.set(session.clientId, session)
    this.#active.touch(session.active)
    if (session.remembering.isIn) this.#remembering.touch(session.remembering)
  }

  #remember(session: Session, result: CommandResult): void {
    const bytes = resultBytes(result)
    session.remembered.push({ result, bytes })
    session.bytes += bytes
    this.#rememberedBytes += bytes
    this.#remembering.touch(session.remembering)
  }

  #forgetUpTo(session: Session, acked: number): void {
    while (session.remembered.length > 0 && session.firstSeq <= acked) this.#forgetOldest(session)
  }

  #forgetOldest(session: Session): void {
    const bytes = session.remembered.shift()?.bytes ?? 0
    session.bytes -= bytes
    this.#rememberedBytes -= bytes
    if (session.remembered.length === 0) this.#remembering.remove(session.remembering)
  }

  /** The result just given to `current` stays in any case: its repeat is the one to expect. */
  #enforceBounds(current: Session): void {
    const { sessionsMax, rememberedResultsMax, rememberedBytesPerClientMax, rememberedBytesMax } = this.#bounds
    while (current.remembered.length > 1) {
      if (current.remembered.length <= rememberedResultsMax && current.bytes <= rememberedBytesPerClientMax) break
      this.#forgetOldest(current)
    }
    while (this.#rememberedBytes > rememberedBytesMax) {
      const session = this.#remembering.oldest
      if (session === null || session === current) break
      this.#forgetUpTo(session, session.lastSeq)
    }
    while (this.#sessions.size > sessionsMax) {
      const session = this.#active.oldest
      if (session === null) break
      this.#forgetUpTo(session, session.lastSeq)
      this.#active.remove(session.active)
      this.#sessions.delete(session.clientId)
    }
  }
}

class Session {
  readonly clientId: string
  lastSeq: number
  /** Results of the last writes, without a gap, up to that of `lastSeq`. */
  readonly remembered: { readonly result: CommandResult; readonly bytes: number }[] = []
  bytes = 0
  readonly active: Place<Session> = new Place<Session>(this)
  readonly remembering: Place<Session> = new Place<Session>(this)

  constructor(clientId: string, lastSeq: number) {
    this.clientId = clientId
    this.lastSeq = lastSeq
  }

  get firstSeq(): number {
    return this.lastSeq - this.remembered.length + 1
  }

  resultOf(seq: number): CommandResult | undefined {
    return this.remembered[seq - this.firstSeq]?.result
  }
}

function refusal(code: 'GAP' | 'SESSION_EXPIRED' | 'RESULT_FORGOTTEN'): CommandResult {
  return { ok: false, code, message: storeError(code).message }
}

/** What remembering a result, or a key-value or answer in it, counts for beside keys and values. */
const OVERHEAD_BYTES = 128

function resultBytes(result: CommandResult): number {
  return result.ok ? responseBytes(result.response) : OVERHEAD_BYTES
}

function responseBytes(response: WriteResponse | ResponseOp): number {
  switch (response.op) {
    case 'put':
      return OVERHEAD_BYTES + (response.prevKv === null ? 0 : kvsBytes([response.prevKv]))
    case 'delete':
      return OVERHEAD_BYTES + kvsBytes(response.prevKvs)
    case 'range':
      return OVERHEAD_BYTES + kvsBytes(response.kvs)
    case 'txn':
      return response.responses.reduce((bytes, inner) => bytes + responseBytes(inner), OVERHEAD_BYTES)
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'leaseKeepAlive':
      return OVERHEAD_BYTES
  }
}

function kvsBytes(kvs: readonly KeyValue[]): number {
  let bytes = 0
  for (const kv of kvs) bytes += OVERHEAD_BYTES + kv.key.length + kv.value.length
  return bytes
}
